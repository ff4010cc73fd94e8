// The admin actor: who may ask, looking, paging.

#include "virtual_time.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace troupe;
using namespace troupe::test;

BOOST_FIXTURE_TEST_SUITE(looking, virtual_time)

BOOST_AUTO_TEST_CASE(an_unknown_session_learns_nothing) {
  begin();
  const auto r = ask("status", "{}", session + 1);
  BOOST_TEST(r.exit == 4);
  BOOST_TEST(r.document["error"]["code"] == "no-session");
  BOOST_TEST(r.text.find("market") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_role_is_held_to_what_each_command_needs) {
  begin();
  for (const auto have : {role::viewer, role::operator_, role::admin}) {
    const auto mine = *sessions->open({1, 2, "test", have});
    for (const auto& command : all_commands()) {
      if (command.runs != place::runtime)
        continue;
      const auto r = ask(std::string{command.name}, R"({"dry_run":true})", mine);
      BOOST_TEST((r.exit == 4) == (have < command.needs),
                 command.name << " as " << to_string(have) << " gave " << r.exit);
    }
    sessions->close(mine);
  }
}

BOOST_AUTO_TEST_CASE(every_command_of_the_runtime_has_a_handler) {
  for (const auto& command : all_commands())
    if (command.runs == place::runtime)
      BOOST_TEST((commands::find_handler(command.name) != nullptr), command.name);
}

BOOST_AUTO_TEST_CASE(a_command_that_is_none_is_refused) {
  begin();
  for (const auto* name : {"", "rm", "run", "shell", "status ", "Status"}) {
    const auto r = ask(name);
    BOOST_TEST(r.exit == 2, name);
    BOOST_TEST(r.document["error"]["code"] == "no-such-command");
  }
}

BOOST_AUTO_TEST_CASE(arguments_that_are_none_are_refused) {
  begin();
  const std::string huge(admin_limits::argument_bytes + 1, ' ');
  for (const auto& text : {std::string{}, std::string{"["}, std::string{"[]"}, std::string{"1"},
                           std::string{"{\"targets\":3}"}, std::string{"{\"targets\":[3]}"},
                           std::string{"{\"labels\":{}}"}}) {
    const auto r = ask("status", text);
    BOOST_TEST(r.exit == 2);
    BOOST_TEST(r.document["error"]["code"] == "bad-arguments");
  }
  const auto r = ask("status", huge);
  BOOST_TEST(r.exit == 2);
  BOOST_TEST(r.document["error"]["code"] == "too-long");
  BOOST_TEST(ask("status").exit == 0);
}

BOOST_AUTO_TEST_CASE(groups_are_counted_whole_and_shown_where_something_is_chosen) {
  w->spec = make_fleet({make_bot("market/feed"), make_bot("market/trader", 3), make_bot("web/ui")});
  begin();
  for (const auto* name : {"market", "web"})
    w->groups.push_back({name, config::strategy::one_for_all, state::running, "", {}, {}});
  const auto r = ask("status", R"({"targets":["market/trader#1"]})");
  BOOST_TEST(r.document["instances"].size() == 1);
  BOOST_REQUIRE(r.document["groups"].size() == 2);
  BOOST_TEST(r.document["groups"][0]["total"] == 5);
  BOOST_TEST(r.document["groups"][1]["name"] == "market");
  BOOST_TEST(r.document["groups"][1]["total"] == 4);
  BOOST_TEST(r.document["groups"][1]["up"] == 4);
  BOOST_TEST(ask("status").document["groups"].size() == 3);
  const auto tree = ask("tree", R"({"targets":["market/feed"]})").document["root"];
  BOOST_TEST(tree["total"] == 5);
  BOOST_REQUIRE(tree["children"].size() == 1);
  BOOST_TEST(tree["children"][0]["total"] == 4);
  BOOST_TEST(tree["children"][0]["children"].size() == 1);
}

BOOST_AUTO_TEST_CASE(a_group_where_one_bot_is_wanted_is_explained) {
  begin();
  for (const auto* name : {"market", "market/", "market/*", "/market/"})
    for (const auto* command : {"show", "deaths", "scale"}) {
      const auto r = ask(command, std::string{R"({"count":3,"bot":")"} + name + "\"}");
      BOOST_TEST(r.exit == 2);
      const auto message = r.document["error"]["message"].get<std::string>();
      BOOST_TEST(message.starts_with(std::string{command} + " takes one bot"), message);
      BOOST_TEST(message.find("has market/feed, market/trader") != std::string::npos, message);
    }
  BOOST_TEST(ask("deaths", R"({"bot":"all"})").document["error"]["message"]
             == "deaths takes one bot; the fleet has flaky, market/feed, market/trader");
}

BOOST_AUTO_TEST_CASE(a_path_from_the_root_is_a_name) {
  begin();
  BOOST_TEST(ask("status", R"({"targets":["/market/feed"]})").document["instances"].size() == 1);
  BOOST_TEST(ask("status", R"({"targets":["/market/"]})").document["instances"].size() == 4);
  BOOST_TEST(ask("show", R"({"bot":"/market/feed"})").exit == 0);
  BOOST_TEST(ask("status", R"({"targets":["/market"]})").exit == 5);
}

BOOST_AUTO_TEST_CASE(show_tells_what_scale_has_set) {
  auto bot = make_bot("flaky", 3);
  bot->written_replicas = 2;
  bot->scaled = true;
  w->spec = make_fleet({bot, make_bot("other")});
  begin();
  auto r = ask("show", R"({"bot":"flaky"})");
  BOOST_TEST(r.document["replicas"] == 3);
  BOOST_TEST(r.document["replicas_in_file"] == 2);
  BOOST_TEST(r.document["override"] == 3);
  BOOST_TEST(ask("show", R"({"bot":"other"})").document["override"].is_null());
}

BOOST_AUTO_TEST_CASE(an_instance_that_leaves_can_be_named) {
  begin();
  w->records.push_back(make_record("market/trader#7", state::stopping, 9));
  auto r = ask("status", R"({"targets":["market/trader#7"]})");
  BOOST_REQUIRE(r.document["instances"].size() == 1);
  BOOST_TEST(ask("status", R"({"targets":["market/trader"]})").document["instances"].size() == 3);
  BOOST_TEST(ask("stop", R"({"targets":["market/trader#7"]})").exit == 0);
  BOOST_TEST(ask("signal", R"({"targets":["market/trader#7"],"signal":"KILL"})").exit == 0);
  BOOST_TEST(w->operations.back().instances->contains("market/trader#7"));
  BOOST_TEST(ask("stop", R"({"targets":["market/trader#8"]})").exit == 5);
  BOOST_TEST(ask("stop", R"({"targets":["market/trader#7"],"labels":["env"]})").exit == 5);
}

BOOST_AUTO_TEST_CASE(status_has_the_fields_that_are_promised) {
  w->usages["flaky#0"] = {12.34, 4096, {}, 0, 0};
  begin();
  w->records[0].now = state::backoff;
  w->records[0].why = "exited with code 1";
  w->records[0].next = next_step{"retry", commands::now_micros() + 7'300'000, 4, 15};
  w->records[0].last_exit = exit_status{1, 0, false};
  w->records[0].last_exit_at = 2'000'000;
  w->records[1].last_exit = exit_status{-1, 9, false};
  const auto r = ask("status");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.document["schema_version"] == 1);
  BOOST_TEST(r.document["fleet"] == "demo");
  BOOST_TEST(r.document["version"] == 3);
  BOOST_REQUIRE(r.document["instances"].size() == 5);
  std::set<std::string> keys;
  for (const auto& [key, value] : r.document["instances"][0].items())
    keys.insert(key);
  const std::set<std::string> promised{"name",  "bot",       "instance",    "incarnation",
                                       "group", "state",     "why",         "next",
                                       "pid",   "since",     "uptime_s",    "restarts",
                                       "ready", "last_exit", "cpu_percent", "memory_bytes"};
  BOOST_TEST(keys == promised, boost::test_tools::per_element());
  const auto& sick = r.document["instances"][0];
  BOOST_TEST(sick["state"] == "backoff");
  BOOST_TEST(sick["next"]["attempt"] == 4);
  BOOST_TEST(sick["next"]["of"] == 15);
  BOOST_TEST(sick["next"]["in_s"].get<double>() <= 7.3);
  BOOST_TEST(sick["next"]["in_s"].get<double>() > 0);
  BOOST_TEST(sick["last_exit"]["code"] == 1);
  BOOST_TEST(sick["last_exit"]["signal"].is_null());
  BOOST_TEST(sick["last_exit"]["at"] == "1970-01-01T00:00:02.000Z");
  BOOST_TEST(sick["ready"] == false);
  BOOST_TEST(sick["cpu_percent"] == 12.3);
  BOOST_TEST(sick["memory_bytes"] == 4096);
  const auto& fine = r.document["instances"][1];
  BOOST_TEST(fine["next"].is_null());
  BOOST_TEST(fine["last_exit"]["signal"] == 9);
  BOOST_TEST(fine["last_exit"]["code"].is_null());
  BOOST_TEST(fine["cpu_percent"].is_null());
  BOOST_REQUIRE(r.document["groups"].size() == 1);
  BOOST_TEST(r.document["groups"][0]["name"] == "");
  BOOST_TEST(r.document["groups"][0]["strategy"] == "one_for_one");
  BOOST_TEST(r.document["groups"][0]["up"] == 4);
  BOOST_TEST(r.document["groups"][0]["total"] == 5);
}

BOOST_AUTO_TEST_CASE(status_of_a_named_target_that_is_down_exits_with_3) {
  begin();
  w->records[0].now = state::failed;
  BOOST_TEST(ask("status").exit == 0);
  BOOST_TEST(ask("status", R"({"targets":["flaky"]})").exit == 3);
  BOOST_TEST(ask("status", R"({"targets":["market/"]})").exit == 0);
  BOOST_TEST(ask("status", R"({"targets":["all"]})").exit == 3);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_unknown_gets_a_suggestion) {
  begin();
  auto r = ask("status", R"({"targets":["market/tradre"]})");
  BOOST_TEST(r.exit == 5);
  BOOST_TEST(r.document["error"]["exit"] == 5);
  BOOST_TEST(r.document["error"]["hint"].get<std::string>().find("market/trader")
             != std::string::npos);
  r = ask("status", R"({"targets":["market"]})");
  BOOST_TEST(r.document["error"]["hint"].get<std::string>().find("market/") != std::string::npos);
  r = ask("status", R"({"targets":["trader"]})");
  BOOST_TEST(r.document["error"]["hint"].get<std::string>().find("market/trader")
             != std::string::npos);
  r = ask("deaths", R"({"bot":"flaky#7"})");
  BOOST_TEST(r.exit == 5);
}

BOOST_AUTO_TEST_CASE(a_large_fleet_is_sampled_beside_the_answer) {
  w->spec = make_fleet({make_bot("many", 100)});
  w->usages["many#7"] = {1, 2, {}, 0, 0};
  begin();
  auto r = ask("status");
  BOOST_TEST(r.document["instances"][7]["memory_bytes"].is_null());
  r = ask("status");
  BOOST_TEST(r.document["instances"][7]["memory_bytes"] == 2);
  // The second one found them fresh.
  BOOST_TEST(std::ranges::count(w->heard, "sample") == 1);
}

BOOST_AUTO_TEST_CASE(a_long_answer_comes_in_parts) {
  w->spec = make_fleet({make_bot("many", 2000)});
  begin();
  auto r = ask("status");
  BOOST_TEST(r.text.size() == max_reply_bytes);
  BOOST_REQUIRE(r.cursor != 0);
  auto text = r.text;
  // Nobody else gets it.
  const auto other = *sessions->open({1, 2, "test", role::admin});
  BOOST_TEST(next(r.cursor, other).exit == 1);
  for (std::size_t parts = 1; r.cursor != 0; ++parts) {
    BOOST_REQUIRE(parts < 20);
    r = next(r.cursor);
    BOOST_TEST(r.exit == 0);
    BOOST_TEST(r.text.size() <= max_reply_bytes);
    text += r.text;
  }
  const auto whole = nlohmann::json::parse(text);
  BOOST_TEST(whole["instances"].size() == 2000);
  // A cursor is good for once.
  BOOST_TEST(next(1).exit == 1);
}

BOOST_AUTO_TEST_CASE(rests_that_nobody_fetches_are_bounded) {
  using registry = commands::session_registry;
  w->spec = make_fleet({make_bot("many", 2000)});
  begin();
  const auto first = ask("status").cursor;
  for (std::size_t i = 0; i < registry::max_rests; ++i)
    BOOST_TEST(ask("status").cursor != 0);
  BOOST_TEST(next(first).document["error"]["code"] == "no-cursor");
  for (std::size_t i = 0; i < 3; ++i)
    BOOST_TEST(sessions->keep(session, {std::string(registry::max_rest_bytes / 2, 'x')}) != 0);
  BOOST_TEST(sessions->rest_bytes() <= registry::max_rest_bytes);
}

BOOST_AUTO_TEST_CASE(rests_end_with_their_session) {
  w->spec = make_fleet({make_bot("many", 2000)});
  begin();
  const auto other = *sessions->open({1, 2, "test", role::admin});
  const auto mine = ask("status").cursor;
  const auto theirs = ask("status", "{}", other).cursor;
  const auto before = sessions->rest_bytes();
  sessions->close(other);
  BOOST_TEST(sessions->rest_bytes() < before);
  BOOST_TEST(next(theirs, other).exit != 0);
  BOOST_TEST(next(mine).exit == 0);
  BOOST_TEST(sessions->keep(other, {"x"}) == 0);
}

BOOST_AUTO_TEST_CASE(the_tree_has_groups_and_instances) {
  begin();
  const auto r = ask("tree");
  const auto& root = r.document["root"];
  BOOST_TEST(root["total"] == 5);
  BOOST_REQUIRE(root["children"].size() == 2);
  BOOST_TEST(root["children"][0]["name"] == "flaky");
  BOOST_TEST(root["children"][1]["kind"] == "group");
  BOOST_TEST(root["children"][1]["total"] == 4);
  BOOST_TEST(root["children"][1]["children"][1]["instances"].size() == 3);
}

BOOST_AUTO_TEST_CASE(show_tells_all_but_secrets) {
  auto bot = make_bot("flaky");
  auto spec = std::make_shared<config::bot_spec>(*bot->instances[0]);
  spec->environment = {{"API_TOKEN", "canary-1"},
                       {"DB_PASSWORD", "canary-2"},
                       {"URL", "postgres://me:canary-3@host/db"},
                       {"REF_TOKEN", "${secret:token}"},
                       {"MODE", "fast"}};
  bot->instances[0] = spec;
  w->spec = make_fleet({bot});
  w->deaths.push_back({"flaky#0",
                       3,
                       1'000'000,
                       "exited with code 1",
                       {1, 0, false},
                       12'000'000,
                       1,
                       2,
                       "last words\n"});
  begin();
  const auto r = ask("show", R"({"bot":"flaky"})");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.text.find("canary") == std::string::npos);
  const auto& shown = r.document["settings"];
  BOOST_TEST(shown["environment"]["MODE"] == "fast");
  BOOST_TEST(shown["environment"]["REF_TOKEN"] == "${secret:token}");
  BOOST_TEST(shown["delay"]["initial_s"] == 0.5);
  BOOST_TEST(shown["stop_signal"] == "TERM");
  BOOST_TEST(shown["umask"] == "022");
  BOOST_TEST(r.document["isolation"].get<std::string>().find("cgroup2") != std::string::npos);
  BOOST_TEST(r.document["deaths"][0]["output"] == "last words\n");
  BOOST_TEST(r.document["instances"].size() == 1);
}

BOOST_AUTO_TEST_CASE(a_service_that_is_silent_ends_in_an_error) {
  w->ledger_is_silent = true;
  begin();
  auto response =
      self->request(all->admin, std::chrono::seconds{60}, admin_request{session, "status", "{}"});
  scheduler.run();
  scheduler.advance_time(std::chrono::seconds{11});
  const auto r = receive(std::move(response));
  BOOST_TEST(r.exit == 1);
  BOOST_TEST(r.document["error"]["code"] == "no-answer");
}

BOOST_AUTO_TEST_CASE(a_service_that_died_ends_in_an_error) {
  begin();
  self->send_exit(all->ledger, caf::exit_reason::kill);
  scheduler.run();
  const auto r = ask("status");
  BOOST_TEST(r.exit == 1);
  BOOST_TEST(r.document["error"]["code"] == "no-answer");
}

BOOST_AUTO_TEST_CASE(before_it_is_wired_it_says_so) {
  const auto alone = system.spawn(make_admin, sessions);
  scheduler.run();
  const auto r = receive(
      self->request(alone, std::chrono::seconds{1}, admin_request{session, "status", "{}"}));
  BOOST_TEST(r.exit == 1);
  BOOST_TEST(r.document["error"]["code"] == "starting");
  self->send_exit(alone, caf::exit_reason::user_shutdown);
  scheduler.run();
}

BOOST_AUTO_TEST_CASE(ping_and_version_answer_alone) {
  begin();
  const auto r = ask("ping");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.document["pid"] == getpid());
  BOOST_TEST(ask("version").document["protocol"] == admin_protocol);
}

BOOST_AUTO_TEST_SUITE_END()
