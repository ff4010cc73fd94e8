#include "actors/messaging/permissions.hpp"

#include <algorithm>

namespace troupe::messaging {

namespace {

constexpr std::string_view topic_prefix = "topic:";

/// All topics of a group: `eu/market` has `eu.market.>`.
std::string topics_of(std::string_view group) {
  if (group.empty())
    return ">";
  std::string result{group};
  std::replace(result.begin(), result.end(), '/', '.');
  return result + ".>";
}

std::string_view without_prefix(std::string_view entry) {
  return entry.starts_with(topic_prefix) ? entry.substr(topic_prefix.size()) : entry;
}

template <class List, class Pred>
bool any_of(const List& list, Pred pred) {
  return std::any_of(list.begin(), list.end(), pred);
}

std::string enumerate(std::string_view verb, const std::vector<std::string>& items) {
  if (items.empty())
    return "may " + std::string{verb} + " nothing";
  auto result = "may " + std::string{verb} + ' ' + items[0];
  for (std::size_t i = 1; i < items.size(); ++i)
    result += (i + 1 == items.size() ? " and " : ", ") + items[i];
  return result;
}

} // namespace

permissions::permissions(const config::bot_spec& spec, std::string_view group) {
  if (spec.may_send) {
    for (const auto& entry : *spec.may_send)
      allow(entry);
  } else {
    allow(std::string{group} + '/');
    topics_.push_back(topics_of(group));
  }
  if (spec.may_subscribe) {
    for (const auto& entry : *spec.may_subscribe)
      if (const auto pattern = without_prefix(entry); valid_pattern(pattern))
        heard_.emplace_back(pattern);
  } else {
    heard_.push_back(topics_of(group));
  }
}

void permissions::allow(std::string_view entry) {
  if (entry.starts_with(topic_prefix)) {
    if (const auto pattern = without_prefix(entry); valid_pattern(pattern))
      topics_.emplace_back(pattern);
    return;
  }
  if (entry.ends_with("/*"))
    entry.remove_suffix(1);
  if (entry == "/" || entry == "*")
    everyone_ = true;
  else if (entry.ends_with('/'))
    groups_.emplace_back(entry.substr(0, entry.size() - 1));
  else
    names_.emplace_back(entry);
}

bool permissions::may_send(const address& to) const {
  using kind = address::kind;
  const auto inside = [&] {
    return everyone_ || any_of(groups_, [&](const auto& x) { return within(to.name, x); });
  };
  switch (to.what) {
  case kind::service:
    return true;
  case kind::topic:
    return any_of(topics_, [&](const auto& x) { return matches(x, to.name); });
  case kind::group:
    return may_send_group(to.name);
  case kind::bot:
  case kind::instance:
    return inside() || any_of(names_, [&](const auto& x) { return x == to.name || x == to.bot; });
  case kind::none:
    break;
  }
  return false;
}

bool permissions::may_subscribe(std::string_view pattern) const {
  return any_of(heard_, [&](const auto& x) { return covers(x, pattern); });
}

bool permissions::may_send_group(std::string_view group) const {
  return everyone_
         || any_of(groups_, [&](const auto& x) { return x == group || within(group, x); });
}

std::string permissions::describe_send() const {
  std::vector<std::string> items;
  if (everyone_)
    items.emplace_back("to every bot");
  for (const auto& each : groups_)
    items.push_back("to " + each + '/');
  for (const auto& each : names_)
    items.push_back("to " + each);
  for (const auto& each : topics_)
    items.push_back("to topic:" + each);
  return enumerate("send", items);
}

std::string permissions::describe_subscribe() const {
  return enumerate("subscribe to", heard_);
}

} // namespace troupe::messaging
