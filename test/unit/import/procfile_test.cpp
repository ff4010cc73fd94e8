// Procfiles.

#include "fixture.hpp"

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
