#include "runtime/os/state_directory.hpp"

#include "runtime/os/files.hpp"
#include "runtime/os/process_table.hpp"

#include <climits>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace troupe::os {

namespace {

constexpr mode_t state_mode = 0711;
constexpr mode_t lock_mode = 0600;

// mkdir -p for the parents; the last component is made by the caller.
int make_parents(const std::string& path) {
  for (auto slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1))
    if (::mkdir(path.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST)
      return errno;
  return 0;
}

bool is_empty(int fd) {
  const int copy = ::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* entries = copy < 0 ? nullptr : ::fdopendir(copy);
  if (!entries)
    return false;
  bool empty = true;
  while (const auto* entry = ::readdir(entries))
    empty =
        empty && (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0);
  ::closedir(entries);
  return empty;
}

std::string too_long(const std::string& path) {
  return "state directory " + path + ": its path has " + std::to_string(path.size())
         + " bytes, at most " + std::to_string(max_state_path)
         + " leave room for sockets; give a shorter one with --state";
}

std::string relative_bot_directory(std::string_view instance) {
  std::string result{"bots/"};
  result += instance;
  if (const auto hash = result.rfind('#'); hash != std::string::npos)
    result[hash] = '.';
  return result;
}

} // namespace

std::optional<std::string> real_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>{value} : std::nullopt;
}

config::expected<std::string, std::string>
choose_state_directory(const std::string& option, const environment_lookup& env, uid_t uid) {
  const auto variable = [&](const char* name) { return env(name).value_or(""); };
  if (!option.empty())
    return option;
  if (auto chosen = variable("TROUPE_STATE"); !chosen.empty())
    return chosen;
  if (uid == 0)
    return std::string{"/var/lib/troupe"};
  // The specification wants an absolute path, and anything else ignored.
  if (auto base = variable("XDG_STATE_HOME"); base.starts_with('/'))
    return base + "/troupe";
  if (auto home = variable("HOME"); home.starts_with('/'))
    return home + "/.local/state/troupe";
  return config::unexpected{
      std::string{"no state directory: neither TROUPE_STATE, XDG_STATE_HOME nor HOME is set; "
                  "give one with --state DIR"}};
}

config::expected<state_directory, std::string> state_directory::open(const std::string& path) {
  if (path.empty())
    return config::unexpected{
        std::string{"state directory: the path is empty; give one with --state"}};
  if (path.size() > max_state_path)
    return config::unexpected{too_long(path)};
  const auto fail = [&](const char* step, int error) {
    return config::unexpected{sentence(step, "state directory " + path, error)};
  };
  if (const int error = make_parents(path))
    return fail("make the parents of", error);
  const bool made = ::mkdir(path.c_str(), state_mode) == 0;
  if (!made && errno != EEXIST)
    return fail("make", errno);
  unique_fd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0)
    return fail("open", errno);
  if (info.st_uid != ::geteuid())
    return config::unexpected{"state directory " + path + " belongs to uid "
                              + std::to_string(info.st_uid) + ", not to uid "
                              + std::to_string(::geteuid())
                              + " who runs this; give another one with --state"};
  if (!made && (info.st_mode & 022) != 0)
    return config::unexpected{"state directory " + path
                              + " may be written by others; take that right away (chmod go-w) or"
                                " give another one with --state"};
  // Bots of other users must reach their own directories; umask may have cut that. One with
  // anything in it may be somebody's home: its mode is not ours to change.
  if ((info.st_mode & 0777) != state_mode && (made || is_empty(fd.get()))
      && ::fchmod(fd.get(), state_mode) != 0)
    return fail("chmod", errno);
  char resolved[PATH_MAX];
  if (!::realpath(path.c_str(), resolved))
    return fail("resolve", errno);
  if (std::strlen(resolved) > max_state_path)
    return config::unexpected{too_long(resolved)};
  return state_directory{resolved, std::move(fd)};
}

std::string state_directory::hash() const {
  // Two containers may have the same path and one tree of cgroups.
  struct stat info {};
  ::fstat(fd_.get(), &info);
  const auto name = path_ + ' ' + std::to_string(info.st_dev) + ':' + std::to_string(info.st_ino);
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(stable_hash(name)));
  return text;
}

config::expected<unique_fd, lock_refusal> state_directory::lock(pid_t pid) const {
  const auto file = path_ + "/lock";
  unique_fd fd{::openat(fd_.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, lock_mode)};
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0)
    return config::unexpected{lock_refusal{0, sentence("open", file, errno)}};
  // Whoever may open it may lock it, and so keep the fleet from starting.
  if ((info.st_mode & 0777) != lock_mode)
    static_cast<void>(::fchmod(fd.get(), lock_mode) == 0);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return config::unexpected{lock_refusal{0, sentence("lock", file, errno)}};
    return config::unexpected{held(file, info)};
  }
  const auto text = std::to_string(pid) + "\n";
  if (::ftruncate(fd.get(), 0) != 0
      || ::pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    // A full disk is no reason not to supervise: the lock holds without its text.
    static_cast<void>(::ftruncate(fd.get(), 0) == 0);
  return fd;
}

