// `await`: the runtime's half of --wait. A client asks again until it is done, so
// that no request takes longer than a few seconds.
//
// Arguments: {"instances": [{"name", "after"}], "for": "up" | "down" | "paused", "wait_ms"}.
// «up» means up with an incarnation above `after`. Answer: {"reached", "failed",
// "instances": [{"name", "state", "why", "incarnation"}]}.

#include "actors/clocks.hpp"
#include "actors/commands/request.hpp"
#include "config/names.hpp"

#include <algorithm>
#include <limits>

namespace troupe::commands {

namespace {

enum class goal { up, down, paused };

struct awaited {
  std::map<std::string, std::uint64_t> after; ///< by instance
  goal to = goal::up;
  std::chrono::nanoseconds deadline{}; ///< of the actor's clock
};

enum class progress { pending, reached, failed };

progress judge(const instance_record& record, goal to, std::uint64_t after) {
  const bool to_come = record.now == state::waiting || record.now == state::backoff;
  if (to == goal::down)
    return has_process(record.now) || to_come ? progress::pending : progress::reached;
  if (to == goal::paused)
    return record.now == state::paused ? progress::reached
           : has_process(record.now)   ? progress::pending
                                       : progress::failed;
  if (record.now == state::failed)
    return progress::failed;
  if (record.incarnation <= after && after != 0)
    return progress::pending;
  // Whether its exit code was a success was judged when it became `completed`.
  if (counts_as_up(record.now) || record.now == state::completed)
    return progress::reached;
  // Nothing but `resume` lets it go on.
  return record.now == state::paused ? progress::failed : progress::pending;
}

void look(const request_ptr& r, const std::shared_ptr<awaited>& what, std::uint64_t seq);

void wait_for_event(const request_ptr& r, const std::shared_ptr<awaited>& what, std::uint64_t after,
                    std::uint32_t wait_ms) {
  r->self
      ->request(r->all->ledger, std::chrono::milliseconds{wait_ms} + look_timeout, await_atom_v,
                after, wait_ms)
      .then([r, what](std::uint64_t seq) { look(r, what, seq); },
            [r](caf::error& why) { r->broken("the ledger", why); });
}

void look(const request_ptr& r, const std::shared_ptr<awaited>& what, std::uint64_t seq) {
  std::vector<std::string> names;
  for (const auto& [name, after] : what->after)
    names.push_back(name);
  r->with_view(std::move(names), [r, what, seq](const ledger_view_ptr& view) {
    auto result = new_document();
    // One that is not there yet is not up; one that is gone is down.
    bool reached = what->to == goal::down || view->records.size() == what->after.size();
    bool failed = false;
    auto& rows = result["instances"] = json::array();
    for (const auto& record : view->records) {
      const auto known = what->after.find(record.name);
      const auto how = judge(record, what->to, known == what->after.end() ? 0 : known->second);
      reached = reached && how == progress::reached;
      failed = failed || how == progress::failed;
      json row;
      row["name"] = record.name;
      row["state"] = to_string(record.now);
      row["why"] = record.why;
      row["incarnation"] = record.incarnation;
      rows.push_back(std::move(row));
    }
    const auto left = what->deadline - monotonic_now(r->self);
    if (!reached && !failed && left > std::chrono::milliseconds{0})
      return wait_for_event(r, what, seq, whole_milliseconds(left));
    result["reached"] = reached;
    result["failed"] = failed;
    r->answer(result);
  });
}

} // namespace

void handle_await(const request_ptr& r) {
  auto what = std::make_shared<awaited>();
  std::string for_what = "up";
  std::uint64_t wait_ms = 0;
  if (!r->get("for", for_what) || !r->get("wait_ms", wait_ms, admin_limits::wait_ms))
    return;
  const auto instances = r->arguments.find("instances");
  if (instances != r->arguments.end() && instances->is_array())
    for (const auto& one : *instances) {
      const auto name = one.is_object() ? one.find("name") : one.end();
      if (!one.is_object() || name == one.end() || !name->is_string())
        continue;
      const auto after = one.find("after");
      what->after[name->get<std::string>()] =
          after != one.end() && after->is_number_unsigned() ? after->get<std::uint64_t>() : 0;
    }
  if (what->after.empty() || (for_what != "up" && for_what != "down" && for_what != "paused"))
    return r->refuse({exit_code::usage, "bad-arguments",
                      "await needs \"instances\", and \"for\": \"up\", \"down\" or \"paused\"",
                      ""});
  what->to = for_what == "up" ? goal::up : for_what == "down" ? goal::down : goal::paused;
  what->deadline = monotonic_now(r->self) + std::chrono::milliseconds{wait_ms};
  // Where the sequence stands now: what happens after this look is not missed.
  wait_for_event(r, what, std::numeric_limits<std::uint64_t>::max(), 0);
}

} // namespace troupe::commands
