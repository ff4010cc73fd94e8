#pragma once

// What `troupe doctor` found out about a host, as plain data: the checks judge it, and a
// test makes a host as bad as it likes.

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace troupe::doctor {

inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

struct limit {
  std::uint64_t soft = unlimited;
  std::uint64_t hard = unlimited;
};

/// A file or directory; `error` is the errno with which it could not be looked at, or 0.
struct place {
  std::string path;
  int error = 0;
  bool directory = false;
  uid_t owner = 0;
  mode_t mode = 0;
};

/// The file system beneath a directory.
struct disk {
  std::string path; ///< the directory that was looked at: the nearest that exists
  std::string type; ///< «ext4», or its number in hex
  int error = 0;
  bool read_only = false;
  std::uint64_t free_bytes = 0; ///< for those who are not root
  std::uint64_t total_bytes = 0;
  std::uint64_t free_inodes = 0;
  std::uint64_t total_inodes = 0; ///< 0: has no fixed number
  bool tried = false;             ///< a file was made there, to see what works
  std::string fails;              ///< what did not: «lock (fcntl): No locks available»
};

struct control_groups {
  bool mounted = false;                 ///< cgroup2 somewhere
  bool shows_own = false;               ///< that mount shows our own group
  std::string mount;                    ///< «/sys/fs/cgroup»
  std::string own;                      ///< our group as a directory
  int make_error = 0;                   ///< errno of making a group in it, 0: it works
  bool kill = false;                    ///< the new group had cgroup.kill
  bool freeze = false;                  ///< and cgroup.freeze
  std::vector<std::string> controllers; ///< that our group may hand down
  std::uint64_t most_tasks = unlimited; ///< pids.max, the least on the way up
};

struct clock_facts {
  std::int64_t now = 0;      ///< seconds since 1970
  std::int64_t built = 0;    ///< of this program, the same way
  bool synchronised = false; ///< says the kernel
  bool known = false;        ///< it could be asked
  bool advances = false;     ///< CLOCK_MONOTONIC did, and is not above CLOCK_BOOTTIME
};

/// One of the programs that belong together.
struct companion {
  std::string name;
  std::string path;    ///< empty: not found
  std::string version; ///< empty: it did not say
};

/// A fleet that may be running on the state directory.
struct runtime_facts {
  bool asked = false;
  bool answers = false;
  bool nobody = false; ///< nobody listens at the socket
  std::string version;
  std::string trouble; ///< why it does not answer
};

/// The config tree that is to run here.
struct tree_facts {
  place at;
  std::size_t errors = 0;
  std::size_t warnings = 0;
  std::size_t instances = 0;
  std::string first_error; ///< «market/feed.json:3:5: …»
  std::optional<place> secrets;
  std::vector<std::string> open_secrets;    ///< files in it that group or others may read
  std::vector<std::string> foreign_secrets; ///< that we may not read
};

/// The unit of systemd, when there is one.
struct service_facts {
  bool systemd = false;                       ///< is PID 1 here
  std::map<std::string, std::string> of_unit; ///< what `systemctl show troupe` says
};

struct host_facts {
  uid_t uid = 0;
  std::string version; ///< of this program

  limit open_files;
  limit processes;
  limit core;
  std::string core_pattern;

  std::uint64_t pid_max = 0; ///< 0: unknown, here and below
  std::uint64_t threads_max = 0;
  std::uint64_t inotify_watches = 0;
  std::uint64_t inotify_instances = 0;
  std::optional<int> overcommit;
  bool panic_on_oom = false;
  std::string hidepid; ///< of /proc; empty: not set
  int oom_score_adj = 0;
  std::uint64_t memory_total = 0;
  std::uint64_t memory_available = 0;
  std::uint64_t swap_total = 0;

  std::map<std::string, int> calls; ///< system call → errno; 0: it works
  int getrandom_error = 0;

  control_groups groups;
  clock_facts clock;

  std::string state_error; ///< no state directory could be chosen, and why
  place state;
  disk state_disk;
  std::optional<tree_facts> tree;

  std::vector<companion> companions;
  service_facts service;
  runtime_facts runtime;
};

} // namespace troupe::doctor
