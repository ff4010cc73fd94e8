#include "actors/journal.hpp"

#include "actors/clocks.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace troupe {

std::string journal_state::write(const journal_batch_ptr& batch, bool durable) {
  const auto begin = monotonic_now(self);
  auto problem = store->write(*batch, durable);
  longest_write = std::max(longest_write, monotonic_now(self) - begin);
  ++(problem.empty() ? writes : failed_writes);
  if (problem.empty())
    changes += batch->transitions.size();
  if (!batch->notice.empty())
    spdlog::warn("journal: {}", batch->notice);
  return problem;
}

event_list journal_state::events(const event_query& what) {
  auto found = store->events(what);
  return {std::move(found), store->trouble()};
}

death_list journal_state::deaths(const std::string& of, std::uint32_t last) {
  auto found = store->deaths(of, last);
  return {std::move(found), store->trouble()};
}

version_list journal_state::versions(std::uint32_t last) {
  auto found = store->versions(last);
  return {std::move(found), store->trouble()};
}

version_list journal_state::version(std::uint64_t number) {
  version_list result;
  if (auto found = store->version(number))
    result.items.push_back(std::move(*found));
  result.trouble = store->trouble();
  return result;
}

audit_list journal_state::audits(const audit_query& what) {
  auto found = store->audits(what);
  return {std::move(found), store->trouble()};
}

audit_check journal_state::verify_audit(std::uint64_t most) {
  return store->verify_audit(most);
}

figures journal_state::counts() {
  auto result = store->counts();
  result.trouble = store->trouble();
  result.set("writes", writes);
  result.set("failed_writes", failed_writes);
  result.set("events_written", changes);
  result.set("longest_write_s", std::chrono::duration<double>{longest_write}.count());
  return result;
}

caf::result<journal_contents_ptr> journal_state::view() {
  auto found = std::make_shared<journal_contents>(store->load(0));
  if (found->unreadable.empty())
    return journal_contents_ptr{std::move(found)};
  auto answer = self->make_response_promise<journal_contents_ptr>();
  waiting.push_back(answer);
  if (waiting.size() == 1) {
    spdlog::error("journal cannot read: {}; it tries again", found->unreadable);
    tries = 0;
    self->delayed_send(self, std::chrono::seconds{1}, tick_atom_v, std::uint64_t{0});
  }
  return answer;
}

void journal_state::look_again() {
  journal_contents_ptr found = std::make_shared<journal_contents>(store->load(0));
  // Whoever asked waits for request_timeout.
  if (!found->unreadable.empty() && ++tries < 20) {
    self->delayed_send(self, std::chrono::seconds{1}, tick_atom_v, std::uint64_t{0});
    return;
  }
  for (auto& each : std::exchange(waiting, {}))
    if (found->unreadable.empty())
      each.deliver(found);
    else
      each.deliver(caf::make_error(caf::sec::runtime_error, found->unreadable));
}

journal_actor::behavior_type journal(journal_actor::stateful_pointer<journal_state> self,
                                     std::shared_ptr<journal_store> store) {
  auto* st = &self->state;
  self->set_default_handler(caf::drop);
  st->store = std::move(store);
  return {
      [st](write_atom, const journal_batch_ptr& batch, bool durable) {
        return st->write(batch, durable);
      },
      [st](view_atom) { return st->view(); },
      [st](query_atom, const event_query& what) { return st->events(what); },
      [st](deaths_atom, const std::string& of, std::uint32_t last) { return st->deaths(of, last); },
      [st](versions_atom, std::uint32_t last) { return st->versions(last); },
      [st](versions_atom, std::uint64_t number) { return st->version(number); },
      [st](audit_atom, const audit_query& what) { return st->audits(what); },
      [st](verify_atom, std::uint64_t most) { return st->verify_audit(most); },
      [st](figures_atom) { return st->counts(); },
      [st](tick_atom, std::uint64_t) { st->look_again(); },
  };
}

} // namespace troupe
