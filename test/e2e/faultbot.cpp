// A bot that misbehaves on order.

#include "test/e2e/faultbot.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace faultbot {

volatile std::sig_atomic_t term_received = 0;

namespace {

void on_term(int) {
  term_received = 1;
}

[[noreturn]] void usage(const std::string& what) {
  std::fprintf(stderr, "faultbot: %s\n", what.c_str());
  std::exit(64);
}

/// «10ms», «2s», «1.5s».
double seconds_of(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
  if (error != std::errc{} || (unit != "s" && unit != "ms"))
    usage("not a duration: " + std::string{text});
  return unit == "s" ? value : value / 1000;
}

int number_of(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    usage("not a number: " + std::string{text});
  return value;
}

/// «64K», «10M», «1G».
double bytes_of(std::string_view text) {
  const auto unit = text.empty() ? ' ' : text.back();
  text.remove_suffix(text.empty() ? 0 : 1);
  const double factor = unit == 'K' ? 1 << 10 : unit == 'M' ? 1 << 20 : unit == 'G' ? 1 << 30 : 0;
  if (factor == 0)
    usage("not a size: it ends with K, M or G");
  return number_of(text) * factor;
}

options parse(int argc, char** argv) {
  options result;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word{argv[i]};
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    const auto value =
        equals == std::string_view::npos ? std::string_view{} : word.substr(equals + 1);
    if (name == "--dump-self")
      result.dump_self = value;
    else if (name == "--journal")
      result.journal = value;
    else if (name == "--ignore-term")
      result.ignore_term = true;
    else if (name == "--say")
      result.say.emplace_back(value);
    else if (name == "--close-out")
      result.close_out = true;
    else if (name == "--flood")
      result.flood = bytes_of(value);
    else if (name == "--no-newline")
      result.no_newline = true;
    else if (name == "--since")
      result.since = value;
    else if (name == "--down-for")
      result.down_for = seconds_of(value);
    else if (name == "--orphans")
      result.orphans = static_cast<unsigned>(number_of(value));
    else if (name == "--hold-out")
      result.hold_out = seconds_of(value);
    else if (name == "--setsid-child")
      result.setsid_child = true;
    else if (name == "--fork-bomb")
      result.fork_bomb = true;
    else if (name == "--eat-fds")
      result.eat_fds = true;
    else if (name == "--daemonize")
      result.daemonize = true;
    else if (name == "--spin")
      result.spin = true;
    else if (name == "--link")
      result.link = true;
    else if (name == "--before-hello" || name == "--mute")
      result.link = result.before_hello = true;
    else if (name == "--not-ready")
      result.not_ready = true;
    else if (name == "--hang-after")
      result.hang_after = seconds_of(value);
    else if (name == "--pong-delay")
      result.pong_delay = seconds_of(value);
    else if (name == "--close-link")
      result.close_link = seconds_of(value);
    else if (name == "--read-rate")
      result.read_rate = bytes_of(value);
    else if (name == "--flood-link")
      result.flood_link = value;
    else if (name == "--leak-link-to-grandchild")
      result.leak_link = true;
    else if (name == "--drain-takes")
      result.drain_takes = seconds_of(value);
    else if (name == "--no-orders")
      result.no_orders = true;
    else if (name == "--after")
      result.after = seconds_of(value);
    else if (name == "--exit")
      result.exit = number_of(value);
    else if (name == "--segv")
      result.signal = SIGSEGV;
    else if (name == "--abort")
      result.signal = SIGABRT;
    else if (name == "--signal")
      result.signal = number_of(value);
    else if (name == "--term-exit")
      result.term_exit = number_of(value);
    else if (name == "--term-delay")
      result.term_delay = seconds_of(value);
    else
      usage("unknown option " + std::string{word});
  }
  return result;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// A lock that the kernel drops when this very process ends: whoever does not get it is a second
/// life of an instance that still has a first one.
void claim(const options& given) {
  const auto directory = variable("TROUPE_BOT_DIR");
  if (given.journal.empty() || directory.empty())
    return;
  const int fd = open((directory + "/alive").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  if (fd >= 0 && fcntl(fd, F_SETLK, &lock) != 0)
    note(given, "doubled");
}

void sleep_for(double seconds) {
  timespec left{
      static_cast<time_t>(seconds),
      static_cast<long>((seconds - static_cast<double>(static_cast<time_t>(seconds))) * 1e9)};
  while (!term_received && nanosleep(&left, &left) != 0 && errno == EINTR) {
    // a signal that is not TERM: the rest of the time
  }
}

/// Lines of 64 bytes, numbered, in writes of 64 KiB.
void flood(const options& given) {
  static char text[64 * 1024];
  unsigned long long number = 0;
  for (double left = given.flood; left > 0 && !term_received;) {
    for (std::size_t i = 0; i < sizeof text; i += 64) {
      std::memset(text + i, '.', 64);
      char digits[32];
      const auto size = std::snprintf(digits, sizeof digits, "%llu", number++);
      std::memcpy(text + i, digits, static_cast<std::size_t>(size));
      if (!given.no_newline)
        text[i + 63] = '\n';
    }
    for (std::size_t done = 0; done < sizeof text && !term_received;) {
      const auto count = write(STDOUT_FILENO, text + done, sizeof text - done);
      if (count < 0 && errno != EINTR)
        usage(std::string{"write: "} + std::strerror(errno));
      done += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    left -= sizeof text;
  }
  note(given, "flooded");
}

void leave_orphans(unsigned count) {
  // Each is the child of a child that has gone, so whoever is the reaper gets it.
  for (unsigned left = count; left > 0;) {
    const unsigned batch = left < 250 ? left : 250;
    const auto parent = fork();
    if (parent == 0) {
      for (unsigned i = 0; i < batch; ++i)
        if (fork() == 0)
          _exit(0);
      _exit(0);
    }
    if (parent < 0 || waitpid(parent, nullptr, 0) < 0)
      usage(std::string{"fork: "} + std::strerror(errno));
    left -= batch;
  }
}

/// A child that does nothing for so long, and does not die of TERM.
void leave_child(double seconds, bool own_session) {
  int ready[2];
  if (pipe(ready) != 0)
    usage(std::string{"pipe: "} + std::strerror(errno));
  const auto child = fork();
  if (child == 0) {
    if (own_session)
      setsid();
    signal(SIGTERM, SIG_IGN);
    close(ready[0]);
    close(ready[1]);
    sleep_for(seconds);
    _exit(0);
  }
  close(ready[1]);
  char byte = 0;
  if (read(ready[0], &byte, 1) < 0)
    usage(std::string{"read: "} + std::strerror(errno));
  close(ready[0]);
}

[[noreturn]] void fork_bomb() {
  signal(SIGTERM, SIG_IGN);
  for (;;)
    if (fork() < 0)
      usleep(10'000); // as many as may be; whoever dies is replaced
}

[[noreturn]] void eat_fds() {
  int count = 0;
  while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
    ++count;
  std::fprintf(stderr, "faultbot: file %d: %s\n", count + 1, std::strerror(errno));
  std::exit(1);
}

/// The parent ends when the daemon is there.
void become_daemon(const options& given) {
  int ready[2];
  if (pipe(ready) != 0)
    usage(std::string{"pipe: "} + std::strerror(errno));
  if (fork() != 0) {
    close(ready[1]);
    char byte = 0;
    _exit(read(ready[0], &byte, 1) == 0 ? 0 : 70);
  }
  setsid();
  if (fork() != 0)
    _exit(0);
  note(given, "daemon");
  close(ready[0]);
  close(ready[1]);
}

/// Exits while the file is too young; a missing one is made.
void stay_down(const options& given) {
  if (given.down_for <= 0)
    return;
  const int fd = open(given.since.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd >= 0)
    close(fd);
  struct stat info {};
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (stat(given.since.c_str(), &info) != 0)
    usage(given.since + ": " + std::strerror(errno));
  const auto age = static_cast<double>(now.tv_sec - info.st_mtim.tv_sec)
                   + static_cast<double>(now.tv_nsec - info.st_mtim.tv_nsec) / 1e9;
  if (age >= given.down_for)
    return;
  std::puts("cannot connect: Connection refused");
  std::fflush(stdout);
  std::exit(1);
}

[[noreturn]] void finish(const options& given) {
  if (term_received) {
    note(given, "term");
    if (given.term_delay > 0) {
      term_received = 0;
      sleep_for(given.term_delay);
    }
    note(given, "exit");
    std::exit(given.term_exit);
  }
  note(given, "exit");
  if (given.signal != 0) {
    signal(given.signal, SIG_DFL);
    raise(given.signal);
  }
  std::exit(given.exit.value_or(0));
}

void live(const options& given) {
  const bool ends = given.after || given.exit || given.signal != 0;
  if (given.spin) {
    timespec start{};
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (timespec now = start; !term_received; clock_gettime(CLOCK_MONOTONIC, &now))
      if (ends && static_cast<double>(now.tv_sec - start.tv_sec) > given.after.value_or(0))
        return;
    return;
  }
  if (ends)
    return sleep_for(given.after.value_or(0));
  while (!term_received)
    sleep_for(3600);
}

} // namespace

/// One line, written at once: several processes may append to one file.
void note(const options& given, const char* what) {
  if (given.journal.empty())
    return;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto line =
      "{\"what\":\"" + std::string{what}
      + "\",\"instance\":" + quoted(variable("TROUPE_BOT") + '#' + variable("TROUPE_INSTANCE"))
      + ",\"incarnation\":" + std::to_string(std::atoll(variable("TROUPE_INCARNATION").c_str()))
      + ",\"pid\":" + std::to_string(getpid())
      + ",\"at\":" + std::to_string(now.tv_sec * 1'000'000'000LL + now.tv_nsec) + "}\n";
  const int fd = open(given.journal.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0 || write(fd, line.data(), line.size()) < 0)
    std::fprintf(stderr, "faultbot: %s: %s\n", given.journal.c_str(), std::strerror(errno));
  if (fd >= 0)
    close(fd);
}

double clock_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const unsigned char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += static_cast<char>(c);
    } else if (c < 0x20 || c >= 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      result += escape;
    } else {
      result += static_cast<char>(c);
    }
  }
  return result + '"';
}

} // namespace faultbot

int main(int argc, char** argv) {
  using namespace faultbot;
  const auto given = parse(argc, argv);
  if (!given.dump_self.empty() && !dump_self(given.dump_self))
    usage(given.dump_self + ": " + std::strerror(errno));
  struct sigaction action {};
  action.sa_handler = given.ignore_term ? SIG_IGN : on_term;
  sigaction(SIGTERM, &action, nullptr);
  claim(given);
  note(given, "start");
  for (const auto& line : given.say)
    std::puts(line.c_str());
  std::fflush(stdout);
  stay_down(given);
  if (given.close_out) {
    close(STDOUT_FILENO);
    close(STDERR_FILENO);
  }
  if (given.flood > 0)
    flood(given);
  if (given.orphans > 0)
    leave_orphans(given.orphans);
  if (given.hold_out > 0)
    leave_child(given.hold_out, false);
  if (given.setsid_child)
    leave_child(3600, true);
  if (given.daemonize)
    become_daemon(given);
  if (given.eat_fds)
    eat_fds();
  if (given.fork_bomb)
    fork_bomb();
  if (!given.link || !live_linked(given))
    live(given);
  finish(given);
}
