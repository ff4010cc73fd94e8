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
  std::uint64_t settings = 0; ///< fingerprint of those it was started with; 0: unknown
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

/// What a bot lets us know while it runs, or what is found out about it.
struct notice {
  enum class kind : std::uint8_t {
    ready,      ///< its ready check passed, or it said READY=1; `text` says how it showed
    not_ready,  ///< its ready check failed, and why; told when the reason changes
    alive,      ///< it said WATCHDOG=1
    hung,       ///< it said WATCHDOG=trigger
    stopping,   ///< it said STOPPING=1
    extend,     ///< it said EXTEND_TIMEOUT_USEC: it needs `time` from now on
    begun,      ///< its start is no longer queued; the launcher tells this
    printed,    ///< it wrote a line that matches `text`, one of `awaited_output`
    remark,     ///< for the record: `text` becomes an event that changes no state
    linked,     ///< it has linked; `text` is the client it named
    unlinked,   ///< its link is gone while it lives, and why
    silent,     ///< three heartbeats were not answered
    answers,    ///< it answers again
    drained,    ///< it has finished what it had; `text` is empty, or why that is not quite so
    flattened,  ///< the same of what it had open outside
    says_ready, ///< it said over its link that it is ready
  };
  std::string instance;
  std::uint64_t incarnation = 0;
  kind what = kind::remark;
  std::string text;
  std::chrono::microseconds time{};
};

/// Commands that are run beside a bot, with the bot's own user, limits and environment.
/// `start_command` is part of `spawn` and never ordered alone.
enum class hook : std::uint8_t { stop_command, on_crash };

/// A hook ended.
struct hook_end {
  std::string instance;
  std::uint64_t incarnation = 0;
  hook which = hook::stop_command;
  bool ok = false;
  std::string text; ///< «stop_command exited with code 1 after 0.2 s: no such order»
};

using process_event = std::variant<spawned, spawn_failed, exited, stalled, notice, hook_end>;

/// One row of the keeper's table.
struct slot_info {
  std::string instance;
  std::uint64_t incarnation = 0;
  int pid = 0;              ///< 0: exec is not confirmed, `spawned` or `spawn_failed` follows
  std::int64_t started = 0; ///< Unix microseconds
  std::optional<exited> end;
  int stopped_by = 0;         ///< the signal from outside that stopped it, 0: it is not stopped
  std::uint64_t settings = 0; ///< as in `spawned`
};

/// CPU and memory of one instance now.
struct usage {
  double cpu_percent = 0;     ///< of one core, since the last sample
  std::uint64_t memory = 0;   ///< bytes
  std::string says;           ///< what it last said as STATUS=, for people
  std::uint64_t written = 0;  ///< bytes of output
  std::uint64_t unlogged = 0; ///< bytes of output that were dropped
  std::uint64_t cpu_time = 0; ///< microseconds of user and system time, since its start
};

// What looks at an instance find out; see the last methods of process_host.

/// Where a variable of a bot's environment comes from.
enum class variable_source : std::uint8_t {
  built_in, ///< PATH, HOME, USER, LANG, TZ
  passed,   ///< `pass_environment`
  file,     ///< `environment_file`
  settings, ///< `environment`
  runtime,  ///< TROUPE_…
  unknown,  ///< only the process has it
};

struct variable {
  std::string name;
  std::string value; ///< of a secret, it may be anything
  variable_source from = variable_source::unknown;
  bool secret = false; ///< not to be shown: it is made with a secret or stood in a file
};

/// The environment of one instance, by name.
struct environment_report {
  std::vector<variable> variables;
  int pid = 0;         ///< the process that was started with it; 0: what the next one would get
  std::string trouble; ///< why it is not all there, or empty
};

/// One limit of an instance, and what is used of it.
struct limit_use {
  std::string name;            ///< as under `limits`, «memory»
  std::optional<double> limit; ///< in force
  std::optional<double> used;
  std::string unenforced; ///< it was asked for and is not in force, and why
};

struct limits_report {
  std::map<std::string, std::vector<limit_use>> of; ///< by instance
  std::string trouble;                              ///< why there is none, or empty
};

/// Numbers of one part of the runtime at this moment, by name.
struct figures {
  std::map<std::string, double> of;
  std::string trouble; ///< why there are none, or empty

  template <class Number>
  void set(const char* name, Number value) {
    of[name] = static_cast<double>(value);
  }
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

  /// Starts a process, after its `start_command` if it has one; exactly one `spawned` or
  /// `spawn_failed` follows. It is attended from the first moment, with its ready check.
  virtual void spawn(const launch&) = 0;

  /// Attends a process that is there already: its notices are told from now on, and those
  /// of `ready` and `printed` again. `check_ready`: its ready check is still to be passed.
  /// Ends with the process. May be called again.
  virtual void attend(const launch&, bool check_ready) = 0;

  /// Runs a hook of that incarnation; exactly one `hook_end` follows, soon after the hook's
  /// timeout at the latest. One that runs already, or ran under an earlier runtime and was
  /// not told yet, is not run again.
  virtual void run_hook(const launch&, hook) = 0;

