// `wait`: until all that are meant stand as they should. A client asks again until it is
// done, so that no request takes longer than a few seconds and a new runtime is no matter.

#include "actors/clocks.hpp"
#include "actors/commands/documents.hpp"
#include "actors/commands/request.hpp"
#include "config/names.hpp"

#include <algorithm>
#include <limits>

namespace troupe::commands {

namespace {

constexpr auto never = std::numeric_limits<std::uint64_t>::max(); ///< no event has this number
constexpr std::size_t few = 64;
constexpr std::chrono::nanoseconds pause = std::chrono::milliseconds{200};

struct awaited {
  selection what;
  std::string goal;
  std::chrono::nanoseconds deadline{}; ///< of the actor's clock
};

using awaited_ptr = std::shared_ptr<awaited>;

bool to_be_up(const std::string& goal) {
  return goal == "running" || goal == "ready";
}

bool at_goal(const instance_record& record, const std::string& goal) {
  if (goal == "running")
    return counts_as_up(record.now);
  if (goal == "ready")
    return record.now == state::running;
  if (goal == "down")
    return !has_process(record.now) && record.now != state::waiting && record.now != state::backoff
           && (record.now != state::defined || !record.wanted);
  return to_string(record.now) == goal;
}

/// Why the goal cannot be reached without somebody's help, or nothing.
std::string hopeless(const instance_record& record, const std::string& goal,
                     const config::bot_spec* spec) {
  const bool up = to_be_up(goal);
  if (record.now == state::failed && (up || goal == "completed"))
    return "it has failed: " + record.why;
  if (record.now == state::completed && up)
    return "it has completed: " + record.why;
  if (record.now == state::paused && up)
    return "it is paused: " + record.why;
  if (goal == "completed" && spec && spec->restart == config::restart_type::permanent)
    return "its restart is permanent, so it is started again whenever it ends";
  if (goal == "failed" && record.now == state::completed)
    return "it has completed: " + record.why;
  return {};
}

/// Targets that are named one by one are all meant; of a group, a glob or everything, only
/// what somebody wants up is waited for to come up.
bool is_meant(const instance_record& record, const awaited& what) {
  if (!to_be_up(what.goal) || record.wanted || has_process(record.now))
    return true;
  return std::ranges::any_of(what.what.targets, [&](const auto& target) {
    const auto name = without_root(target);
    return name == record.name || name == record.bot;
  });
}

json missing_row(const instance_record& record, const std::string& why, bool cannot,
                 std::int64_t now) {
  json row;
  row["name"] = record.name;
  row["state"] = troupe::to_string(record.now);
  row["why"] = why;
  row["next"] = next_row(record.next, now);
  row["cannot"] = cannot;
  return row;
}

void wait_more(const request_ptr& r, const awaited_ptr& what, std::uint64_t after,
               std::uint32_t wait_ms);

void judge(const request_ptr& r, const awaited_ptr& what, std::uint64_t seq) {
  r->with_targets(what->what, [r, what, seq](const config::spec_ptr& spec,
                                             const ledger_view_ptr& all, const chosen& targets) {
    std::map<std::string, const instance_record*> known;
    for (const auto& record : all->records)
      known[record.name] = &record;
    std::size_t total = 0;
    std::size_t there = 0;
    bool failed = false;
    auto missing = json::array();
    for (const auto& name : targets.instances) {
      const auto parts = config::split_instance(name);
      const auto bot = spec->bots.find(parts->bot);
      const auto* settings =
          bot != spec->bots.end() && *parts->index < bot->second->instances.size()
              ? bot->second->instances[*parts->index].get()
              : nullptr;
      instance_record fresh; // its proxy has not looked around yet
      fresh.name = name;
      fresh.bot = parts->bot;
      fresh.wanted = settings && settings->autostart;
      const auto found = known.find(name);
      const auto& record = found == known.end() ? fresh : *found->second;
      if (!is_meant(record, *what))
        continue;
      ++total;
      if (at_goal(record, what->goal)) {
        ++there;
        continue;
      }
      auto why = hopeless(record, what->goal, settings);
      const bool cannot = !why.empty();
      failed = failed || cannot;
      if (!cannot)
        why = record.why;
      if (!cannot && !record.wanted && to_be_up(what->goal))
        why += std::string{why.empty() ? "" : "; "} + "nobody wants it up";
      missing.push_back(missing_row(record, why, cannot, now_micros()));
    }
    const bool reached = there == total && total > 0;
    const auto left = what->deadline - monotonic_now(r->self);
    if (!reached && !failed && total > 0 && left > std::chrono::milliseconds{0}) {
      // A large fleet changes all the time while it starts, and looking at it costs.
      if (total > few)
        return wait_more(r, what, never, whole_milliseconds(std::min(left, pause)));
      return wait_more(r, what, seq, whole_milliseconds(left));
    }
    auto result = new_document();
    result["for"] = what->goal;
    result["reached"] = reached;
    result["failed"] = failed || total == 0;
    result["total"] = total;
    result["there"] = there;
    result["missing"] = std::move(missing);
    r->answer(result);
  });
}

void wait_more(const request_ptr& r, const awaited_ptr& what, std::uint64_t after,
               std::uint32_t wait_ms) {
  r->self
      ->request(r->all->ledger, std::chrono::milliseconds{wait_ms} + look_timeout, await_atom_v,
                after, wait_ms)
      .then([r, what](std::uint64_t seq) { judge(r, what, seq); },
            [r](caf::error& why) { r->broken("the ledger", why); });
}

} // namespace

void handle_wait(const request_ptr& r) {
  auto what = std::make_shared<awaited>();
  what->goal = "running";
  std::uint64_t wait_ms = 0;
  if (!r->get(what->what) || !r->get("for", what->goal)
      || !r->get("wait_ms", wait_ms, admin_limits::wait_ms))
    return;
  if (!to_be_up(what->goal) && what->goal != "down" && !state_from(what->goal)) {
    std::vector<std::string> words{"ready", "down"};
    for (std::size_t i = 0; i < state_count; ++i)
      words.emplace_back(to_string(static_cast<state>(i)));
    auto hint = config::did_you_mean(what->goal, words);
    return r->refuse({exit_code::usage, "bad-state",
                      config::in_quotes(what->goal) + " is nothing that can be waited for",
                      hint.empty() ? "running, ready, down, or one of the twelve states" : hint});
  }
  what->deadline = monotonic_now(r->self) + std::chrono::milliseconds{wait_ms};
  // Where the sequence stands now: what happens after this look is not missed.
  wait_more(r, what, never, 0);
}

} // namespace troupe::commands
