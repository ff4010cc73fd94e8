#include "actors/updating/rollout.hpp"

#include "actors/ordering.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace troupe::updating {

namespace {

/// Most bots that are changed at the same time.
constexpr std::size_t widest = 64;

/// Changes of records within so long are looked at together: each look may put another spec in
/// force, which takes the longer the larger the fleet is.
nanoseconds gather(const config::fleet_spec& fleet) {
  return std::max<nanoseconds>(std::chrono::milliseconds{5},
                               std::chrono::microseconds{20} * fleet.bots.size());
}

double in_seconds(nanoseconds time) {
  return std::chrono::duration<double>{time}.count();
}

} // namespace

bool went_wrong(const instance_record& record, const config::bot_spec& spec) {
  if (record.now == state::backoff || record.now == state::failed)
    return true;
  if (record.now != state::completed || !record.last_exit)
    return false;
  const auto& how = *record.last_exit;
  return how.signal != 0
         || std::find(spec.success_codes.begin(), spec.success_codes.end(), how.code)
                == spec.success_codes.end();
}

std::vector<std::string> find_unproven(const config::fleet_spec& to,
                                       const config::fleet_spec* proven) {
  std::vector<std::string> result;
  if (!proven)
    return result;
  for (const auto& [bot, entry] : to.bots) {
    const auto before = proven->bots.find(bot);
    if (before != proven->bots.end() && before->second == entry)
      continue;
    for (std::size_t i = 0; i < entry->instances.size(); ++i)
      if (before == proven->bots.end() || i >= before->second->instances.size()
          || before->second->instances[i]->fingerprint != entry->instances[i]->fingerprint)
        result.push_back(instance_name(bot, i));
  }
  return result;
}

rollout::rollout(rollout_port& port, rollout_order order)
    : port_{port}
    , order_{std::move(order)} {
  // nop
}

void rollout::begin(const record_map& records) {
  outdated_ = find_outdated(*order_.to, records);
  if (order_.back)
    width_ = widest;
  else
    watch_unproven(records);
  total_ = outdated_.size() + proving_.size();
  queue_outdated();
  port_.put_in_force(mixed());
  tick();
}

void rollout::queue_outdated() {
  std::map<std::string, std::vector<std::string>> by_bot;
  for (const auto& [name, fingerprint] : outdated_)
    by_bot[std::string{bot_of(name)}].push_back(name);
  for (const auto& name : by_bot.empty() ? std::vector<std::string>{} : start_order(*order_.to)) {
    const auto at = by_bot.find(name);
    if (at == by_bot.end())
      continue;
    bot_change bot;
    bot.name = name;
    bot.waiting = std::move(at->second);
    // #10 comes after #9.
    std::sort(bot.waiting.begin(), bot.waiting.end(), [](const auto& a, const auto& b) {
      return std::pair{a.size(), a} > std::pair{b.size(), b};
    });
    bot.total = bot.waiting.size();
    const auto& entry = *order_.to->bots.at(name);
    bot.size = batch_of(entry.instances.front()->update.batch, entry.instances.size());
    queue_.push_back(std::move(bot));
  }
  std::reverse(queue_.begin(), queue_.end());
}

void rollout::watch_unproven(const record_map& records) {
  for (auto& name : find_unproven(*order_.to, order_.proven.get())) {
    if (outdated_.contains(name) || order_.excused.contains(name))
      continue;
    const auto spec = spec_of(*order_.to, name);
    const auto at = records.find(name);
    const auto* record = at == records.end() ? nullptr : &at->second;
    const auto told = order_.from ? spec_of(*order_.from, name) : nullptr;
    const bool leaves = record && is_leaving(*record);
    if (record && !leaves ? !record->wanted : !spec->autostart)
      continue;
    // What has these settings already is judged by what became of it, anything else by its next
    // process.
    bool had_them = order_.resumed || (told && told->fingerprint == spec->fingerprint);
    if (record && record->settings != 0 && spec->fingerprint != 0)
      had_them = record->settings == spec->fingerprint;
    else if (record && has_process(record->now))
      had_them = true;
    change each{std::move(name)};
    each.leaves = leaves;
    each.was_down = record && !has_process(record->now);
    if (record && (leaves || !had_them))
      each.incarnation = record->incarnation;
    watched_.insert(each.instance);
    proving_.push_back(std::move(each));
  }
}

