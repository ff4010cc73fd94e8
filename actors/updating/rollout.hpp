#pragma once

// Brings a fleet from one spec to another, replacing processes in batches.
//
// Everything that needs no new process is in force with the first step. Then the bots with
// outdated processes, in start order: one at first, then 2, 4, 8 … 64 at a time, so that what is
// wrong shows early and a large fleet is done soon. Within a bot so many instances at a time as its
// `update` says; all of a batch must be running within `ready_within` of their start, then there is
// a pause. Beside that, whatever else differs from what was healthy last must come up too: new
// instances, and those that an update before this one had begun with. An instance that fails ends
// the rollout: what comes then is not decided here.
//
// Plain code: the config actor tells it what happens and carries out what it wants.

#include "actors/updating/mixture.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace troupe::updating {

using nanoseconds = std::chrono::nanoseconds;

/// What a rollout needs of the world.
struct rollout_port {
  virtual ~rollout_port() = default;

  /// The monotonic clock.
  virtual nanoseconds now() const = 0;

  /// What is known of an instance, or null.
  virtual const instance_record* record(const std::string& instance) const = 0;

  /// This is how the fleet should be from now on.
  virtual void put_in_force(const config::spec_ptr& mixed) = 0;

  /// `tick` is to be called at that time.
  virtual void wake_at(nanoseconds when) = 0;

  /// An event for people.
  virtual void remark(const std::string& text) = 0;

  /// Every instance is as it should be. Nothing else is called after that.
  virtual void finished() = 0;

  /// An instance failed, and why. The mixture stays; nothing else is called after that.
  virtual void failed(const std::string& instance, const std::string& why) = 0;
};

struct rollout_order {
  std::uint64_t version = 0;
  config::spec_ptr from; ///< in force until now; may be null
  config::spec_ptr to;
  config::spec_ptr proven; ///< what was healthy last; null: nothing was
  /// What was healthy comes back: all bots at once, without pauses, and nothing fails.
  bool back = false;
  /// Another runtime began with it: what has no process, and of which it is not known what the last
  /// one was started with, may have had one with the new settings.
  bool resumed = false;
  /// Were down already when this began, and need not come up for it.
  std::set<std::string> excused;
};

/// Whether an instance is down because something is wrong with it.
bool went_wrong(const instance_record& record, const config::bot_spec& spec);

/// The instances of `to` that `proven` does not have, or has with settings that need another
/// process; none when `proven` is null.
std::vector<std::string> find_unproven(const config::fleet_spec& to,
                                       const config::fleet_spec* proven);

/// How far it has come.
struct rollout_progress {
  std::size_t done = 0;  ///< instances that run with the new settings
  std::size_t total = 0; ///< instances that have to
  std::string bot;       ///< which is being changed now, one of them
  std::uint32_t batch = 0;
  std::uint32_t of = 0;  ///< batches of that bot
  std::string waits_for; ///< an instance that has no process yet, and why
};

class rollout {
public:
  /// Notes after its end, or of other instances, are ignored.
  rollout(rollout_port& port, rollout_order order);

  /// The first step. `records` are all that there are.
  void begin(const record_map& records);

  /// The record of an instance has changed.
  void note(const instance_record& record);

  /// Goes on with whatever is due.
  void tick();

  /// The fleet ends: nothing is changed any more.
  void hold();

  rollout_progress progress() const;

private:
  /// One instance that was given its new settings.
  struct change {
    std::string instance;
    /// Of the last process that had the old ones.
    std::uint64_t incarnation = 0;
    /// Had no process by then: given up though it was, it gets a new try with its new settings.
    bool was_down = false;
    /// Is still on its way out of an older version that did not have it.
    bool leaves = false;
    std::optional<nanoseconds> deadline{};
    std::uint64_t deadline_of = 0; ///< incarnation
  };

  struct bot_change {
    std::string name;
    std::vector<std::string> waiting; ///< last first
    std::vector<change> batch;
    std::size_t total = 0;
    std::size_t done = 0;
    std::uint32_t size = 1; ///< of a batch
    std::uint32_t batches = 0;
    std::optional<nanoseconds> pause_until;

    bool is_done() const { return waiting.empty() && batch.empty() && !pause_until; }
  };

  enum class verdict : std::uint8_t { pending, ready, failed };

  void queue_outdated();
  void watch_unproven(const record_map& records);
  bool is_leaving(const instance_record& record) const;
  verdict judge(change& what, std::string& why);
  verdict judge_or_fail(change& what);
  void prove();
  void settled(const std::string& instance);
  bool go_on(bot_change& bot);
  bool take_batch(bot_change& bot);
  void finish_batch(bot_change& bot);
  bool next_wave();
  void fail(const std::string& instance, const std::string& why);
  void finish();
  void wake();
  config::spec_ptr mixed() const;

  rollout_port& port_;
  rollout_order order_;
  outdated_map outdated_;                     ///< not yet told of their new settings
  std::vector<bot_change> queue_;             ///< last first
  std::vector<bot_change> wave_;              ///< those being changed now
  std::vector<change> proving_;               ///< that have their settings already
  std::set<std::string> watched_;             ///< all of the last two
  std::map<std::string, std::uint64_t> done_; ///< → incarnation with the new settings
  std::size_t width_ = 1;
  std::size_t total_ = 0;
  bool held_ = false;
  bool ended_ = false;
};

} // namespace troupe::updating
