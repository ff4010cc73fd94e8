#pragma once

// The engine behind `client`: one socket, one mutex, and whoever waits for something serves the
// socket meanwhile. Of all threads that wait one polls; the others are told when it got something.
// Handlers run without the mutex, in the thread of `step` alone.
//
//   core.cpp       making, the small things, waiting
//   core_link.cpp  the link: connecting, frames, heartbeats
//   core_send.cpp  what goes out
//   core_run.cpp   the loop and its handlers
//   state.cpp      watches of runtime/state

#include "actors/bot/identities.hpp"
#include "actors/bot/inbox.hpp"
#include "actors/bot/outbox.hpp"
#include "actors/bot/requests.hpp"
#include "actors/bot/talk.hpp"
#include "actors/bot/topics.hpp"
#include "messages/wire/frame.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <troupe/state.hpp>

namespace troupe::bot::detail {

/// A handler that is read under the mutex and called without it.
template <class F>
using shared = std::shared_ptr<const F>;

/// A message on its way to the outbox.
struct draft {
  std::string_view to;
  std::string_view payload;
  send_options how;
  std::uint8_t flags = 0;
  std::uint64_t request = 0;
  trace_context trace;
  std::optional<open_request> waits; ///< it is a request: `until` says how long from now
};

class core {
public:
  core(options, std::unique_ptr<host>);
  ~core();

  // As the methods of `client`.
  bool linked() const;
  bool managed() const { return managed_; }
  std::string why_closed() const;
  const options& who() const { return who_; }
  std::string fleet() const;
  settings config() const;

  /// Sets a handler.
  template <class F>
  void set(shared<F> core::*which, F handler) {
    const std::lock_guard guard{mutex_};
    this->*which = handler ? std::make_shared<const F>(std::move(handler)) : nullptr;
  }
  shared<message_handler> message_;
  shared<request_handler> request_;
  shared<order_handler> drain_;
  shared<order_handler> flatten_;
  shared<settings_handler> settings_;
  shared<link_handler> link_changed_;
  shared<outcome_handler> outcome_;
  shared<error_handler> error_;

  code subscribe(std::string_view pattern, message_handler, bool durable);
  void unsubscribe(std::string_view pattern);
  void add_actor(std::string_view name, message_handler);
  void remove_actor(std::string_view name);

  sent send(draft&);
  sent reply(const letter&, std::string_view payload, const send_options&, std::uint8_t flags);
  answer ask(draft&, milliseconds within);
  code wait(const sent&, milliseconds within);
  bool flush(milliseconds within);
  void cork();
  void uncork();

  bool defer(const letter&);
  void end(const letter&, wire::done::result, std::string_view problem);

  code watch(const std::optional<std::string>& group, std::string_view prefix, state_handler);
  void unwatch(const std::optional<std::string>& group, std::string_view prefix);

  void ready();
  void status(std::string_view);
  void stopping();
  void answer_order(bool drain, std::string_view problem);

  int run();
  bool step(milliseconds wait);
  void stop() noexcept;
  int handle();

private:
  using lock = std::unique_lock<std::mutex>;
  enum class stage { down, greeting, up, closed };

  /// An order of the runtime and its answer.
  struct asked {
    milliseconds within{0};
    bool open = false;     ///< it has no answer yet
    bool handed = false;   ///< to its handler
    bool answered = false; ///< by that, or later
    std::string problem;
  };

  /// Bytes that came, and where the frames in them begin.
  struct input {
    std::unique_ptr<char[]> bytes;
    std::size_t capacity = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
    void make_room(std::size_t count);
    void clear();
  };

  // -- core.cpp: waiting; the mutex is held --------------------------------------------
  bool await(lock&, instant until, const std::function<bool()>& enough);
  void poll(lock&, instant until);
  void wake();
  instant now() const { return machine_->now(); }
  instant after(milliseconds) const;

