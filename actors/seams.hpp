#pragma once

// What lies behind the actors: the operating system and the store, each a small
// abstract struct that a test replaces. The runtime implements them in
// runtime/os and runtime/store.

#include "config/spec.hpp"
#include "messages/records.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace troupe {

// -- processes -----------------------------------------------------------------

/// One process to be started.
struct launch {
  std::string instance;
  std::uint64_t incarnation = 0;
  config::bot_spec_ptr spec;
};

/// The process exists: exec is confirmed.
struct spawned {
  std::string instance;
  std::uint64_t incarnation = 0;
  int pid = 0;
};

/// There is no process: `reason` names the step, the path and errno
/// («chdir /srv/x: No such file or directory»).
struct spawn_failed {
  std::string instance;
  std::uint64_t incarnation = 0;
  std::string reason;
};

/// The main process ended; its pid is pinned until `release`.
struct exited {
  std::string instance;
  std::uint64_t incarnation = 0;
  exit_status status;
  std::int64_t at = 0;         ///< Unix microseconds
  std::int64_t uptime = 0;     ///< microseconds
  std::int64_t cpu_time = 0;   ///< microseconds
  std::int64_t max_memory = 0; ///< bytes
  bool out_of_memory = false;  ///< the kernel killed it because its memory ran out
};

/// The main process was stopped by a signal from outside, or goes on again.
struct stalled {
  std::string instance;
  std::uint64_t incarnation = 0;
  bool stopped = false;
  int signal = 0;
};

using process_event = std::variant<spawned, spawn_failed, exited, stalled>;

/// One row of the keeper's table.
struct slot_info {
  std::string instance;
  std::uint64_t incarnation = 0;
  int pid = 0;              ///< 0: exec is not confirmed, `spawned` or `spawn_failed` follows
  std::int64_t started = 0; ///< Unix microseconds
  std::optional<exited> end;
  int stopped_by = 0; ///< the signal from outside that stopped it, 0: it is not stopped
};

/// CPU and memory of one instance now.
struct usage {
  double cpu_percent = 0;   ///< of one core, since the last sample
  std::uint64_t memory = 0; ///< bytes
};

/// Everything that has to do with processes: the keeper, cgroups, pipes, /proc.
/// Called by the launcher alone, from its own thread, and may take its time;
/// events may arrive from any thread.
struct process_host {
  virtual ~process_host() = default;

  /// Where events go; set once, before anything else.
  virtual void on_event(std::function<void(process_event)>) = 0;

  /// The slots as they are now: at the start this runtime's adoptees, later what a
  /// replaced launcher has to know.
  virtual std::vector<slot_info> adoptable() = 0;

  /// Starts a process; exactly one `spawned` or `spawn_failed` follows.
  virtual void spawn(const launch&) = 0;

  /// Sends `signal` to the main process, or to all of the instance. Returns an
  /// empty string, or why it could not.
  virtual std::string signal(const std::string& instance, std::uint64_t incarnation, int signal,
                             bool all) = 0;

  /// How many processes of that incarnation live beside the main one; they are left alone.
  virtual std::size_t strays(const std::string& instance, std::uint64_t incarnation) = 0;

  /// Kills whatever of that incarnation still lives beside the main process, or
  /// the main process too. Returns how many processes are still there.
  virtual std::size_t sweep(const std::string& instance, std::uint64_t incarnation,
                            bool main_too) = 0;

  /// Stops or continues all processes of the instance where they are. Returns an
  /// empty string, or why it could not.
  virtual std::string freeze(const std::string& instance, std::uint64_t incarnation, bool on) = 0;

  /// The exit is committed and nothing is left: the keeper may forget the slot.
  virtual void release(const std::string& instance, std::uint64_t incarnation) = 0;

  /// The last 20 lines, at most 4 KiB, that the process wrote.
  virtual std::string tail(const std::string& instance, std::uint64_t incarnation) = 0;

  /// CPU and memory, or nothing when it cannot be known.
  virtual std::optional<usage> sample(const std::string& instance, std::uint64_t incarnation) = 0;

  /// One line for people: which isolation is in force and what is missing.
  virtual std::string isolation() = 0;
};

// -- store ---------------------------------------------------------------------

/// Which events are asked for.
struct event_query {
  std::uint64_t after = 0;            ///< only seq > after
  std::int64_t since = 0;             ///< only time >= since
  std::optional<std::uint32_t> last;  ///< only the last n of these
  std::vector<std::string> instances; ///< a bot's name: all it ever had; empty: all
  std::uint32_t limit = 1000;         ///< at most so many at a time
};

/// What one transaction writes.
struct journal_batch {
  std::vector<transition> transitions;
  std::vector<death> deaths;
  std::vector<instance_record> records; ///< the last of each instance
  std::vector<audit_entry> audits;      ///< ids are filled in; an id that is there gets its outcome
  std::map<std::string, bool> intents;  ///< instance → an operator stopped it
  /// bot → replicas set by an operator, 0: none any more
  std::map<std::string, std::uint32_t> replicas;
  std::optional<std::string> applied; ///< the tree that is in force now, as text
  std::vector<std::string> forgotten; ///< instances that are no more: their record and intent go
  std::string notice; ///< filled in: what was repaired on the way, for the log; empty if nothing
  std::string alarm;  ///< filled in: what is wrong with the disk, though this was written
};

/// Everything a new runtime learns from the store.
struct journal_contents {
  std::uint64_t last_seq = 0;
  std::uint64_t last_incarnation = 0; ///< the highest ever written, of forgotten instances too
  std::vector<instance_record> records;
  std::map<std::string, bool> intents;
  std::map<std::string, std::uint32_t> replicas;
  std::optional<std::string> applied; ///< in this run
  std::uint64_t version = 0;          ///< number of the applied tree
  bool fresh = false;                 ///< nothing was kept of this run before
  std::string unreadable;             ///< not empty: nothing could be read, and this is why
  std::string notice; ///< what was repaired on the way, for the log; empty if nothing
};

/// The journal's database. Called by the journal actor alone, from its own thread.
struct journal_store {
  virtual ~journal_store() = default;

  /// Everything that is kept. `run` is the number of this run of the fleet, 0 for
  /// whichever it is. When the store has last seen another one, operator intents,
  /// counters and states are dropped first and nothing counts as applied; incarnations,
  /// events and overrides are kept.
  virtual journal_contents load(std::uint64_t run) = 0;

  /// Writes all of it or nothing; `durable` waits for the disk. Returns an empty
  /// string, or what went wrong.
  virtual std::string write(journal_batch&, bool durable) = 0;

  virtual std::vector<transition> events(const event_query&) = 0;

  /// The last deaths of one instance (`market/trader#0`) or of all instances of a
  /// bot (`market/trader`), newest last.
  virtual std::vector<death> deaths(const std::string& name, std::uint32_t last) = 0;

  /// Why the last `events` or `deaths` could not be read; empty when it could.
  virtual std::string trouble() const = 0;
};

} // namespace troupe
