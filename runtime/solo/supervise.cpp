#include "runtime/solo/supervise.hpp"

#include "config/escape.hpp"
#include "config/units.hpp"
#include "runtime/os/files.hpp"
#include "runtime/os/preparation.hpp"
#include "runtime/solo/child.hpp"
#include "runtime/solo/signals.hpp"
#include "runtime/solo/subject.hpp"
#include "runtime/solo/witness.hpp"

#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <poll.h>
#include <random>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace troupe::solo {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::size_t most_early = 1000; // a bot must start also where signals pour in

nanoseconds now() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

/// One line on stderr. Is dropped where nobody reads: the bot must not wait for it.
void say(const std::string& text) {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0)
    return;
  const auto line = "troupe: " + config::escape(text) + "\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, line.data(), line.size());
}

/// The terminal as it was found: a bot that crashed may have left it without echo.
class terminal_settings {
public:
  terminal_settings()
      : known_{tcgetattr(STDIN_FILENO, &settings_) == 0} {}

  void restore() const {
    if (!known_)
      return;
    const auto before = tcgetpgrp(STDIN_FILENO);
    if (before > 0 && before != getpgrp() && kill(-before, 0) != 0 && errno == ESRCH)
      tcsetpgrp(STDIN_FILENO, getpgrp()); // it had a group of its own in front
    if (tcgetpgrp(STDIN_FILENO) == getpgrp())
      tcsetattr(STDIN_FILENO, TCSANOW, &settings_);
  }

private:
  termios settings_{};
  bool known_;
};

/// Whether our parent is a shell that would continue us. Anybody else who stops the bot and lets
/// it go on knows nothing of us: we would stay stopped.
bool under_job_control() {
  const auto parent = getppid();
  return getsid(parent) == getsid(0) && getpgid(parent) != getpgrp();
}

/// One bot and its processes, one after the other.
class foreground {
public:
  foreground(const plan& what, restarts policy, bool talks)
      : plan_{what}
      , policy_{std::move(policy)}
      , talks_{talks}
      , dice_{jitter_seed()} {}

  int run() {
    if (signals_.fd() < 0)
      return cannot(os::sentence("open", "a descriptor for signals", errno));
    witness_.start();
    while (true) {
      const auto end = run_once();
      std::uniform_real_distribution<double> between{-1.0, 1.0};
      const auto next = policy_.after(end, now(), between(dice_));
      if (!next.again)
        return give_up(end, next.reason);
      if (talks_ || !end.spawned)
        say(ended_text(end) + "; starting it again in " + config::format_duration(shown(next.after))
            + " (" + next.reason + ")");
      terminal_.restore();
      if (const int signal = wait_for(next.after); signal != 0)
        return finish({-1, signal, false});
    }
  }

private:
  /// Starts it and stays until it has ended.
  run_end run_once() {
    run_end end;
    end.spawned = false;
    failure_.clear();
    const auto request = plan_.prepare(++incarnation_);
    if (!request) {
      failure_ = request.error();
      return end;
    }
    const auto early = take_early();
    auto made = start(*request, signals_);
    if (!made) {
      for (const auto& got : early)
        if (got.info.si_signo != SIGCHLD)
          kill(getpid(), got.info.si_signo); // they are for the pause, then
      explain(made.error(), *request);
      return end;
    }
    const auto began = now();
    child_ = made->pid;
    ended_.reset();
    auto status = std::move(made->status);
    // What the group was sent before there was this process, it has not got; what came while it
    // was made, it may have.
    held_ = true;
    for (const auto& got : early)
      handle(got);
    let_senders_finish();
    for (auto rest = signals_.waiting(); rest != 0; rest &= rest - 1)
      if (const auto got = witness_.take(std::countr_zero(rest) + 1, signals_))
        handle(*got);
    held_ = false;
    made->held.reset();
    while (!ended_) {
      pollfd both[] = {{signals_.fd(), POLLIN, 0}, {status ? status.get() : -1, POLLIN, 0}};
      if (poll(both, 2, -1) < 0 && errno != EINTR)
        break;
      if (status && both[1].revents != 0)
        learn_outcome(std::exchange(status, {}), *request);
      handle_all();
    }
    if (status)
      learn_outcome(std::move(status), *request);
    child_ = -1;
    end.spawned = failure_.empty();
    end.status = ended_.value_or(exit_status{});
    end.uptime = now() - began;
    end.was_ready = end.spawned && end.uptime >= plan_.spec.start_grace;
    return end;
  }

