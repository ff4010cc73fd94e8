#pragma once

#include "runtime/keeper/protocol.hpp"
#include "runtime/os/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/types.h>
#include <utility>
#include <variant>
#include <vector>

namespace troupe::os {

using keeper::signal_scope;
using keeper::slot_state;
using keeper::spawn_step;

/// Which process of which instance; the key of a slot.
struct slot_key {
  std::string instance; ///< 1 to keeper::max_name bytes
  std::uint64_t incarnation = 0;

  auto operator<=>(const slot_key&) const = default;
};

// -- what the runtime asks for ---------------------------------------------------

/// The first thing an epoch says: tell me everything. Answered by every slot, every stored fd,
/// and `ready`; anything else before it is refused, but for `pong`.
struct hello {};

/// The answer to `ping`; whoever sends it vouches that the runtime does its work.
struct pong {};

/// Starts a process; exactly one `spawned` or `spawn_failed` follows, or a `slot` when the
/// key is known, and then nothing has been started.
struct spawn_request : slot_key {       ///< a longer name is cut, and refused
  std::vector<std::string> argv;        ///< argv[0] without a '/' is looked for in the PATH below
  std::vector<std::string> environment; ///< NAME=VALUE, all of it
  std::string directory;                ///< empty: the keeper's
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<std::vector<gid_t>> groups; ///< empty: drop all; nullopt: leave as they are
  mode_t umask = 022;
  std::vector<std::pair<int, rlimit>> limits; ///< RLIMIT_…, soft and hard
  std::optional<int> nice;
  std::optional<int> oom_score_adj;
  bool no_new_privs = false;
  unique_fd in; ///< of the child; none: /dev/null
  unique_fd out;
  unique_fd err;
  std::vector<unique_fd> keep; ///< pipe read ends, at most keeper::max_kept_fds
  int cgroup_fd = -1;          ///< directory of the cgroup to start in; stays the caller's
  std::string blob;            ///< at most keeper::max_blob bytes; given back with `slot`
};

/// Sends a signal; `signalled` follows. A group can be signalled until `release_request`.
struct signal_request : slot_key {
  int signal = 0;
  signal_scope scope = signal_scope::main;
};

/// An exited slot may be forgotten and its zombie reaped. No answer; repeating it does no harm.
struct release_request : slot_key {};

/// Keeps the fd across epochs under this name, in place of an earlier one. The fd stays the
/// caller's too. No answer but `bad_request` when it cannot be kept.
struct store_request {
  std::string name;
  int fd = -1;
};

/// Answered by `stored_fd` or `no_fd`.
struct fetch_request {
  std::string name;
};

struct drop_request {
  std::string name;
};

// -- what the keeper tells ---------------------------------------------------------

/// How a process ended. Times in nanoseconds of CLOCK_MONOTONIC.
struct exit_info {
  int code = -1;  ///< -1: ended by a signal
  int signal = 0; ///< 0: exited
  bool core = false;
  std::uint64_t user_us = 0;
  std::uint64_t system_us = 0;
  std::uint64_t max_rss_kib = 0;
  std::uint64_t started_ns = 0;
  std::uint64_t ended_ns = 0;
};

/// One slot as it is now.
struct slot : slot_key {
  slot_state state = slot_state::pending;
  pid_t pid = -1;
  int stopped_by = 0; ///< 0: not stopped
  std::uint64_t started_ns = 0;
  std::optional<exit_info> exit; ///< when state is exited
  std::vector<unique_fd> keep;   ///< duplicates, in the order of the request
  std::string blob;
};

/// Everything that was there when `hello` came has been told.
struct ready {
  std::uint64_t epoch = 0;
  pid_t keeper_pid = -1;
  bool stop_pending = false; ///< the keeper was asked to end; `stop_asked` follows
};

struct spawned : slot_key {
  pid_t pid = -1;
  std::uint64_t started_ns = 0;
};

struct spawn_failed : slot_key {
  spawn_step step = spawn_step::request;
  int error = 0; ///< errno
};

struct exited : slot_key {
  pid_t pid = -1;
  exit_info exit;
};

struct stopped : slot_key {
  int signal = 0;
};

struct continued : slot_key {};

struct signalled : slot_key {
  int signal = 0;
  signal_scope scope = signal_scope::main;
  int error = 0; ///< errno, 0 when it was sent
};

struct stored_fd {
  std::string name;
  unique_fd fd;
};

struct no_fd {
  std::string name;
};

struct ping {};

/// End the fleet, then the runtime with 0.
struct stop_asked {
  int signal = 0;
  bool hurry = false; ///< asked twice; after 10 s the keeper kills everything
};

/// SIGHUP came.
struct reload_asked {};

/// A request was not understood or not possible; nothing was done.
struct bad_request {
  std::optional<slot_key> of; ///< or the name of the fd
  std::uint32_t kind = 0;     ///< keeper::message_kind of the request
  int error = 0;              ///< errno
};

using keeper_event =
    std::variant<slot, ready, spawned, spawn_failed, exited, stopped, continued, signalled,
                 stored_fd, no_fd, ping, stop_asked, reload_asked, bad_request>;

/// The runtime's end of the line to the keeper. Never blocks. Not thread safe: one thread at a
/// time. Knows nothing about what it carries; the table of the keeper is the truth.
class keeper_client {
public:
  /// Takes the runtime's end of the socket (fd TROUPE_KEEPER_FD).
  explicit keeper_client(unique_fd socket);

  /// To be polled: readable for receive(), writable after a send() that returned false.
  int fd() const { return socket_.get(); }

  /// Each returns false when the socket takes no more now, or when the keeper is gone (see
  /// closed()): keep the request and try again when fd() is writable, or after a while if it is
  /// so already. A request that is not valid (too long, NUL inside a string) is answered by the
  /// keeper; one that the kernel will never carry has a refusal(), and is not to be kept either.
  bool send(const hello& request);
  bool send(const pong& request);
  bool send(const spawn_request& request);
  bool send(const signal_request& request);
  bool send(const release_request& request);
  bool send(const store_request& request);
  bool send(const fetch_request& request);
  bool send(const drop_request& request);

  /// Why the last request was not carried and never will be, an errno; 0: it was, or it may be.
  int refusal() const { return refusal_; }

  /// The next event; nullopt: nothing now, or closed().
  std::optional<keeper_event> receive();

  /// The keeper is gone, and with it every bot's parent: nothing comes and nothing can be sent.
  bool closed() const { return closed_; }

private:
  bool transmit(const void* bytes, std::size_t size, const std::vector<int>& fds);

  unique_fd socket_;
  std::vector<unsigned char> inbox_;
  bool closed_ = false;
  int refusal_ = 0;
};

/// "chdir", "exec", "setuid", …: what was being done.
std::string_view to_string(spawn_step step);

} // namespace troupe::os