/// Whether an older version, which did not have it, is still ending it.
bool rollout::is_leaving(const instance_record& record) const {
  return !record.wanted && has_process(record.now) && order_.from
         && !spec_of(*order_.from, record.name);
}

void rollout::note(const instance_record& record) {
  if (ended_ || held_)
    return;
  // One that came up and fell down again, while others are being changed.
  if (const auto at = done_.find(record.name); at != done_.end() && !order_.back) {
    const auto spec = spec_of(*order_.to, record.name);
    if (spec && record.wanted && record.incarnation >= at->second && went_wrong(record, *spec))
      return fail(record.name, record.why);
  }
  if (watched_.contains(record.name))
    port_.wake_at(port_.now() + gather(*order_.to));
}

void rollout::tick() {
  if (ended_ || held_)
    return;
  prove();
  bool changed = false;
  while (!ended_) {
    for (auto& bot : wave_) {
      changed = go_on(bot) || changed;
      if (ended_)
        return;
    }
    std::erase_if(wave_, [](const bot_change& bot) { return bot.is_done(); });
    if (!wave_.empty() || !next_wave())
      break;
  }
  if (ended_)
    return;
  if (changed)
    port_.put_in_force(mixed());
  if (wave_.empty() && proving_.empty())
    return finish();
  wake();
}

void rollout::prove() {
  std::erase_if(proving_, [&](change& each) {
    if (ended_ || judge_or_fail(each) != verdict::ready)
      return false;
    settled(each.instance);
    return true;
  });
}

/// From now on it is only looked whether it stays up.
void rollout::settled(const std::string& instance) {
  watched_.erase(instance);
  if (const auto* record = port_.record(instance))
    done_.emplace(instance, record->incarnation);
}

rollout::verdict rollout::judge_or_fail(change& what) {
  std::string why;
  const auto how = judge(what, why);
  if (how != verdict::failed)
    return how;
  if (order_.back) // there is nothing else to go back to
    return verdict::ready;
  fail(what.instance, why);
  return how;
}

void rollout::hold() {
  held_ = true;
}

bool rollout::next_wave() {
  if (queue_.empty())
    return false;
  for (std::size_t i = 0; i < width_ && !queue_.empty(); ++i) {
    wave_.push_back(std::move(queue_.back()));
    queue_.pop_back();
  }
  width_ = std::min(width_ * 2, widest);
  return true;
}

/// Returns whether instances were given their new settings.
bool rollout::go_on(bot_change& bot) {
  bool changed = false;
  for (;;) {
    if (!bot.batch.empty()) {
      // All of them, so that none hides behind another one.
      bool all_ready = true;
      for (auto& each : bot.batch) {
        all_ready = judge_or_fail(each) == verdict::ready && all_ready;
        if (ended_)
          return changed;
      }
      if (!all_ready)
        return changed;
      finish_batch(bot);
    }
    if (bot.pause_until && *bot.pause_until > port_.now())
      return changed;
    bot.pause_until.reset();
    if (bot.waiting.empty() || !take_batch(bot))
      return changed;
    changed = true;
  }
}

/// Returns whether there was anything to take.
bool rollout::take_batch(bot_change& bot) {
  bool any = false;
  while (!bot.waiting.empty() && bot.batch.size() < bot.size) {
    auto name = std::move(bot.waiting.back());
    bot.waiting.pop_back();
    outdated_.erase(name);
    any = true;
    // Meanwhile it may have ended, and be down: then its next process has them.
    const auto* record = port_.record(name);
    const bool is_down = !record || !has_process(record->now);
    if (!record || (is_down && (order_.back || order_.excused.contains(name)))) {
      ++bot.done;
      continue;
    }
    watched_.insert(name);
    bot.batch.push_back({std::move(name), record->incarnation, is_down, is_leaving(*record)});
  }
  if (!bot.batch.empty())
    ++bot.batches;
  return any;
}

