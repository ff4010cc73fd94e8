#pragma once

// The typed form of a config tree: what the actors are given. A spec is made by
// config::load() only, is complete (every default is filled in) and immutable;
// actors share it as `spec_ptr`.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace troupe::config {

using duration = std::chrono::nanoseconds;

/// When an ended process is started again; the words are Erlang/OTP's.
enum class restart_type : std::uint8_t {
  permanent, ///< always
  transient, ///< only after a failure
  temporary, ///< never
};

/// What the death of one child means for its siblings, as in Erlang/OTP.
enum class strategy : std::uint8_t { one_for_one, one_for_all, rest_for_one };

/// Whom the stop signal reaches.
enum class kill_mode : std::uint8_t { process, group };

/// How far a dependency must have come before the dependent may start.
enum class condition : std::uint8_t {
  started,   ///< its process exists
  ready,     ///< it counts as running
  completed, ///< it ended by itself with success
  output,    ///< it printed a line that matches `dependency::pattern`
};

/// What happens to a message for a mailbox that is full.
enum class overflow : std::uint8_t {
  reject,      ///< its sender learns it
  drop_oldest, ///< the oldest of the weakest lane makes room
  drop_newest, ///< it is lost, and counted
  spill,       ///< it waits on disk
};

/// Which instance of a bot gets a message that is addressed to the bot.
enum class balance_mode : std::uint8_t { least_loaded, round_robin, consistent_hash, two_choices };

/// What is done to a process whose link is silent for three heartbeats.
enum class hang_action : std::uint8_t {
  report, ///< it is degraded until it answers
  restart,
};

/// How many of something: a number, or a share of all.
struct batch_size {
  std::uint32_t count = 1;   ///< 0: it is a share
  std::uint32_t percent = 0; ///< 1 to 100, rounded up to whole ones

  bool operator==(const batch_size&) const = default;
};

/// How the instances of a bot come to run under settings that need a new process.
struct update_spec {
  enum class failure : std::uint8_t {
    rollback, ///< the last healthy version of the whole config comes back
    stop,     ///< the update stops where it is, for an operator to see
  };
  batch_size batch;
  duration pause{};                                 ///< after each batch
  duration ready_within = std::chrono::seconds{30}; ///< each must be running by then
  failure on_failure = failure::rollback;

  bool operator==(const update_spec&) const = default;
};

/// Bounds of what waits for one instance.
struct mailbox_spec {
  std::uint32_t messages = 10'000;
  std::uint64_t bytes = 16ull << 20;
  overflow when_full = overflow::reject;
  std::uint64_t spill = 256ull << 20; ///< bytes on disk, of `overflow::spill`

  bool operator==(const mailbox_spec&) const = default;
};

/// The growing pause before a restart: cap first, then jitter.
struct delay_spec {
  duration initial = std::chrono::milliseconds{500};
  double factor = 2;
  duration max = std::chrono::seconds{30};
  double jitter = 0.2;                             ///< ± this share of the pause
  duration reset_after = std::chrono::seconds{60}; ///< up for so long: start anew from `initial`

  bool operator==(const delay_spec&) const = default;
};

/// At most `count` things within `within`.
struct rate_spec {
  std::uint32_t count = 0;
  duration within{};

  bool operator==(const rate_spec&) const = default;
};

/// The slow probe of what has been given up; off when `initial` is 0.
struct retry_failed_spec {
  duration initial = std::chrono::minutes{5};
  duration max = std::chrono::hours{1};

  bool operator==(const retry_failed_spec&) const = default;
};

/// One entry of `depends_on`, its name resolved from the root.
struct dependency {
  std::string target; ///< a bot, or a group with a trailing '/'
  condition until = condition::ready;
  std::string pattern; ///< regular expression (RE2), for `output` only

  bool operator==(const dependency&) const = default;
};

/// A command run beside the bot, with its own time limit.
struct hook_spec {
  std::vector<std::string> command;
  duration timeout = std::chrono::seconds{10};

  bool operator==(const hook_spec&) const = default;
};

/// The check that makes a bot ready; `none` means «lived for start_grace».
struct ready_spec {
  enum class kind : std::uint8_t { none, tcp, http, exec, output, file, notify, link };
  kind how = kind::none;
  std::string value;                ///< address, URL, pattern or path
  std::vector<std::string> command; ///< of `exec`
  duration interval = std::chrono::seconds{1};
  duration timeout = std::chrono::seconds{1};

  bool operator==(const ready_spec&) const = default;
};

/// What a bot may use; unset means unlimited. Sizes in bytes.
struct limits_spec {
  std::optional<std::uint64_t> memory;        ///< memory.max, else RLIMIT_AS is *not* used: sampled
  std::optional<std::uint64_t> memory_high;   ///< memory.high
  std::optional<std::uint64_t> tasks;         ///< pids.max
  std::optional<std::uint64_t> cpu_weight;    ///< cpu.weight, 1..10000
  std::optional<double> cpu;                  ///< cpu.max as a number of cores
  std::optional<std::uint64_t> open_files;    ///< RLIMIT_NOFILE
  std::optional<std::uint64_t> processes;     ///< RLIMIT_NPROC
  std::optional<std::uint64_t> file_size;     ///< RLIMIT_FSIZE
  std::optional<std::uint64_t> core_size;     ///< RLIMIT_CORE
  std::optional<std::uint64_t> locked_memory; ///< RLIMIT_MEMLOCK
  std::optional<std::uint64_t> stack;         ///< RLIMIT_STACK
  std::optional<std::uint64_t> address_space; ///< RLIMIT_AS

