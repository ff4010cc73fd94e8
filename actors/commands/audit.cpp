#include "actors/commands/audit.hpp"

#include "actors/commands/past.hpp"
#include "config/names.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace troupe::commands {

namespace {

constexpr std::uint64_t most_listed = 1000;

json number_or_null(std::uint64_t number) {
  return number == 0 ? json{} : json(number);
}

json row_of(const audit_entry& x) {
  json row;
  row["id"] = x.id;
  row["time"] = time_or_null(x.time);
  row["uid"] = x.uid;
  row["pid"] = x.pid;
  row["origin"] = x.origin;
  row["command"] = x.command;
  row["outcome"] = x.outcome.empty() ? json{} : json(x.outcome);
  row["version"] = number_or_null(x.version);
  return row;
}

void find(const request_ptr& r, audit_query what,
          std::function<void(std::vector<audit_entry>)> then) {
  r->self->request(r->all->journal, look_timeout, audit_atom_v, std::move(what))
      .then(
          [r, then = std::move(then)](audit_list& found) {
            if (!found.trouble.empty())
              return r->refuse(store_unreadable(found.trouble));
            then(std::move(found.items));
          },
          [r](caf::error& why) { r->broken("the journal", why); });
}

json verified(const audit_check& check) {
  auto document = new_document();
  document["ok"] = check.problem.empty();
  document["entries"] = check.entries;
  document["first"] = number_or_null(check.first);
  document["last"] = number_or_null(check.last);
  document["hash"] = check.hash.empty() ? json{} : json(check.hash);
  document["bad"] = number_or_null(check.bad);
  document["problem"] = check.problem.empty() ? json{} : json(check.problem);
  return document;
}

/// Whether the hash that was noted is still in the chain.
void look_for_noted(const request_ptr& r, const std::string& noted, json document) {
  audit_query what;
  what.hash = noted;
  find(r, what, [r, noted, document = std::move(document)](std::vector<audit_entry> found) mutable {
    auto& said = document["noted"] = json::object();
    said["hash"] = noted;
    said["id"] = found.empty() ? json{} : json(found.front().id);
    if (found.empty()) {
      document["ok"] = false;
      if (document["problem"].is_null())
        document["problem"] = "no entry has the hash that was noted: the audit was cut off or made "
                              "anew, or that entry was dropped as too old";
    }
    r->answer(document, document["ok"] == true ? exit_code::done : exit_code::failed);
  });
}

} // namespace

void handle_audit_list(const request_ptr& r) {
  audit_query what;
  std::string since;
  std::uint64_t last = 50;
  if (!r->get("text", what.text) || !r->get("since", since) || !r->get("last", last, most_listed))
    return;
  what.last = static_cast<std::uint32_t>(last);
  if (!since.empty()) {
    const auto time = parse_time(since, now_micros());
    if (!time)
      return r->refuse(bad_time(since));
    what.since = *time;
  }
  find(r, what, [r](const std::vector<audit_entry>& found) {
    auto document = new_document();
    auto& entries = document["entries"] = json::array();
    for (const auto& each : found)
      entries.push_back(row_of(each));
    r->answer(document);
  });
}

void handle_audit_show(const request_ptr& r) {
  std::uint64_t id = 0;
  if (!r->get("id", id, std::numeric_limits<std::int64_t>::max()))
    return;
  audit_query what;
  what.after = id == 0 ? 0 : id - 1;
  what.limit = 1;
  find(r, what, [r, id](const std::vector<audit_entry>& found) {
    if (found.empty() || found.front().id != id)
      return r->refuse({exit_code::failed, "no-such-entry",
                        "the audit has no entry " + std::to_string(id),
                        "`troupe audit list` shows the numbers"});
    auto document = new_document();
    auto& entry = document["entry"] = row_of(found.front());
    const auto& patch = found.front().patch;
    auto changes = json::parse(patch, nullptr, false);
    entry["patch"] = patch.empty() ? json{} : changes.is_discarded() ? json(patch) : changes;
    r->answer(document);
  });
}

void handle_audit_verify(const request_ptr& r) {
  std::string noted;
  if (!r->get("hash", noted))
    return;
  std::ranges::transform(noted, noted.begin(),
                         [](char c) { return c >= 'A' && c <= 'F' ? char(c + 32) : c; });
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (!noted.empty() && (noted.size() != 64 || !std::ranges::all_of(noted, hex)))
    return r->refuse({exit_code::usage, "bad-arguments",
                      config::in_quotes(noted) + " is no hash of the audit",
                      "64 hex digits, as `troupe audit verify` prints them"});
  r->self->request(r->all->journal, order_timeout, verify_atom_v, std::uint64_t{0})
      .then(
          [r, noted](audit_check& check) {
            if (check.bad == 0 && !check.problem.empty())
              return r->refuse(store_unreadable(check.problem));
            auto document = verified(check);
            if (!noted.empty())
              return look_for_noted(r, noted, std::move(document));
            r->answer(document, check.problem.empty() ? exit_code::done : exit_code::failed);
          },
          [r](caf::error& why) { r->broken("the journal", why); });
}

} // namespace troupe::commands
