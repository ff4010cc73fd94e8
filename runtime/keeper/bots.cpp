#include "runtime/keeper/main_loop.hpp"
#include "runtime/keeper/sys.hpp"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/wait.h>

namespace troupe::keeper {

namespace {

constexpr uint32_t reaped_one_by_one = 8;
constexpr uint32_t stop_states_a_turn = 64;

} // namespace

void main_loop::watch_bot(slot& bot) {
  children_.met(bot.pid);
  watch(bot.status_pipe, EPOLLIN, event_source::status, &bot);
  if (bot.pidfd < 0) {
    ++without_pidfd_;
  } else {
    // Edge triggered: while a tracer holds back the end from us, the pidfd is readable already.
    watch(bot.pidfd, EPOLLIN | EPOLLET, event_source::bot, &bot);
  }
}

void main_loop::status_readable(slot& bot) {
  step_record record{};
  const int got = read_status(bot.status_pipe, record);
  if (got < 0) {
    return;
  }
  unwatch(bot.status_pipe);
  if (got == 0) {
    bot.at = stage::alive;
    slots_.note(bot, tell::spawned);
    return;
  }
  bot.at = stage::failing;
  bot.failed_step = record.step;
  bot.failed_error = record.error;
  look_for_exit(bot);
}

void main_loop::look_for_exit(slot& bot) {
  if (bot.at == stage::exited || bot.at == stage::failed) {
    return;
  }
  const uint64_t started = bot.status.started_ns;
  const wait_outcome seen = look_at(bot.pid, true, &bot.status);
  bot.status.started_ns = started;
  if (seen == wait_outcome::running) {
    return;
  }
  if (seen == wait_outcome::no_child) {
    bot.status.code = -1; // cannot happen while nobody else reaps; never wait for it for ever
  }
  bot.status.ended_ns = now_;
  if (bot.status_pipe >= 0) {
    // What it wrote before it ended decides whether it ever ran its program.
    step_record record{};
    if (read_status(bot.status_pipe, record) == 1) {
      bot.at = stage::failing;
      bot.failed_step = record.step;
      bot.failed_error = record.error;
    } else {
      slots_.note(bot, tell::spawned);
    }
    unwatch(bot.status_pipe);
  }
  if (bot.pidfd < 0) {
    --without_pidfd_;
  }
  unwatch(bot.pidfd); // from here on the zombie pins the pid
  if (bot.at == stage::failing) {
    look_at(bot.pid, false, &bot.status);
    bot.at = stage::failed;
    slots_.forget_pid(bot);
    slots_.told(bot, tell::slot);
    slots_.note(bot, tell::failed);
    return;
  }
  bot.at = stage::exited;
  bot.stopped_by = 0;
  slots_.told(bot, tell::stop_state);
  slots_.note(bot, tell::exited);
}

void main_loop::look_at_all() {
  for (uint32_t i = 0; i < slots_.end(); ++i) {
    if (slot* bot = slots_.at(i)) {
      look_for_exit(*bot);
    }
  }
  if (runtime_.pid > 0) {
    runtime_ended();
  }
  exits_.done(now_);
}

void main_loop::find_stopped() {
  bool more = true;
  for (uint32_t i = 0; i < stop_states_a_turn && more; ++i) {
    siginfo_t info{};
    more = waitid(P_ALL, 0, &info, WSTOPPED | WCONTINUED | WNOHANG) == 0 && info.si_pid != 0;
    slot* bot = more ? slots_.find_pid(info.si_pid) : nullptr;
    if (bot == nullptr || bot->at == stage::exited) {
      continue;
    }
    bot->stopped_by =
        info.si_code == CLD_STOPPED ? static_cast<uint8_t>(info.si_status) : uint8_t{0};
    slots_.note(*bot, tell::stop_state);
  }
  stop_states_.done(now_);
  if (more) {
    stop_states_.ask(now_);
  }
}

void main_loop::reap_strays() {
  // The usual case is cheap: the first zombie that there is, is a stray.
  for (uint32_t i = 0; i < reaped_one_by_one; ++i) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
      strays_.done(now_);
      return;
    }
    if (info.si_pid == runtime_.pid || slots_.find_pid(info.si_pid) != nullptr) {
      break;
    }
    exit_status ignored{};
    look_at(info.si_pid, false, &ignored);
  }
  // A pinned zombie hides all that stand behind it: look at the children one by one.
  if (children_.at_beginning()) {
    child_ended_ = false;
  }
  const bool all = children_.read();
  for (uint32_t i = 0; i < children_.count(); ++i) {
    const pid_t pid = children_.pid(i);
    if (pid != runtime_.pid && slots_.find_pid(pid) == nullptr) {
      exit_status ignored{};
      look_at(pid, false, &ignored);
    }
  }
  strays_.done(now_);
  if (!all || child_ended_) {
    strays_.ask(now_); // one that ended meanwhile may stand where we have looked already
  }
}

} // namespace troupe::keeper
