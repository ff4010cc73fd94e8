#include "actors/bot/topics.hpp"

namespace troupe::bot::detail {

namespace {

std::string_view take_word(std::string_view& from) {
  const auto dot = from.find('.');
  const auto word = from.substr(0, dot);
  from = dot == std::string_view::npos ? std::string_view{} : from.substr(dot + 1);
  return word;
}

} // namespace

bool matches(std::string_view pattern, std::string_view topic) {
  while (!pattern.empty() && !topic.empty()) {
    if (pattern == ">")
      return true;
    const auto wanted = take_word(pattern);
    const auto word = take_word(topic);
    if (wanted != "*" && wanted != word)
      return false;
  }
  return pattern.empty() && topic.empty();
}

bool subscriptions::set(std::string_view pattern, subscription each) {
  found_.clear();
  const auto found = all_.find(pattern);
  if (found != all_.end()) {
    found->second = std::move(each);
    return true;
  }
  if (all_.size() >= most)
    return false;
  all_.emplace(pattern, std::move(each));
  return true;
}

bool subscriptions::erase(std::string_view pattern) {
  found_.clear();
  const auto found = all_.find(pattern);
  if (found == all_.end())
    return false;
  all_.erase(found);
  return true;
}

std::shared_ptr<const std::vector<handler_ptr>> subscriptions::find(std::string_view topic) {
  if (const auto found = found_.find(topic); found != found_.end())
    return found->second;
  auto result = std::make_shared<std::vector<handler_ptr>>();
  for (const auto& [pattern, each] : all_)
    if (matches(pattern, topic))
      result->push_back(each.handler);
  if (found_.size() >= most_remembered)
    found_.clear();
  found_.emplace(topic, result);
  return result;
}

} // namespace troupe::bot::detail
