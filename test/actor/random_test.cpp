// Random schedules: any actor with mail may run next, anything may happen at any
// moment, the runtime may die between any two messages. The seed is printed;
// TROUPE_SEED runs that one again, TROUPE_LONG=1 runs 20 times as many.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

class chaos {
public:
  explicit chaos(std::uint32_t seed)
      : dice_{seed} {
    world_.random_order(seed + 1);
  }

  void run(std::size_t acts, bool runtime_dies, bool actors_die, bool config_changes) {
    fleet_ = make_fleet();
    for (const auto& [bot, entry] : fleet_->bots)
      for (std::size_t i = 0; i < 3; ++i)
        script_of(bot + "#" + std::to_string(i));
    world_.with_hub = true;
    world_.raise(fleet_);
    world_.step(pick(200));
    if (config_changes) // after the config actor's own first word
      world_.settle();
    for (std::size_t i = 0; i < acts; ++i) {
      act(runtime_dies, actors_die, config_changes);
      if (pick(4) == 0)
        world_.advance(std::chrono::milliseconds{pick(3000)});
      else
        world_.step(pick(60));
    }
    come_to_rest();
  }

  std::string verdict() {
    auto result = world_.problems();
    for (const auto& [bot, entry] : fleet_->bots)
      for (std::size_t i = 0; i < entry->instances.size(); ++i)
        result += verdict_on(bot + "#" + std::to_string(i));
    for (const auto& [which, process] : world_.host.table)
      if (process.alive() && !expected(which.first))
        result += which.first + " lives and is in no config\n";
    return result;
  }

private:
  std::size_t pick(std::size_t n) { return n == 0 ? 0 : dice_() % n; }

  config::strategy pick_strategy() {
    const config::strategy all[] = {config::strategy::one_for_one, config::strategy::one_for_all,
                                    config::strategy::rest_for_one};
    return all[pick(3)];
  }

  config::spec_ptr make_fleet() {
    fleet_builder result;
    result.runtime.start_parallelism = pick(2) ? 256 : 1 + pick(3);
    // Groups that give up do so by their own clock; not what is tested here.
    result.group("g", pick_strategy(), {1000, 1min});
    result.group("g/h", pick_strategy(), {1000, 1min});
    const auto with = [this](config::bot_spec& spec) {
      spec.max_restarts.count = 10'000;
      spec.failed_starts = 10'000;
      spec.delay.max = 2s;
      spec.delay.jitter = 0; // the one thing that no seed decides
      spec.stop_timeout = 2s;
      spec.start_timeout = 5s;
      if (pick(4) == 0)
        spec.ready.how = pick(2) ? config::ready_spec::kind::tcp : config::ready_spec::kind::link;
      if (pick(4) == 0)
        spec.stop_command = config::hook_spec{{"./stop"}, 1s};
      if (pick(4) == 0)
        spec.on_crash = config::hook_spec{{"./clean"}, 1s};
      spec.drain_timeout = pick(4) ? 2s : 0s;
      spec.flatten_timeout = pick(2) ? 1s : 0s;
      if (pick(3) == 0)
        spec.on_hang = config::hang_action::restart;
      if (pick(2))
        spec.description = "changed " + std::to_string(pick(100));
    };
    result.bot("a", with, 1 + pick(3));
    if (pick(4))
      result.bot("b", with, 1 + pick(2));
    result.bot("g/c", with);
    result.bot_after("g/d", {{"g/c", config::condition::ready, {}}}, with);
    if (pick(4))
      result.bot_after("g/h/e", {{"a", config::condition::started, {}}}, with);
    result.bot("g/h/f", with, 1 + pick(2));
    if (pick(2))
      result.order("g", {"h", "d"});
    return result.build();
  }

  void script_of(const std::string& instance) {
    auto& how = world_.host.of(instance);
    how = {};
    how.slow_start = pick(4) == 0;
    how.ignores_term = pick(5) == 0;
    how.term_takes = std::chrono::milliseconds{pick(3) == 0 ? pick(1500) : 0};
    how.children = pick(3);
    how.stubborn_sweeps = pick(4) == 0 ? pick(6) : 0;
    if (pick(6) == 0)
      how.cannot_start = "no";
    if (pick(3) == 0)
      how.lives = std::chrono::milliseconds{pick(5000)};
    how.ends_with = {static_cast<int>(pick(2)), 0, false};
    if (pick(4))
      how.ready_after = std::chrono::milliseconds{pick(3000)};
    how.hook_takes = std::chrono::milliseconds{pick(2) ? pick(1500) : 0};
    how.hook_fails = pick(3) == 0;
    how.stops_by_command = pick(3) != 0;
    if (pick(3))
      how.links_after = std::chrono::milliseconds{pick(1500)};
    how.says_ready = pick(2);
    for (auto* takes : {&how.drain_takes, &how.flatten_takes})
      if (pick(4) == 0)
        takes->reset();
      else
        *takes = std::chrono::milliseconds{pick(2) ? pick(3000) : 0};
    if (pick(4) == 0)
      how.ends_drained = static_cast<int>(pick(2));
  }

  std::string any_instance() {
    std::vector<std::string> all;
    for (const auto& [bot, entry] : fleet_->bots)
      for (std::size_t i = 0; i < entry->instances.size(); ++i)
        all.push_back(bot + "#" + std::to_string(i));
    return all[pick(all.size())];
  }

