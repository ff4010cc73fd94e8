// The loop and its handlers.

#include "actors/bot/core.hpp"
#include "actors/bot/state_words.hpp"

#include <cstdio>
#include <exception>
#include <stdexcept>

namespace troupe::bot::detail {

namespace {

using namespace std::chrono_literals;
using result = wire::done::result;

/// Between two looks at the socket: an urgent message waits no longer than that and one handler,
/// or eight when those before were done in no time.
constexpr instant look_again = 50us;
constexpr int batch = 256;
/// Handlers that are done in next to no time are not timed one by one.
constexpr instant no_time = 1us;
constexpr int timed_together = 8;
constexpr std::size_t most_deferred = 8192;

std::string text_of(const std::exception_ptr& problem) {
  try {
    std::rethrow_exception(problem);
  } catch (const std::exception& each) {
    return each.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

} // namespace

bool core::has_work() const {
  return !events_.empty() || !outcomes_.empty() || !inbox_.empty() || (!told_settings_ && settings_)
         || (drain_asked_.open && !drain_asked_.handed)
         || (flatten_asked_.open && !flatten_asked_.handed);
}

int core::run() {
  while (step(1h)) {
    // nop
  }
  const std::lock_guard guard{mutex_};
  return stop_ || closed_.reason == "stopping" ? 0 : 1;
}

bool core::step(milliseconds time) {
  lock guard{mutex_};
  if (in_handler())
    return !ended(); // a handler is no place for other handlers
  if (in_step_)
    throw std::logic_error{"troupe: run and step belong to one thread"};
  in_step_ = true;
  loop_ = std::this_thread::get_id();
  service();
  if (!has_work() && !ended() && time > 0ms)
    await(guard, after(time), [this] { return has_work() || ended(); });
  const auto began = now();
  auto before = began;
  int untimed = 1; ///< handlers until the clock is looked at
  int together = 1;
  for (int i = 0; i < batch && has_work() && !stop_; ++i) {
    if (stage_ == stage::closed && events_.empty() && outcomes_.empty())
      break; // what still waits can no longer be answered
    run_one(guard);
    if (--untimed > 0)
      continue;
    const auto after_it = now();
    slow_ = after_it - before > look_again;
    together = untimed = after_it - before < together * no_time ? timed_together : 1;
    before = after_it;
    if (after_it - began > look_again)
      break;
  }
  finish_batch();
  in_step_ = false;
  return !ended() || (!stop_ && (!events_.empty() || !outcomes_.empty()));
}

void core::run_one(lock& guard) {
  handling_ = true;
  if (!events_.empty()) {
    const auto each = std::move(events_.front());
    events_.pop_front();
    guard.unlock();
    guarded("a handler", each);
    guard.lock();
  } else if (!outcomes_.empty()) {
    const auto each = std::move(outcomes_.front());
    outcomes_.pop_front();
    const auto handler = outcome_;
    guard.unlock();
    if (handler)
      guarded("the handler of outcomes", [&] { (*handler)(each); });
    guard.lock();
  } else if (!told_settings_ && settings_) {
    told_settings_ = true;
    const auto handler = settings_;
    const auto given = config_;
    guard.unlock();
    guarded("the handler of the config", [&] { (*handler)(given); });
    guard.lock();
  } else if (drain_asked_.open && !drain_asked_.handed) {
    run_order(guard, true);
  } else if (flatten_asked_.open && !flatten_asked_.handed) {
    run_order(guard, false);
  } else if (auto each = inbox_.take()) {
    if (each->head.is(wire::reply)) {
      handle_reply(guard, each);
    } else {
      auto shown = access::wrap(std::move(each));
      handle_letter(guard, shown);
      each = access::unwrap(std::move(shown));
    }
    inbox_.recycle(std::move(each));
  }
  handling_ = false;
}

void core::guarded(const char* what, const std::function<void()>& run) {
  std::string problem;
  try {
    run();
    return;
  } catch (...) {
    problem = std::string{what} + " failed: " + text_of(std::current_exception());
  }
  shared<error_handler> handler;
  {
    const std::lock_guard guard{mutex_};
    handler = error_;
  }
  try {
    if (handler)
      (*handler)(problem);
  } catch (...) {
    handler = nullptr;
  }
  if (!handler)
    std::fprintf(stderr, "troupe: %s\n", problem.c_str());
}

void core::run_order(lock& guard, bool drain) {
  auto& of = drain ? drain_asked_ : flatten_asked_;
  of.handed = true;
  const auto handler = drain ? drain_ : flatten_;
  if (!handler) {
    of.answered = true;
    return;
  }
  const auto within = of.within;
  bool finished = false;
  std::string problem;
  guard.unlock();
  try {
    finished = (*handler)(within);
  } catch (...) {
    finished = true;
    problem = text_of(std::current_exception());
    if (problem.empty())
      problem = "its handler failed";
  }
  guard.lock();
  if (finished) {
    of.answered = true;
    of.problem = std::move(problem);
  }
}

void core::answer_order(bool drain, std::string_view problem) {
  const std::lock_guard guard{mutex_};
  auto& of = drain ? drain_asked_ : flatten_asked_;
  of.answered = true;
  of.problem = problem;
  if (!in_handler())
    answer_orders();
}

/// `drained` waits until what came before is handled.
void core::answer_orders() {
  if (stage_ != stage::up)
    return;
  if (flatten_asked_.open && flatten_asked_.answered) {
    flatten_asked_.open = false;
    tell(answer_body("flattened", flatten_asked_.problem));
  }
  if (drain_asked_.open && drain_asked_.answered
      && (!drain_asked_.problem.empty() || (inbox_.empty() && deferred_ == 0 && !handling_))) {
    drain_asked_.open = false;
    tell(answer_body("drained", drain_asked_.problem));
  }
}

void core::handle_reply(lock& guard, const letter_ptr& each) {
  if (auto open = requests_.take(each->head.request); open && open->handler) {
    guard.unlock();
    const auto said = read_reply(*each);
    auto& trace = current_trace();
    const auto before = trace;
    trace = {each->head.trace, each->head.span, each->head.is(wire::sampled)};
    guarded("the handler of a reply", [&] { open->handler(said); });
    trace = before;
    guard.lock();
  } // else it comes too late
  complete(*each, result::done);
}

void core::handle_letter(lock& guard, const message& shown) {
  auto& each = access::of(shown);
  const auto& head = each.head;
  const auto topic = shown.topic();
  std::shared_ptr<const std::vector<handler_ptr>> subscribed;
  handler_ptr handler;
  shared<request_handler> request;
  bool change = false; ///< of what is watched in runtime/state
  auto how = result::done;
  std::string problem;
  if (!topic.empty())
    subscribed = subscriptions_.find(topic);
  if (subscribed && subscribed->empty())
    subscribed = nullptr;
  if (!each.actor.empty()) {
    const auto found = actors_.find(each.actor);
    if (found != actors_.end()) {
      handler = found->second;
    } else {
      how = result::no_such_actor;
      problem = "there is no actor '" + std::string{each.actor} + "'";
    }
  } else if (topic == state_topic && head.from == state_address) {
    change = true;
  } else if (!subscribed) {
    if (shown.is_request())
      request = request_;
    if (!request)
      handler = message_;
    if (!request && !handler && topic.empty()) { // a topic may have been unsubscribed since
      how = result::failed;
      problem = "the bot has no handler for it";
    }
  }
  guard.unlock();
  std::string payload;
  if (problem.empty() && !each.unpack()) {
    how = result::failed;
    problem = "its payload cannot be decompressed";
  }
  if (problem.empty()) {
    auto& trace = current_trace();
    const auto before = trace;
    trace = {head.trace, head.span, head.is(wire::sampled)};
    try {
      if (change)
        take_change(shown.payload());
      else if (request)
        payload = (*request)(shown);
      else if (handler)
        (*handler)(shown);
      else if (subscribed)
        for (const auto& one : *subscribed)
          (*one)(shown);
      if (request && !each.deferred)
        reply(each, payload, reply_options(each), 0);
    } catch (...) {
      how = result::failed;
      problem = text_of(std::current_exception());
      const auto address = std::string{head.to};
      guarded(("the handler of a message to " + address).c_str(),
              [] { throw; }); // to where problems go
    }
    trace = before;
  }
  guard.lock();
  if (each.ended || (each.deferred && how == result::done))
    return; // somebody else says, or has said, what became of it
  if (each.deferred)
    --deferred_;
  if (how != result::done && shown.is_request() && answer_failure(guard, each, problem)
      && how == result::failed)
    how = result::done; // whoever asked knows
  complete(each, how);
}

send_options reply_options(const letter& to) {
  send_options result;
  result.lane = to_public(to.head.in);
  result.delivery = to.head.how == wire::delivery::fire ? delivery::fire : delivery::assured;
  return result;
}

/// Says whether it is answered now; its handler may have done so before it failed.
bool core::answer_failure(lock& guard, const letter& which, std::string_view problem) {
  if (which.replied)
    return true;
  guard.unlock();
  const auto said = reply(which, problem, reply_options(which), wire::failed);
  guard.lock();
  return static_cast<bool>(said);
}

bool core::defer(const letter& which) {
  const std::lock_guard guard{mutex_};
  auto& each = const_cast<letter&>(which);
  if (!in_handler() || each.deferred || each.ended || deferred_ >= most_deferred)
    return false;
  each.deferred = true;
  ++deferred_;
  return true;
}

void core::end(const letter& which, result how, std::string_view problem) {
  auto& each = const_cast<letter&>(which);
  lock guard{mutex_};
  if (!each.deferred || each.ended)
    return;
  each.ended = true;
  --deferred_;
  if (how == result::failed && each.head.request != 0 && answer_failure(guard, each, problem))
    how = result::done;
  complete(each, how);
  if (!in_handler())
    finish_batch();
}

/// Nothing more will be done about it: the runtime learns that.
void core::complete(const letter& each, result how) {
  const_cast<letter&>(each).ended = true;
  inbox_.finished(each);
  const auto& head = each.head;
  if (head.how == wire::delivery::fire)
    return;
  auto* known = identities_.find(head);
  const auto link = known ? known->link : each.link;
  const auto tag = known ? known->tag : head.tag;
  if (how != result::done)
    identities_.forget(head); // it may be tried again
  else if (known)
    known->handled = true;
  if (stage_ == stage::down || stage_ == stage::closed)
    return; // the next hello says it
  if (stage_ == stage::up && link == link_)
    dones_.push_back({tag, how});
  else
    known_.push_back({head.in, how == result::done, head.incarnation, head.sequence,
                      std::string{head.from}, how != result::done});
}

/// Everything that handlers left behind goes out together.
void core::finish_batch() {
  if (stage_ != stage::up) {
    changed_.notify_all();
    return;
  }
  auto& out = outbox_.control();
  if (!dones_.empty()) {
    wire::append_frame(out, dones_);
    dones_.clear();
  }
  if (!known_.empty()) {
    wire::append_frame(out, known_);
    known_.clear();
  }
  if (inbox_.credit_due())
    wire::append_frame(out, inbox_.credit());
  answer_orders();
  if (outbox_.unsent() > 0)
    write();
}

} // namespace troupe::bot::detail
