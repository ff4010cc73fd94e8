#include "runtime/keeper/main_loop.hpp"
#include "runtime/keeper/sys.hpp"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

namespace troupe::keeper {

namespace {

constexpr uint64_t second = 1000000000U;
constexpr uint64_t first_delay = second / 10;
constexpr uint64_t longest_delay = 5 * second;
/// Deaths within a second of the start, in a row, after which a pending stop is done without it.
constexpr uint32_t hopeless_deaths = 3;
/// How many times the silence that is allowed, for one that gets next to no CPU.
constexpr uint64_t longest_starvation = 8;

/// These say that starting it again would end the same way: done, wrong usage, invalid config,
/// another runtime holds the state directory.
bool is_final(int code) {
  return code == 0 || code == 2 || code == 6 || code == 7;
}

} // namespace

void main_loop::launch_runtime() {
  restart_at_ = 0;
  ++epoch_;
  const bool stop_due = stops_asked_ > 0;
  const bool reload_due = runtime_.reload_due;
  runtime_ = runtime_process{};
  runtime_.stop_due = stop_due;
  runtime_.reload_due = reload_due && epoch_ > 1;
  runtime_.started_ns = runtime_.silent_since_ns = now_;
  int ends[2];
  if (!open_channel(ends)) {
    cannot_start(errno);
    return;
  }
  started_child made = start_runtime(options_.command, ends[1], epoch_, defaults_);
  close_fd(ends[1]);
  if (made.pid < 0) {
    close_fd(ends[0]);
    cannot_start(made.failed.error);
    return;
  }
  runtime_.pid = made.pid;
  runtime_.pidfd = made.pidfd;
  runtime_.status_pipe = made.status_pipe;
  runtime_.channel = ends[0];
  runtime_.interest = EPOLLIN;
  watch(runtime_.channel, EPOLLIN, event_source::channel);
  if (runtime_.pidfd >= 0) {
    watch(runtime_.pidfd, EPOLLIN | EPOLLET, event_source::runtime);
  }
}

void main_loop::heard() {
  runtime_.silent_ns = 0;
  runtime_.silent_since_ns = now_;
}

/// It wants to run and is not let: a machine that is too busy is no reason to start it again,
/// which would take more of it. One that does run and is silent all the same is stuck; one
/// that does not even want to run waits for ever.
bool main_loop::starved() const {
  const uint64_t used = cpu_time_ns(runtime_.pid) - runtime_.silent_cpu_ns;
  return runtime_.wants_cpu && used < runtime_.silent_ns / 5
         && runtime_.silent_ns < longest_starvation * options_.silence_ns;
}

void main_loop::check_silence() {
  const uint64_t period = ping_period();
  const uint64_t waited = now_ - runtime_.silent_since_ns;
  if (waited < period) {
    return;
  }
  if (runtime_.silent_ns == 0) {
    runtime_.silent_cpu_ns = cpu_time_ns(runtime_.pid);
    runtime_.wants_cpu = true;
  }
  // At every look: a thread that waits, and wakes up now and then, is met at one of them.
  runtime_.wants_cpu = runtime_.wants_cpu && wants_cpu(runtime_.pid);
  // Time in which we did not run either (stopped, starved) says nothing about the runtime.
  runtime_.silent_ns += waited < 2 * period ? waited : period;
  runtime_.silent_since_ns = now_;
  if (runtime_.silent_ns >= options_.silence_ns) {
    read_requests(requests_a_turn); // it may have spoken while we did not run
  }
  if (runtime_.silent_ns < options_.silence_ns || starved()) {
    runtime_.ping_due = true;
    return;
  }
  say("runtime %d has said nothing for %.1f s; killing it", runtime_.pid,
      static_cast<double>(runtime_.silent_ns) / static_cast<double>(second));
  send_signal(runtime_.pidfd, runtime_.pid, SIGKILL);
  heard();
}

void main_loop::runtime_ended() {
  exit_status status{};
  switch (look_at(runtime_.pid, false, &status)) {
  case wait_outcome::running:
    return;
  case wait_outcome::no_child:
    status.code = -1;
    status.signal = SIGKILL;
    break;
  case wait_outcome::ended:
    break;
  }
  // Its last words count: what it stored or released just before must not be lost.
  runtime_.deaf = true;
  read_requests(UINT_MAX);
  const pid_t pid = runtime_.pid;
  runtime_.pid = -1;
  unwatch(runtime_.pidfd);
  unwatch(runtime_.channel);
  answer_.size = 0;
  step_record record{};
  const bool never_ran = read_status(runtime_.status_pipe, record) == 1;
  close_fd(runtime_.status_pipe);
  if (never_ran) {
    cannot_start(record.error);
    return;
  }
  char what[64];
  // With a stop pending, 1 says that it could not end the fleet in time: we do it then.
  if (status.code >= 0 && (is_final(status.code) || (stops_asked_ > 0 && status.code == 1))) {
    exit_code_ = status.code;
    return;
  } else if (status.signal != 0) {
    snprintf(what, sizeof what, "runtime %d was killed by signal %d", pid, status.signal);
  } else {
    snprintf(what, sizeof what, "runtime %d ended with code %d", pid, status.code);
  }
  restart_later(what);
}

void main_loop::cannot_start(int error) {
  char what[512];
  snprintf(what, sizeof what, "cannot start %.400s: %s", options_.command[0], strerror(error));
  if (epoch_ > 1 || error == EAGAIN || error == ENOMEM) {
    restart_later(what);
    return;
  }
  // It has never run: nothing is lost, and somebody is there to read this.
  say("%s", what);
  exit_code_ = 1;
}

void main_loop::restart_later(const char* what_happened) {
  const bool fast = now_ - runtime_.started_ns < second;
  fast_deaths_ = fast ? fast_deaths_ + 1 : 0;
  if (stops_asked_ > 0 && fast_deaths_ >= hopeless_deaths) {
    say("%s; asked to stop, and it does not live long enough to do so: ending by force",
        what_happened);
    exit_code_ = 1;
    return;
  }
  uint64_t delay = 0;
  if (fast_deaths_ > 1) {
    const uint32_t doublings = fast_deaths_ - 2 < 6 ? fast_deaths_ - 2 : 6;
    delay = first_delay << doublings;
    delay = delay < longest_delay ? delay : longest_delay;
  }
  restart_at_ = now_ + delay;
  if (delay == 0) {
    say("%s; starting it again (epoch %llu)", what_happened,
        static_cast<unsigned long long>(epoch_ + 1));
  } else {
    say("%s; starting it again in %llu ms (epoch %llu)", what_happened,
        static_cast<unsigned long long>(delay / 1000000U),
        static_cast<unsigned long long>(epoch_ + 1));
  }
}

} // namespace troupe::keeper