  void act(bool runtime_dies, bool actors_die, bool config_changes) {
    const auto who = any_instance();
    switch (pick(15)) {
    case 0:
    case 1:
      if (world_.host.living(who))
        world_.host.end(who, {static_cast<int>(pick(2)), pick(3) ? 0 : SIGSEGV, false});
      break;
    case 2:
      script_of(who);
      break;
    case 3:
      world_.host.answer_spawns();
      break;
    case 4:
      world_.host.stall(who, pick(2) == 0);
      break;
    case 5:
    case 6:
    case 7:
      if (world_.up())
        give_order(who);
      break;
    case 8:
      if (runtime_dies) {
        world_.drop();
        if (pick(2)) // processes end while nobody looks
          world_.advance(std::chrono::milliseconds{pick(2000)});
        world_.raise(fleet_);
      }
      break;
    case 9:
      if (actors_die && world_.up() && breaks_++ < 6)
        break_something();
      break;
    case 10:
      if (config_changes && world_.up()) {
        fleet_ = make_fleet();
        world_.apply(fleet_);
      }
      break;
    case 12:
      say_something(who);
      break;
    case 13:
      world_.host.link(who);
      break;
    case 14:
      world_.host.unlink(who, "cut");
      break;
    case 11:
      // With a dying ledger on top, what was not committed may be lost.
      if (!runtime_dies && !actors_die)
        world_.store.trouble = pick(3) == 0 ? "disk full" : "";
      break;
    }
  }

  void give_order(const std::string& who) {
    const verb orders[] = {verb::start,  verb::stop,  verb::restart, verb::pause,
                           verb::resume, verb::reset, verb::signal};
    const auto what = orders[pick(std::size(orders))];
    world_.order(what, {who}, SIGHUP);
  }

  void say_something(const std::string& who) {
    using enum notice::kind;
    const notice::kind words[] = {ready,   not_ready, alive,   hung,    stopping,  extend,
                                  printed, silent,    answers, drained, flattened, says_ready};
    world_.host.say(who, words[pick(std::size(words))], "x", std::chrono::seconds{pick(5)});
  }

  void break_something() {
    const auto& all = world_.all();
    switch (pick(6)) {
    case 5:
      return world_.break_actor(all.hub);
    case 0:
      return world_.break_actor(all.ledger);
    case 1:
      return world_.break_actor(all.launcher);
    case 2:
      return world_.break_actor(all.journal);
    case 3:
      return world_.break_actor(all.root);
    default:
      return world_.break_actor(all.admin);
    }
  }

  // From here on the world is kind: whatever is wanted must come up and stay up.
  void come_to_rest() {
    world_.store.trouble.clear();
    for (const auto& bot : {"a", "b", "g/c", "g/d", "g/h/e", "g/h/f"})
      for (std::size_t i = 0; i < 3; ++i)
        (world_.host.of(std::string{bot} + "#" + std::to_string(i)) = {}).ready_after = 100ms;
    for (int i = 0; i < 3; ++i) {
      world_.host.answer_spawns();
      world_.advance(1min);
    }
    for (const auto& [bot, entry] : fleet_->bots)
      for (std::size_t i = 0; i < entry->instances.size(); ++i)
        all_.push_back(bot + "#" + std::to_string(i));
    for (const auto& each : all_) {
      world_.host.stall(each, false);
      world_.host.of(each).links_after = 100ms;
      world_.host.of(each).says_ready = true;
      world_.host.link(each); // whatever it missed, it answers now
    }
    world_.operate(verb::start, all_);
    world_.operate(verb::resume, all_);
    world_.advance(5min);
  }

  bool expected(const std::string& instance) const {
    return std::find(all_.begin(), all_.end(), instance) != all_.end();
  }

  std::string verdict_on(const std::string& instance) {
    const auto record = world_.record(instance);
    if (record.now == state::running && world_.host.living(instance) == record.incarnation)
      return {};
    return instance + " is " + std::string{to_string(record.now)} + " (" + record.why + "), and "
           + (world_.host.living(instance) ? "lives" : "does not live") + "\n";
  }

  stage world_;
  std::minstd_rand dice_;
  config::spec_ptr fleet_;
  std::vector<std::string> all_;
  std::size_t breaks_ = 0;
};

void play(std::size_t usual, bool runtime_dies, bool actors_die, bool config_changes) {
  const auto seed = first_seed();
  BOOST_TEST_MESSAGE("first seed: " << seed);
  for (std::uint32_t i = 0; i < rounds(usual); ++i) {
    chaos game{seed + i};
    std::string verdict;
    try {
      game.run(60, runtime_dies, actors_die, config_changes);
      verdict = game.verdict();
    } catch (const std::exception& problem) {
      verdict = problem.what();
    }
    BOOST_TEST(verdict == "", "TROUPE_SEED=" << seed + i << ":\n" << verdict);
    if (!verdict.empty())
      return;
  }
}

} // namespace

BOOST_AUTO_TEST_CASE(processes_and_operators_do_what_they_like) {
  play(200, false, false, false);
}

BOOST_AUTO_TEST_CASE(the_runtime_dies_at_any_moment) {
  play(200, true, false, false);
}

BOOST_AUTO_TEST_CASE(actors_die_at_any_moment) {
  play(200, false, true, false);
}

BOOST_AUTO_TEST_CASE(the_config_changes_at_any_moment) {
  play(200, false, false, true);
}

BOOST_AUTO_TEST_CASE(all_of_it_at_once) {
  play(200, true, true, false);
}
