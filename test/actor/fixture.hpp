#pragma once

// A whole runtime on CAF's deterministic scheduler: virtual time, processes and a
// store that exist only in the test, and random schedules by seed.

#include "actors/guardian.hpp"
#include "test/actor/fake_host.hpp"
#include "test/actor/fake_store.hpp"
#include "test/actor/fleet.hpp"

#include <caf/scheduler/test_coordinator.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace troupe::test {

/// One life of a runtime.
class epoch;

/// The answer of an operation of the config, once it is there.
struct change_handle {
  std::shared_ptr<std::optional<config_reply>> reply;
};

/// A fleet and everything that outlives its runtime.
class stage {
public:
  using nanoseconds = std::chrono::nanoseconds;

  stage();
  ~stage();
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  fake_host host;
  fake_store store;
  std::optional<config::tree> on_disk;   ///< what the loader reads
  exit_code last_exit = exit_code::done; ///< of the last `change`
  bool with_hub = false;                 ///< from the next `raise` on there are links

  // -- lives of the runtime ----------------------------------------------------------

  /// Brings a runtime up; it has done nothing before `settle` or `advance`.
  void raise(config::spec_ptr fleet);
  /// The same from a config tree, which is on disk from then on; what was applied counts more.
  void raise(config::tree tree);
  /// The runtime dies, like a process by SIGKILL: from one message to the next.
  void drop();
  /// `raise` and `settle`.
  void run(config::spec_ptr fleet);

  // -- time --------------------------------------------------------------------------

  /// Everything that is to be done now gets done.
  void settle();
  /// So much time passes; what falls due is done when it is due.
  void advance(nanoseconds time);
  /// Handles at most so many messages, in an order that `random_order` chooses.
  void step(std::size_t messages);
  /// From now on any actor with mail may be the next one to run.
  void random_order(std::uint32_t seed);
  nanoseconds now() const { return host.now(); }

  // -- orders ------------------------------------------------------------------------

  void apply(const config::spec_ptr& fleet);
  outcomes operate(verb what, std::vector<std::string> instances, int signal = 0);
  /// Sends the order and does not wait for its answer.
  void order(verb what, std::vector<std::string> instances, int signal = 0);
  /// Answers "" or why not.
  std::string scale(const std::string& bot, std::uint32_t replicas);
  /// An operation of the config; its document.
  nlohmann::json change(const std::string& operation,
                        const nlohmann::json& arguments = nlohmann::json::object());
  /// The same, without waiting for the answer.
  change_handle begin_change(const std::string& operation,
                             const nlohmann::json& arguments = nlohmann::json::object());
  void stop_fleet(const std::string& cause = "test");
  /// An actor dies as if it had thrown.
  template <class Handle>
  void break_actor(const Handle& which) {
    caf::anon_send_exit(which, caf::exit_reason::unhandled_exception);
  }
  caf::actor_system& system();
  /// Whether there is a runtime whose services are there.
  bool up() const;
  const services& all() const;

  // -- looking -----------------------------------------------------------------------

  instance_record record(const std::string& instance);
  state state_of(const std::string& instance) { return record(instance).now; }
  std::string why(const std::string& instance) { return record(instance).why; }
  std::optional<group_record> group(const std::string& name);
  ledger_view_ptr view();
  /// Asks as the keeper does; how often actors have proven by now that they live.
  std::size_t ask_for_life();
  /// The exit code, once the runtime has ended.
  std::optional<int> ended() const;

  /// What must hold at any time, with everything settled and committed; one line for
  /// each thing that is wrong.
  std::string problems();

private:
  std::optional<nanoseconds> next_due() const;
  void pass_to(nanoseconds when);

  std::unique_ptr<epoch> epoch_;
  std::optional<std::minstd_rand> schedule_;
};

/// For seeded schedules: TROUPE_SEED or a random one, and 20 times as many rounds
/// when TROUPE_LONG is set.
std::uint32_t first_seed();
std::size_t rounds(std::size_t usual);

} // namespace troupe::test
