// Actors of one process under the runtime's own supervisors. Real threads: what is waited for are
// states, not times.

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <thread>
#include <troupe/actors.hpp>

using namespace troupe::bot;
using namespace std::chrono_literals;

namespace {

struct system_settings : caf::actor_system_config {
  system_settings() { configure(*this); }
};

struct world {
  system_settings config;
  caf::actor_system system{config};
  client bot{options{}};
  hosted_fleet fleet{system, bot};

  bool shows(const std::string& line) const {
    const auto states = fleet.states();
    return std::find(states.begin(), states.end(), line) != states.end();
  }

  /// Looks until it is so; a minute is far more than it takes.
  template <class F>
  static bool becomes(F is_so) {
    for (const auto end = std::chrono::steady_clock::now() + 60s;
         std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(5ms))
      if (is_so())
        return true;
    return false;
  }
};

/// Ends as its letters say; counts how often it began.
hosted_actor::behavior_type fragile(hosted_actor::pointer self, std::atomic<int>* begun) {
  ++*begun;
  return {
      [self](const letter& what) -> caf::result<std::string> {
        if (what.payload == "throw")
          throw std::runtime_error{"as asked"};
        if (what.payload == "end")
          self->quit();
        return what.payload;
      },
  };
}

letter saying(const std::string& text) {
  letter result;
  result.payload = text;
  return result;
}

struct nested : world {
  std::atomic<int> feeds{0}, pricers{0}, others{0};
  std::mutex mutex;
  std::map<std::string, hosted_actor> now;

  factory counting(const std::string& name, std::atomic<int>& begun) {
    return [this, name, &begun](caf::actor_system& in) {
      auto made = in.spawn(fragile, &begun);
      const std::lock_guard lock{mutex};
      now[name] = made;
      return made;
    };
  }

  void tell(const std::string& name, const std::string& text) {
    const std::lock_guard lock{mutex};
    caf::anon_send(now[name], saying(text));
  }
};

} // namespace

BOOST_AUTO_TEST_CASE(an_actor_that_throws_is_started_again) {
  nested x;
  actor_options quickly;
  quickly.delay.initial = 1ms;
  x.fleet.actor("pricer", x.counting("pricer", x.pricers), quickly);
  x.fleet.start();
  BOOST_TEST(x.becomes([&] { return x.shows("pricer running"); }));
  x.tell("pricer", "throw");
  BOOST_TEST(x.becomes([&] { return x.pricers == 2 && x.shows("pricer running"); }));
}

BOOST_AUTO_TEST_CASE(a_transient_one_that_ends_well_is_not) {
  nested x;
  actor_options transient;
  transient.restart = troupe::config::restart_type::transient;
  x.fleet.actor("job", x.counting("job", x.pricers), transient);
  x.fleet.start();
  BOOST_TEST(x.becomes([&] { return x.shows("job running"); }));
  x.tell("job", "end");
  BOOST_TEST(x.becomes([&] { return x.shows("job completed"); }));
  BOOST_TEST(x.pricers == 1);
}

BOOST_AUTO_TEST_CASE(a_strategy_starts_its_siblings_again_too) {
  nested x;
  actor_options quickly;
  quickly.delay.initial = 1ms;
  group_options all;
  all.strategy = troupe::config::strategy::one_for_all;
  x.fleet.group("book", all);
  x.fleet.actor("book/feed", x.counting("feed", x.feeds), quickly);
  x.fleet.actor("book/pricer", x.counting("pricer", x.pricers), quickly);
  x.fleet.actor("other", x.counting("other", x.others), quickly);
  x.fleet.start();
  const auto all_run = [&] {
    return x.shows("book/feed running") && x.shows("book/pricer running")
           && x.shows("other running");
  };
  BOOST_TEST(x.becomes(all_run));
  x.tell("feed", "throw");
  BOOST_TEST(x.becomes([&] { return x.feeds == 2 && x.pricers == 2 && all_run(); }));
  BOOST_TEST(x.others == 1);
}

BOOST_AUTO_TEST_CASE(one_that_cannot_be_made_says_why) {
  world x;
  actor_options once;
  once.restart = troupe::config::restart_type::temporary;
  x.fleet.actor(
      "broken",
      [](caf::actor_system&) -> hosted_actor { throw std::runtime_error{"no such market"}; }, once);
  x.fleet.start();
  BOOST_TEST(x.becomes([&] { return x.shows("broken failed"); }));
}

BOOST_AUTO_TEST_CASE(all_end_in_order) {
  nested x;
  x.fleet.actor("feed", x.counting("feed", x.feeds));
  actor_options after;
  after.after = {"feed"};
  x.fleet.actor("pricer", x.counting("pricer", x.pricers), after);
  x.fleet.start();
  BOOST_TEST(x.becomes([&] { return x.shows("pricer running"); }));
  BOOST_TEST(x.fleet.stop(60s));
  BOOST_TEST(x.shows("feed stopped"));
  BOOST_TEST(x.shows("pricer stopped"));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_the_tree_is_said_before_it_starts) {
  nested x;
  BOOST_CHECK_THROW(x.fleet.group("Book", {}), std::invalid_argument);
  actor_options after;
  after.after = {"nobody"};
  x.fleet.actor("pricer", x.counting("pricer", x.pricers), after);
  BOOST_CHECK_THROW(x.fleet.start(), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(without_a_runtime_nothing_can_be_sent_and_it_is_said) {
  world x;
  x.fleet.start();
  caf::scoped_actor self{x.system};
  outgoing what;
  what.to = "market/feed";
  self->request(x.fleet.link(), 60s, what)
      .receive([](const std::string& problem) { BOOST_TEST(problem == "unlinked"); },
               [&](const caf::error& error) { BOOST_ERROR(x.system.render(error)); });
}
