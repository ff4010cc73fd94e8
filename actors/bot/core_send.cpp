// What goes out.

#include "actors/bot/core.hpp"
#include "messages/wire/compression.hpp"

#include <algorithm>

namespace troupe::bot::detail {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view topic_prefix = "topic:";

/// Messages that follow each other so closely are a burst; after the first few of it the thread
/// that polls takes what there is in one call.
constexpr instant together = 20us;
constexpr unsigned most_in_burst = 4;
/// When the socket was full, so much more is gathered before it is tried again.
constexpr std::size_t more = 32u << 10;

} // namespace

bool core::in_handler() const {
  return handling_ && std::this_thread::get_id() == loop_;
}

bool core::fits(const draft& of, std::size_t bytes) const {
  return outbox_.room(to_wire(of.how.lane), static_cast<wire::delivery>(of.how.delivery), bytes)
         && (pressed_.empty() || !pressed_.contains(of.to)) && (!of.waits || !requests_.full());
}

sent core::send(draft& of) {
  sent result{code::accepted, of.how.lane, of.how.delivery, 0};
  const auto problem = [&result](code which) {
    result.code = which;
    return result;
  };
  const bool topic = of.to.starts_with(topic_prefix);
  if (of.to.empty() || (topic && (of.how.delivery == delivery::assured || of.waits)))
    return problem(code::bad_address);
  if (of.payload.size() > wire::max_payload || of.to.size() > wire::max_address
      || of.how.key.size() > wire::max_address || of.how.actor.size() >= wire::max_address)
    return problem(code::too_large);
  if (!managed_)
    return problem(code::unlinked);

  wire::message_view view;
  view.in = to_wire(of.how.lane);
  view.how = static_cast<wire::delivery>(of.how.delivery);
  view.kind = static_cast<wire::content>(of.how.content);
  view.flags = of.flags;
  view.ttl = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(of.how.ttl.count(), 0, std::numeric_limits<std::uint32_t>::max()));
  view.length = static_cast<std::uint32_t>(of.payload.size());
  view.incarnation = who_.incarnation;
  view.request = of.request;
  view.to = of.to;
  view.key = of.how.key;
  view.payload = of.payload;
  std::string actor;
  if (!of.how.actor.empty())
    view.from = actor = "/" + std::string{of.how.actor};
  auto trace = of.trace.empty() ? current_trace() : of.trace;
  if (of.how.sampled && trace.empty())
    machine_->random(trace.trace.data(), trace.trace.size());
  if (!trace.empty()) {
    view.trace = trace.trace;
    machine_->random(view.span.data(), view.span.size());
    if (trace.sampled || of.how.sampled)
      view.flags |= wire::sampled;
  }
  std::optional<std::string> smaller;
  if (of.payload.size() >= wire::compress_from && zstd_)
    smaller = wire::compress(of.payload);
  if (smaller) {
    view.payload = *smaller;
    view.flags |= wire::compressed;
  }

  const auto bytes = wire::message_head_size + view.to.size() + view.from.size() + view.key.size()
                     + view.payload.size();
  lock guard{mutex_};
  if (stage_ != stage::up)
    service();
  if (stage_ != stage::closed && !fits(of, bytes)) {
    if (of.waits && requests_.full())
      return problem(code::too_many);
    if (of.how.timeout <= 0ms || !await(guard, after(of.how.timeout), [&] {
          return stage_ == stage::closed || fits(of, bytes);
        }))
      return problem(code::timed_out);
  }
  if (stage_ == stage::closed)
    return problem(code::closed);
  if (of.waits)
    view.request = requests_.next_id();
  result.sequence = outbox_.add(view);
  if (of.waits) {
    of.request = view.request;
    of.waits->in = view.in;
    of.waits->sequence = result.sequence;
    of.waits->until = after(std::chrono::duration_cast<milliseconds>(of.waits->until));
    requests_.add(view.request, std::move(*of.waits));
    if (polling_)
      wake(); // its time to wait has changed
  }
  push();
  return result;
}

