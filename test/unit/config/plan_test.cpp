#include "config/masking.hpp"
#include "config/plan.hpp"
#include "config/plan_json.hpp"
#include "test/unit/config/fixture.hpp"

#include <map>
#include <string>
#include <vector>

namespace troupe::config::test {

namespace {

/// A loaded tree, kept alive.
struct loaded_tree {
  explicit loaded_tree(std::vector<file> files, override_map overrides = {})
      : source{make_tree(std::move(files))} {
    auto options = no_environment();
    options.overrides = std::move(overrides);
    auto result = load(source, options);
    BOOST_REQUIRE_MESSAGE(result.spec, all(result.errors, &source));
    spec = result.spec;
    origins = result.origins;
  }

  plan_side side() const { return {spec, &source, origins}; }

  tree source;
  spec_ptr spec;
  std::shared_ptr<const provenance> origins;
};

/// «stop a#0 (removed)», one for each step.
std::vector<std::string> words(const fleet_plan& plan) {
  std::vector<std::string> result;
  for (const auto& step : plan.instances)
    result.push_back(std::string{to_string(step.what)} + " " + step.name + " (" + step.why + ")");
  return result;
}

std::vector<std::string> words_between(const std::vector<file>& from, const std::vector<file>& to) {
  return words(make_plan(loaded_tree{from}.side(), loaded_tree{to}.side()));
}

void check(const std::vector<std::string>& is, const std::vector<std::string>& should) {
  BOOST_CHECK_EQUAL_COLLECTIONS(is.begin(), is.end(), should.begin(), should.end());
}

const std::string sleeps = R"({"command": ["sleep", "1"]})";

} // namespace

BOOST_AUTO_TEST_SUITE(plan)

BOOST_AUTO_TEST_CASE(nothing_changes) {
  loaded_tree one{{{"a.json", sleeps}, {"m/group.json", R"({"strategy": "one_for_all"})"}}};
  BOOST_TEST(make_plan(one.side(), one.side()).empty());
  // Loaded again, with a comment and another spelling.
  loaded_tree again{{{"a.json", R"({"command": ["sleep", "1"], "start_grace": "1000ms"} // same)"},
                     {"m/group.json", R"({"strategy":"one_for_all"})"}}};
  BOOST_TEST(make_plan(one.side(), again.side()).empty());
}

BOOST_AUTO_TEST_CASE(another_command_is_a_restart_and_says_where_it_is_from) {
  loaded_tree from{{{"m/a.json", sleeps}}};
  loaded_tree to{{{"m/a.json", "{\n  \"command\": [\"sleep\", \"2\"]\n}"}}};
  const auto plan = make_plan(from.side(), to.side());
  check(words(plan), {"restart m/a#0 (command)"});
  BOOST_TEST(plan.count(step_kind::restart) == 1u);
  BOOST_REQUIRE(plan.instances[0].changes->size() == 1u);
  const auto& change = plan.instances[0].changes->front();
  BOOST_TEST(change.pointer == "/command");
  BOOST_TEST(change.before.dump() == R"(["sleep","1"])");
  BOOST_TEST(change.after.value.dump() == R"(["sleep","2"])");
  BOOST_TEST(change.after.file == "m/a.json");
  BOOST_TEST(change.after.line == 2u);
  BOOST_TEST(bool(change.after.where == scope::bot));
  BOOST_TEST(bool(change.when == change_class::restart));
}

BOOST_AUTO_TEST_CASE(what_needs_no_process_is_done_in_place_or_noted) {
  check(words_between({{"a.json", sleeps}, {"b.json", sleeps}},
                      {{"a.json", R"({"command": ["sleep", "1"], "stop_timeout": "3s"})"},
                       {"b.json", R"({"command": ["sleep", "1"], "start_timeout": "33s"})"}}),
        {"adjust a#0 (stop_timeout)", "note b#0 (start_timeout)"});
}

BOOST_AUTO_TEST_CASE(a_default_concerns_all_below_it) {
  loaded_tree from{{{"m/a.json", sleeps}, {"m/b.json", sleeps}, {"c.json", sleeps}}};
  loaded_tree to{{{"m/group.json", R"({"defaults": {"nice": 3}})"},
                  {"m/a.json", sleeps},
                  {"m/b.json", R"({"command": ["sleep", "1"], "nice": null})"},
                  {"c.json", sleeps}}};
  const auto plan = make_plan(from.side(), to.side());
  check(words(plan), {"restart m/a#0 (nice)"});
  BOOST_TEST(bool(plan.instances[0].changes->front().after.where == scope::group));
  BOOST_TEST(plan.groups.empty());
}

BOOST_AUTO_TEST_CASE(replicas_start_and_stop_instances) {
  const auto with = [](const char* count) {
    return std::vector<file>{
        {"a.json", std::string{R"({"command": ["sleep", "1"], "replicas": )"} + count + "}"}};
  };
  check(words_between(with("1"), with("3")), {"start a#1 (replicas)", "start a#2 (replicas)"});
  check(words_between(with("3"), with("2")), {"stop a#2 (replicas)"});
}

BOOST_AUTO_TEST_CASE(bots_come_go_and_move) {
  check(words_between({{"a.json", sleeps}}, {{"b.json", R"({"command": ["true"]})"}}),
        {"stop a#0 (removed)", "start b#0 (new)"});
  check(words_between({{"a.json", sleeps}}, {{"b.json", sleeps}}),
        {"stop a#0 (renamed to b)", "start b#0 (renamed from a)"});
  // Of several alike those with the same last name belong together, the rest is not guessed.
  check(words_between({{"m/a.json", sleeps}, {"m/b.json", sleeps}, {"m/c.json", sleeps}},
                      {{"n/a.json", sleeps}, {"n/x.json", sleeps}, {"n/y.json", sleeps}}),
        {"stop m/a#0 (renamed to n/a)", "stop m/b#0 (removed)", "stop m/c#0 (removed)",
         "start n/a#0 (renamed from m/a)", "start n/x#0 (new)", "start n/y#0 (new)"});
}

BOOST_AUTO_TEST_CASE(what_does_not_start_by_itself_is_noted) {
  check(words_between(
            {{"b.json", sleeps}},
            {{"a.json", R"({"command": ["true"], "autostart": false})"}, {"b.json", sleeps}}),
        {"note a#0 (new; autostart is false)"});
}

BOOST_AUTO_TEST_CASE(what_does_not_run_is_not_restarted) {
  loaded_tree from{{{"a.json", R"({"command": ["sleep", "1"], "replicas": 2})"}}};
  loaded_tree to{{{"a.json", R"({"command": ["sleep", "2"], "replicas": 2})"}}};
  plan_options options;
  options.has_process = [](const std::string& instance) { return instance == "a#0"; };
  check(words(make_plan(from.side(), to.side(), options)),
        {"restart a#0 (command)", "note a#1 (command; it does not run)"});
}

BOOST_AUTO_TEST_CASE(a_path_may_change_without_being_written_otherwise) {
  const std::string here = R"({"command": ["x"], "directory": "work"})";
  loaded_tree from{{{"a.json", here}}};
  auto moved = loaded_tree{{{"a.json", here}}};
  moved.source.root = "/elsewhere";
  auto again = load(moved.source, no_environment());
  const auto plan = make_plan(from.side(), {again.spec, &moved.source, again.origins});
  check(words(plan), {"restart a#0 (directory)"});
  BOOST_TEST(plan.instances[0].changes->front().after.value == "/elsewhere/work");
}

BOOST_AUTO_TEST_CASE(output_that_others_begin_to_wait_for) {
  const auto waiting =
      R"({"command": ["x"], "depends_on": {"a": {"until": "output", "pattern": "up"}}})";
  check(words_between({{"a.json", sleeps}}, {{"a.json", sleeps}, {"b.json", waiting}}),
        {"adjust a#0 (output that others wait for)", "start b#0 (new)"});
}

BOOST_AUTO_TEST_CASE(groups_and_the_runtime) {
  loaded_tree from{{{"runtime.json", R"({"restart_burst": 10})"},
                    {"m/group.json", R"({"strategy": "one_for_all"})"},
                    {"m/a.json", sleeps},
                    {"o/b.json", sleeps}}};
  loaded_tree to{{{"runtime.json", R"({"restart_burst": 20})"},
                  {"m/group.json", "{\n \"strategy\": \"rest_for_one\"}"},
                  {"m/a.json", sleeps},
                  {"n/b.json", sleeps}}};
  const auto plan = make_plan(from.side(), to.side());
  BOOST_REQUIRE(plan.groups.size() == 3u);
  BOOST_TEST(plan.groups[0].name == "m");
  BOOST_REQUIRE(plan.groups[0].changes.size() == 1u);
  BOOST_TEST(plan.groups[0].changes[0].pointer == "/strategy");
  BOOST_TEST(plan.groups[0].changes[0].after.line == 2u);
  BOOST_TEST(bool(plan.groups[1].what == group_step::kind::added));
  BOOST_TEST(bool(plan.groups[2].what == group_step::kind::removed));
  BOOST_REQUIRE(plan.runtime.size() == 1u);
  BOOST_TEST(plan.runtime[0].pointer == "/restart_burst");
  BOOST_TEST(plan.runtime[0].before == 10);
}

BOOST_AUTO_TEST_CASE(its_document) {
  const auto with = [](const char* password) {
    return std::vector<file>{
        {"a.json", std::string{R"({"command": ["x"], "environment": {"DB_PASSWORD": ")"} + password
                       + R"(", "DB": "postgres://u:)" + password + R"(@h/d"}})"},
        {"b.json", sleeps}};
  };
  auto after = with("hunter3");
  after.pop_back();
  loaded_tree from{with("hunter2")};
  loaded_tree to{after};
  plan_context around;
  around.version = 7;
  around.hash = "abc";
  const auto document = plan_document(make_plan(from.side(), to.side()), around);
  BOOST_TEST(document.dump().find("hunter") == std::string::npos);
  BOOST_TEST(document["version"] == 7);
  BOOST_TEST(document["changes"].dump()
             == R"({"adjust":0,"note":0,"restart":1,"start":0,"stop":1})");
  const auto& change = document["instances"][0]["changes"][1];
  BOOST_TEST(change["pointer"] == "/environment/DB_PASSWORD");
  BOOST_TEST(change["after"] == "***");
  BOOST_TEST(change["scope"] == "bot");
  BOOST_TEST(change["file"] == "a.json");
  BOOST_TEST(change["line"] == 1);
  BOOST_TEST(change["change"] == "restart");
  BOOST_TEST(document["instances"][1]["what"] == "stop");
  BOOST_TEST(document["conflicts"].empty());
}

BOOST_AUTO_TEST_CASE(what_is_gone_has_no_scope) {
  loaded_tree from{{{"a.json", R"({"command": ["x"], "nice": 3})"}}};
  loaded_tree to{{{"a.json", R"({"command": ["x"]})"}}};
  const auto document = to_json(make_plan(from.side(), to.side()));
  const auto& change = document["instances"][0]["changes"][0];
  BOOST_TEST(change["pointer"] == "/nice");
  BOOST_TEST(change["after"].is_null());
  BOOST_TEST(change["scope"].is_null());
  BOOST_TEST(change["line"].is_null());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace troupe::config::test
