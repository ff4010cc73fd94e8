#include "test/actor/fake_store.hpp"

#include <algorithm>

namespace troupe::test {

namespace {

bool same(const transition& a, const transition& b) {
  return a.instance == b.instance && a.incarnation == b.incarnation && a.from == b.from
         && a.to == b.to && a.cause == b.cause;
}

} // namespace

std::vector<std::string> fake_store::path(const std::string& instance) const {
  std::vector<std::string> result;
  for (const auto& [seq, each] : transitions)
    if (each.instance == instance)
      result.push_back(std::string{to_string(each.from)} + ">" + std::string{to_string(each.to)});
  return result;
}

std::vector<std::string> fake_store::check() const {
  auto result = violations;
  std::map<std::string, transition> last;
  for (const auto& [seq, each] : transitions) {
    const auto at = last.find(each.instance);
    const auto before = at == last.end() ? state::defined : at->second.to;
    // It left the fleet and came back.
    const bool anew = each.from == state::defined
                      && (before == state::stopped || ever_forgotten.contains(each.instance));
    if (each.from != before && !anew)
      result.push_back("event " + std::to_string(seq) + ": " + each.instance + " goes from "
                       + std::string{to_string(each.from)} + " to "
                       + std::string{to_string(each.to)} + ", but it was "
                       + std::string{to_string(before)});
    if (at != last.end() && each.incarnation != 0 && each.incarnation < at->second.incarnation)
      result.push_back("event " + std::to_string(seq) + ": the incarnation of " + each.instance
                       + " shrinks");
    last[each.instance] = each;
  }
  return result;
}

journal_contents fake_store::load() {
  journal_contents result;
  if (!unreadable.empty()) {
    result.unreadable = unreadable;
    return result;
  }
  result.last_seq = transitions.empty() ? 0 : transitions.rbegin()->first;
  result.last_incarnation = last_incarnation;
  for (const auto& [name, record] : records)
    result.records.push_back(record);
  result.intents = intents;
  result.overrides = overrides;
  if (!versions.empty()) {
    result.applied = versions.back();
    result.version = versions.back().number;
    if (versions.back().now != version_state::healthy)
      for (const auto& each : versions)
        if (each.now == version_state::healthy)
          result.healthy = each;
  }
  return result;
}

std::string fake_store::write(journal_batch& batch) {
  if (!trouble.empty())
    return trouble;
  batch.alarm = alarm;
  ++batches;
  record_writes += batch.records.size();
  for (const auto& each : batch.transitions) {
    const auto [at, added] = transitions.emplace(each.seq, each);
    if (!added && !same(at->second, each))
      violations.push_back("number " + std::to_string(each.seq) + " is given to two events");
    last_incarnation = std::max(last_incarnation, each.incarnation);
  }
  for (const auto& each : batch.deaths) {
    last_incarnation = std::max(last_incarnation, each.incarnation);
    deaths.emplace(std::pair{each.instance, each.incarnation}, each);
  }
  for (const auto& each : batch.records) {
    last_incarnation = std::max(last_incarnation, each.incarnation);
    records[each.name] = each;
  }
  for (const auto& [name, stopped] : batch.intents)
    intents[name] = stopped;
  for (const auto& [bot, patch] : batch.overrides)
    if (patch.empty())
      overrides.erase(bot);
    else
      overrides[bot] = patch;
  for (auto& each : batch.audits) {
    each.id = audits.size() + 1;
    if (batch.applied && each.version == 0)
      each.version = versions.size() + 1;
    audits.push_back(each);
  }
  // As SQLite does it: last of all.
  for (const auto& name : batch.forgotten) {
    records.erase(name);
    std::erase_if(intents, [&](const auto& x) { return x.first == name && !x.second; });
    ever_forgotten.insert(name);
  }
  if (batch.applied) {
    batch.applied->number = versions.size() + 1;
    versions.push_back(*batch.applied);
  }
  for (const auto& [number, now] : batch.settled)
    for (auto& each : versions)
      if (each.number == number)
        each.now = now;
  return {};
}

std::string store_view::write(journal_batch& batch, bool) {
  return cut_ ? "cut" : world_.write(batch);
}

figures store_view::counts() {
  figures result;
  result.set("events", world_.transitions.size());
  result.set("events_limit", 100'000);
  return result;
}

std::vector<transition> store_view::events(const event_query& what) {
  std::vector<transition> result;
  for (const auto& [seq, each] : world_.transitions)
    if (seq > what.after && result.size() < what.limit)
      result.push_back(each);
  return result;
}

std::vector<config_version> store_view::versions(std::uint32_t last) {
  std::vector<config_version> result{world_.versions.rbegin(), world_.versions.rend()};
  result.resize(std::min<std::size_t>(result.size(), last));
  for (auto& each : result)
    each.tree.clear();
  return result;
}

std::optional<config_version> store_view::version(std::uint64_t number) {
  for (const auto& each : world_.versions)
    if (each.number == number)
      return each;
  return std::nullopt;
}

std::vector<audit_entry> store_view::audits(const audit_query& what) {
  std::vector<audit_entry> result;
  for (const auto& each : world_.audits)
    if (each.id > what.after && each.time >= what.since && result.size() < what.limit)
      result.push_back(each);
  return result;
}

audit_check store_view::verify_audit(std::uint64_t) {
  audit_check result;
  result.entries = result.last = world_.audits.size();
  return result;
}

std::vector<death> store_view::deaths(const std::string& name, std::uint32_t last) {
  std::vector<death> result;
  for (const auto& [which, each] : world_.deaths)
    if (which.first == name)
      result.push_back(each);
  if (result.size() > last)
    result.erase(result.begin(), result.end() - last);
  return result;
}

} // namespace troupe::test
