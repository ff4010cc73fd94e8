// What the host finds out for shells, of real processes.

#include "test/unit/os/keeper_fixture.hpp"

#include <boost/mpl/list.hpp>

#include <algorithm>
#include <fstream>
#include <map>

using namespace troupe;
using troupe::test::keeper_fixture;
using troupe::test::keeper_without_cgroups;

namespace {

using both = boost::mpl::list<keeper_fixture, keeper_without_cgroups>;

std::map<std::string, variable> by_name(const environment_report& report) {
  std::map<std::string, variable> result;
  for (const auto& each : report.variables)
    result[each.name] = each;
  return result;
}

const limit_use* find(const limits_report& report, const std::string& instance,
                      const std::string& name) {
  const auto at = report.of.find(instance);
  if (at == report.of.end())
    return nullptr;
  const auto found = std::ranges::find(at->second, name, &limit_use::name);
  return found == at->second.end() ? nullptr : &*found;
}

} // namespace

BOOST_AUTO_TEST_SUITE(looks_suite)

BOOST_AUTO_TEST_CASE_TEMPLATE(an_environment_is_that_of_the_process, fixture, both) {
  fixture f;
  test::put(f.path + "/more.env", "FROM_FILE=hush\n");
  auto spec = f.shell("exec sleep 1000");
  spec->environment = {{"PLAIN", "seen"}, {"MADE", "x${secret:db}y"}};
  spec->environment_file = f.path + "/more.env";
  std::filesystem::create_directory(f.path + "/secrets");
  test::put(f.path + "/secrets/db", "password\n");
  std::filesystem::permissions(f.path + "/secrets/db", std::filesystem::perms{0600});
  f.host->set_tree(f.path);
  // Before it runs: what it would get, without reading a secret.
  auto report = f.host->environment({"a#0", 1, spec});
  BOOST_TEST(report.trouble == "");
  BOOST_TEST(report.pid == 0);
  auto all = by_name(report);
  BOOST_TEST(all["PLAIN"].value == "seen");
  BOOST_TEST((all["PLAIN"].from == variable_source::settings));
  BOOST_TEST(!all["PLAIN"].secret);
  BOOST_TEST(all["MADE"].value == "xy");
  BOOST_TEST(all["MADE"].secret);
  BOOST_TEST((all["FROM_FILE"].from == variable_source::file));
  BOOST_TEST(all["FROM_FILE"].secret);
  BOOST_TEST((all["PATH"].from == variable_source::built_in));
  BOOST_TEST((all["TROUPE_INCARNATION"].from == variable_source::runtime));
  // While it runs: what it was started with, whatever the settings have become.
  f.host->spawn({"a#0", 1, spec});
  const auto pid = f.template wait_for<spawned>("a#0").pid;
  auto fresh = std::make_shared<config::bot_spec>(*spec);
  fresh->environment = {{"PLAIN", "changed"}};
  BOOST_TEST(f.eventually([&] {
    report = f.host->environment({"a#0", 1, fresh});
    return report.pid == pid;
  }));
  all = by_name(report);
  BOOST_TEST(all["PLAIN"].value == "seen");
  BOOST_TEST((all["MADE"].from == variable_source::unknown));
  f.finish("a#0", 1);
  spec->environment_file = f.path + "/none.env";
  report = f.host->environment({"a#0", 2, spec});
  BOOST_TEST(report.trouble.find("none.env: No such file or directory") != std::string::npos,
             report.trouble);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(limits_stand_beside_their_use, fixture, both) {
  fixture f;
  auto spec = f.shell("exec 7</dev/null; exec 8</dev/null; echo open; exec sleep 1000");
  spec->limits.open_files = 40;
  spec->limits.memory = 512u << 20;
  spec->limits.core_size = 0;
  auto report = f.host->limits({{"a#0", 1, spec}});
  BOOST_REQUIRE(find(report, "a#0", "open_files"));
  BOOST_TEST(*find(report, "a#0", "open_files")->limit == 40);
  BOOST_TEST(!find(report, "a#0", "open_files")->used);
  f.host->spawn({"a#0", 1, spec});
  f.template wait_for<spawned>("a#0");
  BOOST_TEST(f.said("a#0", 1, "open"));
  BOOST_TEST(f.eventually([&] { // the shell becomes the program
    report = f.host->limits({{"a#0", 1, spec}, {"nobody#0", 7, spec}});
    const auto* files = find(report, "a#0", "open_files");
    return files && files->used && *files->used == 5;
  }));
  BOOST_TEST(*find(report, "a#0", "open_files")->limit == 40);
  BOOST_TEST(*find(report, "a#0", "core_size")->limit == 0);
  const auto* memory = find(report, "a#0", "memory");
  BOOST_REQUIRE(memory);
  // Either it is in force, or it is said why not.
  BOOST_TEST(memory->limit.has_value() == memory->unenforced.empty());
  if (memory->limit)
    BOOST_TEST(*memory->limit == 512u << 20);
  BOOST_TEST(!find(report, "a#0", "stack"));
  BOOST_TEST(!find(report, "nobody#0", "open_files")->used);
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE(the_machine_is_described) {
  keeper_fixture f;
  auto now = f.host->machine().of;
  BOOST_TEST(now["runtime_pid"] == ::getpid());
  BOOST_TEST(now["keeper_pid"] == f.host->keeper_pid());
  BOOST_TEST(now["runtime_memory_bytes"] > 100'000);
  BOOST_TEST(now["keeper_memory_bytes"] > 0);
  BOOST_TEST(now["runtime_files"] > 3);
  BOOST_TEST(now["runtime_files_limit"] >= now["runtime_files"]);
  BOOST_TEST(now["disk_bytes"] >= now["disk_free_bytes"]);
  BOOST_TEST(now["slots"] == 0);
  f.start("a#0", 1, "exec sleep 1000");
  BOOST_TEST(f.host->machine().of["slots"] == 1);
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_SUITE_END()
