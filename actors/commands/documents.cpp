#include "actors/commands/documents.hpp"

#include "actors/messaging/json_text.hpp"
#include "config/names.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace troupe::commands {

double seconds(std::int64_t micros) {
  return std::round(static_cast<double>(micros) / 1e3) / 1e3;
}

json time_or_null(std::int64_t time) {
  return time > 0 ? json(rfc3339(time)) : json(nullptr);
}

namespace {

std::string text_of(std::string_view text) {
  return std::string{text};
}

json exit_object(const exit_status& status) {
  json result;
  result["code"] = status.signal == 0 ? json(status.code) : json(nullptr);
  result["signal"] = status.signal == 0 ? json(nullptr) : json(status.signal);
  return result;
}

std::string_view to_string(config::strategy how) {
  constexpr std::array<std::string_view, 3> names{"one_for_one", "one_for_all", "rest_for_one"};
  const auto index = static_cast<std::size_t>(how);
  return index < names.size() ? names[index] : "unknown";
}

json group_row(const group_record& group, const tallies& counted, std::int64_t now) {
  const auto found = counted.find(group.name);
  const auto count = found == counted.end() ? tally{} : found->second;
  json result;
  result["name"] = group.name;
  result["strategy"] = to_string(group.how);
  result["state"] = troupe::to_string(group.now);
  result["up"] = count.up;
  result["total"] = count.total;
  result["why"] = group.why;
  result["next"] = next_row(group.next, now);
  return result;
}

} // namespace

json next_row(const std::optional<next_step>& next, std::int64_t now) {
  if (!next)
    return nullptr;
  json row;
  row["what"] = next->what;
  row["at"] = time_or_null(next->at);
  row["in_s"] = next->at > 0 ? json(std::max(0.0, seconds(next->at - now))) : json(nullptr);
  row["attempt"] = next->attempt > 0 ? json(next->attempt) : json(nullptr);
  row["of"] = next->of > 0 ? json(next->of) : json(nullptr);
  return row;
}

json parse_given(std::string_view text) {
  constexpr std::size_t deepest = 128;
  if (messaging::deeper_than(text, deepest))
    return json::value_t::discarded;
  return json::parse(text, nullptr, false);
}

