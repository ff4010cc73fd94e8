// The line to the keeper: requests go out, events come in.

#include "runtime/os/files.hpp"
#include "runtime/os/host.hpp"
#include "runtime/os/leftovers.hpp"
#include "runtime/os/overloaded.hpp"
#include "runtime/os/preparation.hpp"

#include <boost/asio/post.hpp>

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <utility>

namespace troupe::os {

namespace {

// Events taken from the socket before others get their turn.
constexpr int events_at_once = 256;

} // namespace

bool keeper_host::transmit(const request& x) {
  const bool settled = std::visit(overloaded{
                                      [this](const fd_to_store& y) {
                                        return client_.send(store_request{y.name, y.fd.get()});
                                      },
                                      [this](const auto& y) { return client_.send(y); },
                                  },
                                  x);
  if (const int error = client_.refusal(); settled && error != 0)
    std::visit(overloaded{
                   [&](const spawn_request& y) {
                     refuse(bad_request{y, static_cast<std::uint32_t>(keeper::message_kind::spawn),
                                        error});
                   },
                   [&](const fd_to_store& y) { trouble("store " + y.name, error); },
                   [&](const release_request& y) { trouble("release " + y.instance, error); },
                   [&](const signal_request& y) { trouble("signal " + y.instance, error); },
                   [&](const pong&) { trouble("answer", error); },
               },
               x);
  return settled;
}

// As if the keeper had said it, and in the thread in which the keeper is heard.
void keeper_host::refuse(bad_request x) {
  boost::asio::post(io_, [this, x = std::move(x)]() mutable {
    std::vector<process_event> events;
    handle(std::move(x), events);
    deliver(std::move(events));
  });
}

void keeper_host::trouble(const std::string& what, int error) {
  if (on_trouble_)
    boost::asio::post(
        io_, [this, text = sentence("ask the keeper to", what, error)] { on_trouble_(text); });
}

// With the mutex held.
void keeper_host::post(request x) {
  if (gone_ || (queue_.empty() && transmit(x)))
    return;
  queue_.push_back(std::move(x));
  watch_writable();
}

void keeper_host::flush() {
  while (!queue_.empty() && transmit(queue_.front()))
    queue_.pop_front();
  if (!queue_.empty() && !client_.closed())
    watch_writable();
}

void keeper_host::watch_writable() {
  if (std::exchange(writing_, true))
    return;
  const auto again = [this](boost::system::error_code error) {
    if (error)
      return;
    const std::lock_guard lock{mutex_};
    writing_ = false;
    flush();
  };
  // There is room, so the kernel is short of memory or of fds on their way: not of what the
  // socket could tell.
  if (pollfd room{client_.fd(), POLLOUT, 0}; ::poll(&room, 1, 0) == 1) {
    retry_.expires_after(std::chrono::milliseconds{20});
    retry_.async_wait(again);
    return;
  }
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_write, again);
}

void keeper_host::watch_readable() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](boost::system::error_code error) {
                       if (!error)
                         receive_some();
                     });
}

void keeper_host::receive_some() {
  std::vector<process_event> events;
  for (int i = 0; i < events_at_once; ++i) {
    std::optional<keeper_event> event;
    bool closed = false;
    {
      const std::lock_guard lock{mutex_};
      event = client_.receive();
      closed = client_.closed();
      if (!event && !closed)
        watch_readable();
    }
    if (event) {
      handle(std::move(*event), events);
      continue;
    }
    deliver(std::move(events));
    if (closed)
      keeper_gone();
    return;
  }
  deliver(std::move(events));
  const std::lock_guard lock{mutex_};
  watch_readable();
}

// What happens to processes is put off until somebody listens, and then comes in order: whoever
// listens first reads the table as the keeper told it.
void keeper_host::handle(keeper_event&& event, std::vector<process_event>& out) {
  const bool at_once = std::holds_alternative<ping>(event)
                       || std::holds_alternative<stop_asked>(event)
                       || std::holds_alternative<reload_asked>(event);
  if (!at_once) {
    const std::lock_guard lock{mutex_};
    if (!on_event_ || !unheard_.empty()) {
      unheard_.push_back(std::move(event));
      return;
    }
  }
  apply(std::move(event), out);
}

// In the io_context's thread.
void keeper_host::hear_waiting() {
  std::deque<keeper_event> waiting;
  {
    const std::lock_guard lock{mutex_};
    if (on_event_)
      waiting.swap(unheard_);
  }
  std::vector<process_event> events;
  for (auto& event : waiting)
    apply(std::move(event), events);
  deliver(std::move(events));
}

