// The state directory, its disk, and the config tree.

#include "runtime/doctor/checks.hpp"
#include "runtime/os/state_directory.hpp"
#include "runtime/shell/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace troupe::doctor {

namespace {

constexpr std::uint64_t mebibyte = 1024 * 1024;
/// Journal, deaths and metrics of a busy fleet.
constexpr std::uint64_t enough_bytes = 256 * mebibyte;
constexpr std::uint64_t few_bytes = 32 * mebibyte;

std::string octal(mode_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

bool has_state(const host_facts& host) {
  return host.state_error.empty();
}

bool has_disk(const host_facts& host) {
  return has_state(host) && host.state_disk.error == 0 && !host.state_disk.path.empty();
}

finding state_directory(const host_facts& host) {
  const auto& state = host.state;
  if (!host.state_error.empty())
    return wrong("no state directory", "`troupe run` has no place for the fleet's files.",
                 host.state_error);
  const auto what = "state directory " + state.path;
  if (state.path.size() > os::max_state_path)
    return wrong(what + " has " + std::to_string(state.path.size()) + " bytes",
                 "Its sockets would be longer than the kernel takes, so `troupe run` refuses it.",
                 "give one of at most " + std::to_string(os::max_state_path)
                     + " bytes with --state DIR");
  if (state.error == ENOENT)
    return fine(what + " is not there yet", "`troupe run` makes it, with mode 0711.");
  if (state.error != 0)
    return wrong(what + ": " + std::strerror(state.error), "`troupe run` cannot use it.",
                 "run this as the user that runs the fleet, or give another one with --state DIR");
  if (!state.directory)
    return wrong(what + " is no directory", "`troupe run` refuses it.",
                 "give another one with --state DIR");
  if (state.owner != host.uid)
    return wrong(what + " belongs to uid " + std::to_string(state.owner) + ", not to "
                     + std::to_string(host.uid),
                 "`troupe run` by this user refuses it.",
                 "run this as that user, or give another one with --state DIR");
  if ((state.mode & 022) != 0)
    return wrong(what + " has mode " + octal(state.mode),
                 "Others could replace the fleet's files, so `troupe run` refuses it.",
                 "chmod go-w " + state.path);
  if ((state.mode & 0111) != 0111)
    return warn(what + " has mode " + octal(state.mode),
                "Bots of other users do not reach their own directories in it.",
                "chmod 0711 " + state.path);
  return fine(what, "It is ours, and nobody else may write there.");
}

finding space(const host_facts& host) {
  const auto& disk = host.state_disk;
  const auto what = shell::human_size(disk.free_bytes) + " of "
                    + shell::human_size(disk.total_bytes) + " free at " + disk.path;
  if (disk.free_bytes >= enough_bytes)
    return fine(what, "There is room for the journal.");
  constexpr const char* meaning =
      "When the disk is full bots run on, but history is lost and no command that changes "
      "something is taken.";
  constexpr const char* todo = "make room, or give a state directory on another disk with --state";
  return disk.free_bytes < few_bytes ? wrong(what, meaning, todo) : warn(what, meaning, todo);
}

finding inodes(const host_facts& host) {
  const auto& disk = host.state_disk;
  const auto what = std::to_string(disk.free_inodes) + " of " + std::to_string(disk.total_inodes)
                    + " inodes free at " + disk.path;
  if (disk.free_inodes >= 10'000)
    return fine(what, "There is room for the directories of bots.");
  constexpr const char* meaning = "Without inodes no bot gets its directory, and none starts.";
  constexpr const char* todo = "remove small files there: df -i shows the use";
  return disk.free_inodes < 500 ? wrong(what, meaning, todo) : warn(what, meaning, todo);
}

finding file_system(const host_facts& host) {
  const auto& disk = host.state_disk;
  const auto what = "file system " + disk.type + " at " + disk.path;
  constexpr std::array network{"nfs", "cifs", "smb2", "afs", "ceph", "9p", "lustre", "gfs2"};
  if (disk.read_only)
    return wrong(what + " is read-only", "`troupe run` cannot write its journal.",
                 "remount it, or give another state directory with --state");
  if (std::ranges::count(network, disk.type) > 0)
    return wrong(what,
                 "SQLite's WAL needs memory that all see, which a network does not give: "
                 "the journal would be damaged.",
                 "give a state directory on a local disk with --state");
  if (!disk.fails.empty())
    return wrong(what + ": " + disk.fails, "The journal and the lock of the fleet need that.",
                 "give a state directory on a local disk with --state");
  if (disk.type == "tmpfs" || disk.type == "ramfs")
    return warn(what, "History, overrides and durable messages are gone after a reboot.",
                "give a state directory on a disk with --state, unless that is intended");
  if (disk.type == "overlay")
    return warn(what, "History, overrides and durable messages are gone with the container.",
                "mount a volume there");
  if (disk.type == "fuse")
    return warn(what, "Whether a commit is on the disk depends on a program of the user.",
                "give a state directory on a local disk with --state");
  return fine(what, disk.tried ? "Locks, renames and shared memory work."
                               : "It is a local one; what works there was not tried, for it may "
                                 "not be written to.");
}

// -- the tree ----------------------------------------------------------------------------

bool has_tree(const host_facts& host) {
  return host.tree.has_value();
}

bool has_secrets(const host_facts& host) {
  return host.tree && host.tree->secrets;
}

finding tree_directory(const host_facts& host) {
  const auto& at = host.tree->at;
  const auto what = "config tree " + at.path;
  if (at.error != 0)
    return wrong(what + ": " + std::strerror(at.error), "`troupe run` finds no fleet.",
                 "name the directory of the config tree");
  if (!at.directory)
    return wrong(what + " is no directory", "`troupe run` runs fleets, which are directories.",
                 "name the directory of the config tree");
  if ((at.mode & 022) != 0)
    return wrong(what + " has mode " + octal(at.mode),
                 "Who can write there runs whatever they like as the bots' users.",
                 "chmod go-w " + at.path);
  if (at.owner != 0 && at.owner != host.uid)
    return warn(what + " belongs to uid " + std::to_string(at.owner),
                "That user decides what runs here, as the bots' users.",
                "chown it to root or to the user that runs the fleet, unless that is intended");
  return fine(what, "Nobody else can change what runs.");
}

finding tree_valid(const host_facts& host) {
  const auto& tree = *host.tree;
  if (tree.errors > 0)
    return wrong(shell::count_of(tree.errors, "error") + ", first " + tree.first_error,
                 "`troupe run` refuses the tree.", "`troupe check` shows all of them");
  if (tree.warnings > 0)
    return warn(shell::count_of(tree.warnings, "warning") + " in the tree",
                "It runs, but perhaps not as it was meant.", "`troupe check` shows them");
  return fine("the tree is valid: " + shell::count_of(tree.instances, "instance"),
              "`troupe run` takes it.");
}

std::string some_of(const std::vector<std::string>& names) {
  std::string result;
  for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 3); ++i)
    result += (i ? ", " : "") + names[i];
  return result + (names.size() > 3 ? " and " + std::to_string(names.size() - 3) + " more" : "");
}

finding secrets(const host_facts& host) {
  const auto& tree = *host.tree;
  const auto& at = *tree.secrets;
  if (at.error != 0)
    return wrong(at.path + ": " + std::strerror(at.error),
                 "Bots that use ${secret:…} cannot be started.",
                 "let the user that runs the fleet read it");
  if (!tree.foreign_secrets.empty())
    return wrong("secrets that this user may not read: " + some_of(tree.foreign_secrets),
                 "Bots that use them cannot be started.",
                 "chown them to the user that runs the fleet");
  if (!tree.open_secrets.empty())
    return wrong("secrets that others may read: " + some_of(tree.open_secrets),
                 "They are refused, and the bots that use them cannot be started.",
                 "chmod 0600 " + at.path + "/*");
  if ((at.mode & 077) != 0)
    return warn(at.path + " has mode " + octal(at.mode), "Others see which secrets there are.",
                "chmod 0700 " + at.path);
  return fine(at.path + " is closed to others", "Secrets can be read by the fleet alone.");
}

constexpr check table[] = {
    {"state.directory", state_directory},
    {"state.space", space, has_disk},
    {"state.inodes", inodes,
     [](const host_facts& x) { return has_disk(x) && x.state_disk.total_inodes > 0; }},
    {"state.filesystem", file_system, has_disk},
    {"tree.directory", tree_directory, has_tree},
    {"tree.valid", tree_valid, [](const host_facts& x) { return x.tree && x.tree->at.directory; }},
    {"tree.secrets", secrets, has_secrets},
};

} // namespace

std::span<const check> file_checks() {
  return table;
}

} // namespace troupe::doctor