std::string dump(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string rfc3339(std::int64_t time) {
  auto whole = static_cast<std::time_t>(time / 1'000'000);
  auto rest = time % 1'000'000;
  if (rest < 0) {
    rest += 1'000'000;
    --whole;
  }
  std::tm parts{};
  gmtime_r(&whole, &parts);
  char text[64];
  const auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  char end[16];
  std::snprintf(end, sizeof end, ".%03dZ", static_cast<int>(rest / 1000));
  return std::string(text, length) + end;
}

std::optional<std::int64_t> parse_time(std::string_view text, std::int64_t now) {
  if (const auto ago = config::parse_duration(text))
    return now - std::chrono::duration_cast<std::chrono::microseconds>(*ago).count();
  // 2026-01-31, 2026-01-31T12:00, …:30, …:30.250, with or without Z.
  const std::string copy{text};
  std::tm parts{};
  for (const char* form :
       {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    parts = {};
    const char* end = strptime(copy.c_str(), form, &parts);
    if (!end)
      continue;
    std::int64_t micros = 0;
    if (*end == '.') {
      std::int64_t unit = 100'000;
      for (++end; *end >= '0' && *end <= '9'; ++end, unit /= 10)
        micros += (*end - '0') * unit;
    }
    if (*end == 'Z' || *end == 'z')
      ++end;
    if (*end != '\0')
      continue;
    return static_cast<std::int64_t>(timegm(&parts)) * 1'000'000 + micros;
  }
  return std::nullopt;
}

json new_document() {
  json result;
  result["schema_version"] = 1;
  return result;
}

json error_document(const refusal& why) {
  auto result = new_document();
  auto& error = result["error"];
  error["code"] = why.code;
  error["exit"] = static_cast<int>(why.exit);
  error["message"] = why.message;
  error["hint"] = why.hint;
  return result;
}

tallies count_groups(const ledger_view& view) {
  tallies result;
  for (const auto& record : view.records) {
    const bool up = counts_as_up(record.now);
    auto group = record.group;
    for (;;) {
      auto& entry = result[group];
      ++entry.total;
      entry.up += up;
      if (group.empty())
        break;
      group = text_of(config::parent_name(group));
    }
  }
  return result;
}

json instance_row(const instance_record& record, const usage* sampled, std::int64_t now) {
  json row;
  row["name"] = record.name;
  row["bot"] = record.bot;
  row["instance"] = record.index;
  row["incarnation"] = record.incarnation;
  row["group"] = record.group;
  row["state"] = troupe::to_string(record.now);
  row["why"] = record.why;
  row["next"] = next_row(record.next, now);
  row["pid"] = record.pid > 0 ? json(record.pid) : json(nullptr);
  row["since"] = time_or_null(record.since);
  row["uptime_s"] =
      record.started > 0 ? json(std::max(0.0, seconds(now - record.started))) : json(nullptr);
  row["restarts"] = record.restarts;
  row["ready"] = counts_as_up(record.now);
  if (record.last_exit) {
    row["last_exit"] = exit_object(*record.last_exit);
    row["last_exit"]["at"] = time_or_null(record.last_exit_at);
  } else {
    row["last_exit"] = nullptr;
  }
  const bool known = sampled && std::isfinite(sampled->cpu_percent);
  row["cpu_percent"] = known ? json(std::round(sampled->cpu_percent * 10) / 10) : json(nullptr);
  row["memory_bytes"] = sampled ? json(sampled->memory) : json(nullptr);
  return row;
}

json status_document(const status_input& in) {
  auto result = new_document();
  result["fleet"] = in.fleet.name;
  result["version"] = in.view.version;
  auto& instances = result["instances"] = json::array();
  for (const auto& record : in.view.records) {
    const auto found = in.sampled.find(record.name);
    instances.push_back(
        instance_row(record, found == in.sampled.end() ? nullptr : &found->second, in.now));
  }
  auto& groups = result["groups"] = json::array();
  const auto shown = count_groups(in.view);
  for (const auto& group : in.view.groups)
    if (in.everything || shown.contains(group.name))
      groups.push_back(group_row(group, in.counted, in.now));
  if (!in.view.trouble.empty())
    result["trouble"] = in.view.trouble;
  return result;
}

namespace {

struct tree_builder {
  const status_input& in;
  std::map<std::string, std::vector<const instance_record*>> by_bot;
  std::map<std::string, const group_record*> groups;

  json bot(const config::bot_entry& entry) const {
    json result;
    result["kind"] = "bot";
    result["name"] = entry.name;
    auto& instances = result["instances"] = json::array();
    if (const auto found = by_bot.find(entry.name); found != by_bot.end())
      for (const auto* record : found->second)
        instances.push_back(instance_row(*record, nullptr, in.now));
    return result;
  }

  /// Null when nothing of it was chosen.
  json group(const config::group_entry& entry) const {
    const auto known = groups.find(entry.name);
    json result;
    result["kind"] = "group";
    result["name"] = entry.name;
    result["strategy"] = to_string(entry.how);
    result["state"] =
        known == groups.end() ? json(nullptr) : json(troupe::to_string(known->second->now));
    result["why"] = known == groups.end() ? "" : known->second->why;
    const auto count = in.counted.find(entry.name);
    result["up"] = count == in.counted.end() ? 0 : count->second.up;
    result["total"] = count == in.counted.end() ? 0 : count->second.total;
    auto& children = result["children"] = json::array();
    for (const auto& child : entry.children) {
      if (child.bot && by_bot.contains(child.bot->name))
        children.push_back(bot(*child.bot));
      else if (child.group)
        if (auto sub = group(*child.group); !sub.is_null())
          children.push_back(std::move(sub));
    }
    if (children.empty() && !entry.name.empty())
      return nullptr;
    return result;
  }
};

} // namespace

json tree_document(const status_input& in) {
  tree_builder builder{in, {}, {}};
  for (const auto& record : in.view.records)
    builder.by_bot[record.bot].push_back(&record);
  for (const auto& group : in.view.groups)
    builder.groups[group.name] = &group;
  auto result = new_document();
  result["fleet"] = in.fleet.name;
  result["version"] = in.view.version;
  result["root"] = in.fleet.root ? builder.group(*in.fleet.root) : json(nullptr);
  return result;
}

json show_document(const show_input& in, const config::bot_entry& bot, std::uint32_t index,
                   const std::string& isolation, const std::vector<death>& deaths) {
  auto result = new_document();
  result["bot"] = bot.name;
  result["file"] = bot.file;
  result["replicas"] = bot.instances.size();
  result["replicas_in_file"] = bot.written_replicas;
  result["override"] = bot.scaled ? json(bot.instances.size()) : json(nullptr);
  result["settings_of"] = config::join_instance(bot.name, index);
  result["settings"] = settings(*bot.instances.at(index));
  auto& instances = result["instances"] = json::array();
  for (const auto& record : in.view.records) {
    const auto found = in.sampled.find(record.name);
    auto row = instance_row(record, found == in.sampled.end() ? nullptr : &found->second, in.now);
    auto& policy = row["policy"];
    policy["attempt"] = record.policy.attempt;
    policy["failed_starts"] = record.policy.failed_starts;
    policy["recent_restarts"] = record.policy.restarts.size();
    policy["probes"] = record.policy.probes;
    const auto* use = found == in.sampled.end() ? nullptr : &found->second;
    row["says"] = use && !use->says.empty() ? json(use->says) : json(nullptr);
    row["output_bytes"] = use ? json(use->written) : json(nullptr);
    row["output_dropped_bytes"] = use ? json(use->unlogged) : json(nullptr);
    instances.push_back(std::move(row));
  }
  result["isolation"] = isolation;
  auto& last = result["deaths"] = json::array();
  for (const auto& one : deaths)
    last.push_back(death_row(one));
  return result;
}

json death_row(const death& one) {
  json row;
  row["instance"] = one.instance;
  row["incarnation"] = one.incarnation;
  row["at"] = rfc3339(one.at);
  row["cause"] = one.cause;
  row.update(exit_object(one.status));
  row["core"] = one.status.core;
  row["uptime_s"] = seconds(one.uptime);
  row["cpu_s"] = seconds(one.cpu_time);
  row["max_memory_bytes"] = one.max_memory;
  row["output"] = one.output;
  return row;
}

json deaths_document(const std::string& name, const std::vector<death>& deaths) {
  auto result = new_document();
  result["bot"] = name;
  auto& rows = result["deaths"] = json::array();
  for (const auto& one : deaths)
    rows.push_back(death_row(one));
  return result;
}

std::string event_lines(const std::vector<transition>& events) {
  std::string result;
  for (const auto& one : events) {
    auto row = new_document();
    row["seq"] = one.seq;
    row["time"] = rfc3339(one.time);
    row["instance"] = one.instance;
    row["incarnation"] = one.incarnation;
    row["from"] = troupe::to_string(one.from);
    row["to"] = troupe::to_string(one.to);
    row["cause"] = one.cause;
    result += dump(row);
    result += '\n';
  }
  return result;
}

} // namespace troupe::commands