  // -- core_link.cpp -------------------------------------------------------------------
  void service();
  void connect();
  void greet();
  void write();
  void read(bool all = false);
  void tick();
  instant next_due() const;
  bool silent_for_long(instant at);
  /// The link is gone; the next try is due after a pause.
  void lost(std::string why);
  /// The runtime has broken a rule.
  void reject(std::string_view reason, std::string_view problem);
  void close_for_good(farewell);
  void interest();
  /// Nullptr, or what is wrong with it.
  const char* take(const wire::parsed_frame&);
  const char* bad_order(const char* problem);
  const char* take_welcome(std::string_view body);
  const char* take_farewell(std::string_view body);
  const char* take_message(std::string_view body);
  const char* take_receipt(std::string_view body);
  const char* take_outcomes(std::string_view body);
  const char* take_result(std::string_view body);
  const char* take_order(std::string_view body);
  void settle(const wire::outcome&);
  void note(outcome);
  void tell(const std::string& body);
  void call_subscribe(const std::string& pattern, bool durable);

  // -- core_send.cpp -------------------------------------------------------------------
  bool fits(const draft&, std::size_t bytes) const;
  void push();
  bool in_handler() const;
  void finish(open_request, answer);

  // -- core_run.cpp --------------------------------------------------------------------
  bool ended() const { return stop_ || stage_ == stage::closed; }
  bool has_work() const;
  void run_one(lock&);
  void handle_letter(lock&, const message&);
  bool answer_failure(lock&, const letter&, std::string_view problem);
  void handle_reply(lock&, const letter_ptr&);
  void complete(const letter&, wire::done::result);
  void finish_batch();
  void answer_orders();
  void guarded(const char* what, const std::function<void()>&);
  void run_order(lock&, bool drain);

  // -- state.cpp; the mutex is not held ------------------------------------------------
  using watched = std::pair<std::string, std::string>; ///< group, prefix
  std::string own_group() const;
  code ask_watch(const watched&, const std::string& from);
  void must_watch(const watched&, const std::string& from);
  void tell_watch(const watched&, const state_entry&);
  void watch_again();
  void take_change(std::string_view body);

  options who_;
  std::unique_ptr<host> machine_;
  const bool managed_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int wake_fd_ = -1;
  int epoll_fd_ = -1;
  std::atomic<bool> woken_ = false;
  std::atomic<bool> stop_ = false;
  bool polling_ = false;     ///< a thread is in poll
  bool polling_out_ = false; ///< … for room to write, too
  /// What waited when the socket last took no more; 0: it has taken everything since.
  std::size_t full_at_ = 0;

  // The link.
  stage stage_ = stage::down;
  int fd_ = -1;
  std::uint64_t link_ = 0; ///< number of the link
  instant retry_at_{0};
  unsigned tries_ = 0; ///< since a link held
  instant up_since_{0};
  instant lost_at_{0}; ///< when a link ended last
  instant heard_{0};
  instant partial_since_{-1};
  unsigned pings_ = 0; ///< without an answer
  instant heartbeat_ = std::chrono::seconds{10};
  input in_;
  const char* reason_ = "bad_frame"; ///< what the next problem is called in a BYE
  farewell closed_;
  std::string fleet_;
  settings config_;
  std::atomic<bool> zstd_ = false;
  std::uint64_t call_ = 0;
  std::map<std::uint64_t, std::string> calls_; ///< subscriptions without a result

  // Messages.
  inbox inbox_;
  outbox outbox_;
  identities identities_;
  requests requests_;
  subscriptions subscriptions_;
  std::map<std::string, handler_ptr, std::less<>> actors_;
  std::map<watched, shared<state_handler>> watches_;
  std::set<std::string, std::less<>> pressed_; ///< addresses under pressure
  std::vector<wire::done> dones_;
  std::vector<wire::known_message> known_; ///< of older links, handled since
  std::size_t deferred_ = 0;
  std::deque<std::pair<std::uint64_t, code>> outcomes_remembered_;
  int corked_ = 0;
  instant wrote_{0};   ///< when another thread than the loop's did last …
  unsigned burst_ = 0; ///< … and how often in a row

  // For handlers.
  std::deque<std::function<void()>> events_;
  std::deque<outcome> outcomes_;
  bool told_settings_ = true;
  std::thread::id loop_;
  bool in_step_ = false;
  bool handling_ = false;
  bool slow_ = true; ///< the last handler was: what the next one sends goes out at once
  asked drain_asked_;
  asked flatten_asked_;
  bool ready_ = false;
  std::string status_;
};

/// How a reply goes unless told otherwise.
send_options reply_options(const letter& request);

/// What a reply says; changes the letter's payload.
answer read_reply(letter&);

/// The trace that this thread is in.
trace_context& current_trace();

} // namespace troupe::bot::detail
