#include "actors/commands/graph.hpp"
#include "actors/ordering.hpp"

#include <algorithm>
#include <array>

namespace troupe::commands {

namespace {

constexpr std::array words{"started", "ready", "completed", "output"};

/// The bots behind the target of a condition.
std::set<std::string> bots_behind(const config::fleet_spec& fleet, const std::string& target) {
  std::set<std::string> result;
  for (const auto& instance : instances_of(fleet, target))
    result.emplace(bot_of(instance));
  return result;
}

std::int64_t fulfilled(const rise& x, config::condition until) {
  switch (until) {
  case config::condition::started:
    return x.started;
  case config::condition::completed:
    return x.completed;
  default:
    return x.ready != 0 ? x.ready : x.completed;
  }
}

/// Follows each instance back through what it really waited for.
class critical_path {
public:
  struct step {
    const instance_record* who = nullptr;
    rise when;
    std::int64_t admitted = 0; ///< when the last thing that it waited for was there
    const instance_record* after = nullptr;
    std::int64_t begin = 0; ///< of the whole way up to here
  };

  critical_path(const graph_input& in, const std::set<std::string>& bots)
      : in_{in} {
    for (const auto& record : in.view.records)
      if (bots.contains(record.bot))
        records_[record.name] = &record;
  }

  const step& to(const std::string& instance) {
    const auto [at, is_new] = known_.try_emplace(instance);
    auto& result = at->second;
    if (!is_new)
      return result; // also in a circle, which the config does not allow
    result.who = records_.at(instance);
    result.when = in_.risen.of(*result.who);
    result.begin = result.admitted = result.when.wanted;
    for (const auto& condition : conditions(result.who->bot))
      for (const auto& other : instances(condition.on.target)) {
        const auto found = records_.find(other);
        if (found == records_.end())
          continue;
        const auto there = fulfilled(in_.risen.of(*found->second), condition.on.until);
        if (there > result.admitted && there <= result.when.started) {
          result.admitted = there;
          result.after = found->second;
        }
      }
    if (result.after)
      result.begin = std::min(result.begin, to(result.after->name).begin);
    return result;
  }

  /// The instance whose way up took longest; null when none has come up.
  const instance_record* slowest(const std::set<std::string>& bots) {
    const instance_record* result = nullptr;
    std::int64_t longest = -1;
    for (const auto& [name, record] : records_) {
      const auto& x = to(name);
      if (bots.contains(record->bot) && x.when.ready > 0 && x.begin > 0
          && x.when.ready - x.begin > longest) {
        longest = x.when.ready - x.begin;
        result = record;
      }
    }
    return result;
  }

  json rows(const instance_record* end) {
    auto result = json::array();
    const auto begin = end ? to(end->name).begin : 0;
    for (const auto* at = end; at; at = to(at->name).after) {
      const auto& x = to(at->name);
      const auto up = std::max({x.when.ready, x.when.completed, x.when.started});
      json row;
      row["instance"] = at->name;
      row["wanted"] = time_or_null(x.when.wanted);
      row["admitted"] = time_or_null(x.admitted);
      row["started"] = time_or_null(x.when.started);
      row["ready"] = time_or_null(x.when.ready);
      row["at_s"] = seconds(up - begin);
      row["took_s"] = seconds(up - x.admitted);
      result.push_back(std::move(row));
    }
    return result;
  }

private:
  const std::vector<start_condition>& conditions(const std::string& bot) {
    const auto [at, is_new] = conditions_.try_emplace(bot);
    if (is_new)
      at->second = start_conditions(in_.fleet, bot);
    return at->second;
  }

  const std::vector<std::string>& instances(const std::string& target) {
    const auto [at, is_new] = instances_.try_emplace(target);
    if (is_new)
      at->second = instances_of(in_.fleet, target);
    return at->second;
  }

  const graph_input& in_;
  std::map<std::string, const instance_record*> records_;
  std::map<std::string, step> known_;
  std::map<std::string, std::vector<start_condition>> conditions_;
  std::map<std::string, std::vector<std::string>> instances_;
};

json node(const graph_input& in, const config::bot_entry& bot,
          const std::vector<const instance_record*>& records) {
  json result;
  result["name"] = bot.name;
  result["asked"] = in.bots.contains(bot.name);
  result["total"] = bot.instances.size();
  result["up"] = std::ranges::count_if(records, [](auto* x) { return counts_as_up(x->now); });
  auto& rows = result["instances"] = json::array();
  for (const auto* record : records) {
    const auto when = in.risen.of(*record);
    json row;
    row["name"] = record->name;
    row["state"] = troupe::to_string(record->now);
    row["why"] = record->why;
    row["wanted"] = time_or_null(when.wanted);
    row["started"] = time_or_null(when.started);
    row["ready"] = time_or_null(when.ready);
    rows.push_back(std::move(row));
  }
  return result;
}

} // namespace

void rises::note(const transition& e) {
  if (e.from == e.to)
    return;
  if (e.to == state::waiting) {
    waiting_[e.instance] = e.time;
  } else if (e.to == state::starting) {
    const auto since = waiting_.find(e.instance);
    const bool waited = e.from == state::waiting && since != waiting_.end();
    known_[e.instance] = {e.incarnation, waited ? since->second : e.time, e.time, 0, 0};
  } else if (e.from == state::starting && e.to == state::running) {
    known_[e.instance].ready = e.time;
  } else if (e.to == state::completed) {
    known_[e.instance].completed = e.time;
  }
}

rise rises::of(const instance_record& record) const {
  const auto found = known_.find(record.name);
  return found == known_.end() || found->second.incarnation != record.incarnation
             ? rise{record.incarnation, 0, record.started, 0, 0}
             : found->second;
}

std::set<std::string> with_conditions(const config::fleet_spec& fleet,
                                      const std::set<std::string>& bots) {
  std::set<std::string> result;
  std::vector<std::string> open{bots.begin(), bots.end()};
  while (!open.empty()) {
    const auto bot = std::move(open.back());
    open.pop_back();
    if (!result.insert(bot).second)
      continue;
    for (const auto& condition : start_conditions(fleet, bot))
      for (const auto& other : bots_behind(fleet, condition.on.target))
        if (!result.contains(other))
          open.push_back(other);
  }
  return result;
}

json graph_document(const graph_input& in) {
  const auto all = with_conditions(in.fleet, in.bots);
  std::map<std::string, std::vector<const instance_record*>> records;
  for (const auto& record : in.view.records)
    records[record.bot].push_back(&record);
  auto result = new_document();
  result["fleet"] = in.fleet.name;
  auto& nodes = result["nodes"] = json::array();
  auto& edges = result["edges"] = json::array();
  for (const auto& name : all) {
    const auto bot = in.fleet.bots.find(name);
    if (bot == in.fleet.bots.end())
      continue;
    nodes.push_back(node(in, *bot->second, records[name]));
    for (const auto& condition : start_conditions(in.fleet, name)) {
      json edge;
      edge["from"] = name;
      edge["to"] = condition.on.target;
      edge["bots"] = bots_behind(in.fleet, condition.on.target);
      edge["until"] = words.at(static_cast<std::size_t>(condition.on.until));
      edge["by"] = condition.from_order ? "order" : "depends_on";
      edges.push_back(std::move(edge));
    }
  }
  critical_path path{in, all};
  result["critical"] = path.rows(path.slowest(in.bots));
  return result;
}

} // namespace troupe::commands