  bool operator==(const limits_spec&) const = default;
};

struct log_spec {
  enum class line_format : std::uint8_t { plain, json };
  std::uint64_t max_size = 10ull << 20;
  std::uint32_t keep = 5;
  bool timestamps = false;
  line_format format = line_format::plain;
  std::optional<std::uint64_t> rate; ///< bytes per second

  bool operator==(const log_spec&) const = default;
};

/// What one instance runs and how it is kept running.
struct bot_spec {
  std::vector<std::string> command;
  std::string directory;
  std::optional<std::string> user;
  std::optional<std::string> group;
  std::uint32_t umask = 022;
  std::map<std::string, std::string> environment; ///< may hold ${…}, expanded at each start
  std::optional<std::string> environment_file;
  std::vector<std::string> pass_environment;
  bool autostart = true;
  std::map<std::string, std::string> labels;
  std::string description;
  std::vector<dependency> depends_on;
  restart_type restart = restart_type::permanent;
  std::vector<int> success_codes{0};
  std::vector<int> no_restart_codes{125};
  delay_spec delay;
  std::uint32_t failed_starts = 15;
  rate_spec max_restarts{20, std::chrono::minutes{10}};
  retry_failed_spec retry_failed;
  ready_spec ready;
  duration start_grace = std::chrono::seconds{1};
  duration start_timeout = std::chrono::seconds{90};
  std::optional<hook_spec> start_command;
  std::optional<hook_spec> stop_command;
  std::optional<hook_spec> on_crash;
  int stop_signal = 15;
  duration stop_timeout = std::chrono::seconds{10};
  kill_mode kill = kill_mode::process;
  std::optional<duration> watchdog;
  limits_spec limits;
  std::optional<int> nice;
  std::optional<int> oom_score_adj;
  bool no_new_privs = true;
  log_spec log;
  mailbox_spec mailbox;
  balance_mode balance = balance_mode::least_loaded;
  /// Addresses, groups with a trailing '/' and `topic:` patterns; unset: its own group.
  std::optional<std::vector<std::string>> may_send;
  std::optional<std::vector<std::string>> may_subscribe; ///< topic patterns; the same
  std::uint32_t max_deliveries = 5;                      ///< of one assured or durable message
  duration drain_timeout = std::chrono::seconds{10};
  duration flatten_timeout = std::chrono::seconds{10};
  hang_action on_hang = hang_action::report;
  std::string settings = "{}"; ///< a JSON object, for the bot's own use; given to it over its link
  update_spec update;
  /// Of all settings that need a new process to come into force: a process that was started with
  /// another one is out of date. Never 0 in what `load` made.
  std::uint64_t fingerprint = 0;
  /// No key of its file: the patterns of `output` that other bots wait for.
  std::vector<std::string> awaited_output;

  bool operator==(const bot_spec&) const = default;
};

using bot_spec_ptr = std::shared_ptr<const bot_spec>;

/// One named program of the fleet and its instances, `#0` first.
struct bot_entry {
  std::string name;                    ///< from the root, e.g. `market/trader`
  std::vector<bot_spec_ptr> instances; ///< size is `replicas`; equal ones are one object
  std::string file;                    ///< relative to the tree, for messages
  std::uint32_t written_replicas = 1;  ///< what the tree says
  bool scaled = false;                 ///< an operator has set another number of them
};

struct group_entry;
using group_ptr = std::shared_ptr<const group_entry>;

/// One directory of the tree.
struct group_entry {
  std::string name; ///< from the root, no trailing '/'; empty for the root
  strategy how = strategy::one_for_one;
  rate_spec intensity{5, std::chrono::minutes{1}};
  std::map<std::string, std::string> labels;
  /// Bots and groups under their last name component, in start order (`order`,
  /// then by name).
  struct child {
    std::string name;
    std::shared_ptr<const bot_entry> bot; ///< either this …
    group_ptr group;                      ///< … or this
  };
  std::vector<child> children;
  /// The children named by `order`: each waits until the one before it is `started`.
  std::vector<std::string> order;
};

/// `runtime.json`: admission and limits of the runtime itself.
struct runtime_spec {
  std::uint32_t start_parallelism = 256;
  double restart_rate = 50; ///< restarts per second over the whole fleet
  std::uint32_t restart_burst = 50;
  std::uint64_t log_space = 2ull << 30;       ///< bytes that all logs together may take
  std::uint64_t mailbox_space = 256ull << 20; ///< bytes that all mailboxes may take in memory
  std::uint64_t queue_space = 1ull << 30;     ///< bytes that durable messages may take on disk
  bool auto_apply = false;                    ///< an edit of the tree is applied by itself

  bool operator==(const runtime_spec&) const = default;
};

/// What operators have set above the tree: for each bot a merge patch (RFC 7396) of its settings,
/// as JSON text. A `null` in it takes away what the tree says; what concerns one instance stands
/// under `instances`, as in a bot's file.
using override_map = std::map<std::string, std::string>;

/// Everything one config tree describes.
struct fleet_spec {
  std::string name; ///< `runtime.json`'s "fleet", else the name of the tree's directory
  runtime_spec runtime;
  group_ptr root;
  /// Every bot by its full name, for lookups.
  std::map<std::string, std::shared_ptr<const bot_entry>> bots;
};

using spec_ptr = std::shared_ptr<const fleet_spec>;

} // namespace troupe::config
