#include "actors/commands/story.hpp"

#include "actors/ordering.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

namespace troupe::commands {

namespace {

constexpr std::size_t most_affected = 20;
constexpr std::size_t deepest = 32;
/// An end so soon after one of something that it depends on probably comes of that.
constexpr std::int64_t soon = 2'000'000; // microseconds
constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

struct line {
  std::uint64_t seq = 0; ///< 0: how something stands now
  std::int64_t time = 0;
  std::string instance;
  std::string what;
  std::size_t from = none; ///< the line that led to it
};

class storyteller {
public:
  explicit storyteller(const story_input& in)
      : in_{in} {
    for (const auto& each : in.events)
      by_[each.instance].push_back(&each);
    for (const auto& each : in.view.records)
      records_[each.name] = &each;
  }

  /// Tells of the root and all that followed, then of those that wait for it up to the subject.
  void tell() {
    const auto chain = waiting_chain(in_.view, in_.subject);
    auto [root, at] = origin(chain.back());
    if (at != none) {
      add_story(root, at, none, true);
      add_affected();
    }
    if (!told(chain.back()) || is_behind(chain.back()))
      tell_present(chain.back(), last_of(chain.back()));
    for (auto i = chain.rbegin() + 1; i != chain.rend(); ++i)
      tell_present(*i, last_of(*std::prev(i)));
    add_waiting();
  }

  json chain() {
    std::vector<std::size_t> order(lines_.size());
    for (std::size_t i = 0; i < order.size(); ++i)
      order[i] = i;
    // What stands now comes last, in the order in which it was told.
    std::ranges::stable_sort(order, {}, [&](auto i) {
      return lines_[i].seq == 0 ? std::numeric_limits<std::uint64_t>::max() : lines_[i].seq;
    });
    std::vector<std::size_t> place(order.size());
    for (std::size_t i = 0; i < order.size(); ++i)
      place[order[i]] = i;
    auto rows = json::array();
    for (const auto i : order) {
      json row;
      row["time"] = time_or_null(lines_[i].time);
      row["instance"] = lines_[i].instance;
      row["what"] = lines_[i].what;
      row["now"] = lines_[i].seq == 0;
      row["led_to"] = json::array();
      rows.push_back(std::move(row));
    }
    for (std::size_t i = 0; i < lines_.size(); ++i)
      if (lines_[i].from != none)
        rows[place[lines_[i].from]]["led_to"].push_back(place[i]);
    for (auto& row : rows)
      std::sort(row["led_to"].begin(), row["led_to"].end());
    return rows;
  }

  std::size_t hidden() const { return hidden_; }

  const instance_record* record(const std::string& name) const {
    const auto found = records_.find(name);
    return found == records_.end() ? nullptr : found->second;
  }

  /// The first words about the subject's present life.
  std::string first_of(const std::string& instance) const {
    const auto found = std::ranges::find(lines_, instance, &line::instance);
    return found == lines_.end() ? "" : found->what;
  }

private:
  /// Where the story of that instance really begins: with it, or with another that its
  /// cause names.
  std::pair<std::string, std::size_t> origin(std::string name) {
    const auto* own = events_of(name);
    if (!own)
      return {name, none};
    auto at = beginning(*own, own->size() - 1);
    for (std::size_t depth = 0; depth < deepest; ++depth) {
      const auto& e = *(*own)[at];
      const auto others = mentioned(e.cause, name);
      if (const auto by = suspect(name, e); others.empty() && by) {
        name = by->instance;
        own = events_of(name);
        at = static_cast<std::size_t>(std::ranges::find(*own, by) - own->begin());
        continue;
      }
      const auto* theirs = others.empty() ? nullptr : events_of(others.front());
      if (!theirs)
        break;
      const auto after = std::ranges::find_if(*theirs, [&](auto* x) { return x->seq > e.seq; });
      if (after == theirs->begin())
        break;
      name = others.front();
      own = theirs;
      at = beginning(*own, static_cast<std::size_t>(after - theirs->begin()) - 1);
    }
    return {name, at};
  }

