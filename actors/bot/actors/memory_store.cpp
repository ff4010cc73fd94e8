#include "actors/bot/actors/memory_store.hpp"

#include <algorithm>

namespace troupe::bot {

namespace {

constexpr std::size_t events_kept = 1000;
constexpr std::size_t deaths_kept = 100;

/// `name` is an instance or a bot.
bool belongs(const std::string& instance, const std::string& name) {
  return instance == name || (instance.starts_with(name) && instance[name.size()] == '#');
}

template <class T>
void keep(std::deque<T>& into, const T& what, std::size_t bound) {
  into.push_back(what);
  if (into.size() > bound)
    into.pop_front();
}

} // namespace

journal_contents memory_store::load(std::uint64_t) {
  auto result = contents_;
  for (const auto& [name, record] : records_)
    result.records.push_back(record);
  return result;
}

std::string memory_store::write(journal_batch& batch, bool) {
  for (const auto& each : batch.transitions) {
    contents_.last_seq = std::max(contents_.last_seq, each.seq);
    contents_.last_incarnation = std::max(contents_.last_incarnation, each.incarnation);
    keep(events_, each, events_kept);
  }
  for (const auto& each : batch.deaths)
    keep(deaths_, each, deaths_kept);
  for (const auto& each : batch.records)
    records_[each.name] = each;
  for (const auto& [name, on] : batch.intents)
    contents_.intents[name] = on;
  for (const auto& each : batch.forgotten) {
    records_.erase(each);
    contents_.intents.erase(each);
  }
  if (batch.applied)
    ++contents_.version;
  return {};
}

std::vector<transition> memory_store::events(const event_query& what) {
  std::vector<transition> result;
  for (const auto& each : events_) {
    const bool named =
        what.instances.empty()
        || std::any_of(what.instances.begin(), what.instances.end(),
                       [&](const auto& name) { return belongs(each.instance, name); });
    if (named && each.seq > what.after && each.time >= what.since && result.size() < what.limit)
      result.push_back(each);
  }
  if (what.last && result.size() > *what.last)
    result.erase(result.begin(), result.end() - *what.last);
  return result;
}

std::vector<death> memory_store::deaths(const std::string& name, std::uint32_t last) {
  std::vector<death> result;
  for (const auto& each : deaths_)
    if (belongs(each.instance, name))
      result.push_back(each);
  if (result.size() > last)
    result.erase(result.begin(), result.end() - last);
  return result;
}

figures memory_store::counts() {
  figures result;
  result.set("events", events_.size());
  result.set("deaths", deaths_.size());
  return result;
}

} // namespace troupe::bot
