#include "runtime/solo/witness.hpp"

#include "runtime/solo/signals.hpp"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace troupe::solo {

namespace {

constexpr int patience_ms = 1000;
constexpr int most_rounds = 30;
constexpr int first_queued = 32; // from here on each waits for itself; of the others only one

/// Answers of the witness.
constexpr unsigned char it_waited = 1;
constexpr unsigned char it_was_overtaken = 2;

/// Whether the kernel may have dropped this signal for one that was sent later: a stop drops an
/// order to continue, and the other way round. The bot has got the last one in any case.
bool overtaken(int signal) {
  constexpr int job_control[] = {SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU};
  sigset_t pending;
  bool asked = false;
  bool waits = false;
  if (sigpending(&pending) != 0)
    return false;
  for (const int one : job_control) {
    asked = asked || one == signal;
    waits = waits || sigismember(&pending, one) == 1;
  }
  return asked && waits;
}

/// Whether somebody has stopped it, or nothing is known of it.
bool is_stopped(pid_t pid) {
  const auto path = "/proc/" + std::to_string(pid) + "/stat";
  const os::unique_fd file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  char text[256];
  const auto size = file ? read(file.get(), text, sizeof text) : -1;
  const std::string_view line{text, size > 0 ? static_cast<std::size_t>(size) : 0};
  const auto name_end = line.rfind(") ");
  if (name_end == line.npos || name_end + 2 >= line.size())
    return true;
  return std::string_view{"TtZX"}.find(line[name_end + 2]) != std::string_view::npos;
}

/// Only calls that are safe after a fork.
[[noreturn]] void bear_witness(int line, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent)
    _exit(0);
  prctl(PR_SET_NAME, "troupe-witness", 0, 0, 0);
  // Whoever reads what the bot writes must not wait for us to close it.
  if (line > 0)
    close_range(0, static_cast<unsigned>(line) - 1, 0);
  close_range(static_cast<unsigned>(line) + 1, ~0U, 0);
  unsigned char word = 0;
  while (true) {
    const auto size = recv(line, &word, 1, 0);
    if (size < 0 && errno == EINTR)
      continue;
    if (size != 1)
      _exit(0);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, word);
    const timespec at_once{0, 0};
    const bool waited = sigtimedwait(&one, nullptr, &at_once) > 0;
    word = static_cast<unsigned char>((waited ? it_waited : 0)
                                      | (overtaken(word) ? it_was_overtaken : 0));
    if (send(line, &word, 1, MSG_NOSIGNAL) != 1)
      _exit(0);
  }
}

} // namespace

void witness::start() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return;
  auto ours = above_stdio(os::unique_fd{ends[0]});
  const os::unique_fd its{ends[1]};
  const auto parent = getpid();
  pid_ = fork();
  if (pid_ == 0)
    bear_witness(its.get(), parent);
  if (pid_ > 0)
    line_ = std::move(ours);
}

std::optional<sighting> witness::take(int signal, const signal_line& from) {
  carried_ &= from.waiting();
  // Asked first and once more afterwards: what the group is sent in between becomes one with what
  // waits in one of us, and not in the other.
  bool before = (carried_ & bit(signal)) != 0;
  carried_ &= ~bit(signal);
  if (signal < first_queued)
    before = ask(signal).value_or(0) != 0 || before; // overtaken: what we take is newer
  let_senders_finish(); // who has reached the witness before it answered has reached us, too
  const auto info = from.take(signal);
  if (!info)
    return std::nullopt;
  const auto after = ask(signal);
  if (!after)
    return sighting{*info, before || info->si_code == SI_KERNEL};
  bool waited = (*after & it_waited) != 0;
  let_senders_finish();
  if (waited && signal < first_queued && (from.waiting() & bit(signal)) != 0) {
    carried_ |= bit(signal); // that was the next one
    waited = false;
  }
  return sighting{*info, before || waited || (*after & it_was_overtaken) != 0};
}

void witness::forget(int signal) {
  ask(signal);
  carried_ &= ~bit(signal);
}

/// Its answer, if there is any.
std::optional<unsigned char> witness::ask(int signal) {
  if (!line_)
    return std::nullopt;
  let_senders_finish();
  auto word = static_cast<unsigned char>(signal);
  if (send(line_.get(), &word, 1, MSG_NOSIGNAL) == 1 && answered()
      && recv(line_.get(), &word, 1, MSG_DONTWAIT) == 1)
    return word;
  stop(); // somebody has killed or stopped it; a late answer would be taken for the next
  return std::nullopt;
}

bool witness::answered() const {
  pollfd answer{line_.get(), POLLIN, 0};
  // A machine that is busy, or was asleep, makes it slow; it must not be taken for stopped then.
  for (int round = 0; round < most_rounds; ++round) {
    const int ready = poll(&answer, 1, patience_ms);
    if (ready != 0)
      return ready == 1;
    if (is_stopped(pid_))
      return false;
  }
  return false;
}

void witness::reaped(pid_t pid) {
  if (pid != pid_)
    return;
  pid_ = -1;
  line_.reset();
}

void witness::stop() {
  line_.reset();
  if (pid_ <= 0)
    return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    // nop
  }
  pid_ = -1;
}

} // namespace troupe::solo