  static bool is_wrong_end(const transition& e) {
    return has_process(e.from) && (e.to == state::backoff || e.to == state::failed);
  }

  /// The fall, shortly before this end, of an instance that `name` depends on; null for none.
  const transition* suspect(const std::string& name, const transition& e) const {
    if (!is_wrong_end(e))
      return nullptr;
    const transition* result = nullptr;
    for (const auto& condition : start_conditions(in_.fleet, std::string{bot_of(name)})) {
      if (condition.from_order)
        continue;
      for (const auto& instance : instances_of(in_.fleet, condition.on.target)) {
        const auto* theirs = events_of(instance);
        if (!theirs)
          continue;
        const auto after =
            std::ranges::upper_bound(*theirs, e.seq, {}, [](const auto* x) { return x->seq; });
        for (auto at = after; at != theirs->begin();) {
          const auto* x = *--at;
          if (e.time - x->time > soon)
            break;
          if (counts_as_up(x->from) && !counts_as_up(x->to) && (!result || x->seq > result->seq))
            result = x;
        }
      }
    }
    return result;
  }

  /// Lines from that event on; of one that was affected, until it is up or something new
  /// happens to it.
  void add_story(const std::string& name, std::size_t at, std::size_t from, bool to_the_end,
                 const std::string& note = {}) {
    const auto& own = *events_of(name);
    const auto of = starts_of(name);
    const auto first = at;
    while (at < own.size()) {
      if (!to_the_end && at != first && beginning(own, at) == at && own[at]->to != state::stopped)
        break;
      const auto begin = at;
      const auto& e = *own[begin];
      if (told_.contains(e.seq))
        break;
      auto text = phrase(own, at, of);
      for (auto i = begin; i < at; ++i)
        told_.insert(own[i]->seq);
      const auto last = own[at - 1]->to;
      if (const auto count = ends_in_a_row(own, at - 1);
          begin == first && count > 1 && text.find("in a row") == std::string::npos
          && (last == state::backoff || last == state::failed))
        text += " (" + std::to_string(count) + " ends in a row)";
      if (begin == first)
        text += note;
      lines_.push_back({e.seq, e.time, name, std::move(text), from});
      from = lines_.size() - 1;
      if (!to_the_end && counts_as_up(own[at - 1]->to))
        break;
    }
  }

  /// Its last event is not kept yet: the disk cannot be written.
  bool is_behind(const std::string& name) const {
    const auto* own = events_of(name);
    const auto* known = record(name);
    return own && known && own->back()->to != known->now;
  }

  /// Others whose causes name what was told so far.
  void add_affected() {
    std::size_t count = 0;
    for (std::size_t i = 0; i < in_.events.size(); ++i) {
      const auto& e = in_.events[i];
      if (lines_.empty() || e.seq <= lines_.front().seq || told_.contains(e.seq))
        continue;
      const auto others = mentioned(e.cause, e.instance);
      auto by = others.empty() ? none : line_before(others.front(), e.seq);
      std::string note;
      if (const auto* end = by == none ? suspect(e.instance, e) : nullptr) {
        by = line_before(end->instance, e.seq);
        note = "; it depends on " + end->instance + ", which went down "
               + short_time(e.time - end->time) + " before";
      }
      if (by == none)
        continue;
      if (count == most_affected && e.instance != in_.subject) {
        ++hidden_;
        continue;
      }
      ++count;
      const auto& own = *events_of(e.instance);
      const auto at = std::ranges::find(own, &e) - own.begin();
      add_story(e.instance, static_cast<std::size_t>(at), by, e.instance == in_.subject, note);
    }
  }

