#include "test/unit/keeper/fixture.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

namespace keeper_test {

namespace {

/// Only reached when something is broken.
constexpr int patience_ms = 30000;

/// Writing to a pipe that nobody reads is to be an error here, not the end of the suite.
struct ignore_broken_pipes {
  ignore_broken_pipes() { signal(SIGPIPE, SIG_IGN); }
};
BOOST_TEST_GLOBAL_FIXTURE(ignore_broken_pipes);

} // namespace

bool wait_readable(int fd) {
  pollfd state{fd, POLLIN, 0};
  int result = 0;
  do {
    result = ::poll(&state, 1, patience_ms);
  } while (result < 0 && errno == EINTR);
  return result == 1;
}

std::string read_text(int fd, const std::string& until) {
  std::string text;
  char bytes[4096];
  while (until.empty() || text.find(until) == std::string::npos) {
    BOOST_REQUIRE(wait_readable(fd));
    const auto size = ::read(fd, bytes, sizeof bytes);
    if (size <= 0) {
      break;
    }
    text.append(bytes, static_cast<std::size_t>(size));
  }
  return text;
}

pipe_ends make_pipe() {
  int ends[2];
  BOOST_REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  return {unique_fd{ends[0]}, unique_fd{ends[1]}};
}

scratch::scratch() {
  char name[] = "/tmp/troupe-keeper-XXXXXX";
  BOOST_REQUIRE(mkdtemp(name) != nullptr);
  chmod(name, 0755);
  directory_ = name;
}

scratch::~scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string scratch::write(const std::string& name, const std::string& text, mode_t mode) const {
  std::ofstream{path(name)} << text;
  chmod(path(name).c_str(), mode);
  return path(name);
}

spawn_gate::spawn_gate() {
  BOOST_REQUIRE(mkfifo(directory_.path("cgroup.procs").c_str(), 0600) == 0);
  directory_fd_ = unique_fd{open(directory_.path("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
}

void spawn_gate::open_once() const {
  const unique_fd fifo{open(directory_.path("cgroup.procs").c_str(), O_RDONLY | O_CLOEXEC)};
  BOOST_TEST(read_text(fifo.get()) == "0");
}

// -- epoch -------------------------------------------------------------------------

epoch::epoch(unique_fd control, unique_fd line, const introduction& who)
    : client{std::move(line)}
    , about{who}
    , control_{std::move(control)} {
  // nop
}

void epoch::pull() {
  while (auto event = client.receive()) {
    if (std::holds_alternative<ping>(*event) && answer_pings) {
      client.send(pong{});
    } else {
      waiting_.push_back(std::move(*event));
    }
  }
}

std::optional<keeper_event> epoch::poll_event() {
  pull();
  if (waiting_.empty()) {
    return std::nullopt;
  }
  auto event = std::move(waiting_.front());
  waiting_.pop_front();
  return event;
}

keeper_event epoch::next(const std::function<bool(const keeper_event&)>& wanted) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{patience_ms};
  for (;;) {
    pull();
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), wanted);
    if (found != waiting_.end()) {
      auto event = std::move(*found);
      waiting_.erase(found);
      return event;
    }
    BOOST_REQUIRE_MESSAGE(!client.closed(), "the keeper has gone");
    // Pings keep coming, so each wait alone says nothing.
    BOOST_REQUIRE_MESSAGE(wait_readable(client.fd()) && std::chrono::steady_clock::now() < deadline,
                          "the event did not come");
  }
}

void epoch::make_room() {
  pull();
  pollfd state{client.fd(), POLLIN | POLLOUT, 0};
  BOOST_REQUIRE(::poll(&state, 1, patience_ms) == 1);
}

epoch::table epoch::greet() {
  send(hello{});
  table result;
  for (;;) {
    auto event = next([](const keeper_event& e) {
      return std::holds_alternative<slot>(e) || std::holds_alternative<stored_fd>(e)
             || std::holds_alternative<ready>(e);
    });
    if (auto* told = std::get_if<slot>(&event)) {
      result.slots.push_back(std::move(*told));
    } else if (auto* stored = std::get_if<stored_fd>(&event)) {
      result.fds.push_back(std::move(*stored));
    } else {
      result.end = std::get<ready>(event);
      return result;
    }
  }
}

pid_t epoch::start(spawn_request request) {
  send(request);
  const auto instance = request.instance;
  request = {};
  return expect<spawned>(instance).pid;
}

void epoch::end(int code) {
  BOOST_REQUIRE(::send(control_.get(), &code, sizeof code, MSG_NOSIGNAL) == sizeof code);
}

void epoch::kill() {
  ::kill(about.pid, SIGKILL);
  client = keeper_client{unique_fd{}};
}

void epoch::wait_closed() {
  pull();
  while (!client.closed()) {
    BOOST_REQUIRE(wait_readable(client.fd()));
    pull();
  }
}

// -- keeper ------------------------------------------------------------------------

keeper_process::keeper_process(const settings& how) {
  listener_ = unique_fd{socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, directory_.path("control").c_str(), sizeof address.sun_path - 1);
  BOOST_REQUIRE(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  BOOST_REQUIRE(listen(listener_.get(), 16) == 0);

  std::vector<std::string> words = how.prefix;
  words.emplace_back(TROUPE_KEEPER);
  words.insert(words.end(), how.options.begin(), how.options.end());
  words.insert(words.end(), {"--", FAKE_RUNTIME, address.sun_path});
  std::vector<char*> argv;
  for (auto& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  pid_ = fork();
  BOOST_REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    if (how.before_exec) {
      how.before_exec();
    }
    execvp(argv[0], argv.data());
    _exit(127);
  }
}

keeper_process::~keeper_process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

epoch keeper_process::next_epoch() {
  BOOST_REQUIRE_MESSAGE(wait_readable(listener_.get()), "the runtime was not started");
  unique_fd control{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  BOOST_REQUIRE(control.get() >= 0);
  introduction about{};
  iovec part{&about, sizeof about};
  int line = -1;
  alignas(cmsghdr) unsigned char rights[CMSG_SPACE(sizeof line)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = rights;
  message.msg_controllen = sizeof rights;
  BOOST_REQUIRE(wait_readable(control.get()));
  BOOST_REQUIRE(recvmsg(control.get(), &message, MSG_CMSG_CLOEXEC) == sizeof about);
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  BOOST_REQUIRE(head != nullptr);
  std::memcpy(&line, CMSG_DATA(head), sizeof line);
  return {std::move(control), unique_fd{line}, about};
}

bool keeper_process::starts_another() const {
  const unique_fd end{static_cast<int>(syscall(SYS_pidfd_open, pid_, 0))};
  pollfd states[] = {{listener_.get(), POLLIN, 0}, {end.get(), POLLIN, 0}};
  BOOST_REQUIRE(::poll(states, 2, patience_ms) > 0);
  return states[0].revents != 0;
}

epoch keeper_process::next_greeted() {
  auto result = next_epoch();
  result.greet();
  return result;
}

void keeper_process::signal(int number) const {
  BOOST_REQUIRE(::kill(pid_, number) == 0);
}

int keeper_process::wait() {
  const watched_process watch{pid_};
  BOOST_REQUIRE_MESSAGE(watch.wait_gone(), "the keeper did not end");
  int status = 0;
  BOOST_REQUIRE(waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// -- processes ---------------------------------------------------------------------

spawn_request make_request(const std::string& instance, std::vector<std::string> argv,
                           std::uint64_t incarnation) {
  spawn_request request;
  request.instance = instance;
  request.incarnation = incarnation;
  request.argv = std::move(argv);
  request.environment = {"PATH=/usr/bin:/bin"};
  return request;
}

watched_process::watched_process(pid_t pid)
    : pidfd_{static_cast<int>(syscall(SYS_pidfd_open, pid, 0))} {
  BOOST_REQUIRE(pidfd_.get() >= 0);
}

bool watched_process::has_gone() const {
  pollfd state{pidfd_.get(), POLLIN, 0};
  return ::poll(&state, 1, 0) == 1;
}

std::vector<pid_t> children_of(pid_t parent) {
  const auto number = std::to_string(parent);
  std::ifstream file{"/proc/" + number + "/task/" + number + "/children"};
  std::vector<pid_t> result;
  for (pid_t pid = 0; file >> pid;) {
    result.push_back(pid);
  }
  return result;
}

std::string child_states(pid_t parent, const std::vector<pid_t>& except) {
  std::string states;
  for (const pid_t child : children_of(parent)) {
    if (std::find(except.begin(), except.end(), child) != except.end()) {
      continue;
    }
    if (const char state = state_of(child); state != '-') {
      states += state;
    }
  }
  return states;
}

char state_of(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(") ");
  return name_end == std::string::npos ? '-' : line[name_end + 2];
}

bool eventually(const std::function<bool()>& condition) {
  for (int waited = 0; !condition(); waited += 2) {
    if (waited > patience_ms) {
      return false;
    }
    ::poll(nullptr, 0, 2);
  }
  return true;
}

bool is_root() {
  return geteuid() == 0;
}

} // namespace keeper_test