void rollout::finish_batch(bot_change& bot) {
  for (const auto& each : bot.batch)
    settled(each.instance);
  bot.done += bot.batch.size();
  bot.batch.clear();
  port_.remark(fmt::format("version {}: {} {} of {} instances changed", order_.version, bot.name,
                           bot.done, bot.total));
  if (const auto pause = order_.to->bots.at(bot.name)->instances.front()->update.pause;
      pause > nanoseconds{} && !order_.back)
    bot.pause_until = port_.now() + pause;
}

rollout::verdict rollout::judge(change& what, std::string& why) {
  const auto* record = port_.record(what.instance);
  const auto spec = spec_of(*order_.to, what.instance);
  if (spec && !record)
    return verdict::pending; // it is only just being made
  if (spec && what.leaves && has_process(record->now) && record->incarnation == what.incarnation)
    return verdict::pending;
  if (!spec || !record->wanted || record->now == state::paused)
    return verdict::ready; // somebody else has decided about it
  if (is_outdated(*record, *spec)) {
    // The old one, or one that was still started like it.
    what.incarnation = std::max(what.incarnation, record->incarnation);
    what.deadline.reset();
    return verdict::pending;
  }
  const bool is_new = record->incarnation > what.incarnation;
  if (!is_new)
    // What the old one's end led to. Given up, it will not start.
    return (record->now == state::failed && !what.was_down) || record->now == state::completed
               ? verdict::ready
               : verdict::pending;
  if (went_wrong(*record, *spec)) {
    why = record->why;
    return verdict::failed;
  }
  if (record->now == state::running || record->now == state::completed)
    return verdict::ready;
  if (!has_process(record->now) || record->now == state::stopping
      || record->now == state::draining) {
    what.deadline.reset(); // the next one has all the time again
    return verdict::pending;
  }
  if (!what.deadline || what.deadline_of != record->incarnation) {
    what.deadline = port_.now() + spec->update.ready_within;
    what.deadline_of = record->incarnation;
  }
  if (port_.now() < *what.deadline)
    return verdict::pending;
  why = fmt::format("not running within {:g} s", in_seconds(spec->update.ready_within));
  return verdict::failed;
}

void rollout::fail(const std::string& instance, const std::string& why) {
  ended_ = true;
  port_.failed(instance, why);
}

void rollout::finish() {
  ended_ = true;
  port_.finished();
}

void rollout::wake() {
  std::optional<nanoseconds> next;
  const auto consider = [&](const std::optional<nanoseconds>& time) {
    if (time)
      next = next ? std::min(*next, *time) : *time;
  };
  for (const auto& each : proving_)
    consider(each.deadline);
  for (const auto& bot : wave_) {
    consider(bot.pause_until);
    for (const auto& each : bot.batch)
      consider(each.deadline);
  }
  if (next)
    port_.wake_at(*next);
}

config::spec_ptr rollout::mixed() const {
  return mixture(order_.to, {order_.from, order_.proven}, outdated_);
}

rollout_progress rollout::progress() const {
  rollout_progress result;
  result.total = total_;
  result.done = total_ - outdated_.size() - proving_.size();
  const auto look = [&](const change& each) {
    const auto* record = port_.record(each.instance);
    if (result.waits_for.empty() && record && !has_process(record->now))
      result.waits_for = each.instance + ": " + record->why;
  };
  for (const auto& bot : wave_) {
    result.done -= bot.batch.size();
    std::for_each(bot.batch.begin(), bot.batch.end(), look);
    if (!result.bot.empty())
      continue;
    result.bot = bot.name;
    result.batch = bot.batches;
    result.of = static_cast<std::uint32_t>((bot.total + bot.size - 1) / bot.size);
  }
  std::for_each(proving_.begin(), proving_.end(), look);
  return result;
}

} // namespace troupe::updating
