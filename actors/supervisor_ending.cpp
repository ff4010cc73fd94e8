// How a group ends its children: whoever depends on a sibling ends before it.

#include "actors/clocks.hpp"
#include "actors/supervisor.hpp"
#include "actors/updating/changes.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace troupe {

void supervisor_state::mark_to_end(const std::string& full_name, ending how,
                                   const std::string& cause) {
  may_go_on = true;
  if (how != ending::remove && children.at(full_name).leaving)
    return;
  const auto at = to_end.find(full_name);
  if (at != to_end.end() && at->second.how > how)
    return;
  to_end.insert_or_assign(full_name, order_to_end{how, cause});
  ending_now.insert_or_assign(full_name, order_to_end{how, cause});
}

void supervisor_state::end_children(const std::set<std::string>& names, ending how,
                                    const std::string& cause) {
  for (const auto& full_name : names)
    mark_to_end(full_name, how, cause);
  may_go_on = true;
  go_on_ending();
}

// Its process runs with settings that are no more. One that is being ended comes back with the
// new ones anyway; one that an operator has frozen must not run again before it is resumed.
bool supervisor_state::is_outdated(const std::string& full_name, const child& what) const {
  return what.as_proxy && what.spec && what.occupied() && what.now != state::paused && !what.leaving
         && !stopping && !ending_now.contains(full_name) && out_of_date(what.settings, *what.spec);
}

// All at once, so that those who depend on one another end in order.
void supervisor_state::replace_outdated() {
  for (const auto& [full_name, each] : children)
    if (is_outdated(full_name, each)) {
      const bool is_known = each.outdated && each.outdated->fingerprint == each.settings;
      mark_to_end(full_name, ending::recycle,
                  describe_change(is_known ? each.outdated.get() : nullptr, *each.spec));
    }
}

void supervisor_state::go_on_ending() {
  if (!std::exchange(may_go_on, false))
    return;
  const auto needed = needed_units();
  for (auto at = to_end.begin(); at != to_end.end();) {
    const auto& target = children.at(at->first);
    if (needed.contains(target.unit)) {
      ++at;
      continue;
    }
    send_order(target, at->second);
    at = to_end.erase(at);
  }
  if (to_end.empty())
    std::erase_if(ending_now, [this](const auto& x) { return !children.at(x.first).occupied(); });
}

// A large group ends one report at a time: only the last of a unit sets others free.
void supervisor_state::note_end(const std::string& full_name, const child& what) {
  ending_now.erase(full_name);
  // It has ended by itself before its turn came: the order would hit its successor.
  if (const auto at = to_end.find(full_name);
      at != to_end.end() && at->second.how == ending::recycle) {
    to_end.erase(at);
    may_go_on = true;
  }
  if (to_end.empty())
    return;
  const auto lives = [&](const auto& x) {
    return x.second.occupied() && ending_now.contains(x.first);
  };
  auto first = children.lower_bound(what.as_proxy ? what.unit + "#" : what.unit);
  const auto last = std::find_if(first, children.end(),
                                 [&](const auto& x) { return x.second.unit != what.unit; });
  may_go_on |= std::none_of(first, last, lives);
}

void supervisor_state::send_order(const child& target, const order_to_end& order) {
  if (!target.handle)
    return;
  spdlog::debug("supervisor {} ends a child of {}: {}", shown_name(), target.unit, order.cause);
  switch (order.how) {
  case ending::recycle:
    return self->send(target.handle, recycle_atom_v, order.cause);
  case ending::stop:
    return self->send(target.handle, stop_atom_v, order.cause);
  case ending::remove:
    return self->send(target.handle, remove_atom_v, order.cause);
  }
}

// An operator wants it up after all.
void supervisor_state::forget_stop(const std::string& full_name) {
  for (auto* orders : {&to_end, &ending_now})
    if (const auto at = orders->find(full_name);
        at != orders->end() && at->second.how == ending::stop)
      orders->erase(at);
  may_go_on = true;
}

