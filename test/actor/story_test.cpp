// `why` on what really happened: the events of fleets whose processes are imagined.

#include "actors/commands/story.hpp"
#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using commands::json;
using config::condition;
using config::strategy;

namespace {

struct theatre : stage {
  config::spec_ptr fleet;

  void play(const fleet_builder& what) {
    fleet = what.build();
    run(fleet);
  }

  json why(const std::string& instance) {
    advance(100ms); // until all is committed
    std::vector<transition> events;
    for (const auto& [seq, each] : store.transitions)
      events.push_back(each);
    std::vector<death> deaths;
    for (const auto& [which, each] : store.deaths)
      deaths.push_back(each);
    const auto known = view();
    return commands::story_document(
        {*fleet, *known, events, deaths, instance, events.back().time + 1'000'000});
  }
};

/// Where the chain has that instance with these words; -1: nowhere.
int at(const json& story, const std::string& instance, const std::string& words) {
  const auto& chain = story["chain"];
  for (std::size_t i = 0; i < chain.size(); ++i)
    if (chain[i]["instance"] == instance
        && chain[i]["what"].get<std::string>().find(words) != std::string::npos)
      return static_cast<int>(i);
  return -1;
}

bool leads(const json& story, int from, int to) {
  if (from < 0 || to < 0)
    return false;
  const auto& next = story["chain"][static_cast<std::size_t>(from)]["led_to"];
  return std::ranges::any_of(
      next, [&](const json& x) { return x == to || leads(story, x.get<int>(), to); });
}

std::string text(const json& story) {
  return story.dump(1);
}

auto steady = [](config::bot_spec& x) { x.delay.jitter = 0; };

} // namespace

BOOST_FIXTURE_TEST_SUITE(stories, theatre)

BOOST_AUTO_TEST_CASE(a_death_recycles_siblings_and_all_come_back) {
  play(fleet_builder{}
           .group("web", strategy::rest_for_one)
           .order("web", {"redis", "server"})
           .bot("web/redis", steady)
           .bot_after("web/server", {{"web/redis", condition::ready, {}}}, steady));
  advance(5s);
  host.end("web/redis#0", {-1, 9, false});
  advance(5s);
  for (const auto* asked : {"web/redis#0", "web/server#0"}) {
    const auto story = why(asked);
    const auto death = at(story, "web/redis#0", "killed by signal 9 (KILL)");
    const auto round = at(story, "web/server#0", "rest_for_one: web/redis#0 killed by signal 9");
    const auto again = at(story, "web/redis#0", "(attempt 1 of 15)");
    const auto back = at(story, "web/server#0", "running");
    BOOST_TEST(death == 0, text(story));
    BOOST_TEST(leads(story, death, round), text(story));
    BOOST_TEST(leads(story, death, again), text(story));
    BOOST_TEST(leads(story, round, back), text(story));
    BOOST_TEST(story["chain"].size() == 4u, text(story));
    BOOST_TEST(story["state"] == "running");
    BOOST_TEST(story["next"].is_null());
    for (std::size_t i = 1; i < story["chain"].size(); ++i)
      BOOST_TEST(story["chain"][i - 1]["time"].get<std::string>()
                 <= story["chain"][i]["time"].get<std::string>());
  }
}

BOOST_AUTO_TEST_CASE(what_one_for_all_did_to_twenty_five_is_told_with_a_bound) {
  fleet_builder many;
  many.group("g", strategy::one_for_all).bot("g/a", steady).bot("g/b", steady, 25);
  play(many);
  advance(5s);
  host.end("g/a#0", {3, 0, false});
  advance(5s);
  const auto story = why("g/b#24");
  BOOST_TEST(at(story, "g/a#0", "exited with code 3") == 0, text(story));
  BOOST_TEST(at(story, "g/b#24", "one_for_all: g/a#0") > 0, text(story));
  std::set<std::string> named;
  for (const auto& line : story["chain"])
    named.insert(line["instance"].get<std::string>());
  BOOST_TEST(named.size() + story["hidden"].get<std::size_t>() == 26u, text(story));
  BOOST_TEST(named.size() <= 22u);
}

