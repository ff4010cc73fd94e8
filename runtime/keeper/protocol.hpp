#pragma once

/// The datagrams between the keeper and the runtime: one struct is one datagram on a
/// SOCK_SEQPACKET socketpair, in the byte order of the machine. Both ends live on one machine,
/// but need not be of one build: the runtime may be replaced under a keeper that lives on, so
/// every datagram starts with the version, and sizes never depend on the compiler.
/// Only C headers here: the keeper links no C++ library.

#include <stddef.h>
#include <stdint.h>

namespace troupe::keeper {

inline constexpr uint16_t protocol_version = 1;

/// Longest name of an instance or of a stored fd, in bytes.
inline constexpr uint32_t max_name = 300;
/// Longest opaque blob that a slot carries for the runtime, in bytes.
inline constexpr uint32_t max_blob = 1024;
/// Names in the fd store.
inline constexpr uint32_t max_stored_fds = 4096;
/// Pipe read ends that a slot keeps open for the runtime.
inline constexpr uint32_t max_kept_fds = 3;
/// Fds in one datagram: three of stdio, the kept ones, a cgroup, a payload.
inline constexpr uint32_t max_message_fds = 8;
/// A payload up to this size rides in the datagram; a larger one in a sealed memfd.
inline constexpr uint32_t max_inline_payload = 32 * 1024;
inline constexpr uint32_t max_payload = 8 * 1024 * 1024;
inline constexpr uint32_t max_strings = 65536;
inline constexpr uint32_t max_groups = 65536;
inline constexpr uint32_t max_limits = 32;
/// The fd number at which the runtime finds its end of the socket (also in TROUPE_KEEPER_FD).
inline constexpr int runtime_fd = 3;

/// What a datagram says. Below 100: from the runtime; from 100: from the keeper.
enum class message_kind : uint16_t {
  hello = 1,
  pong,
  spawn,
  signal,
  release,
  store,
  fetch,
  drop,
  ready = 100,
  slot,
  spawned,
  spawn_failed,
  exited,
  stopped,
  continued,
  signalled,
  stored_fd,
  no_fd,
  ping,
  stop,
  reload,
  bad_request,
};

/// The step of a spawn that failed, in the order in which they are taken.
enum class spawn_step : uint32_t {
  request = 1,  ///< the request itself is not valid, or could not be built
  slots,        ///< the table of slots is full, or memory is
  pipe,         ///< the pipe that carries (step, errno) back
  fork,         ///< the new process
  session,      ///< setsid
  cgroup,       ///< entering the cgroup
  stdio,        ///< fds 0 to 2
  oom_score,    ///< oom_score_adj
  nice,         ///< setpriority
  limits,       ///< setrlimit
  groups,       ///< setgroups
  gid,          ///< setresgid
  uid,          ///< setresuid
  no_new_privs, ///< prctl
  parent,       ///< the parent-death signal, or the keeper is gone already
  directory,    ///< chdir
  exec,         ///< execve
};

/// Starts every datagram. `size` counts the whole datagram.
struct header {
  uint16_t version;
  message_kind kind;
  uint32_t size;
};
static_assert(sizeof(header) == 8);

/// (instance, incarnation) of a slot, or the name of a stored fd with incarnation 0.
/// `text` holds `length` bytes, none of them NUL; it is not terminated.
struct key {
  uint64_t incarnation;
  uint16_t length;
  char text[302];
};
static_assert(sizeof(key) == 312);

/// hello, pong; ping, reload. Nothing but the kind.
struct plain_message {
  header head;
};
static_assert(sizeof(plain_message) == 8);

/// release; store (with the fd attached), fetch, drop; stored_fd (with the fd attached), no_fd.
struct key_message {
  header head;
  key of;
};
static_assert(sizeof(key_message) == 320);

/// Which fds are attached to a spawn or slot datagram, in this order, lowest bit first.
namespace fd_flag {
inline constexpr uint32_t in = 1U << 0;
inline constexpr uint32_t out = 1U << 1;
inline constexpr uint32_t err = 1U << 2;
inline constexpr uint32_t keep_0 = 1U << 3; ///< keep_1 and keep_2 are the next two bits
inline constexpr uint32_t cgroup = 1U << 6;
inline constexpr uint32_t payload = 1U << 7;
inline constexpr uint32_t all = (1U << 8) - 1;
} // namespace fd_flag

/// Which of the optional settings of a spawn hold.
namespace spawn_flag {
inline constexpr uint32_t uid = 1U << 0;
inline constexpr uint32_t gid = 1U << 1;
inline constexpr uint32_t groups = 1U << 2; ///< set the groups, also when there are none
inline constexpr uint32_t nice = 1U << 3;
inline constexpr uint32_t oom_score_adj = 1U << 4;
inline constexpr uint32_t no_new_privs = 1U << 5;
inline constexpr uint32_t directory = 1U << 6;
inline constexpr uint32_t all = (1U << 7) - 1;
} // namespace spawn_flag

/// One resource limit of a payload.
struct limit_entry {
  uint32_t resource;
  uint32_t reserved;
  uint64_t soft;
  uint64_t hard;
};
static_assert(sizeof(limit_entry) == 24);

/// Asks for a process. The payload of `payload_size` bytes follows inline or is a memfd, sealed
/// against shrinking, growing and writing: limits, groups (uint32_t each), then NUL-terminated
/// strings (arguments, environment, directory), then the blob. Answered by spawned or
/// spawn_failed; a key that is known is answered by slot with what holds, and nothing is started.
struct spawn_message {
  header head;
  key of;
  uint32_t fds;   ///< fd_flag
  uint32_t flags; ///< spawn_flag
  uint32_t uid;
  uint32_t gid;
  int32_t nice;
  int32_t oom_score_adj;
  uint32_t umask;
  uint32_t argument_count;
  uint32_t environment_count;
  uint32_t group_count;
  uint32_t limit_count;
  uint32_t blob_size;
  uint32_t payload_size;
  int32_t sender_error; ///< not 0: the request could not be built; answered as it stands
};
static_assert(sizeof(spawn_message) == 376);

/// Whom a signal is for.
enum class signal_scope : uint32_t { main = 0, group = 1 };

/// signal, and its answer signalled (`error` is an errno, 0 when it was sent).
struct signal_message {
  header head;
  key of;
  int32_t signal;
  signal_scope scope;
  int32_t error;
  uint32_t reserved;
};
static_assert(sizeof(signal_message) == 336);

/// How a process ended and what it used. Times in CLOCK_MONOTONIC.
struct exit_status {
  int32_t code;   ///< exit code; -1 when a signal ended it
  int32_t signal; ///< 0 when it exited
  uint32_t core;  ///< 1 when it dumped core
  uint32_t reserved;
  uint64_t user_us;
  uint64_t system_us;
  uint64_t max_rss_kib;
  uint64_t started_ns;
  uint64_t ended_ns;
};
static_assert(sizeof(exit_status) == 56);

/// The process runs its program now.
struct spawned_message {
  header head;
  key of;
  int32_t pid;
  uint32_t reserved;
  uint64_t started_ns;
};
static_assert(sizeof(spawned_message) == 336);

/// The process could not be started; there is no slot (any more).
struct spawn_failed_message {
  header head;
  key of;
  spawn_step step;
  int32_t error;
};
static_assert(sizeof(spawn_failed_message) == 328);

/// The process ended. It stays a zombie, which pins pid and process group, until release.
struct exited_message {
  header head;
  key of;
  int32_t pid;
  uint32_t reserved;
  exit_status status;
};
static_assert(sizeof(exited_message) == 384);

/// stopped (by `signal`) and continued (`signal` is 0).
struct stop_state_message {
  header head;
  key of;
  int32_t pid;
  int32_t signal;
};
static_assert(sizeof(stop_state_message) == 328);

enum class slot_state : uint32_t { pending = 1, alive, exited };

/// One slot as it is now, with duplicates of its kept fds attached and its blob behind it.
struct slot_message {
  header head;
  key of;
  uint32_t fds; ///< fd_flag, only of kept ones
  slot_state state;
  int32_t pid;
  int32_t stopped_by; ///< signal, 0 when it is not stopped
  exit_status status; ///< started_ns always; the rest when state is exited
  uint32_t blob_size;
  uint32_t reserved;
};
static_assert(sizeof(slot_message) == 400);

/// Ends the answer to hello: every slot and every stored fd has been told.
struct ready_message {
  header head;
  uint64_t epoch;
  int32_t keeper_pid;
  uint32_t stop_pending; ///< 1: the keeper was asked to stop, a stop message follows
};
static_assert(sizeof(ready_message) == 24);

/// The keeper was asked to end by `signal`; the runtime decides how, and ends with 0.
struct stop_message {
  header head;
  int32_t signal;
  uint32_t hurry; ///< 1: asked twice; in 10 s the keeper kills everything
};
static_assert(sizeof(stop_message) == 16);

/// A datagram was not understood or not allowed; nothing was done. `of` is empty (length 0) when
/// it held no valid key.
struct bad_request_message {
  header head;
  key of;
  uint32_t kind;
  int32_t error; ///< errno that says why
};
static_assert(sizeof(bad_request_message) == 328);

/// An empty message of this kind, its head filled in.
template <class Message>
inline Message make_message(message_kind kind) {
  Message message{};
  message.head = {protocol_version, kind, sizeof(Message)};
  return message;
}

} // namespace troupe::keeper
