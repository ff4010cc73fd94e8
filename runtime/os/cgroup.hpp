#pragma once

#include "config/result.hpp"
#include "config/spec.hpp"
#include "runtime/os/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace troupe::os {

/// Where cgroup2 is mounted and which part of it that mount shows.
struct cgroup_mount {
  std::string path;
  std::string root;

  bool operator==(const cgroup_mount&) const = default;
};

/// The cgroup2 mounts in the text of /proc/self/mountinfo.
std::vector<cgroup_mount> cgroup2_mounts(std::string_view mountinfo);

/// Where beneath the mount this group stands; nothing when the mount does not show it, which
/// may be so in a cgroup namespace of its own with a mount of the host.
std::optional<std::string> shown_by(const cgroup_mount& mount, const std::string& group);

/// The path after `0::` in the text of /proc/self/cgroup.
std::optional<std::string> own_cgroup(std::string_view text);

/// One control group, open. All methods work on the directory that was opened, also when
/// another has taken its name since.
class cgroup {
public:
  cgroup() = default;
  explicit cgroup(unique_fd directory)
      : fd_(std::move(directory)) {}

  explicit operator bool() const { return static_cast<bool>(fd_); }
  int fd() const { return fd_.get(); }

  /// Kills every process in it, at once and with those that are being forked. Returns 0
  /// or errno.
  int kill() const;

  /// Stops or continues all of it where it is; 0 or errno.
  int freeze(bool on) const;

  /// Whether a living process is in it or below. What cannot be read counts as yes.
  bool populated() const;

  /// The living processes in it and below; nothing when they cannot be read.
  std::optional<std::vector<pid_t>> processes() const;

  /// Sends to all of these, one after the other, but never to a stranger that got the pid of
  /// one meanwhile. Returns 0 or the errno of one that could not be reached.
  int signal(int signal, pid_t spared = 0) const;

  /// Microseconds of CPU time so far.
  std::optional<std::uint64_t> cpu_time() const;

  /// Bytes in use; nothing without the memory controller.
  std::optional<std::uint64_t> memory() const;

  /// Whether the kernel killed a process of it because memory ran out.
  bool out_of_memory() const;

private:
  unique_fd fd_;
};

/// The part of the cgroup tree that belongs to one fleet: `troupe-HASH/` beside the
/// runtime, a child for each incarnation. Where it cannot be had, `usable()` is false and
/// `report()` says why; nothing else may be called then.
class cgroup_tree {
public:
  struct setup {
    std::string mount;       ///< where cgroup2 is mounted
    std::string own;         ///< the runtime's cgroup beneath it, "/" for the root
    std::string name;        ///< «troupe-…»
    std::vector<pid_t> leaf; ///< who moves away if the kernel wants no process beside
                             ///< controllers: the runtime and the keeper
  };

  cgroup_tree() = default;
  explicit cgroup_tree(const setup& x);

  /// What this process finds about itself; `name` as in `setup`.
  static cgroup_tree of_this_process(const std::string& name, const std::vector<pid_t>& leaf);

  bool usable() const { return static_cast<bool>(fd_); }

  /// One line: where, and what is missing.
  const std::string& report() const { return report_; }

  /// Its directory, to be found again after a death of everything.
  const std::string& path() const { return path_; }

  bool has(std::string_view controller) const;

  /// Makes the group of one incarnation and sets its limits. The error names the file.
  config::expected<cgroup, std::string> create(std::string_view instance, std::uint64_t incarnation,
                                               const config::limits_spec& limits) const;

  /// Sets those limits of a group anew in which `now` differs from `before`; all when that is
  /// null. Tells, for each that could not be set, its key and why.
  std::vector<std::pair<std::string, std::string>> adjust(const cgroup& group,
                                                          const config::limits_spec* before,
                                                          const config::limits_spec& now) const;

  /// Opens the group of an incarnation that was there before; false when it is not.
  cgroup open(std::string_view instance, std::uint64_t incarnation) const;

  /// Removes the group of an incarnation, which must be empty; 0 or errno.
  int remove(std::string_view instance, std::uint64_t incarnation) const;

  /// The names of all children, as `child_name` makes them.
  std::vector<std::string> children() const;
  cgroup open_child(const std::string& name) const;
  int remove_child(const std::string& name) const;

  /// `market/trader#0`, 7 → `market:trader#0@7`.
  static std::string child_name(std::string_view instance, std::uint64_t incarnation);

private:
  bool enable(const std::string& base, std::vector<std::string> wanted,
              const std::vector<pid_t>& leaf, const std::string& leaf_path);

  unique_fd fd_;
  std::string path_;
  std::string report_;
  std::vector<std::string> controllers_;
};

/// Kills all processes beneath the group at `path` and removes it with all below. Gives
/// up at the deadline (milliseconds). Returns how many processes it found.
std::size_t kill_and_remove_tree(const std::string& path, int milliseconds);

} // namespace troupe::os