// No strategy ties them: the client died of its own exception, because redis was gone.
BOOST_AUTO_TEST_CASE(who_dies_right_after_what_it_depends_on_is_told_with_it) {
  play(fleet_builder{}
           .bot("redis", steady)
           .bot_after("web/client", {{"redis", condition::ready, {}}}, steady)
           .bot("web/other", steady));
  advance(5s);
  host.end("redis#0", {-1, 9, false});
  advance(200ms);
  host.end("web/client#0");
  host.end("web/other#0");
  advance(5s);
  for (const auto* asked : {"redis#0", "web/client#0"}) {
    const auto story = why(asked);
    const auto death = at(story, "redis#0", "killed by signal 9 (KILL)");
    const auto too = at(story, "web/client#0", "it depends on redis#0, which went down");
    BOOST_TEST(death == 0, text(story));
    BOOST_TEST(leads(story, death, too), text(story));
    BOOST_TEST(at(story, "web/other#0", "") == -1, text(story));
  }
}

BOOST_AUTO_TEST_CASE(a_waiting_one_is_followed_to_the_root) {
  host.of("root#0").lives = 10ms;
  play(fleet_builder{}
           .bot("root",
                [](auto& x) {
                  x.failed_starts = 3;
                  x.delay.jitter = 0;
                })
           .bot_after("middle", {{"root", condition::ready, {}}})
           .bot_after("leaf", {{"middle", condition::ready, {}}}));
  advance(20s);
  BOOST_REQUIRE(to_string(state_of("root#0")) == "failed");
  const auto story = why("leaf#0");
  BOOST_TEST(story["root"] == "root#0");
  const auto given_up = at(story, "root#0", "given up: exited with code 1");
  const auto middle = at(story, "middle#0", "waits for root#0 (failed)");
  const auto leaf = at(story, "leaf#0", "waits for middle#0 (waiting)");
  BOOST_TEST(given_up == 0, text(story));
  BOOST_TEST(leads(story, given_up, middle), text(story));
  BOOST_TEST(leads(story, middle, leaf), text(story));
  BOOST_TEST(story["chain"].back()["now"] == true);
  BOOST_TEST(story["summary"].get<std::string>().find("root#0 is failed") != std::string::npos,
             text(story));
  BOOST_TEST(story["root_next"]["what"] == "probe");
  BOOST_TEST(story["waits_for"][0]["target"] == "middle");
  BOOST_TEST(story["waits_for"][0]["missing"] == "middle#0 (waiting)");
  BOOST_TEST(story["last_death"]["output"].get<std::string>().find("last words of root#0")
             != std::string::npos);
  BOOST_TEST(story["budget"]["failed_starts"] == 3, text(story));
  // From the other end: who suffers from it.
  const auto own = why("root#0");
  BOOST_TEST(leads(own, at(own, "root#0", "given up"), at(own, "leaf#0", "waits for middle#0")),
             text(own));
  BOOST_TEST(own["next"]["what"] == "probe");
}

BOOST_AUTO_TEST_CASE(a_crash_loop_is_counted) {
  host.of("a#0").lives = 10ms;
  play(fleet_builder{}.bot("a", steady));
  advance(4s); // 0.5 + 1 + 2: in its third pause or later
  const auto story = why("a#0");
  BOOST_TEST(story["state"] == "backoff");
  BOOST_TEST(at(story, "a#0", "ends in a row)") == 0, text(story));
  BOOST_TEST(story["next"]["what"] == "retry");
  BOOST_TEST(story["next"]["of"] == 15);
}