  void explain(const start_failure& why, const os::spawn_request& request) {
    auto spec = plan_.spec;
    spec.command = request.argv;
    failure_ = os::describe_failure(why.step, why.error, spec, request.directory);
    if (why.step != os::spawn_step::exec)
      return;
    const auto& program = request.argv.front();
    const auto interpreter = interpreter_of(program);
    if (why.error == ENOEXEC && !interpreter.empty())
      failure_ += "; `troupe run " + interpreter + " " + program + "` gives it to one";
    // Seen from here; from another directory it is not, and nothing is said.
    if (why.error == ENOENT && access(program.c_str(), F_OK) == 0)
      failure_ += "; the file is there, but not what its #! line names (is there a CR at its end?)";
  }

  void learn_outcome(const os::unique_fd& status, const os::spawn_request& request) {
    const auto outcome = outcome_of(status);
    if (outcome.error != 0)
      explain(outcome, request);
    else if (!policy_.wanted())
      let_go();
  }

  /// What the bot closes is to be closed: nobody starts with it any more. Ours are close-on-exec,
  /// and what was inherited cannot be.
  void let_go() const {
    std::error_code error;
    std::vector<int> inherited;
    for (fs::directory_iterator at{"/proc/self/fd", error}, end; !error && at != end;
         at.increment(error)) {
      const int fd = std::atoi(at->path().filename().c_str());
      const int flags = fcntl(fd, F_GETFD);
      if (flags >= 0 && (flags & FD_CLOEXEC) == 0 && (fd != STDERR_FILENO || !talks_))
        inherited.push_back(fd);
    }
    for (const int fd : inherited)
      close(fd);
  }

  /// What came before there is a bot is sent to us, not to a group with it.
  std::vector<sighting> take_early() {
    std::vector<sighting> result;
    while (const auto waiting = result.size() < most_early ? signals_.waiting() : 0)
      if (const auto got = witness_.take(std::countr_zero(waiting) + 1, signals_)) {
        result.push_back(*got);
        result.back().to_group = false;
        if (got->info.si_signo == SIGCHLD)
          reap();
      }
    return result;
  }

  void handle_all() {
    while (const auto waiting = signals_.waiting())
      if (const auto got = witness_.take(std::countr_zero(waiting) + 1, signals_))
        handle(*got);
  }

  void handle(const sighting& got) {
    const int signal = got.info.si_signo;
    if (signal == SIGCHLD) {
      // Also when somebody sent it: of a kind only one waits, and this may stand for the kernel's.
      reap();
      if (got.info.si_code > 0)
        return;
    }
    if (got.info.si_code == SI_USER && got.info.si_pid == getpid())
      return; // we have written to a pipe that nobody reads
    policy_.signalled(signal, now());
    if (ended_)
      return; // its pid may be somebody else's by now
    // One that has left our group gets from us what the group gets.
    if (got.to_group && (!held_ || waits_in(child_, signal)) && getpgid(child_) == getpgrp())
      return;
    const bool sent = got.info.si_code == SI_QUEUE
                          ? sigqueue(child_, signal, got.info.si_value) == 0
                          : kill(child_, signal) == 0;
    if (!sent && talks_)
      say(os::sentence("pass signal " + std::to_string(signal) + " to", plan_.name, errno));
  }

