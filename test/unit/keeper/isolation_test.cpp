#include "test/unit/keeper/fixture.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <map>
#include <signal.h>
#include <sstream>
#include <sys/stat.h>

using namespace keeper_test;

BOOST_AUTO_TEST_SUITE(isolation)

namespace {

/// What the probe tells of itself; lines of one name are joined with '|'.
std::map<std::string, std::string> probe(epoch& runtime, spawn_request&& request) {
  auto output = make_pipe();
  request.out = std::move(output.write);
  request.err = unique_fd{fcntl(request.out.get(), F_DUPFD_CLOEXEC, 3)};
  runtime.start(std::move(request));
  std::istringstream lines{read_text(output.read.get())};
  std::map<std::string, std::string> told;
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    auto& value = told[line.substr(0, equals)];
    if (!value.empty()) {
      value += '|';
    }
    value.append(line, equals + 1);
  }
  return told;
}

/// A dirty parent: signals ignored and blocked, an fd that is not close-on-exec, few files.
void make_a_mess() {
  signal(SIGINT, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  signal(SIGUSR1, SIG_IGN);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  dup2(STDERR_FILENO, 77);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = 321;
  setrlimit(RLIMIT_NOFILE, &files);
  umask(0);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_bot_gets_what_was_asked_for_and_nothing_else) {
  keeper_process keeper{{{}, {}, make_a_mess}};
  auto runtime = keeper.next_greeted();
  // Others exist, with pipes that are none of the new one's business.
  auto foreign = make_pipe();
  auto other = make_request("other#0", {"sleep", "1000"});
  other.keep.push_back(std::move(foreign.read));
  runtime.start(std::move(other));

  auto request = make_request("probe#0", {PROBE_BOT, "", "two words"});
  request.environment = {"B=2", "A=1", "EMPTY=", "UTF8=é"};
  request.directory = "/usr/bin";
  request.umask = 027;
  auto told = probe(runtime, std::move(request));
  BOOST_TEST(told["fds"] == "0 1 2 ");
  BOOST_TEST(told["environment"] == "B=2|A=1|EMPTY=|UTF8=é");
  BOOST_TEST(told["argument"] == std::string{PROBE_BOT} + "||two words");
  for (const char* set : {"SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"}) {
    BOOST_TEST(told[set] == "0000000000000000", set << " is " << told[set]);
  }
  BOOST_TEST(told["session"] == "1");
  BOOST_TEST(told["death_signal"] == std::to_string(SIGKILL));
  BOOST_TEST(told["umask"] == "027");
  BOOST_TEST(told["directory"] == "/usr/bin");
  BOOST_TEST(told["NoNewPrivs"] == "0");
  BOOST_TEST(told["limit" + std::to_string(RLIMIT_NOFILE)].rfind("321 ", 0) == 0U);
}

BOOST_AUTO_TEST_CASE(settings_are_applied) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  auto request = make_request("probe#0", {PROBE_BOT});
  request.nice = 5;
  request.oom_score_adj = 300;
  request.no_new_privs = true;
  request.limits.emplace_back(RLIMIT_NOFILE, rlimit{50, 60});
  request.limits.emplace_back(RLIMIT_CORE, rlimit{0, 4096});
  if (is_root()) {
    request.uid = 54321;
    request.gid = 54322;
    request.groups = {{54323, 54324}};
  }
  auto told = probe(runtime, std::move(request));
  BOOST_TEST(told["nice"] == "5");
  BOOST_TEST(told["oom"] == "300");
  BOOST_TEST(told["NoNewPrivs"] == "1");
  BOOST_TEST(told["limit" + std::to_string(RLIMIT_NOFILE)] == "50 60");
  BOOST_TEST(told["limit" + std::to_string(RLIMIT_CORE)] == "0 4096");
  BOOST_TEST(told["death_signal"] == std::to_string(SIGKILL));
  if (is_root()) {
    BOOST_TEST(told["ids"] == "54321 54321 54322 54322");
    BOOST_TEST(told["groups"] == "54323 54324 ");
  } else {
    BOOST_TEST_MESSAGE("user and groups skipped: they need root");
  }
}

BOOST_AUTO_TEST_CASE(without_an_input_it_reads_nothing) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  runtime.start(make_request("cat#0", {"cat"}));
  BOOST_TEST(runtime.end_of("cat#0").exit.code == 0);
}

namespace {

/// A new cgroup, where this machine lets us make one.
class test_cgroup {
public:
  test_cgroup() {
    std::ifstream mounts{"/proc/self/mountinfo"};
    for (std::string line; std::getline(mounts, line);) {
      if (line.find(" - cgroup2 ") == std::string::npos) {
        continue;
      }
      std::istringstream words{line};
      std::string mount_point;
      for (int i = 0; i < 5; ++i) {
        words >> mount_point;
      }
      const auto path = mount_point + "/troupe-keeper-test-" + std::to_string(getpid());
      if (mkdir(path.c_str(), 0755) == 0) {
        path_ = path;
        fd_ = unique_fd{open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        return;
      }
    }
  }
  ~test_cgroup() {
    if (!path_.empty()) {
      rmdir(path_.c_str());
    }
  }
  test_cgroup(const test_cgroup&) = delete;
  test_cgroup& operator=(const test_cgroup&) = delete;

  bool there() const { return fd_.get() >= 0; }
  int fd() const { return fd_.get(); }
  std::string name() const { return path_.substr(path_.rfind('/') + 1); }

private:
  std::string path_;
  unique_fd fd_;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_cgroup_holds_all_of_a_bot_and_dies_with_the_keeper) {
  const test_cgroup group;
  if (!group.there()) {
    BOOST_TEST_MESSAGE("skipped: no cgroup2 here that we may write to");
    return;
  }
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  auto output = make_pipe();
  auto request = make_request("bot#0", {PROBE_BOT, "--stray"});
  request.cgroup_fd = group.fd();
  request.out = std::move(output.write);
  const pid_t pid = runtime.start(std::move(request));
  const auto text = read_text(output.read.get(), "\n");
  const watched_process stray{std::stoi(text.substr(text.find('=') + 1))};

  std::ifstream file{"/proc/" + std::to_string(pid) + "/cgroup"};
  const std::string all{std::istreambuf_iterator<char>{file}, {}};
  BOOST_TEST(all.find("0::") != std::string::npos);
  BOOST_TEST(all.find("/" + group.name() + "\n") != std::string::npos, all);
  runtime.end(0);
  BOOST_TEST(keeper.wait() == 0);
  BOOST_TEST(stray.wait_gone());
}

BOOST_AUTO_TEST_SUITE_END()