// The text names who took the lock. It may be missing (a full disk), and who took it may be
// dead while a copy lives on somewhere.
lock_refusal state_directory::held(const std::string& file, const struct stat& lock) const {
  const auto text = read_file(fd_.get(), "lock", 32).value_or("");
  const pid_t taker = std::max(std::atoi(text.c_str()), 0);
  const std::string advice = "; stop that one or give another directory with --state";
  const auto process = taker > 0 ? read_process(taker) : std::nullopt;
  if (process && !process->dead())
    return {taker,
            "a fleet runs on " + path_ + " already, as pid " + std::to_string(taker) + advice};
  const auto who = taker > 0 ? "pid " + std::to_string(taker) + ", which took it, is dead"
                             : std::string{"it does not say who took it"};
  if (const auto holder = process_that_has_open(lock, ::getpid()); holder > 0)
    return {holder, "a fleet runs on " + path_ + " already: " + file + " is locked; " + who
                        + ", but pid " + std::to_string(holder) + " has it open" + advice};
  return {taker > 0 ? taker : unknown_holder,
          "a fleet runs on " + path_ + " already: " + file + " is locked; " + who
              + ", and no process that can be seen has it open: look in other containers and"
                " with `lslocks`, or give another directory with --state"};
}

std::string state_directory::write_pid(pid_t pid) const {
  const auto file = path_ + "/runtime.pid";
  const std::string temporary{"runtime.pid.new"};
  const auto text = std::to_string(pid) + "\n";
  unique_fd fd{::openat(fd_.get(), temporary.c_str(),
                        O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644)};
  if (!fd)
    return sentence("open", file + ".new", errno);
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    // A full disk has no room for another file, but for the same number of bytes in this one.
    const int error = errno;
    fd.reset(::openat(fd_.get(), "runtime.pid", O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd || ::pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())
        || ::ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0)
      return sentence("write", file + ".new", error);
    static_cast<void>(::unlinkat(fd_.get(), temporary.c_str(), 0) == 0);
    return {};
  }
  if (::renameat(fd_.get(), temporary.c_str(), fd_.get(), "runtime.pid") != 0)
    return sentence("rename", file, errno);
  return {};
}

std::string state_directory::bot_directory(std::string_view instance) const {
  return path_ + '/' + relative_bot_directory(instance);
}

std::string state_directory::make_bot_directory(std::string_view instance, uid_t uid,
                                                gid_t gid) const {
  const auto name = relative_bot_directory(instance);
  const auto fail = [&](const char* step) { return sentence(step, path_ + '/' + name, errno); };
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  struct stat info {};
  if (::fstatat(fd_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode)
      && info.st_uid == uid && (info.st_mode & 0777) == 0700)
    return {};
  // One component after the other, so that no bot can lead us away with a link in a
  // directory of its own.
  unique_fd at{::openat(fd_.get(), ".", flags)};
  std::size_t begin = 0;
  while (at) {
    const auto slash = name.find('/', begin);
    const bool last = slash == std::string::npos;
    const auto component = name.substr(begin, last ? slash : slash - begin);
    if (::mkdirat(at.get(), component.c_str(), last ? 0700 : state_mode) != 0 && errno != EEXIST)
      return fail("mkdir");
    unique_fd next{::openat(at.get(), component.c_str(), flags)};
    if (!next || ::fstat(next.get(), &info) != 0)
      return fail("open");
    if (last) {
      if (info.st_uid != uid && ::fchown(next.get(), uid, gid) != 0)
        return fail("chown");
      if (::fchmod(next.get(), 0700) != 0)
        return fail("chmod");
      return {};
    }
    if (info.st_uid != ::geteuid())
      return path_ + '/' + name.substr(0, slash) + " belongs to uid " + std::to_string(info.st_uid)
             + ": a bot's directory stands where the group's should be; rename one of them";
    if ((info.st_mode & 0777) != state_mode && ::fchmod(next.get(), state_mode) != 0)
      return fail("chmod");
    at = std::move(next);
    begin = slash + 1;
  }
  return fail("open");
}

std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t result = 0xcbf29ce484222325ull;
  for (const unsigned char byte : text)
    result = (result ^ byte) * 0x100000001b3ull;
  return result;
}

} // namespace troupe::os
