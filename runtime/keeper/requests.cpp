#include "runtime/keeper/main_loop.hpp"
#include "runtime/keeper/sys.hpp"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>

namespace troupe::keeper {

namespace {

bool has_valid_key(const key& of) {
  return of.length > 0 && of.length <= max_name && memchr(of.text, 0, of.length) == nullptr;
}

/// The size that a request of this kind has to have; for a spawn, at least. 0: unknown kind.
size_t size_of(message_kind kind) {
  switch (kind) {
  case message_kind::hello:
  case message_kind::pong:
    return sizeof(plain_message);
  case message_kind::spawn:
    return sizeof(spawn_message);
  case message_kind::signal:
    return sizeof(signal_message);
  case message_kind::release:
  case message_kind::store:
  case message_kind::fetch:
  case message_kind::drop:
    return sizeof(key_message);
  default:
    return 0;
  }
}

} // namespace

template <class Message>
void main_loop::answer_with(const Message& message, int fd) {
  static_assert(sizeof(Message) <= sizeof answer_.bytes);
  memcpy(answer_.bytes, &message, sizeof message);
  answer_.size = sizeof message;
  answer_.fd = fd;
}

void main_loop::read_requests(uint32_t most) {
  for (uint32_t i = 0; i < most && runtime_.channel >= 0; ++i) {
    if (runtime_.deaf) {
      answer_.size = 0;
    } else if (answer_.size > 0 && !send_next()) {
      return;
    }
    switch (receive(runtime_.channel, inbox_)) {
    case io_outcome::later:
      return;
    case io_outcome::gone:
      // It has closed its end: it is about to end, or will be killed for its silence.
      unwatch(runtime_.channel);
      answer_.size = 0;
      return;
    case io_outcome::done:
      break;
    }
    heard();
    handle(inbox_);
    inbox_.drop_fds();
  }
}

void main_loop::handle(datagram& in) {
  header head{};
  if (in.size < sizeof head) {
    refuse(in, EBADMSG);
    return;
  }
  memcpy(&head, in.bytes, sizeof head);
  const size_t wanted = size_of(head.kind);
  if (head.version != protocol_version) {
    refuse(in, EPROTO);
    return;
  }
  const bool is_spawn = head.kind == message_kind::spawn;
  if (wanted == 0 || head.size != in.size || (is_spawn ? in.size < wanted : in.size != wanted)) {
    refuse(in, EBADMSG);
    return;
  }
  if (wanted > sizeof(plain_message)
      && !has_valid_key(reinterpret_cast<const key_message*>(in.bytes)->of)) {
    refuse(in, EINVAL);
    return;
  }
  if (runtime_.at == greeting::waiting && head.kind != message_kind::hello
      && head.kind != message_kind::pong) {
    refuse(in, ENOTCONN);
    return;
  }
  switch (head.kind) {
  case message_kind::hello:
    runtime_.at = greeting::slots;
    runtime_.told = 0;
    break;
  case message_kind::pong:
    break;
  case message_kind::spawn:
    spawn(in);
    break;
  case message_kind::signal:
    signal_slot(*reinterpret_cast<const signal_message*>(in.bytes));
    break;
  case message_kind::release:
    release(*reinterpret_cast<const key_message*>(in.bytes));
    break;
  case message_kind::store:
    store(*reinterpret_cast<const key_message*>(in.bytes), in);
    break;
  case message_kind::fetch:
    fetch(*reinterpret_cast<const key_message*>(in.bytes));
    break;
  case message_kind::drop: {
    const key& name = reinterpret_cast<const key_message*>(in.bytes)->of;
    fds_.drop(name.text, name.length);
    break;
  }
  default:
    break;
  }
}

void main_loop::spawn(datagram& in) {
  const auto& asked = *reinterpret_cast<const spawn_message*>(in.bytes);
  if (slot* known = slots_.find(asked.of)) {
    slots_.note(*known, known->at == stage::failed ? tell::failed : tell::slot);
    return;
  }
  launch what;
  step_record failed{spawn_step::request, what.open(in)};
  slot* bot = nullptr;
  if (failed.error == 0) {
    bot = slots_.add(asked.of, what.blob, asked.blob_size);
    failed = {spawn_step::slots, bot == nullptr ? errno : 0};
  }
  if (bot != nullptr) {
    const started_child made = start_bot(what, defaults_);
    if (made.pid < 0) {
      failed = made.failed;
      slots_.remove(*bot);
    } else {
      bot->status.started_ns = now_ns();
      bot->pidfd = made.pidfd;
      bot->status_pipe = made.status_pipe;
      bot->cgroup = what.cgroup;
      what.cgroup = -1;
      for (uint32_t i = 0; i < max_kept_fds; ++i) {
        bot->kept[i] = what.kept[i];
        what.kept[i] = -1;
      }
      slots_.set_pid(*bot, made.pid);
      watch_bot(*bot);
    }
  }
  what.close();
  if (failed.error != 0) {
    auto message = make_message<spawn_failed_message>(message_kind::spawn_failed);
    message.of = asked.of;
    message.step = failed.step;
    message.error = failed.error;
    answer_with(message);
  }
}

void main_loop::signal_slot(const signal_message& asked) {
  signal_message message = asked;
  message.head.kind = message_kind::signalled;
  const slot* bot = slots_.find(asked.of);
  const bool group = asked.scope == signal_scope::group;
  if (asked.signal < 1 || asked.signal > SIGRTMAX
      || (!group && asked.scope != signal_scope::main)) {
    message.error = EINVAL;
  } else if (bot == nullptr || bot->at == stage::failing || bot->at == stage::failed) {
    message.error = ESRCH;
  } else if (group) {
    // The zombie pins the number of the group, so this can reach no stranger.
    message.error = kill(-bot->pid, asked.signal) == 0 ? 0 : errno;
    if (message.error == ESRCH && bot->at == stage::pending) {
      message.error = send_signal(bot->pidfd, bot->pid, asked.signal); // setsid is still to come
    }
  } else {
    message.error =
        bot->at == stage::exited ? ESRCH : send_signal(bot->pidfd, bot->pid, asked.signal);
  }
  answer_with(message);
}

void main_loop::release(const key_message& asked) {
  slot* bot = slots_.find(asked.of);
  if (bot == nullptr) {
    return; // a new runtime repeats what it cannot know to be done
  }
  if (bot->at != stage::exited) {
    auto message = make_message<bad_request_message>(message_kind::bad_request);
    message.of = asked.of;
    message.kind = static_cast<uint32_t>(asked.head.kind);
    message.error = EBUSY;
    answer_with(message);
    return;
  }
  exit_status ignored{};
  look_at(bot->pid, false, &ignored);
  slots_.remove(*bot);
}

void main_loop::store(const key_message& asked, datagram& in) {
  int error = EINVAL;
  if (in.fd_count == 1 && !in.cut) {
    int fd = in.take_fd(0);
    error = fds_.put(asked.of.text, asked.of.length, fd);
    if (error != 0) {
      close_fd(fd);
    }
  } else if (in.cut) {
    error = EMFILE;
  }
  if (error != 0) {
    refuse(in, error);
  }
}

void main_loop::fetch(const key_message& asked) {
  const int fd = fds_.get(asked.of.text, asked.of.length);
  auto message = make_message<key_message>(fd >= 0 ? message_kind::stored_fd : message_kind::no_fd);
  message.of = asked.of;
  message.of.incarnation = 0;
  answer_with(message, fd);
}

void main_loop::refuse(const datagram& in, int error) {
  auto message = make_message<bad_request_message>(message_kind::bad_request);
  message.error = error;
  header head{};
  if (in.size >= sizeof head) {
    memcpy(&head, in.bytes, sizeof head);
    message.kind = static_cast<uint32_t>(head.kind);
  }
  if (in.size >= sizeof(key_message)) {
    const key& of = reinterpret_cast<const key_message*>(in.bytes)->of;
    if (has_valid_key(of)) {
      message.of = of;
    }
  }
  answer_with(message);
}

} // namespace troupe::keeper
