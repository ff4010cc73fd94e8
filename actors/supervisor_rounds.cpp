// The strategies: whose end concerns whom, and when a group has had enough.

#include "actors/clocks.hpp"
#include "actors/supervisor.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace troupe {

namespace {

std::string_view to_string(config::strategy s) {
  switch (s) {
  case config::strategy::one_for_one:
    return "one_for_one";
  case config::strategy::one_for_all:
    return "one_for_all";
  case config::strategy::rest_for_one:
    return "rest_for_one";
  }
  return "";
}

} // namespace

void supervisor_state::strategize(const std::string& culprit, const std::string& cause) {
  if (args.group->how == config::strategy::one_for_one || given_up)
    return;
  // Several that die together are one round.
  if (!held.contains(culprit) && passes(rounds, args.group->intensity, monotonic_now(self)))
    return give_up(fmt::format(
        "more than {} restarts within {} s; the last: {}: {}", args.group->intensity.count,
        std::chrono::duration_cast<std::chrono::seconds>(args.group->intensity.within).count(),
        culprit, cause));
  round_cause = fmt::format("{}: {} {}", to_string(args.group->how), culprit, cause);
  spdlog::debug("supervisor {} begins a round: {}", shown_name(), round_cause);
  culprits.insert(culprit);
  held.insert(culprit);
  auto others = concerned(culprit);
  held.insert(others.begin(), others.end());
  end_children(others, ending::recycle, round_cause);
}

std::set<std::string> supervisor_state::concerned(const std::string& culprit) const {
  const auto position = children.at(culprit).position;
  std::set<std::string> result;
  for (const auto& [full_name, each] : children)
    if (full_name != culprit && each.wanted && !each.leaving
        && (args.group->how == config::strategy::one_for_all || each.position > position))
      result.insert(full_name);
  return result;
}

// Something is up that was not admitted: it was found running, or its start was under
// way when the order to end came.
void supervisor_state::keep_down(const std::string& full_name) {
  if (holding && !ending_now.contains(full_name))
    return end_children({full_name}, ending::recycle, why);
  if (!held.contains(full_name))
    return;
  if (culprits.erase(full_name) > 0)
    held.erase(full_name);
  else if (!ending_now.contains(full_name))
    end_children({full_name}, ending::recycle, round_cause);
}

void supervisor_state::finish_round() {
  if (held.empty() || !culprits.empty())
    return;
  const bool all_down = std::none_of(held.begin(), held.end(), [this](const std::string& x) {
    const auto at = children.find(x);
    return at != children.end() && at->second.occupied();
  });
  if (!all_down || !to_end.empty())
    return;
  spdlog::debug("supervisor {} ends its round", shown_name());
  held.clear();
}

void supervisor_state::give_up(const std::string& cause) {
  const auto verdict = judge_group(policy, monotonic_now(self) - up_since, monotonic_now(self),
                                   std::uniform_real_distribution<double>{-1, 1}(dice));
  given_up = verdict.what == event::ended_failed ? state::failed : state::backoff;
  why = fmt::format("group {} gave up: {}", shown_name(), cause);
  spdlog::error("supervisor {} gives up: {}", shown_name(), cause);
  holding = true;
  asked = true; // not before the pause is over
  hold_all(why);
  next.reset();
  if (verdict.again) {
    next = next_step{"retry", wall_now() + micros(verdict.after), verdict.attempt, verdict.of};
    self->delayed_send(self, verdict.after, tick_atom_v, std::uint8_t{0}, ++generation);
  }
  tell(true, why);
}

void supervisor_state::tick(std::uint64_t which) {
  if (which == generation && given_up && !stopping)
    come_back();
}

void supervisor_state::come_back() {
  ++generation;
  given_up.reset();
  asked = false;
  rounds.clear();
  settle();
}

} // namespace troupe
