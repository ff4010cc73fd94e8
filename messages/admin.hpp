#pragma once

// What a shell and the runtime say to each other. A command's arguments and its
// answer are JSON text: the document that `--json` prints is the one that travels.

#include <cstdint>
#include <string>

namespace troupe {

/// The line a client sends before CAF's protocol begins is
/// `troupe/<admin_protocol> VERSION\n`; the answer is `ok SESSION FLEET VERSION\n`
/// or `no REASON\n`.
inline constexpr int admin_protocol = 1;

/// The most text that one reply carries; the rest is fetched with `next`.
inline constexpr std::size_t max_reply_bytes = 256 * 1024;

/// The largest payload of a message that a shell sends: in base 64 it fits into the arguments
/// of one request.
inline constexpr std::size_t max_shell_payload = 180 * 1024;

/// Exit codes of every command.
enum class exit_code : int {
  done = 0,
  failed = 1,      ///< for `plan` and `diff`: there are changes
  usage = 2,       ///< wrong usage
  not_running = 3, ///< no runtime answers, or the target of `status` is down
  not_permitted = 4,
  no_such_bot = 5,
  config_invalid = 6,
  already_running = 7, ///< a runtime is already there
  timed_out = 124,     ///< `--wait` ran out
};

/// Why a command was not carried out; becomes the `error` of the answer.
struct refusal {
  exit_code exit = exit_code::failed;
  std::string code;    ///< for programs, «no-such-bot»
  std::string message; ///< a sentence
  std::string hint;    ///< what to do; may be empty
};

/// One command: its name in the table and its arguments as one JSON object.
struct admin_request {
  std::uint64_t session = 0; ///< from the hello; names (uid, pid, role) for the audit
  std::string command;
  std::string arguments;
};

/// The answer, or its first part: when `cursor` is not 0, `next(session, cursor)`
/// gets what follows.
struct admin_reply {
  std::int32_t exit = 0;
  std::string document;
  std::uint64_t cursor = 0;
};

} // namespace troupe