  void tell_present(const std::string& name, std::size_t from) {
    if (const auto* known = record(name))
      lines_.push_back({0, known->since, name,
                        known->now == state::waiting
                            ? known->why
                            : std::string{troupe::to_string(known->now)}
                                  + (known->why.empty() ? "" : ": " + known->why),
                        from});
  }

  /// Who waits now for one that was told of.
  void add_waiting() {
    std::size_t count = 0;
    for (bool more = true; more;) {
      more = false;
      for (const auto& each : in_.view.records) {
        if (each.now != state::waiting || standing_.contains(each.name) || stands(each.name))
          continue;
        const auto others = mentioned(each.why, each.name);
        if (others.empty() || !told(others.front()))
          continue;
        standing_.insert(each.name);
        if (count++ >= most_affected) {
          ++hidden_;
          continue;
        }
        tell_present(each.name, last_of(others.front()));
        more = true;
      }
    }
  }

  bool stands(const std::string& name) const {
    return std::ranges::any_of(lines_,
                               [&](const auto& x) { return x.seq == 0 && x.instance == name; });
  }

  bool told(const std::string& name) const {
    return std::ranges::find(lines_, name, &line::instance) != lines_.end();
  }

  std::size_t last_of(const std::string& name) const {
    for (std::size_t i = lines_.size(); i-- > 0;)
      if (lines_[i].instance == name)
        return i;
    return none;
  }

  std::size_t line_before(const std::string& name, std::uint64_t seq) const {
    for (std::size_t i = lines_.size(); i-- > 0;)
      if (lines_[i].instance == name && lines_[i].seq < seq && lines_[i].seq != 0)
        return i;
    return none;
  }

  const own_events* events_of(const std::string& name) const {
    const auto found = by_.find(name);
    return found == by_.end() ? nullptr : &found->second;
  }

  std::uint32_t starts_of(const std::string& name) const {
    const auto bot = in_.fleet.bots.find(std::string{bot_of(name)});
    return bot == in_.fleet.bots.end() ? 0 : bot->second->instances.front()->failed_starts;
  }