  /// Sends `signal` to the main process, or to all of the instance. Returns an
  /// empty string, or why it could not.
  virtual std::string signal(const std::string& instance, std::uint64_t incarnation, int signal,
                             bool all) = 0;

  /// The settings of a running instance have changed in what needs no new process: its limits,
  /// those of its log, the output that others wait for. Returns an empty string, or what could
  /// not be changed, and why.
  virtual std::string adjust(const launch&) = 0;

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

  // These three may be called from any thread, at the same time as all the others, and may
  // wait for disks and the name service.

  /// What that incarnation was started with, or, when it does not run, what a start would
  /// give it now. Secrets are not read for it.
  virtual environment_report environment(const launch&) = 0;

  /// The limits in force and what is used of them.
  virtual limits_report limits(const std::vector<launch>&) = 0;

  /// Runtime, keeper and state directory: `runtime_pid`, `runtime_memory_bytes`,
  /// `runtime_cpu_s`, `runtime_files`, `runtime_files_limit`, the same of the keeper,
  /// `epoch`, `slots`, `state_bytes`, `logs_bytes`, `disk_free_bytes`,
  /// `disk_bytes`. What cannot be known is absent.
  virtual figures machine() = 0;
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

/// Which entries of the audit are asked for.
struct audit_query {
  std::uint64_t after = 0;           ///< only id > after
  std::int64_t since = 0;            ///< only time >= since
  std::optional<std::uint32_t> last; ///< only the last n of these
  std::uint32_t limit = 1000;        ///< at most so many at a time
  std::string text; ///< only those whose command, origin or outcome has it; empty: all
  /// Not empty: only the link of the chain that has this hash, which may be an outcome or an
  /// anchor too. Its number is the id.
  std::string hash;
};

/// What a look over the audit has found. Entries and outcomes are links of one chain, with numbers
/// that rise by one.
struct audit_check {
  std::uint64_t entries = 0; ///< links looked at
  std::uint64_t first = 0;   ///< number of the first of them
  std::uint64_t last = 0;
  std::string hash;      ///< of the last one: what an operator may note down elsewhere
  std::uint64_t bad = 0; ///< number of the first entry that is not as it was written, 0: none
  std::string problem;   ///< what is wrong with it, for people
};

/// Of so many instances that are no more it is kept that an operator stopped them, so that a
/// rollback that brings them back starts none of them. Of any more that is forgotten.
inline constexpr std::size_t max_gone_stops = 10'000;

/// What one transaction writes.
struct journal_batch {
  std::vector<transition> transitions;
  std::vector<death> deaths;
  std::vector<instance_record> records; ///< the last of each instance
  /// Ids are filled in; with an id that is there, what became of it: outcome, patch and version.
  /// Together with `applied` they get its number.
  std::vector<audit_entry> audits;
  std::map<std::string, bool> intents; ///< instance → an operator stopped it
  /// Bots whose overrides have changed → the patch that holds now, empty: none any more.
  config::override_map overrides;
  /// What is in force from now on; its number is filled in, and its time if it has none.
  std::optional<config_version> applied;
  /// What became of versions that were being carried out.
  std::map<std::uint64_t, version_state> settled;
  /// Instances that are no more: their record goes. That an operator stopped one is kept for when
  /// it comes back in this run; see max_gone_stops.
  std::vector<std::string> forgotten;
  std::string notice; ///< filled in: what was repaired on the way, for the log; empty if nothing
  std::string alarm;  ///< filled in: what is wrong with the disk, though this was written
};

/// Everything a new runtime learns from the store.
struct journal_contents {
  std::uint64_t last_seq = 0;
  std::uint64_t last_incarnation = 0; ///< the highest ever written, of forgotten instances too
  std::vector<instance_record> records;
  std::map<std::string, bool> intents; ///< of instances that are no more: the stops only
  config::override_map overrides;
  std::optional<config_version> applied; ///< in this run: the last one
  /// Unless `applied` is healthy itself: the last one before it, in this run, that was.
  std::optional<config_version> healthy;
  std::uint64_t version = 0; ///< number of the last one, of other runs too
  bool fresh = false;        ///< nothing was kept of this run before
  std::string unreadable;    ///< not empty: nothing could be read, and this is why
  std::string notice;        ///< what was repaired on the way, for the log; empty if nothing
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

  /// The applied states of the config, newest first, without their trees.
  virtual std::vector<config_version> versions(std::uint32_t last) = 0;

  /// One of them, whole; empty when it is not kept (any more).
  virtual std::optional<config_version> version(std::uint64_t number) = 0;

  /// Entries of the audit that match, oldest first.
  virtual std::vector<audit_entry> audits(const audit_query&) = 0;

  /// Looks whether the audit is as it was written: each entry's hash over itself and the one
  /// before it. Looks at the most recent `most` at most; 0: all.
  virtual audit_check verify_audit(std::uint64_t most) = 0;

  /// How much is kept: `events`, `deaths`, `audits`, `versions`, each with `…_limit`.
  virtual figures counts() = 0;

  /// Why the last look could not be made; empty when it could.
  virtual std::string trouble() const = 0;
};

} // namespace troupe
