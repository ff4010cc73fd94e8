#include "actors/admission.hpp"

#include <algorithm>
#include <cmath>

namespace troupe {

namespace {

bool erase_from(std::deque<launch>& queue, const std::string& instance, std::uint64_t incarnation) {
  return std::erase_if(queue,
                       [&](const launch& x) {
                         return x.instance == instance && x.incarnation == incarnation;
                       })
         > 0;
}

} // namespace

void admission::limits(const config::runtime_spec& spec) {
  parallelism_ = std::max(1u, spec.start_parallelism);
  rate_ = spec.restart_rate;
  burst_ = std::max(1.0, static_cast<double>(spec.restart_burst));
  tokens_ = filled_ ? std::min(tokens_, burst_) : burst_;
}

void admission::add(launch what, bool restart) {
  key id{what.instance, what.incarnation};
  if (!under_way_.contains(id) && queued_.insert(std::move(id)).second)
    (restart ? restarts_ : firsts_).push_back(std::move(what));
}

bool admission::withdraw(const std::string& instance, std::uint64_t incarnation) {
  return queued_.erase({instance, incarnation}) > 0
         && (erase_from(firsts_, instance, incarnation)
             || erase_from(restarts_, instance, incarnation));
}

std::uint64_t admission::pending(const std::string& instance) const {
  std::uint64_t result = 0;
  for (auto at = queued_.lower_bound({instance, 0}); at != queued_.end() && at->first == instance;
       ++at)
    result = std::max(result, at->second);
  for (auto at = under_way_.lower_bound({instance, 0});
       at != under_way_.end() && at->first.first == instance; ++at)
    result = std::max(result, at->first.second);
  return result;
}

std::vector<launch> admission::take(time_point now) {
  refill(now);
  std::vector<launch> result;
  auto held = slots_held(now);
  auto go = [&](std::deque<launch>& queue) {
    const key id{queue.front().instance, queue.front().incarnation};
    queued_.erase(id);
    under_way_.emplace(id,
                       start{now, queue.front().spec->ready.how != config::ready_spec::kind::none});
    ++held;
    result.push_back(std::move(queue.front()));
    queue.pop_front();
  };
  while (!firsts_.empty() && held < parallelism_)
    go(firsts_);
  while (!restarts_.empty() && held < parallelism_ && tokens_ >= 1) {
    tokens_ -= 1;
    go(restarts_);
  }
  return result;
}

void admission::settled(const std::string& instance, std::uint64_t incarnation) {
  under_way_.erase({instance, incarnation});
  checked_.erase({instance, incarnation});
}

void admission::confirmed(const std::string& instance, std::uint64_t incarnation) {
  const auto node = under_way_.extract({instance, incarnation});
  if (node && node.mapped().checked)
    checked_.insert(node.key());
}

std::optional<admission::time_point> admission::wake_at(time_point now) const {
  if (queued() == 0)
    return std::nullopt;
  if (slots_held(now) >= parallelism_) {
    // A slot comes free by `settled`, or when the oldest has held it long enough.
    std::optional<time_point> free;
    for (const auto& [id, known] : under_way_)
      if (known.since + patience > now)
        free = std::min(free.value_or(known.since + patience), known.since + patience);
    return free;
  }
  if (restarts_.empty() || tokens_ >= 1 || rate_ <= 0)
    return std::nullopt;
  const auto missing = static_cast<std::int64_t>(std::ceil((1 - tokens_) / rate_ * 1e9));
  return now + std::chrono::nanoseconds{std::max<std::int64_t>(missing, 1'000'000)};
}

std::size_t admission::slots_held(time_point now) const {
  return checked_.size()
         + static_cast<std::size_t>(
             std::count_if(under_way_.begin(), under_way_.end(),
                           [&](const auto& x) { return x.second.since + patience > now; }));
}

void admission::refill(time_point now) {
  if (filled_ && now > *filled_)
    tokens_ =
        std::min(burst_, tokens_ + std::chrono::duration<double>(now - *filled_).count() * rate_);
  if (!filled_ || now > *filled_)
    filled_ = now;
}

} // namespace troupe