  const story_input& in_;
  std::map<std::string, own_events> by_;
  std::map<std::string, const instance_record*> records_;
  std::vector<line> lines_;
  std::set<std::uint64_t> told_;
  std::set<std::string> standing_;
  std::size_t hidden_ = 0;
};

json budget_of(const instance_record& record, const config::bot_spec& spec) {
  json result;
  result["failed_starts"] = record.policy.failed_starts;
  result["failed_starts_limit"] = spec.failed_starts;
  result["restarts"] = record.policy.restarts.size();
  result["restarts_limit"] = spec.max_restarts.count;
  result["within_s"] = std::chrono::duration<double>{spec.max_restarts.within}.count();
  result["probes"] = record.policy.probes;
  return result;
}

/// What it waits for by its settings, and what of that is not there.
json conditions_of(const story_input& in, const std::string& bot) {
  constexpr std::array words{"started", "ready", "completed", "output"};
  progress known;
  for (const auto& each : in.view.records)
    known.note(each.name, each.now);
  auto result = json::array();
  for (const auto& each : start_conditions(in.fleet, bot)) {
    json row;
    row["target"] = each.on.target;
    row["until"] = words.at(static_cast<std::size_t>(each.on.until));
    row["by"] = each.from_order ? "order" : "depends_on";
    const auto missing = known.missing(in.fleet, each);
    row["missing"] = missing.empty() ? json(nullptr) : json(missing);
    result.push_back(std::move(row));
  }
  return result;
}

/// What happens next to it, or to the group that holds it.
json next_of(const story_input& in, const instance_record* record) {
  if (!record)
    return nullptr;
  if (!record->next && record->now == state::waiting)
    for (const auto& group : in.view.groups)
      if (group.next && lies_in(record->bot, group.name))
        return next_row(group.next, in.now);
  return next_row(record->next, in.now);
}

std::string summarize(const instance_record& record, const storyteller& told,
                      const std::vector<std::string>& chain, std::int64_t now) {
  const auto stood = short_time(now - record.since);
  auto result = record.name;
  switch (record.now) {
  case state::running: {
    const auto first = told.first_of(record.name);
    result += " has been running for " + stood;
    if (first.starts_with("started"))
      return result + ", " + first;
    return first.empty() ? result : result + "; before that: " + first;
  }
  case state::waiting:
    result += " has been waiting for " + stood + ": "
              + (record.why.empty() ? "it was asked to" : record.why);
    if (const auto* root = chain.size() > 1 ? told.record(chain.back()) : nullptr)
      result += "; " + root->name + " is " + std::string{troupe::to_string(root->now)}
                + (root->why.empty() ? "" : ": " + root->why);
    return result;
  case state::stopped:
    return result + " was stopped " + stood + " ago: " + told.first_of(record.name);
  case state::failed:
    return result + " failed " + stood + " ago: " + record.why;
  case state::defined:
    return result + " was never asked to run" + (record.wanted ? " yet" : "");
  default:
    return result + " has been " + std::string{troupe::to_string(record.now)} + " for " + stood
           + (record.why.empty() ? "" : ": " + record.why);
  }
}

} // namespace

std::vector<std::string> waiting_chain(const ledger_view& view, const std::string& subject) {
  std::vector<std::string> result{subject};
  std::set<std::string> seen{subject};
  while (result.size() < deepest) {
    const auto at = std::ranges::find(view.records, result.back(), &instance_record::name);
    if (at == view.records.end() || at->now != state::waiting)
      break;
    const auto others = mentioned(at->why, at->name);
    const auto known = [&](const std::string& name) {
      return std::ranges::find(view.records, name, &instance_record::name) != view.records.end();
    };
    // What holds it for a round is told by its events.
    if (others.empty() || !at->why.starts_with("waits for") || !known(others.front())
        || !seen.insert(others.front()).second)
      break;
    result.push_back(others.front());
  }
  return result;
}

std::string most_troubled(const std::vector<instance_record>& of_bot) {
  using enum state;
  constexpr std::array order{failed,   backoff, degraded, waiting,   starting, stopping,
                             draining, paused,  stopped,  completed, running,  defined};
  const auto rank = [&](const instance_record& x) {
    return std::ranges::find(order, x.now) - order.begin();
  };
  const auto worst = std::ranges::min_element(of_bot, {}, rank);
  return worst == of_bot.end() ? "" : worst->name;
}

json story_document(const story_input& in) {
  storyteller teller{in};
  teller.tell();
  const auto* record = teller.record(in.subject);
  const auto chain = waiting_chain(in.view, in.subject);
  auto result = new_document();
  const std::string bot{bot_of(in.subject)};
  result["bot"] = bot;
  result["instance"] = in.subject;
  result["state"] = record ? json(troupe::to_string(record->now)) : json(nullptr);
  result["since"] = record ? time_or_null(record->since) : json(nullptr);
  result["summary"] =
      record ? summarize(*record, teller, chain, in.now) : in.subject + " is not there yet";
  result["chain"] = teller.chain();
  result["hidden"] = teller.hidden();
  result["waits_for"] =
      record && record->now == state::waiting ? conditions_of(in, bot) : json::array();
  const auto* root = teller.record(chain.back());
  result["next"] = next_of(in, record);
  result["root"] = chain.back();
  result["root_next"] = next_of(in, root);
  const auto entry = root ? in.fleet.bots.find(root->bot) : in.fleet.bots.end();
  result["budget"] = root && entry != in.fleet.bots.end() && !root->policy.restarts.empty()
                         ? budget_of(*root, *entry->second->instances.front())
                         : json(nullptr);
  result["last_death"] = nullptr;
  const bool in_trouble = root && !counts_as_up(root->now);
  for (const auto& each : in.deaths)
    if (in_trouble && each.instance == chain.back())
      result["last_death"] = death_row(each);
  return result;
}

} // namespace troupe::commands
