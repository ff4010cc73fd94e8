#include "actors/messaging/state_store.hpp"

#include <algorithm>
#include <utility>

namespace troupe::messaging {

namespace {

bool is_over(const state_value& value, std::int64_t now) {
  return value.expires != 0 && value.expires <= now;
}

state_result refusal(const char* code, std::string text, std::uint64_t version = 0) {
  return {code, std::move(text), version, {}};
}

state_result conflict(std::uint64_t expected, std::uint64_t found) {
  return refusal(
      "conflict",
      found == 0      ? "it was to have version " + std::to_string(expected) + ", and there is none"
      : expected == 0 ? "there was to be none, and it has version " + std::to_string(found)
                      : "it was to have version " + std::to_string(expected) + ", and has "
                            + std::to_string(found),
      found);
}

} // namespace

state_store::state_store(state_bounds bounds)
    : bounds_{bounds} {
  // nop
}

std::size_t state_store::cost(std::string_view key, std::string_view value) {
  return key.size() + value.size() + 64;
}

void state_store::restore(const std::vector<state_entry>& entries, std::uint64_t last_version,
                          std::uint64_t epoch) {
  version_ = std::max(last_version, epoch << 32);
  for (const auto& each : entries) {
    version_ = std::max(version_, each.version);
    if (!each.erased)
      put(each.group, each.key, {each.value, each.version, each.expires, true});
  }
}

// -- reading ---------------------------------------------------------------------------------

const state_value* state_store::get(std::string_view group, std::string_view key,
                                    std::int64_t now) const {
  const auto* in = of(group);
  if (!in)
    return nullptr;
  const auto at = in->find(key);
  return at == in->end() || is_over(at->second, now) ? nullptr : &at->second;
}

const state_store::keys* state_store::of(std::string_view group) const {
  const auto at = groups_.find(group);
  return at == groups_.end() ? nullptr : &at->second;
}

// -- changing --------------------------------------------------------------------------------

state_result state_store::set(const std::string& group, const std::string& key, std::string value,
                              const state_options& how, std::int64_t now) {
  if (key.size() > bounds_.key)
    return refusal("too_big", "the key has " + std::to_string(key.size()) + " bytes, "
                                  + std::to_string(bounds_.key) + " are allowed");
  if (value.size() > bounds_.value)
    return refusal("too_big", "the value has " + std::to_string(value.size()) + " bytes, "
                                  + std::to_string(bounds_.value) + " are allowed");
  const auto* valid = get(group, key, now);
  if (how.if_version && *how.if_version != (valid ? valid->version : 0))
    return conflict(*how.if_version, valid ? valid->version : 0);
  auto& in = groups_[group];
  const auto old = in.find(key);
  const bool is_new = old == in.end();
  if (is_new && in.size() >= bounds_.entries)
    return refusal("full", "the group has " + std::to_string(in.size())
                               + " keys, more are not allowed; delete some or let them expire");
  const auto before = is_new ? 0 : cost(key, old->second.value);
  if (bytes_ - before + cost(key, value) > bounds_.bytes) {
    if (in.empty())
      groups_.erase(group);
    return refusal("full", "the state of all groups takes " + std::to_string(bytes_)
                               + " bytes, more than " + std::to_string(bounds_.bytes)
                               + " are not allowed");
  }
  const bool was_durable = !is_new && old->second.durable;
  const auto expires = how.ttl > 0 ? now + how.ttl : 0;
  state_result result;
  result.version = ++version_;
  const state_entry change{group, key, value, version_, expires, false};
  if (how.durable)
    result.keep.push_back(change);
  else if (was_durable)
    result.keep.push_back({group, key, {}, version_, 0, true});
  put(group, key, {std::move(value), version_, expires, how.durable});
  tell(change);
  return result;
}

state_result state_store::erase(const std::string& group, const std::string& key,
                                std::optional<std::uint64_t> if_version, std::int64_t now) {
  const auto* valid = get(group, key, now);
  if (if_version && *if_version != (valid ? valid->version : 0))
    return conflict(*if_version, valid ? valid->version : 0);
  state_result result;
  if (!valid)
    return result;
  const bool was_durable = valid->durable;
  auto change = remove(group, groups_.find(group)->second.find(key));
  result.version = change.version;
  if (was_durable)
    result.keep.push_back(std::move(change));
  return result;
}

void state_store::put(const std::string& group, const std::string& key, state_value value) {
  const auto [at, is_new] = groups_[group].try_emplace(key);
  auto& here = at->second;
  if (is_new)
    ++entries_;
  else
    bytes_ -= cost(key, here.value);
  if (here.expires != 0)
    expiries_.erase({here.expires, group, key});
  here = std::move(value);
  bytes_ += cost(key, here.value);
  if (here.expires != 0)
    expiries_.emplace(here.expires, group, key);
}

state_entry state_store::remove(const std::string& group, keys::iterator at) {
  state_entry change{group, at->first, {}, ++version_, 0, true};
  if (at->second.expires != 0)
    expiries_.erase({at->second.expires, group, at->first});
  bytes_ -= cost(at->first, at->second.value);
  --entries_;
  const auto in = groups_.find(group);
  in->second.erase(at);
  if (in->second.empty())
    groups_.erase(in);
  tell(change);
  return change;
}

std::vector<state_entry> state_store::expire(std::int64_t now) {
  std::vector<state_entry> result;
  while (!expiries_.empty() && std::get<0>(*expiries_.begin()) <= now) {
    const auto [when, group, key] = *expiries_.begin();
    const auto at = groups_.find(group)->second.find(key);
    const bool was_durable = at->second.durable;
    auto change = remove(group, at);
    if (was_durable)
      result.push_back(std::move(change));
  }
  return result;
}

std::optional<std::int64_t> state_store::next_expiry() const {
  if (expiries_.empty())
    return std::nullopt;
  return std::get<0>(*expiries_.begin());
}

// -- watching --------------------------------------------------------------------------------

std::string state_store::watch(watcher who, const std::string& group, const std::string& prefix) {
  auto& in = watches_[group];
  if (std::any_of(in.begin(), in.end(),
                  [&](const auto& x) { return x.who == who && x.prefix == prefix; }))
    return {};
  auto& count = watching_[who];
  if (count >= bounds_.watches) {
    if (in.empty())
      watches_.erase(group);
    return "it has " + std::to_string(count) + " watches, more are not allowed";
  }
  ++count;
  in.push_back({who, prefix});
  return {};
}

bool state_store::unwatch(watcher who, const std::string& group, const std::string& prefix) {
  const auto at = watches_.find(group);
  if (at == watches_.end())
    return false;
  const auto gone =
      std::erase_if(at->second, [&](const auto& x) { return x.who == who && x.prefix == prefix; });
  if (gone == 0)
    return false;
  if (at->second.empty())
    watches_.erase(at);
  if (--watching_[who] == 0)
    watching_.erase(who);
  return true;
}

void state_store::drop(watcher who) {
  if (watching_.erase(who) == 0)
    return;
  for (auto& [group, in] : watches_)
    std::erase_if(in, [&](const auto& x) { return x.who == who; });
  std::erase_if(watches_, [](const auto& x) { return x.second.empty(); });
}

std::size_t state_store::watches() const {
  std::size_t result = 0;
  for (const auto& [who, count] : watching_)
    result += count;
  return result;
}

void state_store::tell(const state_entry& change) {
  const auto at = watches_.find(change.group);
  if (at == watches_.end() || !on_change)
    return;
  std::vector<watcher> told;
  for (const auto& each : at->second)
    if (change.key.starts_with(each.prefix))
      told.push_back(each.who);
  // One whose prefixes overlap hears it once.
  std::sort(told.begin(), told.end());
  told.erase(std::unique(told.begin(), told.end()), told.end());
  for (const auto who : told)
    on_change(who, change);
}

} // namespace troupe::messaging
