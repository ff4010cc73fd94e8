// The admin actor: wait, why, graph, env, limits, stats.

#include "virtual_time.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

struct asking : virtual_time {
  instance_record& record(const std::string& name) {
    return *std::ranges::find(w->records, name, &instance_record::name);
  }

  void happened(std::int64_t second, const std::string& instance, state from, state to,
                const std::string& cause, std::uint64_t incarnation = 1) {
    w->events.push_back(
        {w->events.size() + 1, second * 1'000'000, instance, incarnation, from, to, cause});
    w->committed = w->events.size();
  }

  std::uint64_t looker() { return *sessions->open({1001, 4243, "admin.sock", role::viewer}); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(asking_the_runtime, asking)

BOOST_AUTO_TEST_CASE(a_viewer_may_ask) {
  begin();
  const auto viewer = looker();
  for (const auto* command : {"wait", "graph", "limits", "stats"})
    BOOST_TEST(ask(command, "{}", viewer).exit == 0, command);
  for (const auto* command : {"why", "env"})
    BOOST_TEST(ask(command, R"({"bot":"flaky"})", viewer).exit == 0, command);
  for (const auto* command : {"wait", "graph", "limits", "stats"}) {
    BOOST_TEST(ask(command, R"({"targets":["nobody"]})").exit == 5, command);
    BOOST_TEST(ask(command, R"({"targets":7})").exit == 2, command);
  }
  for (const auto* command : {"why", "env"}) {
    BOOST_TEST(ask(command, R"({"bot":"nobody"})").exit == 5, command);
    BOOST_TEST(ask(command, R"({"bot":"market/"})").exit == 2, command);
  }
}

BOOST_AUTO_TEST_CASE(wait_is_done_when_all_are_there) {
  begin();
  auto r = ask("wait", R"({"targets":["flaky"]})");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.document["reached"] == true);
  BOOST_TEST(r.document["for"] == "running");
  BOOST_TEST(r.document["total"] == 1);
  // Degraded is up, but not ready.
  record("flaky#0").now = state::degraded;
  BOOST_TEST(ask("wait", R"({"targets":["flaky"]})").document["reached"] == true);
  r = ask("wait", R"({"targets":["flaky"],"for":"ready"})");
  BOOST_TEST(r.document["reached"] == false);
  BOOST_TEST(r.document["failed"] == false);
  BOOST_TEST(r.document["missing"][0]["name"] == "flaky#0");
  BOOST_TEST(ask("wait", R"({"targets":["flaky"],"for":"degraded"})").document["reached"] == true);
}

BOOST_AUTO_TEST_CASE(wait_wakes_with_an_event) {
  begin();
  record("flaky#0").now = state::starting;
  w->on_await = [this] {
    if (std::ranges::count(w->heard, "await") == 2) {
      record("flaky#0").now = state::running;
      ++w->committed;
    }
  };
  const auto r = ask("wait", R"({"targets":["flaky"],"wait_ms":5000})");
  BOOST_TEST(r.document["reached"] == true);
  BOOST_TEST(std::ranges::count(w->heard, "await") == 2);
}

BOOST_AUTO_TEST_CASE(wait_ends_with_its_time) {
  begin();
  record("flaky#0").now = state::waiting;
  record("flaky#0").why = "waits for market/feed#0 (starting)";
  const auto r = ask_and_wait("wait", R"({"wait_ms":2000})", std::chrono::milliseconds{2000});
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.document["reached"] == false);
  BOOST_TEST(r.document["there"] == 4);
  BOOST_TEST(r.document["missing"][0]["why"] == "waits for market/feed#0 (starting)");
  BOOST_TEST(ask("wait", R"({"wait_ms":5001})").exit == 2);
}

