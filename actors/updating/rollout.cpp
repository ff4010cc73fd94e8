#include "actors/updating/rollout.hpp"

#include "actors/ordering.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace troupe::updating {

namespace {

/// Most bots that are changed at the same time.
constexpr std::size_t widest = 64;

/// Changes of records within so long are looked at together.
constexpr std::chrono::milliseconds gather{5};

double in_seconds(nanoseconds time) {
  return std::chrono::duration<double>{time}.count();
}

/// Whether it is down because something is wrong with it.
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

} // namespace

rollout::rollout(rollout_port& port, rollout_order order)
    : port_{port}
    , order_{std::move(order)} {
  // nop
}

void rollout::begin(const record_map& records) {
  outdated_ = find_outdated(*order_.to, records);
  total_ = outdated_.size();
  if (!order_.gated) {
    port_.put_in_force(order_.to);
    return tick_ungated();
  }
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
  port_.put_in_force(mixed());
  tick();
}

void rollout::note(const instance_record& record) {
  if (ended_ || held_)
    return;
  if (!order_.gated) {
    if (outdated_.contains(record.name))
      tick_ungated();
    return;
  }
  // One that came up and fell down again, while others are being changed.
  if (const auto at = done_.find(record.name); at != done_.end()) {
    const auto spec = spec_of(*order_.to, record.name);
    if (spec && record.wanted && record.incarnation >= at->second && went_wrong(record, *spec))
      return fail(record.name, record.why);
  }
  const auto concerned = [&](const bot_change& bot) {
    return std::any_of(bot.batch.begin(), bot.batch.end(),
                       [&](const change& each) { return each.instance == record.name; });
  };
  if (std::any_of(wave_.begin(), wave_.end(), concerned))
    port_.wake_at(port_.now() + gather);
}

void rollout::tick() {
  if (ended_ || held_)
    return;
  if (!order_.gated)
    return tick_ungated();
  bool changed = false;
  do {
    for (auto& bot : wave_) {
      changed = go_on(bot) || changed;
      if (ended_)
        return;
    }
    std::erase_if(wave_, [](const bot_change& bot) { return bot.is_done(); });
  } while (wave_.empty() && next_wave());
  if (changed)
    port_.put_in_force(mixed());
  if (wave_.empty())
    return finish();
  wake();
}

// Once an instance is not outdated any more it starts with the new settings, whatever happens.
void rollout::tick_ungated() {
  std::erase_if(outdated_, [&](const auto& each) {
    const auto* record = port_.record(each.first);
    const auto spec = spec_of(*order_.to, each.first);
    return !record || !spec || !is_outdated(*record, *spec);
  });
  if (outdated_.empty())
    finish();
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
      for (auto& each : bot.batch) {
        std::string why;
        const auto how = judge(each, why);
        if (how == verdict::failed) {
          fail(each.instance, why);
          return changed;
        }
        if (how == verdict::pending)
          return changed;
      }
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
    // Meanwhile it may have ended: then nothing of it is to be replaced.
    const auto* record = port_.record(name);
    if (record && has_process(record->now))
      bot.batch.push_back({std::move(name), record->incarnation, {}});
    else
      ++bot.done;
  }
  if (!bot.batch.empty())
    ++bot.batches;
  return any;
}

void rollout::finish_batch(bot_change& bot) {
  for (const auto& each : bot.batch)
    if (const auto* record = port_.record(each.instance))
      done_.emplace(each.instance, record->incarnation);
  bot.done += bot.batch.size();
  bot.batch.clear();
  port_.remark(fmt::format("version {}: {} {} of {} instances changed", order_.version, bot.name,
                           bot.done, bot.total));
  if (const auto pause = order_.to->bots.at(bot.name)->instances.front()->update.pause;
      pause > nanoseconds{})
    bot.pause_until = port_.now() + pause;
}

rollout::verdict rollout::judge(change& what, std::string& why) {
  const auto* record = port_.record(what.instance);
  const auto spec = spec_of(*order_.to, what.instance);
  if (!record || !spec || !record->wanted || record->now == state::paused)
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
    return record->now == state::failed || record->now == state::completed ? verdict::ready
                                                                           : verdict::pending;
  if (went_wrong(*record, *spec)) {
    why = record->why;
    return verdict::failed;
  }
  if (record->now == state::running || record->now == state::completed)
    return verdict::ready;
  if (!has_process(record->now))
    return verdict::pending;
  if (!what.deadline)
    what.deadline = port_.now() + spec->update.ready_within;
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
  for (const auto& bot : wave_) {
    consider(bot.pause_until);
    for (const auto& each : bot.batch)
      consider(each.deadline);
  }
  if (next)
    port_.wake_at(*next);
}

config::spec_ptr rollout::mixed() const {
  return mixture(order_.to, order_.from, outdated_);
}

rollout_progress rollout::progress() const {
  rollout_progress result;
  result.total = total_;
  result.done = total_ - outdated_.size();
  for (const auto& bot : wave_) {
    result.done -= bot.batch.size();
    if (!result.bot.empty())
      continue;
    result.bot = bot.name;
    result.batch = bot.batches;
    result.of = static_cast<std::uint32_t>((bot.total + bot.size - 1) / bot.size);
  }
  return result;
}

} // namespace troupe::updating
