#pragma once

// What is told and kept about instances. Times are microseconds of the Unix clock
// unless a name says otherwise; they inform, order is by sequence number.

#include "messages/lifecycle.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace troupe {

/// How a process ended: by `code`, or by `signal` when that is not 0.
struct exit_status {
  int code = -1;
  int signal = 0;
  bool core = false;

  bool operator==(const exit_status&) const = default;
};

/// «exited with code 1», «killed by signal 9 (KILL)», «… (SEGV), core dumped».
std::string to_string(const exit_status&);

/// «3.2 s», «75 s».
std::string uptime_text(std::int64_t microseconds);

/// One change of state, or, when `from` and `to` are equal, a remark about what happened
/// meanwhile, such as «stop_command exited with code 0»; what `events` prints.
struct transition {
  std::uint64_t seq = 0; ///< rises by one; given by the ledger
  std::int64_t time = 0;
  std::string instance;
  std::uint64_t incarnation = 0;
  state from = state::defined;
  state to = state::defined;
  std::string cause;
};

/// What an event is about that concerns no instance but the config; no instance has such a name.
inline constexpr const char* config_subject = "config";

/// The end of one process; what `deaths` prints. (instance, incarnation) is unique.
struct death {
  std::string instance;
  std::uint64_t incarnation = 0;
  std::int64_t at = 0;
  std::string cause;
  exit_status status;
  std::int64_t uptime = 0;     ///< microseconds
  std::int64_t cpu_time = 0;   ///< microseconds of user and system time
  std::int64_t max_memory = 0; ///< bytes resident at the peak
  std::string output;          ///< its last 20 lines, at most 4 KiB
};

/// What happens next to an instance that is not at rest.
struct next_step {
  std::string what; ///< «retry», «probe», «flatten», «stop», «kill», «ready», «start timeout»
  std::int64_t at = 0;
  std::uint32_t attempt = 0; ///< 0 when nothing is counted
  std::uint32_t of = 0;
};

/// What the restart policy must remember across a death of the runtime. Times are
/// nanoseconds of the monotonic clock, which outlives the runtime but not the boot.
struct policy_memory {
  std::uint32_t attempt = 0;          ///< failures since the last healthy stretch
  std::uint32_t failed_starts = 0;    ///< in a row
  std::uint32_t probes = 0;           ///< slow probes since it was given up
  std::vector<std::int64_t> restarts; ///< within max_restarts.within, oldest first

  bool operator==(const policy_memory&) const = default;
};

/// The last that is known of one instance; the ledger keeps one for each.
struct instance_record {
  std::string name;  ///< `market/trader#0`
  std::string bot;   ///< `market/trader`
  std::string group; ///< `market`; empty for the root
  std::uint32_t index = 0;
  std::uint64_t incarnation = 0;
  state now = state::defined;
  bool wanted = false; ///< somebody wants it up
  std::string why;     ///< the cause of the last change
  std::optional<next_step> next;
  int pid = 0;                ///< 0 without a process
  std::int64_t since = 0;     ///< in this state
  std::int64_t started = 0;   ///< its process, 0 without one
  std::uint64_t restarts = 0; ///< of its own accord, since the fresh run
  std::optional<exit_status> last_exit;
  std::int64_t last_exit_at = 0;
  policy_memory policy;
  /// Of this incarnation's output: the patterns that others wait for, as far as they came.
  std::vector<std::string> printed;
  /// config::bot_spec::fingerprint of the settings that its process, or else the last one, was
  /// started with; 0: that is not known.
  std::uint64_t settings = 0;
};

/// One changing command, before and after it was carried out.
struct audit_entry {
  std::uint64_t id = 0; ///< given by the journal
  std::int64_t time = 0;
  std::uint32_t uid = 0;
  std::int32_t pid = 0;
  std::string origin;        ///< «admin.sock», «keeper»
  std::string command;       ///< as typed, without secrets
  std::string outcome;       ///< empty until it is known
  std::string patch;         ///< what it changed of the config, RFC 6902; empty: nothing
  std::uint64_t version = 0; ///< of the config that it made, 0: none
};

/// How far an applied state of the config has come.
enum class version_state : std::uint8_t {
  updating,    ///< instances are being changed
  healthy,     ///< all of it is carried out
  stopped,     ///< an instance failed, and `on_failure` is "stop"
  rolled_back, ///< an instance failed, and the one before it came back
  superseded,  ///< the next one came while it was being carried out
};

/// «updating», …
std::string_view to_string(version_state);

/// One applied state of the config.
struct config_version {
  std::uint64_t number = 0; ///< given by the journal
  std::int64_t time = 0;
  std::string author; ///< «uid 0», «runtime»
  std::string reason; ///< «apply», «rollback to 7», «market/trader scaled to 4»
  std::string hash;   ///< SHA-256 of tree and overrides, in hex
  std::string tree;   ///< as config::to_json makes it; empty in lists
  std::map<std::string, std::string> overrides; ///< see config::override_map
  version_state now = version_state::healthy;
  /// Instances that were down already when it was applied, and need not come up for it.
  std::set<std::string> excused;
};

} // namespace troupe