BOOST_AUTO_TEST_CASE(wait_knows_what_cannot_come) {
  begin();
  record("flaky#0").now = state::failed;
  record("flaky#0").why = "exited with code 3";
  auto r = ask("wait", R"({"wait_ms":5000})");
  BOOST_TEST(r.document["failed"] == true);
  BOOST_TEST(r.document["missing"][0]["cannot"] == true);
  BOOST_TEST(r.document["missing"][0]["why"] == "it has failed: exited with code 3");
  BOOST_TEST(ask("wait", R"({"for":"failed","targets":["flaky"]})").document["reached"] == true);
  BOOST_TEST(ask("wait", R"({"for":"down","targets":["flaky"]})").document["reached"] == true);
  // A permanent bot never completes.
  r = ask("wait", R"({"for":"completed","targets":["market/feed"],"wait_ms":5000})");
  BOOST_TEST(r.document["failed"] == true);
  record("flaky#0").now = state::paused;
  BOOST_TEST(ask("wait", R"({"targets":["flaky"]})").document["failed"] == true);
  r = ask("wait", R"({"for":"runing"})");
  BOOST_TEST(r.exit == 2);
  BOOST_TEST(r.document["error"]["hint"].get<std::string>().find("running") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(wait_for_a_group_means_what_is_wanted) {
  begin();
  record("flaky#0").now = state::stopped;
  record("flaky#0").wanted = false;
  BOOST_TEST(ask("wait").document["total"] == 4);
  BOOST_TEST(ask("wait").document["reached"] == true);
  // Named, it counts.
  auto r = ask("wait", R"({"targets":["flaky"]})");
  BOOST_TEST(r.document["reached"] == false);
  BOOST_TEST(r.document["missing"][0]["why"] == "nobody wants it up");
  r = ask("wait", R"({"targets":["f*"]})");
  BOOST_TEST(r.document["failed"] == true);
  BOOST_TEST(r.document["total"] == 0);
  BOOST_TEST(ask("wait", R"({"for":"down","targets":["f*"]})").document["reached"] == true);
  // One that is not there yet.
  std::erase_if(w->records, [](const auto& x) { return x.name == "market/feed#0"; });
  BOOST_TEST(ask("wait", R"({"targets":["market/"]})").document["reached"] == false);
}

BOOST_AUTO_TEST_CASE(a_large_fleet_is_looked_at_now_and_then) {
  w->spec = make_fleet({make_bot("many", 100)});
  begin();
  record("many#7").now = state::starting;
  w->on_await = [this] { ++w->committed; }; // something happens all the time
  const auto r = ask_and_wait("wait", R"({"wait_ms":1000})", std::chrono::milliseconds{1000});
  BOOST_TEST(r.document["there"] == 99);
  BOOST_TEST(std::ranges::count(w->heard, "await") <= 7);
}

BOOST_AUTO_TEST_CASE(why_reads_what_it_needs) {
  begin();
  happened(1, "market/feed#0", state::running, state::backoff,
           "killed by signal 9 (KILL) after 3.2 s");
  happened(2, "flaky#0", state::running, state::stopping,
           "rest_for_one: market/feed#0 killed by signal 9 (KILL) after 3.2 s");
  happened(3, "flaky#0", state::stopping, state::waiting,
           "exited with code 0 after 1.0 s, as asked");
  happened(3, "market/feed#0", state::backoff, state::waiting, "retry is due");
  happened(4, "market/feed#0", state::waiting, state::starting, "process 7 started");
  happened(5, "market/feed#0", state::starting, state::running, "up for 1.0 s");
  happened(5, "flaky#0", state::waiting, state::starting, "process 8 started");
  happened(6, "flaky#0", state::starting, state::running, "up for 1.0 s");
  const auto r = ask("why", R"({"bot":"flaky"})");
  BOOST_REQUIRE(r.exit == 0);
  const auto& chain = r.document["chain"];
  BOOST_REQUIRE(chain.size() == 4);
  BOOST_TEST(chain[0]["instance"] == "market/feed#0");
  BOOST_TEST(chain[2]["what"]
             == "tried again after 2.0 s (attempt 1 of 15), waited 1.0 s, process 7 started, "
                "running 1.0 s later");
  BOOST_TEST((chain[0]["led_to"] == nlohmann::json::array({1, 2})));
  BOOST_TEST((chain[1]["led_to"] == nlohmann::json::array({3})));
  BOOST_TEST(r.document["others"].empty());
  // Of three traders the one in trouble is told of, and the others are counted.
  record("market/trader#1").now = state::backoff;
  record("market/trader#1").why = "exited with code 1";
  const auto trader = ask("why", R"({"bot":"market/trader"})").document;
  BOOST_TEST(trader["instance"] == "market/trader#1");
  BOOST_TEST(trader["others"].size() == 2);
}

BOOST_AUTO_TEST_CASE(a_graph_has_its_critical_chain) {
  auto feed = make_bot("market/feed");
  auto trader = make_bot("market/trader", 2);
  auto spec = std::make_shared<config::bot_spec>(*trader->instances.front());
  spec->depends_on = {{"market/feed", config::condition::ready, {}}};
  trader->instances.assign(2, spec);
  w->spec = make_fleet({feed, trader, make_bot("flaky")});
  begin();
  const auto rise = [&](const std::string& name, std::int64_t wanted, std::int64_t started,
                        std::int64_t ready) {
    const auto incarnation = record(name).incarnation;
    happened(wanted, name, state::defined, state::waiting, "autostart", incarnation - 1);
    happened(started, name, state::waiting, state::starting, "process", incarnation);
    happened(ready, name, state::starting, state::running, "up", incarnation);
  };
  rise("market/feed#0", 1, 2, 5);
  rise("market/trader#0", 1, 6, 9);
  rise("market/trader#1", 1, 6, 8);
  rise("flaky#0", 100, 101, 104);
  auto r = ask("graph");
  BOOST_REQUIRE(r.exit == 0);
  BOOST_TEST(r.document["nodes"].size() == 3);
  BOOST_REQUIRE(r.document["edges"].size() == 1);
  BOOST_TEST(r.document["edges"][0]["from"] == "market/trader");
  BOOST_TEST(r.document["edges"][0]["until"] == "ready");
  const auto& chain = r.document["critical"];
  BOOST_REQUIRE(chain.size() == 2);
  BOOST_TEST(chain[0]["instance"] == "market/trader#0");
  BOOST_TEST(chain[0]["at_s"] == 8.0);
  BOOST_TEST(chain[0]["took_s"] == 4.0);
  BOOST_TEST(chain[0]["admitted"] == "1970-01-01T00:00:05.000Z");
  BOOST_TEST(chain[1]["instance"] == "market/feed#0");
  BOOST_TEST(chain[1]["took_s"] == 4.0);
  // What was asked for, and what that waits for.
  r = ask("graph", R"({"targets":["market/trader"],"dot":true})");
  BOOST_TEST(r.document["nodes"].size() == 2);
  BOOST_TEST(r.document["nodes"][0]["asked"] == false);
  // An incarnation whose events are gone has no times.
  record("flaky#0").incarnation += 5;
  r = ask("graph", R"({"targets":["flaky"]})");
  BOOST_TEST(r.document["critical"].empty());
}

BOOST_AUTO_TEST_CASE(secrets_of_an_environment_stay_inside) {
  using enum variable_source;
  w->environment.variables = {
      {"API_TOKEN", "hush1", settings, false}, {"FILED", "hush2", file, true},
      {"MADE", "hush3", settings, true},       {"ODD", "hush4", unknown, false},
      {"PLAIN", "seen", settings, false},      {"URL", "http://me:hush5@host", passed, false}};
  w->environment.pid = 77;
  begin();
  const auto r = ask("env", R"({"bot":"market/trader#2"})");
  BOOST_TEST(r.text.find("hush") == std::string::npos, r.text);
  BOOST_TEST(r.document["instance"] == "market/trader#2");
  BOOST_TEST(r.document["pid"] == 77);
  BOOST_TEST(r.document["variables"][4]["value"] == "seen");
  BOOST_TEST(r.document["variables"][4]["source"] == "environment");
  BOOST_TEST(r.document["variables"][4]["masked"] == false);
  BOOST_TEST(r.document["variables"][3]["source"] == "process");
  const auto incarnation = std::to_string(record("market/trader#2").incarnation);
  BOOST_TEST(std::ranges::count(w->heard, "environ market/trader#2 " + incarnation) == 1);
  // One that does not run is looked at as the next start would find it.
  record("flaky#0").now = state::stopped;
  record("flaky#0").incarnation = 40;
  ask("env", R"({"bot":"flaky"})");
  BOOST_TEST(std::ranges::count(w->heard, "environ flaky#0 41") == 1);
  w->environment = {{}, 0, "environment_file x: No such file or directory"};
  const auto failed = ask("env", R"({"bot":"flaky"})");
  BOOST_TEST(failed.exit == 1);
  BOOST_TEST(failed.document["error"]["message"]
             == "flaky#0 would not start: environment_file x: No such file or directory");
}

BOOST_AUTO_TEST_CASE(limits_warn_of_what_is_nearly_used_up) {
  w->limits.of["flaky#0"] = {{"open_files", 100, 90, {}},
                             {"memory", std::nullopt, std::nullopt, "no memory controller"}};
  w->usages["flaky#0"] = usage{50, 4096, {}, 0, 0};
  w->machine = {{"runtime_files", 5}, {"runtime_files_limit", 1000}, {"restart_tokens", 5}};
  begin();
  auto r = ask("limits");
  BOOST_REQUIRE(r.exit == 0);
  const auto rows = r.document["instances"];
  BOOST_TEST(rows.size() == 5);
  const auto flaky = std::ranges::find(rows, "flaky#0", [](const auto& x) { return x["name"]; });
  BOOST_TEST((*flaky)["limits"][0]["share"] == 0.9);
  BOOST_TEST((*flaky)["limits"][1]["used"] == 4096); // from the sample
  BOOST_TEST((*flaky)["limits"][1]["unenforced"] == "no memory controller");
  std::map<std::string, nlohmann::json> runtime;
  for (const auto& row : r.document["runtime"])
    runtime[row["name"]] = row;
  BOOST_TEST(runtime["sessions"]["used"] == 1);
  BOOST_TEST(runtime["sessions"]["limit"] == 64);
  BOOST_TEST(runtime["restart_burst"]["used"] == 45);
  BOOST_TEST(runtime["unwritten"]["share"] == 0.85);
  const std::vector<std::string> warned = r.document["warnings"];
  BOOST_TEST((warned
              == std::vector<std::string>{"flaky#0: open_files is at 90%",
                                          "the runtime: unwritten is at 85%",
                                          "the runtime: restart_burst is at 90%"}));
  r = ask("limits", R"({"targets":["market/feed"]})");
  BOOST_TEST(r.document["runtime"].is_null());
  BOOST_TEST(r.document["instances"].size() == 1);
  BOOST_TEST(r.document["warnings"].empty());
}

BOOST_AUTO_TEST_CASE(stats_add_up_what_happened) {
  begin();
  happened(10, "flaky#0", state::defined, state::waiting, "autostart");
  happened(10, "flaky#0", state::waiting, state::starting, "process 1 started");
  happened(12, "flaky#0", state::starting, state::running, "up");
  happened(20, "flaky#0", state::running, state::backoff, "killed by signal 9 (KILL) after 10 s");
  happened(21, "flaky#0", state::backoff, state::waiting, "retry is due");
  happened(21, "flaky#0", state::waiting, state::backoff, "spawn-failed: exec x: No such file");
  happened(22, "flaky#0", state::backoff, state::waiting, "retry is due");
  happened(22, "flaky#0", state::waiting, state::starting, "process 2 started");
  happened(22, "flaky#0", state::starting, state::starting, "a remark");
  happened(23, "flaky#0", state::starting, state::running, "up");
  w->deaths.push_back(
      {"flaky#0", 1, 20'000'000, "killed", {-1, 9, false}, 10'000'000, 2'500'000, 8'000'000, ""});
  w->usages["flaky#0"] = usage{1, 4096, "", 1000, 24, 500'000};
  w->machine = {{"epoch", 3}};
  auto r = ask("stats", R"({"targets":["flaky"]})");
  BOOST_REQUIRE(r.exit == 0);
  BOOST_TEST(r.document["fleet"].is_null());
  const auto row = r.document["instances"][0];
  BOOST_TEST(row["starts"] == 2);
  BOOST_TEST(row["ends"] == 2);
  BOOST_TEST(row["ends_by"]["signal 9 (KILL)"] == 1);
  BOOST_TEST(row["ends_by"]["could not start"] == 1);
  BOOST_TEST(row["ready_p50_s"] == 1.0);
  BOOST_TEST(row["ready_max_s"] == 2.0);
  BOOST_TEST(row["cpu_s"] == 3.0);
  BOOST_TEST(row["max_memory_bytes"] == 8'000'000);
  BOOST_TEST(row["output_bytes"] == 1000);
  BOOST_TEST(row["output_dropped_bytes"] == 24);
  BOOST_TEST(row["up_share"].get<double>() > 0.99);
  r = ask("stats");
  BOOST_TEST(r.document["instances"].size() == 5);
  BOOST_TEST(r.document["fleet"]["machine"]["epoch"] == 3);
  BOOST_TEST(r.document["fleet"]["ledger"]["instances"] == 5);
  BOOST_TEST(r.document["fleet"]["states"]["running"] == 5);
  BOOST_TEST(r.document["fleet"]["events_read"] == 10);
}

BOOST_AUTO_TEST_CASE(of_many_events_one_page_is_read_at_a_time) {
  begin();
  for (int i = 0; i < 4500; ++i)
    happened(i, "flaky#0", i % 2 ? state::backoff : state::waiting,
             i % 2 ? state::waiting : state::backoff, "retry is due");
  w->heard.clear();
  BOOST_TEST(ask("stats").document["fleet"]["events_read"] == 4500);
  BOOST_TEST(std::ranges::count(w->heard, "query") == 3);
}

BOOST_AUTO_TEST_SUITE_END()
