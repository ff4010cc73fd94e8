// Commands that change something: audit first, then the order, then the outcome.

#include "virtual_time.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>

using namespace troupe;
using namespace troupe::test;

namespace {

using names = std::vector<std::string>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(changing, virtual_time)

BOOST_AUTO_TEST_CASE(a_stop_is_in_the_audit_before_it_happens) {
  begin();
  const auto r = ask("stop", R"({"targets":["market/trader#1","flaky"],"wait":"30s"})");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST((w->heard == names{"write", "operate", "write"}));
  BOOST_REQUIRE(w->batches.size() == 2);
  const auto& before = w->batches[0];
  BOOST_REQUIRE(before.audits.size() == 1);
  BOOST_TEST(before.audits[0].uid == 1000);
  BOOST_TEST(before.audits[0].pid == 4242);
  BOOST_TEST(before.audits[0].origin == "admin.sock");
  BOOST_TEST(before.audits[0].command == "stop market/trader#1 flaky --wait=30s");
  BOOST_TEST(before.audits[0].outcome == "");
  BOOST_TEST((before.intents
              == std::map<std::string, bool>{{"flaky#0", true}, {"market/trader#1", true}}));
  const auto& after = w->batches[1];
  BOOST_TEST(after.audits[0].id == before.audits[0].id);
  BOOST_TEST(after.audits[0].outcome == "accepted by 2");
  BOOST_REQUIRE(w->operations.size() == 1);
  BOOST_TEST((w->operations[0].what == verb::stop));
  BOOST_TEST(w->operations[0].cause == "asked by uid 1000");
  BOOST_TEST(r.document["accepted"] == 2);
  BOOST_TEST(r.document["instances"].size() == 2);
  BOOST_TEST(r.document["instances"][0]["incarnation"].is_number());
}

BOOST_AUTO_TEST_CASE(without_an_audit_nothing_happens) {
  w->journal_trouble = "database or disk is full";
  begin();
  for (const auto* command :
       {"start", "stop", "restart", "pause", "resume", "reset", "signal", "scale", "shutdown"}) {
    const auto r = ask(command, R"({"targets":["flaky"],"signal":"HUP","bot":"flaky","count":2})");
    BOOST_TEST(r.exit == 1, command);
    BOOST_TEST(r.document["error"]["code"] == "audit-unavailable", command);
    BOOST_TEST(r.document["error"]["message"].get<std::string>().find("disk is full")
               != std::string::npos);
  }
  BOOST_TEST(w->operations.empty());
  BOOST_TEST(w->scales.empty());
  BOOST_TEST(w->stops.empty());
}

BOOST_AUTO_TEST_CASE(a_journal_that_died_means_nothing_happens) {
  begin();
  self->send_exit(all->journal, caf::exit_reason::kill);
  scheduler.run();
  const auto r = ask("stop", R"({"targets":["flaky"]})");
  BOOST_TEST(r.document["error"]["code"] == "audit-unavailable");
  BOOST_TEST(w->operations.empty());
}

BOOST_AUTO_TEST_CASE(each_command_is_its_verb) {
  begin();
  const std::pair<const char*, verb> verbs[] = {{"start", verb::start},     {"stop", verb::stop},
                                                {"restart", verb::restart}, {"pause", verb::pause},
                                                {"resume", verb::resume},   {"reset", verb::reset},
                                                {"signal", verb::signal}};
  for (const auto& [command, what] : verbs) {
    w->operations.clear();
    w->batches.clear();
    w->intents.clear();
    BOOST_TEST(ask(command, R"({"targets":["flaky"],"signal":"SIGUSR1"})").exit == 0, command);
    BOOST_REQUIRE(w->operations.size() == 1);
    BOOST_TEST((w->operations[0].what == what), command);
    // Only who starts and stops says what is wanted from now on.
    const bool intends = what == verb::start || what == verb::stop || what == verb::restart;
    BOOST_TEST(w->batches[0].intents.size() == (intends ? 1u : 0u), command);
    BOOST_TEST((w->intents == w->batches[0].intents), command);
    if (intends)
      BOOST_TEST(w->batches[0].intents["flaky#0"] == (what == verb::stop));
  }
  BOOST_TEST(w->operations[0].signal == SIGUSR1);
}

BOOST_AUTO_TEST_CASE(targets_are_what_was_named) {
  begin();
  const auto touched = [&](const std::string& arguments) {
    w->operations.clear();
    ask("start", arguments);
    return w->operations.empty()
               ? names{}
               : names(w->operations[0].instances->begin(), w->operations[0].instances->end());
  };
  const names traders{"market/trader#0", "market/trader#1", "market/trader#2"};
  BOOST_TEST((touched(R"({"targets":["market/trader"]})") == traders));
  BOOST_TEST((touched(R"({"targets":["*/tr*"]})") == traders));
  BOOST_TEST((touched(R"({"targets":["*#0"]})") == names{"flaky#0"}));
  BOOST_TEST((touched(R"({"targets":["**#2"]})") == names{"market/trader#2"}));
  BOOST_TEST(touched(R"({"targets":["market/"]})").size() == 4);
  BOOST_TEST(touched(R"({"targets":["mar*/"]})").size() == 4);
  BOOST_TEST(touched(R"({"targets":["all"]})").size() == 5);
  BOOST_TEST((touched(R"({"labels":["env=prod"]})") == names{"market/feed#0"}));
  BOOST_TEST((touched(R"({"labels":["env"]})") == names{"market/feed#0"}));
  BOOST_TEST((touched(R"({"labels":["env=test"]})") == names{}));
  BOOST_TEST((touched(R"({"targets":["flaky"],"labels":["env"]})") == names{}));
  BOOST_TEST((touched("{}") == names{}));
  BOOST_TEST(ask("start").document["error"]["code"] == "no-target");
}

BOOST_AUTO_TEST_CASE(the_whole_fleet_is_not_touched_by_a_slip) {
  begin();
  for (const auto* command : {"stop", "restart", "pause", "signal"}) {
    auto r = ask(command, R"({"targets":["all"],"signal":"HUP"})");
    BOOST_TEST(r.exit == 2, command);
    BOOST_TEST(r.document["error"]["code"] == "needs-confirmation");
    r = ask(command, R"({"targets":["flaky","market/"],"signal":"HUP"})");
    BOOST_TEST(r.document["error"]["code"] == "needs-confirmation");
  }
  BOOST_TEST(w->operations.empty());
  BOOST_TEST(ask("stop", R"({"targets":["all"],"yes":true})").exit == 0);
  BOOST_TEST(w->operations.size() == 1);
  // Starting all is harmless.
  BOOST_TEST(ask("start", R"({"targets":["all"]})").exit == 0);
}

BOOST_AUTO_TEST_CASE(a_dry_run_touches_nothing) {
  begin();
  const auto r = ask("stop", R"({"targets":["all"],"dry_run":true})");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.document["dry_run"] == true);
  BOOST_TEST(r.document["instances"].size() == 5);
  BOOST_TEST(ask("scale", R"({"bot":"flaky","count":3,"dry_run":true})").document["from"] == 1);
  BOOST_TEST(w->heard.empty());
}

BOOST_AUTO_TEST_CASE(what_was_refused_is_told_and_entered) {
  w->root_refuses["market/trader#1"] = "it is not running";
  begin();
  const auto r = ask("pause", R"({"targets":["market/trader"]})");
  BOOST_TEST(r.exit == 1);
  BOOST_TEST(r.document["accepted"] == 2);
  BOOST_TEST(r.document["refused"][0]["instance"] == "market/trader#1");
  BOOST_TEST(r.document["refused"][0]["reason"] == "it is not running");
  BOOST_TEST(w->batches[1].audits[0].outcome
             == "accepted by 2, refused by 1: market/trader#1: it is not running");
}

BOOST_AUTO_TEST_CASE(recover_takes_only_what_failed) {
  begin();
  BOOST_TEST(ask("recover").document["instances"].empty());
  BOOST_TEST(w->operations.empty());
  w->records[2].now = state::failed;
  w->records[3].now = state::failed;
  BOOST_TEST(ask("recover").exit == 0);
  BOOST_REQUIRE(w->operations.size() == 1);
  BOOST_TEST((w->operations[0].what == verb::reset));
  BOOST_TEST(w->operations[0].instances->size() == 2);
}

BOOST_AUTO_TEST_CASE(recover_takes_what_a_group_that_gave_up_holds_back) {
  begin();
  w->groups.push_back({"market", config::strategy::one_for_all, state::backoff, "", {}, {}});
  for (auto& record : w->records)
    if (record.group == "market")
      record.now = state::waiting;
  w->records[1].wanted = false;
  BOOST_TEST(ask("recover").exit == 0);
  BOOST_REQUIRE(w->operations.size() == 1);
  BOOST_TEST((w->operations[0].what == verb::reset));
  BOOST_TEST(w->operations[0].instances->size() == 3);
  BOOST_TEST(!w->operations[0].instances->contains("flaky#0"));
}

BOOST_AUTO_TEST_CASE(signals_are_names_or_numbers) {
  begin();
  for (const auto* good : {"HUP", "SIGHUP", "1"}) {
    ask("signal", std::string{R"({"targets":["flaky"],"signal":")"} + good + "\"}");
    BOOST_TEST(w->operations.back().signal == 1);
  }
  const auto count = w->operations.size();
  for (const auto* bad : {"", "0", "-1", "NOPE", "65", "999999999999", "HUP ", "1;2"}) {
    const auto r = ask("signal", std::string{R"({"targets":["flaky"],"signal":")"} + bad + "\"}");
    BOOST_TEST(r.exit == 2, bad);
  }
  BOOST_TEST(w->operations.size() == count);
  const auto r = ask("signal", R"({"targets":["flaky"],"signal":"hup"})");
  BOOST_TEST(r.document["error"]["hint"] == "did you mean HUP?");
}

BOOST_AUTO_TEST_CASE(scale_goes_through_the_config_with_its_audit) {
  begin();
  auto r = ask("scale", R"({"bot":"market/trader","count":6})");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.document["from"] == 3);
  BOOST_TEST(r.document["to"] == 6);
  BOOST_REQUIRE(w->scales.size() == 1);
  BOOST_TEST(w->scales[0].first == "market/trader");
  BOOST_TEST(w->scales[0].second == 6);
  BOOST_TEST(w->scale_audits[0].id == w->batches[0].audits[0].id);
  BOOST_TEST(w->scale_audits[0].outcome == "done");
  w->scale_trouble = "too many";
  r = ask("scale", R"({"bot":"market/trader","count":7})");
  BOOST_TEST(r.exit == 1);
  BOOST_TEST(w->batches.back().audits[0].outcome == "refused: too many");
  for (const auto* count : {"0", "10001", "20000"})
    BOOST_TEST(ask("scale", std::string{R"({"bot":"market/trader","count":)"} + count + "}")
                   .document["error"]["message"]
               == "a bot has 1 to 10000 instances");
  BOOST_TEST(ask("scale", R"({"bot":"market/trader#1","count":2})").exit == 2);
  BOOST_TEST(ask("scale", R"({"bot":"nix","count":2})").exit == 5);
}

BOOST_AUTO_TEST_CASE(shutdown_is_entered_answered_and_ordered) {
  begin();
  const auto r = ask("shutdown");
  BOOST_TEST(r.exit == 0);
  BOOST_REQUIRE(w->stops.size() == 1);
  BOOST_TEST(w->stops[0] == "shutdown, asked by uid 1000");
  BOOST_TEST(w->batches[0].audits[0].command == "shutdown");
}

BOOST_AUTO_TEST_CASE(await_says_when_all_are_up) {
  begin();
  w->records[0].now = state::starting;
  const std::string flaky =
      R"({"for":"up","wait_ms":5000,"instances":[{"name":"flaky#0","after":0}]})";
  w->on_await = [this] {
    // The first look only asks where the sequence stands.
    if (std::ranges::count(w->heard, "await") != 2)
      return;
    w->records[0].now = state::running;
    ++w->committed;
  };
  auto r = ask("await", flaky);
  BOOST_TEST(r.document["reached"] == true);
  BOOST_TEST(std::ranges::count(w->heard, "await") == 2);

  w->on_await = nullptr;
  w->records[0].now = state::failed;
  r = ask("await", flaky);
  BOOST_TEST(r.document["reached"] == false);
  BOOST_TEST(r.document["failed"] == true);

  w->records[0].now = state::completed;
  w->records[0].last_exit = exit_status{0, 0, false};
  BOOST_TEST(ask("await", flaky).document["reached"] == true);
  // Which codes are a success was judged before.
  w->records[0].last_exit = exit_status{3, 0, false};
  BOOST_TEST(ask("await", flaky).document["reached"] == true);

  w->records[0].now = state::paused;
  r = ask("await", flaky);
  BOOST_TEST(r.document["reached"] == false);
  BOOST_TEST(r.document["failed"] == true);
}

BOOST_AUTO_TEST_CASE(await_waits_for_a_pause_and_for_what_is_not_there_yet) {
  begin();
  const std::string paused = R"({"for":"paused","wait_ms":0,"instances":[{"name":"flaky#0"}]})";
  BOOST_TEST(ask("await", paused).document["reached"] == false);
  w->records[0].now = state::paused;
  BOOST_TEST(ask("await", paused).document["reached"] == true);
  w->records[0].now = state::stopped;
  BOOST_TEST(ask("await", paused).document["failed"] == true);
  const std::string absent = R"(","wait_ms":0,"instances":[{"name":"flaky#9"}]})";
  BOOST_TEST(ask("await", R"({"for":"up)" + absent).document["reached"] == false);
  BOOST_TEST(ask("await", R"({"for":"down)" + absent).document["reached"] == true);
}

BOOST_AUTO_TEST_CASE(a_thousand_names_are_awaited_at_once) {
  w->spec = make_fleet({make_bot("many", 1200)});
  begin();
  nlohmann::json wanted{{"for", "up"}, {"wait_ms", 0}};
  for (int i = 0; i < 1000; ++i)
    wanted["instances"].push_back({{"name", "many#" + std::to_string(i)}, {"after", 0}});
  const auto r = ask("await", wanted.dump());
  BOOST_TEST(r.document["reached"] == true);
  BOOST_TEST(r.document["instances"].size() == 1000);
}

BOOST_AUTO_TEST_CASE(await_after_a_restart_wants_another_process) {
  begin();
  w->records[0].incarnation = 7;
  const std::string wanted =
      R"({"for":"up","wait_ms":0,"instances":[{"name":"flaky#0","after":7}]})";
  BOOST_TEST(ask("await", wanted).document["reached"] == false);
  w->records[0].incarnation = 8;
  BOOST_TEST(ask("await", wanted).document["reached"] == true);
}

BOOST_AUTO_TEST_CASE(await_down_means_no_process_and_none_to_come) {
  begin();
  const std::string wanted = R"({"for":"down","wait_ms":0,"instances":[{"name":"flaky#0"}]})";
  const std::pair<state, bool> cases[] = {
      {state::running, false}, {state::stopping, false}, {state::backoff, false},
      {state::waiting, false}, {state::stopped, true},   {state::completed, true},
      {state::failed, true},   {state::starting, false}, {state::paused, false},
      {state::defined, true},  {state::draining, false}, {state::degraded, false}};
  for (const auto& [now, down] : cases) {
    w->records[0].now = now;
    BOOST_TEST(ask("await", wanted).document["reached"] == down, to_string(now));
  }
  BOOST_TEST(ask("await", R"({"for":"sideways","instances":[{"name":"a#0"}]})").exit == 2);
  BOOST_TEST(ask("await", "{}").exit == 2);
}

BOOST_AUTO_TEST_SUITE_END()