/// Writes what was added, unless something else is about to.
void core::push() {
  if (stage_ != stage::up)
    return;
  const bool later = corked_ > 0 || polling_ || in_handler(); // somebody will write
  if (later && full_at_ != 0 && outbox_.unsent() < full_at_ + more)
    return;
  if (outbox_.unsent() >= outbox::batch) {
    write();
    return;
  }
  if (corked_ > 0)
    return;
  if (in_handler()) {
    if (slow_)
      write(); // else when the handler has returned, with what the others send
    return;
  }
  if (!polling_) {
    write();
    return;
  }
  const auto at = now();
  if (at - wrote_ >= together)
    burst_ = 0;
  if (++burst_ > most_in_burst) {
    wake();
    return;
  }
  wrote_ = at;
  write();
}

void core::cork() {
  const std::lock_guard guard{mutex_};
  ++corked_;
}

void core::uncork() {
  const std::lock_guard guard{mutex_};
  if (corked_ > 0 && --corked_ == 0)
    push();
}

sent core::reply(const letter& to, std::string_view payload, const send_options& how,
                 std::uint8_t flags) {
  const auto& head = to.head;
  if (head.request == 0 || head.is(wire::reply))
    return {code::bad_address, how.lane, how.delivery, 0};
  draft of;
  of.to = head.from;
  of.payload = payload;
  of.how = how;
  if (of.how.actor.empty())
    of.how.actor = to.actor;
  of.flags = static_cast<std::uint8_t>(wire::reply | flags);
  of.request = head.request;
  of.trace = {head.trace, head.span, head.is(wire::sampled)};
  {
    const std::lock_guard guard{mutex_};
    if (std::exchange(const_cast<letter&>(to).replied, true))
      return {code::bad_message, how.lane, how.delivery, 0};
  }
  const auto said = send(of);
  if (!said) { // there may be room later
    const std::lock_guard guard{mutex_};
    const_cast<letter&>(to).replied = false;
  }
  return said;
}

answer read_reply(letter& from) {
  answer result;
  result.code = from.head.is(wire::failed) ? code::failed : code::done;
  result.content = static_cast<content>(from.head.kind);
  result.from = from.head.from;
  if (from.unpack()) {
    result.payload = from.head.payload;
  } else {
    result.code = code::bad_message;
    result.payload = "the reply cannot be decompressed";
  }
  return result;
}

/// A request has its end.
void core::finish(open_request of, answer with) {
  if (of.into) {
    *of.into = std::move(with);
    changed_.notify_all();
  } else {
    events_.push_back([handler = std::move(of.handler), said = std::move(with)] { handler(said); });
  }
}

answer core::ask(draft& of, milliseconds within) {
  answer result;
  const auto into = std::make_shared<std::optional<answer>>();
  of.waits.emplace();
  of.waits->into = into;
  of.waits->until = within;
  of.how.timeout = std::min(of.how.timeout, within);
  if (const auto said = send(of); !said) {
    result.code = said.code;
    return result;
  }
  lock guard{mutex_};
  outbox_.unsent() > 0 ? write() : void();
  if (!await(guard, after(within), [&] { return into->has_value(); })) {
    requests_.take(of.request);
    result.code = code::timed_out;
    return result;
  }
  return std::move(**into);
}

code core::wait(const sent& of, milliseconds within) {
  if (!of || of.delivery == delivery::fire)
    return of.code;
  const auto in = to_wire(of.lane);
  lock guard{mutex_};
  write();
  if (!await(guard, after(within), [&] { return !outbox_.unresolved(in, of.sequence); }))
    return code::timed_out;
  const auto key = of.sequence * wire::lanes + static_cast<std::uint64_t>(in);
  for (const auto& [each, what] : outcomes_remembered_)
    if (each == key)
      return what;
  return stage_ == stage::closed ? code::closed : code::timed_out;
}

bool core::flush(milliseconds within) {
  if (!managed_)
    return true;
  lock guard{mutex_};
  write();
  return await(guard, after(within), [&] { return stage_ == stage::closed || outbox_.settled(); })
         && stage_ != stage::closed;
}

} // namespace troupe::bot::detail
