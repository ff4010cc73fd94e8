#include "runtime/keeper/main_loop.hpp"
#include "runtime/keeper/sys.hpp"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace troupe::keeper {

namespace {

template <class Message>
Message about(const slot& bot, message_kind kind) {
  auto message = make_message<Message>(kind);
  fill_key(bot, message.of);
  return message;
}

} // namespace

bool main_loop::send_datagram(const void* bytes, size_t size, const int* fds, uint32_t count) {
  switch (send(runtime_.channel, bytes, size, fds, count)) {
  case io_outcome::done:
    return true;
  case io_outcome::later:
    runtime_.clogged = true;
    return false;
  case io_outcome::gone:
    runtime_.deaf = true;
    answer_.size = 0;
    return false;
  }
  return false;
}

void main_loop::send_reports() {
  while (runtime_.channel >= 0 && !runtime_.deaf && !runtime_.clogged && send_next()) {
    // nop
  }
  update_interest();
}

/// Sends one datagram of what is due, the answer first: requests wait for it. False when nothing
/// is due or nothing more fits.
bool main_loop::send_next() {
  if (answer_.size > 0) {
    if (!send_datagram(answer_.bytes, answer_.size, &answer_.fd, answer_.fd >= 0 ? 1 : 0)) {
      return false;
    }
    answer_.size = 0;
    return true;
  }
  const auto plain = [this](message_kind kind, bool& due) {
    const auto message = make_message<plain_message>(kind);
    if (!send_datagram(&message, sizeof message)) {
      return false;
    }
    due = false;
    return true;
  };
  if (runtime_.ping_due) {
    return plain(message_kind::ping, runtime_.ping_due);
  }
  switch (runtime_.at) {
  case greeting::waiting:
    return false;
  case greeting::slots: {
    slot* bot = nullptr;
    while (runtime_.told < slots_.end() && (bot = slots_.at(runtime_.told)) == nullptr) {
      ++runtime_.told;
    }
    if (bot == nullptr) {
      runtime_.at = greeting::fds;
      runtime_.told = 0;
      return true;
    }
    // One that failed is forgotten as it is told; one that is failing has nothing to say yet.
    slots_.note(*bot, bot->at == stage::failed ? tell::failed : tell::slot);
    if (!tell_slot(*bot)) {
      return false;
    }
    ++runtime_.told;
    return true;
  }
  case greeting::fds: {
    if (runtime_.told == fds_.count()) {
      runtime_.at = greeting::ready;
      return true;
    }
    auto message = make_message<key_message>(message_kind::stored_fd);
    const int fd = fds_.entry(runtime_.told, message.of);
    if (!send_datagram(&message, sizeof message, &fd, 1)) {
      return false;
    }
    ++runtime_.told;
    return true;
  }
  case greeting::ready: {
    auto message = make_message<ready_message>(message_kind::ready);
    message.epoch = epoch_;
    message.keeper_pid = getpid();
    message.stop_pending = stops_asked_ > 0 ? 1 : 0;
    if (!send_datagram(&message, sizeof message)) {
      return false;
    }
    runtime_.at = greeting::done;
    return true;
  }
  case greeting::done:
    break;
  }
  if (runtime_.stop_due) {
    auto message = make_message<stop_message>(message_kind::stop);
    message.signal = stop_signal_;
    message.hurry = stops_asked_ > 1 ? 1 : 0;
    if (!send_datagram(&message, sizeof message)) {
      return false;
    }
    runtime_.stop_due = false;
    return true;
  }
  if (runtime_.reload_due) {
    return plain(message_kind::reload, runtime_.reload_due);
  }
  slot* bot = slots_.first_untold();
  return bot != nullptr && tell_slot(*bot);
}

/// Sends the next piece of news about the slot, in the order in which things happen to it.
bool main_loop::tell_slot(slot& bot) {
  if ((bot.untold & tell::slot) != 0) {
    if (!send_slot(bot)) {
      return false;
    }
    // It says all that holds now; only a failure is still to come.
    slots_.told(bot, static_cast<uint8_t>(~tell::failed));
    return true;
  }
  if ((bot.untold & tell::spawned) != 0) {
    auto message = about<spawned_message>(bot, message_kind::spawned);
    message.pid = bot.pid;
    message.started_ns = bot.status.started_ns;
    if (!send_datagram(&message, sizeof message)) {
      return false;
    }
    slots_.told(bot, tell::spawned);
    return true;
  }
  if ((bot.untold & tell::failed) != 0) {
    auto message = about<spawn_failed_message>(bot, message_kind::spawn_failed);
    message.step = bot.failed_step;
    message.error = bot.failed_error;
    if (!send_datagram(&message, sizeof message)) {
      return false;
    }
    slots_.remove(bot);
    return true;
  }
  if ((bot.untold & tell::stop_state) != 0) {
    auto message = about<stop_state_message>(bot, bot.stopped_by != 0 ? message_kind::stopped
                                                                      : message_kind::continued);
    message.pid = bot.pid;
    message.signal = bot.stopped_by;
    if (!send_datagram(&message, sizeof message)) {
      return false;
    }
    slots_.told(bot, tell::stop_state);
    return true;
  }
  auto message = about<exited_message>(bot, message_kind::exited);
  message.pid = bot.pid;
  message.status = bot.status;
  if (!send_datagram(&message, sizeof message)) {
    return false;
  }
  slots_.told(bot, tell::exited);
  return true;
}

bool main_loop::send_slot(const slot& bot) {
  struct {
    slot_message message;
    char blob[max_blob];
  } out;
  out.message = about<slot_message>(bot, message_kind::slot);
  slot_message& message = out.message;
  message.pid = bot.pid;
  message.stopped_by = bot.stopped_by;
  message.status = bot.status;
  message.state = bot.at == stage::alive    ? slot_state::alive
                  : bot.at == stage::exited ? slot_state::exited
                                            : slot_state::pending;
  int fds[max_kept_fds];
  uint32_t count = 0;
  for (uint32_t i = 0; i < max_kept_fds; ++i) {
    if (bot.kept[i] >= 0) {
      message.fds |= fd_flag::keep_0 << i;
      fds[count++] = bot.kept[i];
    }
  }
  message.blob_size = bot.blob_size;
  memcpy(out.blob, bot.text + bot.name_length, bot.blob_size);
  message.head.size = static_cast<uint32_t>(sizeof message) + bot.blob_size;
  return send_datagram(&out, message.head.size, fds, count);
}

void main_loop::update_interest() {
  if (runtime_.channel < 0) {
    return;
  }
  // No EPOLLIN while an answer waits: the next request would have nowhere to put its own.
  const uint32_t wanted = (answer_.size == 0 ? EPOLLIN : 0U) | (runtime_.clogged ? EPOLLOUT : 0U);
  if (wanted == runtime_.interest) {
    return;
  }
  epoll_event event{};
  event.events = wanted;
  event.data.u64 = make_tag(event_source::channel, nullptr);
  epoll_ctl(epoll_, EPOLL_CTL_MOD, runtime_.channel, &event);
  runtime_.interest = wanted;
}

} // namespace troupe::keeper
