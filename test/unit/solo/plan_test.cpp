// A bot's file that is run alone.

#include "runtime/solo/plan.hpp"
#include "test/unit/os/temporary.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <sys/stat.h>
#include <unistd.h>

using namespace troupe;
using namespace troupe::solo;
using troupe::test::put;
using troupe::test::temporary;

namespace {

std::string all(const bot_file& file) {
  std::string result;
  for (const auto& list : {file.loaded.errors, file.loaded.warnings})
    for (const auto& one : list)
      result += config::render(one, &file.source, false);
  return result;
}

/// The plan of a file that must be fine.
plan must_plan(const std::string& path) {
  const auto file = read_bot_file(path);
  BOOST_REQUIRE_MESSAGE(file.loaded.spec, all(file));
  return plan_bot(file, nullptr);
}

os::spawn_request must_prepare(const plan& what, std::uint64_t incarnation = 1) {
  auto request = what.prepare(incarnation);
  BOOST_REQUIRE_MESSAGE(request.has_value(), (request ? "" : request.error()));
  return std::move(*request);
}

bool has(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

bool has_name(const std::vector<std::string>& all, const std::string& name) {
  return std::ranges::any_of(all, [&](const auto& one) { return one.starts_with(name + "="); });
}

} // namespace

BOOST_AUTO_TEST_SUITE(plans)

BOOST_FIXTURE_TEST_CASE(a_program_gets_the_environment_as_it_is, temporary) {
  const auto request = must_prepare(plan_program({"./main.py", "--flag"}, nullptr));
  std::vector<std::string> ours;
  for (char** it = environ; *it; ++it)
    ours.emplace_back(*it);
  BOOST_TEST(request.environment == ours, boost::test_tools::per_element());
  BOOST_TEST((request.argv == std::vector<std::string>{"./main.py", "--flag"}));
  BOOST_TEST(request.directory.empty());
  BOOST_TEST(!request.no_new_privs);
  BOOST_TEST(plan_program({"/opt/My Bot"}, nullptr).name == "my-bot");
  BOOST_TEST(plan_program({"/opt/+"}, nullptr).name == "bot");
}

BOOST_FIXTURE_TEST_CASE(what_a_file_does_not_set_is_inherited, temporary) {
  put(path + "/bot.json", R"({"command": ["x"]})");
  ::setenv("SOLO_TEST", "1", 1);
  const auto before = ::umask(0134);
  const auto what = must_plan(path + "/bot.json");
  ::umask(before);
  BOOST_TEST((what.spec.restart == config::restart_type::temporary));
  const auto request = must_prepare(what, 7);
  BOOST_TEST(request.umask == 0134u);
  BOOST_TEST(!request.no_new_privs);
  BOOST_TEST(request.limits.empty());
  BOOST_TEST(!request.uid.has_value());
  BOOST_TEST(has(request.environment, "SOLO_TEST=1"));
  BOOST_TEST(has(request.environment, "TROUPE_BOT=bot"));
  BOOST_TEST(has(request.environment, "TROUPE_INCARNATION=7"));
  BOOST_TEST(!has_name(request.environment, "TROUPE_BOT_DIR"));
  BOOST_TEST(request.directory == path);
}

BOOST_FIXTURE_TEST_CASE(what_it_sets_holds_also_where_that_is_the_default, temporary) {
  put(path + "/bot.json", R"({"command": ["x"], "umask": "022", "no_new_privs": true,
                              "restart": "permanent", "instances": {"0": {"nice": 3}}})");
  const auto before = ::umask(0134);
  const auto what = must_plan(path + "/bot.json");
  ::umask(before);
  BOOST_TEST((what.spec.restart == config::restart_type::permanent));
  const auto request = must_prepare(what);
  BOOST_TEST(request.umask == 022u);
  BOOST_TEST(request.no_new_privs);
  BOOST_TEST(request.nice.value_or(0) == 3);
}

BOOST_FIXTURE_TEST_CASE(what_lies_beside_it_is_not_looked_at, temporary) {
  put(path + "/bot.json", R"({"command": ["x"]})");
  put(path + "/broken.json", "{");
  put(path + "/group.json", R"({"defaults": {"umask": "077"}})");
  BOOST_TEST(must_plan(path + "/bot.json").spec.umask != 077u);
}

BOOST_FIXTURE_TEST_CASE(errors_are_those_of_check, temporary) {
  put(path + "/bot.json", "{\n \"comand\": [\"x\"]\n}");
  const auto file = read_bot_file(path + "/bot.json");
  BOOST_TEST(!file.loaded.spec);
  BOOST_TEST(all(file).find("bot.json:2:2") != std::string::npos, all(file));
  put(path + "/Bot 1.json", "{}");
  BOOST_TEST(all(read_bot_file(path + "/Bot 1.json")).find("rename it to \"bot-1\"")
             != std::string::npos);
  BOOST_TEST(read_bot_file(path + "/none.json").loaded.errors.size() == 1u);
  ::chmod((path + "/bot.json").c_str(), 0666);
  BOOST_TEST(all(read_bot_file(path + "/bot.json")).find("written by everyone")
             != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(what_needs_a_fleet_is_warned_of_once, temporary) {
  put(path + "/bot.json",
      "{\n\"command\": [\"x\"],\n\"depends_on\": {\"feed\": \"ready\", \"a/\": \"started\"},\n"
      "\"replicas\": 2,\n\"log\": {\"keep\": 1, \"max_size\": \"1MiB\"}, \"kill_mode\": "
      "\"group\"}");
  const auto file = read_bot_file(path + "/bot.json");
  BOOST_REQUIRE_MESSAGE(file.loaded.spec, all(file));
  const auto about = [&](const std::string& pointer) {
    return std::ranges::count_if(file.loaded.warnings,
                                 [&](const auto& one) { return one.pointer.starts_with(pointer); });
  };
  BOOST_TEST(about("/depends_on") == 1);
  BOOST_TEST(about("/replicas") == 1);
  BOOST_TEST(about("/kill_mode") == 1);
  BOOST_TEST(about("/log") == 1); // the loader's own
  put(path + "/one.json", R"({"command": ["x"], "replicas": 1, "labels": {"a": "b"}})");
  BOOST_TEST(read_bot_file(path + "/one.json").loaded.warnings.empty());
}

BOOST_AUTO_TEST_SUITE_END()
