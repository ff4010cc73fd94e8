// Procfiles.

#include "fixture.hpp"

#include <algorithm>

using namespace troupe::importing;

BOOST_FIXTURE_TEST_SUITE(procfile, import_fixture)

BOOST_AUTO_TEST_CASE(lines) {
  write(".env", "RACK_ENV=production\n");
  import("Procfile", R"(# comment
web: bundle exec puma -p $PORT
my-worker: python3 worker.py "a b"
Clock_1: cd lib && ./clock
release: ./migrate
)");
  BOOST_TEST(bot("web")["command"].dump() == R"(["/bin/sh","-c","bundle exec puma -p $PORT"])");
  BOOST_TEST(bot("web")["environment"].dump() == R"({"PORT":"5000"})");
  BOOST_TEST(bot("web")["environment_file"] == directory + "/.env");
  BOOST_TEST(bot("my-worker")["command"].dump() == R"(["python3","worker.py","a b"])");
  BOOST_TEST(bot("my-worker")["directory"] == directory);
  BOOST_TEST(bot("clock_1")["command"].dump() == R"(["/bin/sh","-c","cd lib && ./clock"])");
  BOOST_TEST(bot("release")["autostart"] == false);
  BOOST_TEST(says("PORT", "5000", weight::changed));
}

BOOST_AUTO_TEST_CASE(a_shell_passes_no_signal_on) {
  import("Procfile", "a: ./run\nb: cd lib && ./run\n");
  BOOST_TEST(!bot("a").contains("kill_mode"));
  BOOST_TEST(bot("b")["kill_mode"] == "group");
}

BOOST_AUTO_TEST_CASE(numbers_begin_at_the_port_of_the_file) {
  write(".env", "PORT=3000\n");
  import("Procfile", "web: ./web\napi: ./api $PORT\n");
  BOOST_TEST(bot("web")["environment"].dump() == R"({"PORT":"3000"})");
  BOOST_TEST(bot("api")["environment"].dump() == R"({"PORT":"3100"})");
  write(".env", "PORT=9223372036854775807\n");
  import("Procfile", "web: ./web $PORT\n");
  BOOST_TEST(bot("web")["environment"].dump() == R"({"PORT":"5000"})");
}

BOOST_AUTO_TEST_CASE(our_limits_are_told_once) {
  import("Procfile", "a: ./run\nb: ./run\n");
  BOOST_TEST(says("max_restarts", "20 restarts within 10m or 15 failed starts", weight::changed));
  BOOST_TEST(says("no_restart_codes", "125", weight::changed));
  BOOST_TEST(std::ranges::count(fleet.remarks(), "max_restarts", &remark::key) == 1);
  import("Procfile", "release: ./migrate\n");
  BOOST_TEST(said("max_restarts", weight::changed) == "");
}

BOOST_AUTO_TEST_CASE(what_is_wrong) {
  import("Procfile", "web: x\nno line\n");
  BOOST_REQUIRE(failures.size() == 1u);
  BOOST_TEST(failures[0].line == 2u);
  write(".env", "this is no assignment\n");
  import("Procfile", "web: x\nempty:\n");
  BOOST_TEST(said(".env") != "");
  BOOST_TEST(!bot("web").contains("environment_file"));
  BOOST_TEST(says("empty", "nothing to run"));
}

BOOST_AUTO_TEST_SUITE_END()
