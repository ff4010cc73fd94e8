#pragma once

#include "config/result.hpp"
#include "runtime/os/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>

namespace troupe::os {

/// A socket's path has 107 bytes; ours add up to 26 to the directory's.
inline constexpr std::size_t max_state_path = 80;

/// How the process learns a variable of its environment.
using environment_lookup = std::function<std::optional<std::string>(const std::string&)>;

/// The lookup in the real environment.
std::optional<std::string> real_environment(const std::string& name);

/// Where the state lives: what `--state` gave, else TROUPE_STATE, else
/// /var/lib/troupe for root and $XDG_STATE_HOME/troupe (~/.local/state/troupe) for
/// others. The error says what to give.
config::expected<std::string, std::string>
choose_state_directory(const std::string& option, const environment_lookup& env, uid_t uid);

/// In place of the pid of a holder that nobody can name.
inline constexpr int unknown_holder = std::numeric_limits<int>::max();

/// Why a lock was not given.
struct lock_refusal {
  int holder = 0; ///< the pid that has it or took it, 0 when it could not even be tried
  std::string message;
};

/// The one directory that everything of a fleet is under.
class state_directory {
public:
  /// Makes the directory when it is not there; a new and an empty one get mode 0711. Refuses a path
  /// over 80 bytes, a directory of another user and one that others may write into.
  static config::expected<state_directory, std::string> open(const std::string& path);

  /// Absolute, without links.
  const std::string& path() const { return path_; }

  /// A short name for this directory in places that all fleets share.
  std::string hash() const;

  /// Takes the lock, which nobody else may open, and writes `pid` into it. It holds as long as a
  /// copy of the descriptor is open anywhere; the descriptor is CLOEXEC.
  config::expected<unique_fd, lock_refusal> lock(pid_t pid) const;

  /// Replaces `runtime.pid`; returns an empty string or what went wrong.
  std::string write_pid(pid_t pid) const;

  /// The directory of `market/trader#0`: `bots/market/trader.0`.
  std::string bot_directory(std::string_view instance) const;

  /// Makes that directory, 0700 and owned by the bot's user; costs two calls of the
  /// system when it is there. Returns an empty string or what went wrong.
  std::string make_bot_directory(std::string_view instance, uid_t uid, gid_t gid) const;

private:
  lock_refusal held(const std::string& file, const struct stat& lock) const;

  explicit state_directory(std::string path, unique_fd fd)
      : path_(std::move(path))
      , fd_(std::move(fd)) {
    // nop
  }

  std::string path_;
  unique_fd fd_;
};

/// 64-bit FNV-1a: the same in every build.
std::uint64_t stable_hash(std::string_view text);

} // namespace troupe::os
