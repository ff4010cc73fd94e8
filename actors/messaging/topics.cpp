#include "actors/messaging/topics.hpp"

#include "actors/messaging/address.hpp"

#include <algorithm>

namespace troupe::messaging {

namespace {

std::string_view take_word(std::string_view& rest) {
  const auto dot = rest.find('.');
  const auto word = rest.substr(0, dot);
  rest.remove_prefix(dot == rest.npos ? rest.size() : dot + 1);
  return word;
}

} // namespace

topic_tree::topic_tree() = default;
topic_tree::~topic_tree() = default;

// -- subscribing -----------------------------------------------------------------------------

std::vector<topic_tree::entry>& topic_tree::place_of(std::string_view pattern) {
  auto* at = &root_;
  while (!pattern.empty()) {
    const auto word = take_word(pattern);
    if (word == ">")
      return at->beyond;
    auto* next = &at->any;
    if (word != "*") {
      auto found = at->words.find(word);
      if (found == at->words.end())
        found = at->words.try_emplace(std::string{word}).first;
      next = &found->second;
    }
    if (!*next)
      *next = std::make_unique<node>();
    at = next->get();
  }
  return at->here;
}

std::string topic_tree::subscribe(subscriber who, std::string_view pattern, bool durable) {
  if (auto wrong = explain_pattern(pattern); !wrong.empty())
    return wrong;
  auto& known = known_[who];
  if (!known) {
    known = std::make_unique<listener>();
    known->id = who;
  }
  if (const auto at = known->patterns.find(pattern); at != known->patterns.end()) {
    if (at->second != durable) {
      at->second = durable;
      for (auto& each : place_of(pattern))
        if (each.who == known.get())
          each.durable = durable;
    }
    return {};
  }
  if (known->patterns.size() >= max_subscriptions)
    return "it has " + std::to_string(max_subscriptions)
           + " subscriptions, more are not allowed; a pattern with '*' or '>' stands for many";
  known->patterns.emplace(pattern, durable);
  place_of(pattern).push_back({known.get(), durable});
  ++subscriptions_;
  return {};
}

topic_tree::removed topic_tree::unsubscribe(subscriber who, std::string_view pattern) {
  const auto known = known_.find(who);
  if (known == known_.end())
    return {};
  auto& patterns = known->second->patterns;
  const auto at = patterns.find(pattern);
  if (at == patterns.end())
    return {};
  const removed result{true, at->second};
  remove(root_, pattern, *known->second);
  patterns.erase(at);
  --subscriptions_;
  if (patterns.empty())
    known_.erase(known);
  return result;
}

void topic_tree::unlink(subscriber who) {
  const auto known = known_.find(who);
  if (known == known_.end())
    return;
  auto& patterns = known->second->patterns;
  subscriptions_ -= std::erase_if(patterns, [&](const auto& x) {
    if (!x.second)
      remove(root_, x.first, *known->second);
    return !x.second;
  });
  if (patterns.empty())
    known_.erase(known);
}

void topic_tree::drop(subscriber who) {
  const auto known = known_.find(who);
  if (known == known_.end())
    return;
  for (const auto& [pattern, durable] : known->second->patterns)
    remove(root_, pattern, *known->second);
  subscriptions_ -= known->second->patterns.size();
  known_.erase(known);
}

/// Takes one listener from where the pattern leads; branches that lead nowhere go with it.
void topic_tree::remove(node& at, std::string_view rest, const listener& who) {
  const auto take_from = [&](std::vector<entry>& list) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const entry& x) { return x.who == &who; });
    if (found == list.end())
      return;
    *found = list.back();
    list.pop_back();
  };
  if (rest.empty())
    return take_from(at.here);
  const auto word = take_word(rest);
  if (word == ">")
    return take_from(at.beyond);
  if (word == "*") {
    if (!at.any)
      return;
    remove(*at.any, rest, who);
    if (at.any->empty())
      at.any.reset();
    return;
  }
  const auto next = at.words.find(word);
  if (next == at.words.end())
    return;
  remove(*next->second, rest, who);
  if (next->second->empty())
    at.words.erase(next);
}

// -- publishing ------------------------------------------------------------------------------

void topic_tree::begin_match(std::string_view topic) {
  found_.clear();
  visited_ = 0;
  ++matches_;
  walk(root_, topic);
}

void topic_tree::walk(const node& at, std::string_view rest) {
  ++visited_;
  if (rest.empty())
    return collect(at.here);
  collect(at.beyond);
  const auto word = take_word(rest);
  if (const auto next = at.words.find(word); next != at.words.end())
    walk(*next->second, rest);
  if (at.any)
    walk(*at.any, rest);
}

void topic_tree::collect(const std::vector<entry>& entries) {
  for (const auto& each : entries) {
    auto& who = *each.who;
    if (who.seen != matches_) {
      who.seen = matches_;
      who.matched_durable = each.durable;
      found_.push_back(&who);
    } else {
      who.matched_durable = who.matched_durable || each.durable;
    }
  }
}

// -- looking ---------------------------------------------------------------------------------

std::vector<std::string> topic_tree::patterns_of(subscriber who) const {
  std::vector<std::string> result;
  if (const auto known = known_.find(who); known != known_.end())
    for (const auto& [pattern, durable] : known->second->patterns)
      result.push_back(pattern);
  std::sort(result.begin(), result.end());
  return result;
}

bool topic_tree::durable(subscriber who, std::string_view pattern) const {
  const auto known = known_.find(who);
  if (known == known_.end())
    return false;
  const auto at = known->second->patterns.find(pattern);
  return at != known->second->patterns.end() && at->second;
}

void topic_tree::each(const std::function<void(const std::string&, subscriber, bool)>& f) const {
  for (const auto& [who, known] : known_)
    for (const auto& [pattern, durable] : known->patterns)
      f(pattern, who, durable);
}

} // namespace troupe::messaging
