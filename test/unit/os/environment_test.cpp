#include "runtime/os/environment.hpp"
#include "runtime/os/preparation.hpp"
#include "test/unit/os/temporary.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace troupe;
using namespace troupe::os;
namespace fs = std::filesystem;

namespace {

using map = std::map<std::string, std::string>;

struct environment_fixture : test::temporary {
  environment_fixture() {
    original = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional{found->second};
    };
    context.bot = "market/trader";
    context.index = 2;
    context.env = original;
    context.secret = [this](const std::string& name) { return read_secret(path, original, name); };
    who.name = "me";
    who.home = "/home/me";
  }

  map make() {
    map result;
    const auto made = make_environment({spec, context, original, who, 9, "/state/bots/x", path});
    problem = made ? "" : made.error();
    if (made)
      for (const auto& entry : *made) {
        const auto equals = entry.find('=');
        BOOST_TEST(result.emplace(entry.substr(0, equals), entry.substr(equals + 1)).second);
      }
    return result;
  }

  map variables;
  environment_lookup original;
  config::expand_context context;
  config::bot_spec spec;
  identity who;
  std::string problem;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(environment_suite, environment_fixture)

BOOST_AUTO_TEST_CASE(only_what_is_allowed_is_passed) {
  variables = {{"PATH", "/p"}, {"HOME", "/h"},  {"USER", "u"},     {"LANG", "C"},
               {"TZ", "UTC"},  {"SECRET", "x"}, {"DISPLAY", ":0"}, {"TROUPE_STATE", "/s"}};
  spec.pass_environment = {"DISPLAY", "MISSING"};
  spec.environment = {{"MODE", "live"}, {"LANG", "de"}};
  const map expected{{"PATH", "/p"},
                     {"HOME", "/h"},
                     {"USER", "u"},
                     {"LANG", "de"},
                     {"TZ", "UTC"},
                     {"DISPLAY", ":0"},
                     {"MODE", "live"},
                     {"TROUPE_BOT", "market/trader"},
                     {"TROUPE_INSTANCE", "2"},
                     {"TROUPE_INCARNATION", "9"},
                     {"TROUPE_BOT_DIR", "/state/bots/x"}};
  BOOST_TEST((make() == expected));
}

BOOST_AUTO_TEST_CASE(a_user_of_its_own_has_its_own_home) {
  variables = {{"HOME", "/root"}, {"USER", "root"}};
  spec.user = "me";
  const auto made = make();
  BOOST_TEST(made.at("HOME") == "/home/me");
  BOOST_TEST(made.at("USER") == "me");
  BOOST_TEST(made.at("PATH").find("/usr/bin") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(files_are_weaker_than_the_bots_own) {
  test::put(path + "/env", "A=1\n# no\n\nexport B=\"two words\"\nC='3'\nD=x=y\r\nE=\n");
  spec.environment_file = "env";
  spec.environment = {{"C", "own ${bot.index}"}};
  const auto made = make();
  BOOST_TEST(made.at("A") == "1");
  BOOST_TEST(made.at("B") == "two words");
  BOOST_TEST(made.at("C") == "own 2");
  BOOST_TEST(made.at("D") == "x=y");
  BOOST_TEST(made.at("E") == "");
}

BOOST_AUTO_TEST_CASE(errors_name_the_place_and_no_value) {
  spec.environment_file = "/nonexistent/env";
  make();
  BOOST_TEST(problem == "environment_file /nonexistent/env: No such file or directory");
  test::put(path + "/env", "A=1\nhunter2\n");
  spec.environment_file = path + "/env";
  make();
  BOOST_TEST(problem == "environment_file " + path + "/env, line 2: expected NAME=VALUE");
  spec.environment_file.reset();
  spec.environment = {{"KEY", "${secret:missing}"}};
  make();
  BOOST_TEST(problem.find("environment.KEY") != std::string::npos);
  BOOST_TEST(problem.find("missing") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(secrets_are_files_that_nobody_else_reads) {
  fs::create_directory(path + "/secrets");
  test::put(path + "/secrets/key", "hunter2\n");
  fs::permissions(path + "/secrets/key", fs::perms::owner_read | fs::perms::owner_write);
  spec.environment = {{"KEY", "<${secret:key}>"}};
  BOOST_TEST(make().at("KEY") == "<hunter2>");
  fs::permissions(path + "/secrets/key", fs::perms::owner_read | fs::perms::others_read);
  make();
  BOOST_TEST(problem.find("chmod 600") != std::string::npos);
  BOOST_TEST(problem.find("hunter2") == std::string::npos);
  BOOST_REQUIRE(::mkfifo((path + "/secrets/pipe").c_str(), 0600) == 0);
  BOOST_TEST(!read_secret(path, original, "pipe").has_value());
  BOOST_TEST(!read_secret(path, original, "../env").has_value());
  BOOST_TEST(!read_secret(path, original, "..").has_value());
  BOOST_TEST(!read_secret(path, original, "").has_value());
}

BOOST_AUTO_TEST_CASE(a_credential_of_systemd_is_a_secret_too) {
  fs::create_directory(path + "/credentials");
  test::put(path + "/credentials/token", "abc");
  fs::permissions(path + "/credentials/token", fs::perms::owner_read);
  variables["CREDENTIALS_DIRECTORY"] = path + "/credentials";
  BOOST_TEST(*read_secret(path, original, "token") == "abc");
}

BOOST_AUTO_TEST_CASE(users_are_found_by_name_and_number) {
  users accounts;
  const auto nobody = accounts.find("no-such-user-here", std::nullopt);
  BOOST_REQUIRE(!nobody.has_value());
  BOOST_TEST(nobody.error().find("no such user \"no-such-user-here\"") != std::string::npos);
  BOOST_TEST(!accounts.find(std::nullopt, "no-such-group-here").has_value());
  const auto self = accounts.find(std::nullopt, std::nullopt);
  BOOST_REQUIRE(self.has_value());
  BOOST_TEST(!self->uid);
  BOOST_TEST(self->owner == ::geteuid());
  if (::geteuid() != 0) {
    BOOST_TEST(!accounts.find("root", std::nullopt).has_value());
    return;
  }
  const auto other = accounts.find("nobody", std::nullopt);
  BOOST_REQUIRE(other.has_value());
  BOOST_TEST(*other->uid == 65534u);
  BOOST_TEST(other->owner == 65534u);
  BOOST_TEST(other->groups->size() >= 1u);
  BOOST_TEST(*accounts.find("65534", std::nullopt)->uid == 65534u);
  BOOST_TEST(*accounts.find("nobody", "0")->gid == 0u);
  // An account that does not exist needs a group beside its number.
  BOOST_TEST(!accounts.find("54321", std::nullopt).has_value());
  BOOST_TEST(*accounts.find("54321", "12345")->gid == 12345u);
  // To the kernel this one means «unchanged»: the bot would stay root.
  for (const auto& refused :
       {accounts.find("4294967295", "12345"), accounts.find("54321", "4294967295")})
    BOOST_TEST(!refused.has_value());
}

BOOST_AUTO_TEST_CASE(a_start_is_prepared_whole_or_not_at_all) {
  const auto state = state_directory::open(path);
  users accounts;
  auto bot = std::make_shared<config::bot_spec>();
  bot->command = {"prog", "${bot.name}", "$${x}"};
  bot->directory = "/tmp/${bot.index}";
  bot->limits.open_files = 64;
  bot->umask = 027;
  bot->log = {12345, 7, true, config::log_spec::line_format::json, 999};
  auto made = prepare({"a/b#3", 5, bot}, *state, {}, path, original, accounts);
  BOOST_REQUIRE(made.has_value());
  const auto& request = made->request;
  BOOST_TEST((request.argv == std::vector<std::string>{"prog", "a/b", "${x}"}));
  BOOST_TEST(request.directory == "/tmp/3");
  BOOST_TEST(request.umask == 027u);
  BOOST_REQUIRE(request.limits.size() == 1u);
  BOOST_TEST(request.limits[0].second.rlim_max == 64u);
  BOOST_TEST(request.cgroup_fd == -1);
  BOOST_TEST(started_from_blob(request.blob) > 0);
  BOOST_TEST(started_from_blob("something else") == 0);
  const auto token = std::find(request.environment.begin(), request.environment.end(),
                               "TROUPE_TOKEN=" + to_text(made->link->key));
  BOOST_TEST((token != request.environment.end()));
  BOOST_TEST(request.blob.size() < 1024u);
  BOOST_REQUIRE(link_from_blob(request.blob).has_value());
  BOOST_TEST(same_key(link_from_blob(request.blob)->key, made->link->key));
  BOOST_TEST(link_from_blob(request.blob)->uid == ::geteuid());
  BOOST_TEST(!link_from_blob("started=17").has_value());
  BOOST_TEST(!link_from_blob("link.key=abc link.uid=0").has_value());
  BOOST_CHECK(log_from_blob(request.blob) == bot->log);
  // As an older runtime wrote it.
  BOOST_TEST(started_from_blob("started=17") == 17);
  BOOST_CHECK(log_from_blob("started=17") == config::log_spec{});
  BOOST_TEST(fs::is_directory(path + "/bots/a/b.3"));
  BOOST_TEST((::fcntl(request.out.get(), F_GETFD) & FD_CLOEXEC) != 0);

  bot->command = {"${secret:none}"};
  BOOST_TEST(prepare({"a/b#3", 5, bot}, *state, {}, path, original, accounts)
                 .error()
                 .starts_with("command[0]: "));
  bot->command = {};
  BOOST_TEST(!prepare({"a/b#3", 5, bot}, *state, {}, path, original, accounts).has_value());
  BOOST_TEST(!prepare({"a/b", 5, bot}, *state, {}, path, original, accounts).has_value());
}

BOOST_AUTO_TEST_CASE(failures_of_the_keeper_are_sentences) {
  config::bot_spec bot;
  bot.command = {"/nonexistent"};
  bot.user = "me";
  BOOST_TEST(describe_failure(spawn_step::exec, ENOENT, bot, "/d")
             == "exec /nonexistent: No such file or directory");
  BOOST_TEST(describe_failure(spawn_step::directory, EACCES, bot, "/d")
             == "chdir /d: Permission denied");
  BOOST_TEST(describe_failure(spawn_step::exec, ENOEXEC, bot, "/d").find("#!")
             != std::string::npos);
  BOOST_TEST(describe_failure(spawn_step::uid, EPERM, bot, "/d").find("user me")
             != std::string::npos);
  BOOST_TEST(describe_failure(spawn_step::session, EPERM, bot, "/d").find("Operation not permitted")
             != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