void keeper_host::apply(keeper_event&& event, std::vector<process_event>& out) {
  // What is found out on the way is told in its place.
  sink_ = &out;
  if (const auto* x = std::get_if<exited>(&event))
    attention_.end(*x);
  std::function<void()> call; // without the mutex
  const auto of_task = [](const slot_key& key) {
    return split_slot_name(key.instance).as != job::bot;
  };
  const auto confirm = [&](const slot_key& key, pid_t pid) {
    const auto known = find(key);
    if (!known)
      return;
    known->pid = pid;
    auto spec = std::exchange(known->spec, nullptr);
    mains_.insert(pid);
    if (of_task(key)) {
      call = [this, key] { tasks_.confirmed(key); };
      return;
    }
    out.push_back(troupe::spawned{key.instance, key.incarnation, pid, known->settings});
    if (!known->remark.empty())
      out.push_back(notice{key.instance, key.incarnation, notice::kind::remark, known->remark, {}});
    call = [this, key, known, spec, pid] { attention_.begin(key, spec, pid, known->notify); };
  };
  const auto end = [&](const slot_key& key, const exit_info& x) {
    const auto known = find(key);
    if (!known || known->end)
      return;
    known->end = make_exited(key, x, *known);
    keys_.end(key.instance, key.incarnation);
    read_output(key, *known, nullptr);
    if (of_task(key))
      call = [this, key, how = *known->end] { tasks_.ended(key, how); };
    else
      out.push_back(*known->end);
  };
  const auto fail = [&](const slot_key& key, spawn_step step, int error) {
    static const config::bot_spec unknown{};
    const auto known = find(key);
    const auto& spec = known && known->spec ? *known->spec : unknown;
    auto reason = describe_failure(step, error, spec, known ? known->directory : std::string{});
    if (of_task(key))
      call = [this, key, reason] { tasks_.failed(key, reason); };
    else
      out.push_back(troupe::spawn_failed{key.instance, key.incarnation, std::move(reason)});
    forget(key);
  };
  const auto stall = [&](const slot_key& key, int signal) {
    if (const auto known = find(key); known && !of_task(key)) {
      known->stopped_by = signal;
      out.push_back(stalled{key.instance, key.incarnation, signal != 0, signal});
    }
  };
  {
    const std::lock_guard lock{mutex_};
    std::visit(overloaded{
                   [&](spawned& x) { confirm(x, x.pid); },
                   [&](spawn_failed& x) { fail(x, x.step, x.error); },
                   [&](exited& x) { end(x, x.exit); },
                   [&](stopped& x) { stall(x, x.signal); },
                   [&](continued& x) { stall(x, 0); },
                   [&](bad_request& x) {
                     const auto kind = static_cast<keeper::message_kind>(x.kind);
                     if (x.of && kind == keeper::message_kind::spawn)
                       fail(*x.of, spawn_step::request, x.error);
                     else if (x.of && kind == keeper::message_kind::store)
                       trouble("store " + x.of->instance, x.error);
                   },
                   [&](ping&) {
                     if (on_ping_)
                       call = on_ping_;
                     else
                       post(pong{});
                   },
                   [&](stop_asked& x) {
                     if (on_stop_)
                       call = [this, hurry = x.hurry] { on_stop_(hurry); };
                   },
                   [&](reload_asked&) { call = on_reload_; },
                   [](auto&) {
                     // nop: answers to what is never asked
                   },
               },
               event);
  }
  if (call)
    call();
  sink_ = nullptr;
}

// In force at once: whatever a listener of before is still told stands in the table that
// the new one reads next.
void keeper_host::on_event(std::function<void(process_event)> f) {
  const std::lock_guard lock{mutex_};
  on_event_ = std::move(f);
  boost::asio::post(io_, [this] { hear_waiting(); });
}

void keeper_host::on_ping(std::function<void()> f) {
  const std::lock_guard lock{mutex_};
  on_ping_ = std::move(f);
}

// In the io_context's thread only, which keeps the order.
void keeper_host::deliver(std::vector<process_event> events) {
  std::function<void(process_event)> listener;
  {
    const std::lock_guard lock{mutex_};
    std::move(events.begin(), events.end(), std::back_inserter(undelivered_));
    if (!on_event_ || undelivered_.empty())
      return;
    listener = on_event_;
    events = std::exchange(undelivered_, {});
  }
  for (auto& x : events)
    listener(std::move(x));
}

// In the io_context's thread only; keeps the order of what is being told.
void keeper_host::tell(process_event event) {
  if (sink_)
    sink_->push_back(std::move(event));
  else
    deliver({std::move(event)});
}

void keeper_host::keeper_gone() {
  std::vector<entry_ptr> living;
  {
    const std::lock_guard lock{mutex_};
    gone_ = true;
    queue_.clear();
    for (const auto& [key, known] : table_)
      living.push_back(known);
  }
  // Nobody pins the pids any more: only what is named by cgroup or environment is killed.
  // The main processes got a signal from the kernel when their parent died.
  for (const auto& x : living)
    if (x->group)
      x->group.kill();
  end_leftovers(state_.path(), std::chrono::seconds{1});
  if (on_keeper_gone_)
    on_keeper_gone_();
}

void keeper_host::prove_life() {
  const std::lock_guard lock{mutex_};
  post(pong{});
}

void keeper_host::store_fd(const std::string& name, int fd) {
  // A copy: the request may have to wait, and the caller may close its own meanwhile.
  unique_fd copy{::fcntl(fd, F_DUPFD_CLOEXEC, 3)};
  const int error = errno;
  const std::lock_guard lock{mutex_};
  if (copy)
    post(fd_to_store{name, std::move(copy)});
  else
    trouble("store " + name, error);
}

} // namespace troupe::os