// Units that something depends on which is being ended and still lives.
std::set<std::string> supervisor_state::needed_units() const {
  std::set<std::string> result;
  if (needs.empty())
    return result;
  for (const auto& [full_name, order] : ending_now) {
    const auto& each = children.at(full_name);
    if (const auto at = needs.find(each.unit); each.occupied() && at != needs.end())
      result.insert(at->second.begin(), at->second.end());
  }
  return result;
}

void supervisor_state::recycle(const std::string& cause) {
  if (given_up)
    return; // all down already; it asks when its own pause is over
  holding = true;
  asked = false;
  why = cause;
  hold_all(cause);
}

void supervisor_state::stop(const std::string& cause) {
  if (!args.group) {
    stop_when_told = cause; // its children may well be alive
    return;
  }
  stopping = true;
  why = cause;
  std::set<std::string> all;
  for (const auto& [full_name, each] : children)
    all.insert(full_name);
  end_children(all, ending::stop, cause);
  settle();
  tell(false, cause); // even if nothing changed: somebody waits for this
}

void supervisor_state::hurry() {
  stopping = true;
  for (const auto& [full_name, each] : children)
    if (each.handle)
      self->send(each.handle, hurry_atom_v);
}

void supervisor_state::remove(const std::string& cause) {
  removed = stopping = true;
  why = cause;
  std::set<std::string> all;
  for (auto& [full_name, each] : children) {
    each.leaving = true;
    all.insert(full_name);
  }
  end_children(all, ending::remove, cause);
  settle();
}

void supervisor_state::hold_all(const std::string& cause) {
  culprits.clear();
  held.clear();
  std::set<std::string> all;
  for (const auto& [full_name, each] : children)
    if (!each.leaving)
      all.insert(full_name);
  end_children(all, ending::recycle, cause);
  settle();
}

caf::result<outcomes> supervisor_state::operate(const operation& order) {
  if (given_up
      && (order.what == verb::start || order.what == verb::restart || order.what == verb::reset)) {
    policy = {};
    come_back();
  }
  struct gathering {
    outcomes sum;
    std::size_t missing = 0;
  };
  auto gathered = std::make_shared<gathering>();
  std::vector<std::pair<std::string, child_actor>> addressed;
  std::set<std::string> in_order;
  std::set<std::string> to_recycle;
  for (const auto& [full_name, each] : children) {
    const bool hit =
        each.as_group
            ? std::any_of(order.instances->lower_bound(full_name), order.instances->end(),
                          [&, &prefix = full_name](const auto& x) { return lies_in(x, prefix); })
            : order.instances->contains(full_name);
    if (!hit || !each.handle)
      continue;
    if (order.what == verb::stop && each.as_proxy) {
      in_order.insert(full_name);
      continue;
    }
    if (order.what == verb::restart && each.as_proxy && each.occupied())
      to_recycle.insert(full_name);
    addressed.emplace_back(full_name, each.handle);
    if (each.as_proxy && (order.what == verb::start || order.what == verb::restart))
      forget_stop(full_name);
  }
  gathered->sum.accepted = static_cast<std::uint32_t>(in_order.size());
  gathered->missing = addressed.size();
  end_children(in_order, ending::stop, order.cause);
  if (addressed.empty())
    return gathered->sum;
  auto answer = self->make_response_promise<outcomes>();
  for (auto& [full_name, handle] : addressed) {
    auto one_less = [gathered, answer]() mutable {
      if (--gathered->missing == 0)
        answer.deliver(gathered->sum);
    };
    self->request(handle, request_timeout, order)
        .then(
            [gathered, one_less](const outcomes& part) mutable {
              gathered->sum.accepted += part.accepted;
              gathered->sum.refused.insert(gathered->sum.refused.end(), part.refused.begin(),
                                           part.refused.end());
              one_less();
            },
            [gathered, one_less, who = full_name](const caf::error&) mutable {
              gathered->sum.refused.emplace_back(who, "it did not answer");
              one_less();
            });
  }
  end_children(to_recycle, ending::recycle, order.cause); // after the order itself
  return answer;
}

} // namespace troupe
