// `await`: the runtime's half of --wait. A client asks again until it is done, so
// that no request takes longer than a few seconds.
//
// Arguments: {"instances": [{"name", "after"}], "for": "up" | "down", "wait_ms"}.
// «up» means up with an incarnation above `after`. Answer: {"reached", "failed",
// "instances": [{"name", "state", "why", "incarnation"}]}.

#include "actors/commands/request.hpp"
#include "config/names.hpp"

#include <algorithm>
#include <limits>

namespace troupe::commands {

namespace {

struct awaited {
  std::map<std::string, std::uint64_t> after; ///< by instance
  bool up = true;
  std::int64_t deadline = 0;
};

enum class progress { pending, reached, failed };

progress judge(const instance_record& record, const awaited& what, std::uint64_t after) {
  if (!what.up)
    return has_process(record.now) || record.now == state::waiting || record.now == state::backoff
               ? progress::pending
               : progress::reached;
  if (record.now == state::failed)
    return progress::failed;
  if (record.incarnation <= after && after != 0)
    return progress::pending;
  if (counts_as_up(record.now))
    return progress::reached;
  if (record.now == state::completed)
    return record.last_exit && record.last_exit->signal == 0 && record.last_exit->code == 0
               ? progress::reached
               : progress::failed;
  return progress::pending;
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
    bool reached = true;
    bool failed = false;
    auto& rows = result["instances"] = json::array();
    for (const auto& record : view->records) {
      const auto known = what->after.find(record.name);
      const auto how = judge(record, *what, known == what->after.end() ? 0 : known->second);
      reached = reached && how == progress::reached;
      failed = failed || how == progress::failed;
      json row;
      row["name"] = record.name;
      row["state"] = to_string(record.now);
      row["why"] = record.why;
      row["incarnation"] = record.incarnation;
      rows.push_back(std::move(row));
    }
    const auto left = (what->deadline - now_micros()) / 1000;
    if (!reached && !failed && left > 0)
      return wait_for_event(r, what, seq, static_cast<std::uint32_t>(left));
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
  if (what->after.empty() || (for_what != "up" && for_what != "down"))
    return r->refuse({exit_code::usage, "bad-arguments",
                      "await needs \"instances\", and \"for\": \"up\" or \"down\"", ""});
  what->up = for_what == "up";
  what->deadline = now_micros() + static_cast<std::int64_t>(wait_ms) * 1000;
  // Where the sequence stands now: what happens after this look is not missed.
  wait_for_event(r, what, std::numeric_limits<std::uint64_t>::max(), 0);
}

} // namespace troupe::commands
