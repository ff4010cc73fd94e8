// What `run` takes a word for.

#include "runtime/solo/subject.hpp"
#include "test/unit/os/temporary.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <sys/stat.h>

using namespace troupe;
using namespace troupe::solo;
using troupe::test::put;

namespace {

/// A directory that is the current one while it lives.
struct workplace : troupe::test::temporary {
  workplace()
      : before{std::filesystem::current_path()} {
    std::filesystem::current_path(path);
  }
  ~workplace() { std::filesystem::current_path(before); }

  static void program(const std::string& file, const std::string& text = "#!/bin/sh\n") {
    put(file, text);
    ::chmod(file.c_str(), 0755);
  }

  std::filesystem::path before;
};

subject must_see(const std::string& word, const std::string& search = "/nowhere") {
  const auto seen = look_at(word, search);
  BOOST_REQUIRE_MESSAGE(seen.has_value(), word + ": " + (seen ? "" : seen.error().message));
  return *seen;
}

refusal must_refuse(const std::string& word, const std::string& search = "/nowhere") {
  const auto seen = look_at(word, search);
  BOOST_REQUIRE_MESSAGE(!seen.has_value(), word);
  BOOST_TEST((seen.error().exit == exit_code::usage));
  return seen.error();
}

} // namespace

BOOST_AUTO_TEST_SUITE(subjects)

BOOST_FIXTURE_TEST_CASE(a_directory_is_a_fleet, workplace) {
  std::filesystem::create_directory("fleet");
  for (const auto* word : {"fleet", "fleet/", "./fleet"}) {
    const auto seen = must_see(word);
    BOOST_TEST((seen.kind == subject_kind::fleet));
    BOOST_TEST(seen.path == std::filesystem::canonical("fleet").string());
    BOOST_TEST(!takes_arguments(word));
  }
}

BOOST_FIXTURE_TEST_CASE(a_directory_is_stronger_than_a_program_of_that_name, workplace) {
  std::filesystem::create_directory("sh");
  BOOST_TEST((must_see("sh", "/bin").kind == subject_kind::fleet));
  BOOST_TEST(!takes_arguments("sh"));
}

BOOST_FIXTURE_TEST_CASE(a_json_file_is_a_bot, workplace) {
  put("bot.json", "{}");
  const auto seen = must_see("bot.json");
  BOOST_TEST((seen.kind == subject_kind::bot_file));
  BOOST_TEST(seen.path == std::filesystem::canonical("bot.json").string());
  BOOST_TEST(!takes_arguments("bot.json"));
  BOOST_TEST(!takes_arguments("missing.json"));
  must_refuse("missing.json");
  put("group.json", "{}");
  BOOST_TEST(must_refuse("./group.json").hint == "its directory is what runs: `troupe run .`");
}

BOOST_FIXTURE_TEST_CASE(an_executable_file_is_a_program, workplace) {
  program("main.py");
  BOOST_TEST((must_see("./main.py").kind == subject_kind::program));
  BOOST_TEST(must_see("./main.py").path == "./main.py");
  BOOST_TEST(must_see("main.py").path == "./main.py");
  BOOST_TEST(takes_arguments("main.py"));
  BOOST_TEST(takes_arguments("no-such-thing"));
}

BOOST_FIXTURE_TEST_CASE(a_name_is_searched_in_the_path_first, workplace) {
  std::filesystem::create_directories("bin/one");
  std::filesystem::create_directories("bin/two/tool"); // no program
  program("bin/one/other");
  put("bin/one/plain", "");
  program("tool");
  program("other");
  const auto search = "/nowhere:" + path + "/bin/two:" + path + "/bin/one";
  BOOST_TEST(must_see("other", search).path == "other");
  BOOST_TEST(must_see("other", search).why.ends_with("/bin/one/other"));
  BOOST_TEST(must_see("tool", search).path == "./tool");
  BOOST_TEST(must_see("other", "").path == "other"); // an empty part is the directory here
  must_refuse("plain", search);
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_run_is_explained, workplace) {
  put("main.py", "print()");
  BOOST_TEST(must_refuse("main.py").hint == "`chmod +x main.py`, or `troupe run python3 main.py`");
  put("tool", "");
  BOOST_TEST(must_refuse("./tool").hint == "`chmod +x ./tool`");
  BOOST_TEST(must_refuse("mian.py").hint == "did you mean \"main.py\"?");
  ::mkfifo("fifo", 0755);
  BOOST_TEST(must_refuse("./fifo").message == "\"./fifo\" is neither a directory nor a file");
  must_refuse("main.py/inner");
  must_refuse(std::string(5000, 'x'));
  BOOST_TEST(must_refuse("\x1b[2J\xff").message.find('\x1b') == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(without_a_word_the_directory_is_looked_at, workplace) {
  BOOST_TEST(must_refuse("").hint.find("./main.py") != std::string::npos);
  put("main.py", "");
  BOOST_TEST(must_refuse("").hint == "`troupe run python3 main.py` runs that one program");
  program("main.py");
  std::filesystem::create_directory("fleet");
  put("fleet/group.json", "{}");
  BOOST_TEST(must_refuse("").hint
             == "`troupe run ./main.py` runs that one program, `troupe run fleet/` the fleet in "
                "that directory");
  put("runtime.json", "{}");
  BOOST_TEST((must_see("").kind == subject_kind::fleet));
  BOOST_TEST(must_see("").path == std::filesystem::canonical(".").string());
}

BOOST_AUTO_TEST_SUITE_END()
