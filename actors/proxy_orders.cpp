// What operators order of one instance.

#include "actors/clocks.hpp"
#include "actors/proxy.hpp"

#include <spdlog/spdlog.h>

namespace troupe {

namespace {

outcomes accepted() {
  outcomes result;
  result.accepted = 1;
  return result;
}

outcomes refused(const std::string& instance, std::string reason) {
  outcomes result;
  result.refused.emplace_back(instance, std::move(reason));
  return result;
}

} // namespace

caf::result<outcomes> proxy_state::operate(const operation& order) {
  auto answer = self->make_response_promise<outcomes>();
  when_adopted([this, order, answer] { carry_out(order, answer); });
  return answer;
}

void proxy_state::carry_out(const operation& order, caf::typed_response_promise<outcomes> answer) {
  if (removed && (order.what == verb::start || order.what == verb::restart)) {
    answer.deliver(refused(record.name, "it leaves the fleet; try again when it is gone"));
    return;
  }
  switch (order.what) {
  case verb::start:
  case verb::restart: // what runs is recycled by the supervisor, dependents first
    record.policy = {};
    by_order = true;
    want(true, order.cause);
    break;
  case verb::stop:
    want(false, order.cause);
    break;
  case verb::reset:
    record.policy = {};
    raise(event::reset, order.cause);
    break;
  case verb::pause:
  case verb::resume: {
    const auto what = order.what == verb::pause ? event::pause : event::resume;
    if (!find_transition(record.now, what)) {
      answer.deliver(
          refused(record.name,
                  fmt::format("it is {}; only {} instance can {}", to_string(record.now),
                              what == event::pause ? "a running" : "a paused", to_string(what))));
      return;
    }
    freezing = answer;
    raise(what, order.cause);
    if (!std::exchange(freezing, std::nullopt))
      return; // freeze() has it and will answer
    break;
  }
  case verb::signal:
    return send_signal(order.signal, answer);
  }
  answer.deliver(accepted());
}

void proxy_state::send_signal(int signal, caf::typed_response_promise<outcomes> answer) {
  if (!has_process(record.now)) {
    answer.deliver(
        refused(record.name, fmt::format("it is {} and has no process", to_string(record.now))));
    return;
  }
  self->request(args.services->launcher, request_timeout, signal_atom_v, record.name,
                record.incarnation, signal, false)
      .then(
          [this, answer](const std::string& why) mutable {
            answer.deliver(why.empty() ? accepted() : refused(record.name, why));
          },
          [this, answer](const caf::error&) mutable {
            answer.deliver(refused(record.name, "the launcher did not answer"));
          });
}

void proxy_state::freeze(bool on) {
  auto answer = std::exchange(freezing, std::nullopt);
  self->request(args.services->launcher, request_timeout, freeze_atom_v, record.name,
                record.incarnation, on)
      .then(
          [this, on, answer](const std::string& why) mutable {
            if (answer)
              answer->deliver(why.empty() ? accepted() : refused(record.name, why));
            if (!why.empty() && on)
              raise(event::resume, "could not be frozen: " + why);
          },
          [this, on, answer](const caf::error&) mutable {
            if (answer)
              answer->deliver(refused(record.name, "the launcher did not answer"));
            if (on)
              raise(event::resume, "could not be frozen: the launcher did not answer");
          });
}

} // namespace troupe