  /// Takes note of every child that has ended or stopped; of an init's too.
  void reap() {
    int stopped = 0;
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
      if (!WIFSTOPPED(status))
        witness_.reaped(pid);
      if (pid != child_)
        continue;
      if (WIFSTOPPED(status))
        stopped = WSTOPSIG(status);
      else if (WIFEXITED(status))
        ended_ = exit_status{WEXITSTATUS(status), 0, false};
      else
        ended_ = exit_status{-1, WTERMSIG(status), WCOREDUMP(status) != 0};
    }
    if (ended_ || stopped == 0 || (stopped == SIGSTOP && !under_job_control()))
      return;
    // What stopped the group is old news. When we go on, it may have been stopped anew.
    for (const int signal : {SIGTSTP, SIGTTIN, SIGTTOU})
      witness_.forget(signal);
    if (!stop_self(stopped, [this] { return continued(); }))
      witness_.forget(SIGCONT); // the bot has it
  }

  /// Whether the bot, which had been stopped, goes on already.
  bool continued() const {
    let_senders_finish();
    siginfo_t seen{};
    return waitid(P_PID, static_cast<id_t>(child_), &seen, WCONTINUED | WNOHANG | WNOWAIT) == 0
           && seen.si_pid == child_;
  }

  /// The pause before a restart. Returns the signal that ends us, or 0.
  int wait_for(nanoseconds pause) {
    const auto until = now() + pause;
    while (true) {
      while (const auto got = signals_.next()) {
        const int signal = static_cast<int>(got->ssi_signo);
        witness_.forget(signal);
        if (signal == SIGCHLD)
          reap();
        else if (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
          stop_self(signal, [] { return false; });
        else if (ends_us(signal))
          return signal;
      }
      const auto left = until - now();
      if (left <= nanoseconds::zero())
        return 0;
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
      const timespec wait{static_cast<time_t>(seconds.count()),
                          static_cast<long>((left - seconds).count())};
      pollfd one{signals_.fd(), POLLIN, 0};
      if (ppoll(&one, 1, &wait, nullptr) < 0 && errno != EINTR)
        return SIGTERM;
    }
  }

  /// Others are for a bot, and there is none.
  static bool ends_us(int signal) {
    struct sigaction inherited {};
    const bool ending =
        signal == SIGINT || signal == SIGTERM || signal == SIGQUIT || signal == SIGHUP;
    return ending && sigaction(signal, nullptr, &inherited) == 0 && inherited.sa_handler != SIG_IGN;
  }

  static nanoseconds shown(nanoseconds pause) {
    return pause >= 1s ? std::chrono::round<std::chrono::seconds>(pause)
                       : nanoseconds{std::chrono::round<std::chrono::milliseconds>(pause)};
  }

  std::string ended_text(const run_end& end) const {
    if (!end.spawned)
      return plan_.name + " cannot be started: " + failure_;
    return plan_.name + " " + to_string(end.status) + " after "
           + uptime_text(std::chrono::duration_cast<std::chrono::microseconds>(end.uptime).count());
  }

  int give_up(const run_end& end, const std::string& reason) {
    if (!end.spawned)
      return cannot(ended_text(end) + (reason.empty() ? "" : "; " + reason));
    if (talks_ && policy_.wanted())
      say(ended_text(end) + (reason.empty() ? "" : "; given up: " + reason));
    return finish(end.status);
  }

  int cannot(const std::string& why) {
    say(why);
    witness_.stop();
    return static_cast<int>(exit_code::failed);
  }

  int finish(const exit_status& status) {
    witness_.stop();
    if (status.signal == 0)
      return status.code;
    die_of(status.signal);
    return 128 + status.signal;
  }

  const plan& plan_;
  restarts policy_;
  bool talks_;
  std::mt19937 dice_;
  terminal_settings terminal_;
  signal_line signals_;
  witness witness_;
  std::uint64_t incarnation_ = 0;
  pid_t child_ = -1;
  bool held_ = false; ///< it has not begun yet
  std::optional<exit_status> ended_;
  std::string failure_; ///< of the last start; empty when there was none
};

} // namespace

int supervise(const plan& what, restarts policy, bool talks) {
  return foreground{what, std::move(policy), talks}.run();
}

} // namespace troupe::solo
