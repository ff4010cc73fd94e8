#include "actors/bot/identities.hpp"

#include <algorithm>

namespace troupe::bot::detail {

identities::key identities::key_of(const wire::message_view& of) {
  return {of.incarnation, of.sequence, of.in};
}

identities::sender* identities::look(std::string_view name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &*found->second;
}

identities::entry* identities::look(const arrival& of) {
  auto* from = look(of.from);
  if (!from)
    return nullptr;
  const auto found = from->entries.find(of.which);
  return found == from->entries.end() ? nullptr : &found->second;
}

identities::entry* identities::find(const wire::message_view& of) {
  auto* from = look(of.from);
  if (!from)
    return nullptr;
  const auto found = from->entries.find(key_of(of));
  return found == from->entries.end() ? nullptr : &found->second;
}

void identities::add(const wire::message_view& of, std::uint64_t link, instant now) {
  auto found = by_name_.find(of.from);
  if (found == by_name_.end()) {
    senders_.push_back({std::string{of.from}, {}, {}});
    found = by_name_.emplace(senders_.back().name, std::prev(senders_.end())).first;
  } else {
    senders_.splice(senders_.end(), senders_, found->second);
  }
  auto& from = *found->second;
  const auto which = key_of(of);
  if (!from.entries.insert_or_assign(which, entry{false, link, of.tag}).second)
    return;
  from.order.push_back(which);
  ++size_;
  arrivals_.push_back({now, from.name, which});
  for (int i = 0; i < 16 && arrivals_.size() > of_a_hello; ++i)
    drop_first(now);
  while (from.order.size() > of_each_sender)
    shorten(from);
  while (size_ > in_all) {
    auto& oldest = senders_.front();
    shorten(oldest);
    if (oldest.order.empty()) {
      by_name_.erase(oldest.name);
      senders_.pop_front();
    }
  }
}

void identities::shorten(sender& of) {
  if (of.order.empty())
    return;
  size_ -= of.entries.erase(of.order.front());
  of.order.pop_front();
}

void identities::forget(const wire::message_view& of) {
  auto* from = look(of.from);
  const auto which = key_of(of);
  if (!from || from->entries.erase(which) == 0)
    return;
  --size_;
  auto& order = from->order; // what has failed is mostly among the newest
  order.erase(std::prev(std::find(order.rbegin(), order.rend(), which).base()));
  if (order.empty()) {
    const auto found = by_name_.find(of.from)->second;
    by_name_.erase(found->name);
    senders_.erase(found);
  }
}

/// One that is still being handled goes to the end instead.
void identities::drop_first(instant now) {
  auto first = std::move(arrivals_.front());
  arrivals_.pop_front();
  const auto* known = look(first);
  if (!known || known->handled)
    return;
  first.at = now;
  arrivals_.push_back(std::move(first));
}

std::vector<wire::known_message> identities::list(instant lost) {
  for (auto n = arrivals_.size(); n > 0 && lost - arrivals_.front().at > recent; --n)
    drop_first(lost);
  std::vector<wire::known_message> result;
  const auto most = std::min(arrivals_.size(), of_a_hello);
  std::for_each(arrivals_.end() - static_cast<std::ptrdiff_t>(most), arrivals_.end(),
                [&](const arrival& each) {
                  if (const auto* known = look(each))
                    result.push_back({each.which.in, known->handled, each.which.incarnation,
                                      each.which.sequence, each.from});
                });
  return result;
}

} // namespace troupe::bot::detail