BOOST_AUTO_TEST_CASE(a_group_that_gave_up_comes_back) {
  play(fleet_builder{}
           .group("g", strategy::one_for_all, {1, 1min})
           .bot("g/a", steady)
           .bot("g/b", steady));
  advance(5s);
  for (int i = 0; i < 2; ++i) {
    host.end("g/a#0", {3, 0, false});
    advance(i == 0 ? 5s : 100ms);
  }
  const auto story = why("g/b#0");
  BOOST_TEST(story["state"] == "waiting", text(story));
  BOOST_TEST(at(story, "g/a#0", "exited with code 3") == 0, text(story));
  BOOST_TEST(leads(story, 0, at(story, "g/b#0", "gave up")), text(story));
  BOOST_TEST(story["summary"].get<std::string>().find("gave up") != std::string::npos, text(story));
  BOOST_TEST(story["next"]["what"] == "retry", text(story));
}

BOOST_AUTO_TEST_CASE(an_operator_who_stopped_it_is_named) {
  play(fleet_builder{}.bot("a"));
  advance(2s);
  operate(verb::stop, {"a#0"});
  advance(1s);
  auto story = why("a#0");
  BOOST_TEST(at(story, "a#0", "told to end: ") == 0, text(story));
  BOOST_TEST(story["chain"].size() == 1u, text(story));
  BOOST_TEST(story["summary"].get<std::string>().find("a#0 was stopped") == 0u, text(story));
  operate(verb::start, {"a#0"});
  advance(2s);
  story = why("a#0");
  BOOST_TEST(story["chain"].size() == 1u, text(story));
  BOOST_TEST(at(story, "a#0", "started, ") == 0, text(story));
}

BOOST_AUTO_TEST_CASE(what_it_was_asked_over_its_link_is_told) {
  with_hub = true;
  host.of("a#0").links_after = 100ms;
  host.of("a#0").drain_takes = 2s;
  play(fleet_builder{}.bot("a"));
  advance(2s);
  operate(verb::stop, {"a#0"});
  advance(1s);
  auto story = why("a#0");
  BOOST_TEST(at(story, "a#0", "asked over its link to finish: asked by a test") == 0, text(story));
  BOOST_TEST(story["summary"].get<std::string>().find("a#0 has been draining for") == 0u,
             text(story));
  BOOST_TEST(story["next"]["what"] == "flatten", text(story));
  advance(2s);
  story = why("a#0");
  BOOST_TEST(at(story, "a#0", "asked over its link to finish") == 0, text(story));
  BOOST_TEST(at(story, "a#0", "drained in 2.0 s") > 0, text(story));
  BOOST_TEST(at(story, "a#0", "then told to end") > 0, text(story));
}

BOOST_AUTO_TEST_CASE(one_whose_link_is_silent_is_told) {
  with_hub = true;
  host.of("a#0").links_after = 100ms;
  play(fleet_builder{}.bot("a").bot("b",
                                    [](auto& x) { x.ready.how = config::ready_spec::kind::link; }));
  advance(2s);
  host.say("a#0", notice::kind::silent);
  advance(1s);
  BOOST_TEST(at(why("a#0"), "a#0", "degraded: unresponsive: no answer over its link") == 0,
             text(why("a#0")));
  BOOST_TEST(why("b#0")["summary"].get<std::string>().find("not ready yet: it has not linked")
                 != std::string::npos,
             text(why("b#0")));
}

BOOST_AUTO_TEST_CASE(a_healthy_one_tells_since_when) {
  play(fleet_builder{}.bot("a").bot("idle", [](auto& x) { x.autostart = false; }));
  advance(2s);
  const auto story = why("a#0");
  BOOST_TEST(at(story, "a#0", "started with the fleet") == 0, text(story));
  BOOST_TEST(story["summary"].get<std::string>().find("has been running for") != std::string::npos);
  BOOST_TEST(story["last_death"].is_null());
  const auto idle = why("idle#0");
  BOOST_TEST(idle["summary"] == "idle#0 was never asked to run");
  BOOST_TEST(why("nobody#0")["state"].is_null());
}

BOOST_AUTO_TEST_CASE(a_process_stopped_from_outside_is_told) {
  play(fleet_builder{}.bot("a"));
  advance(2s);
  host.stall("a#0", true);
  advance(1s);
  const auto story = why("a#0");
  BOOST_TEST(at(story, "a#0", "degraded: stopped by signal") == 0, text(story));
}

BOOST_AUTO_TEST_CASE(a_start_that_failed_before_it_began_is_told) {
  host.of("a#0").cannot_start = "exec ./nothing: No such file or directory";
  play(fleet_builder{}.bot("a", steady));
  advance(100ms);
  const auto story = why("a#0");
  BOOST_TEST(at(story, "a#0", "exec ./nothing: No such file or directory") == 0, text(story));
}

BOOST_AUTO_TEST_CASE(what_is_not_kept_yet_is_told_from_the_record) {
  play(fleet_builder{}.bot("a"));
  advance(2s);
  store.trouble = "disk full";
  operate(verb::pause, {"a#0"});
  advance(1s);
  const auto story = why("a#0");
  BOOST_TEST(at(story, "a#0", "started with the fleet") == 0, text(story));
  BOOST_TEST(at(story, "a#0", "paused: ") == 1, text(story));
  BOOST_TEST(leads(story, 0, 1), text(story));
  store.trouble.clear();
}

BOOST_AUTO_TEST_CASE(remarks_are_lines_of_the_chain) {
  play(fleet_builder{}.bot("a"));
  advance(2s);
  operate(verb::stop, {"a#0"});
  advance(1s);
  auto known = view();
  std::vector<transition> events;
  for (const auto& [seq, each] : store.transitions)
    events.push_back(each);
  // Between the order and the end.
  const auto stopping = std::ranges::find(events, state::stopping, &transition::to);
  auto remark = *stopping;
  remark.from = state::stopping;
  remark.cause = "stop_command exited with code 0 after 0.1 s";
  events.insert(stopping + 1, remark);
  for (std::size_t i = 0; i < events.size(); ++i)
    events[i].seq = i + 1;
  const auto story = commands::story_document({*fleet, *known, events, {}, "a#0", 0});
  const auto told = at(story, "a#0", "stop_command exited with code 0");
  BOOST_TEST(told > 0, text(story));
  BOOST_TEST(leads(story, at(story, "a#0", "told to end"), told), text(story));
  BOOST_TEST(leads(story, told, at(story, "a#0", "as asked")), text(story));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(story_pieces)

BOOST_AUTO_TEST_CASE(instances_are_found_in_sentences) {
  using names = std::vector<std::string>;
  BOOST_TEST(
      (commands::mentioned("rest_for_one: web/a#0 killed by signal 9", "") == names{"web/a#0"}));
  BOOST_TEST((commands::mentioned("waits for a#0 (starting)", "") == names{"a#0"}));
  BOOST_TEST((commands::mentioned("the last: x/y-z.1#12: exited", "") == names{"x/y-z.1#12"}));
  BOOST_TEST((commands::mentioned("a#0 and a#0, b#1", "a#0") == names{"b#1"}));
  BOOST_TEST(commands::mentioned("# #1 a# 5#x nothing", "").empty());
}

BOOST_AUTO_TEST_CASE(of_many_the_one_in_trouble_is_asked_about) {
  std::vector<instance_record> all(3);
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i].name = "a#" + std::to_string(i);
  all[0].now = state::running;
  all[1].now = state::waiting;
  all[2].now = state::backoff;
  BOOST_TEST(commands::most_troubled(all) == "a#2");
  BOOST_TEST(commands::most_troubled({}) == "");
}

BOOST_AUTO_TEST_CASE(who_waits_in_a_circle_is_no_trap) {
  ledger_view view;
  view.records.resize(2);
  view.records[0].name = "a#0";
  view.records[1].name = "b#0";
  for (auto& each : view.records)
    each.now = state::waiting;
  view.records[0].why = "waits for b#0 (waiting)";
  view.records[1].why = "waits for a#0 (waiting)";
  BOOST_TEST((commands::waiting_chain(view, "a#0") == std::vector<std::string>{"a#0", "b#0"}));
  const std::vector<transition> none;
  const auto fleet = fleet_builder{}.bot("a").bot("b").build();
  BOOST_TEST(commands::story_document({*fleet, view, none, {}, "a#0", 1})["chain"].size() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
