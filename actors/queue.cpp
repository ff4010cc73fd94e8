#include "actors/queue.hpp"

#include "actors/clocks.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace troupe {

using namespace messaging;

namespace {

// As ticks: a commit has its round, which begins with 1.
constexpr std::uint64_t reading = 0;

// At a bound, one is refused and the next one taken: that is said once.
constexpr std::chrono::seconds calm{10};

std::size_t size_of(const queue_batch& batch) {
  std::size_t result = 0;
  for (const auto& x : batch.accepted)
    result += x.body.size();
  for (const auto& x : batch.dead)
    result += x.body.size();
  for (const auto& x : batch.entries)
    result += x.value.size();
  return result;
}

spill_actor::behavior_type spill(spill_actor::pointer self, std::shared_ptr<message_store> store) {
  self->set_default_handler(caf::drop);
  return {
      [store](spill_atom, const spill_batch_ptr& batch) { return store->spill(*batch); },
      [store](unspill_atom, const std::string& mailbox, std::uint8_t lane, std::uint32_t count,
              std::uint64_t bytes) { return store->unspill(mailbox, lane, count, bytes); },
      [store](drop_atom, const std::string& mailbox) { store->drop_spilled(mailbox); },
  };
}

} // namespace

caf::result<std::string> queue_state::write(const queue_batch_ptr& batch) {
  auto answer = self->make_response_promise<std::string>();
  gathered.push_back({batch, answer});
  gathered_bytes += size_of(*batch);
  if (gathered.size() >= commit_requests || gathered_bytes >= commit_bytes)
    commit();
  else if (gathered.size() == 1)
    self->send(self, tick_atom_v, round); // behind all that has arrived by now
  return answer;
}

void queue_state::commit() {
  if (gathered.empty())
    return;
  ++round;
  std::vector<std::string> problems(gathered.size());
  const auto problem = write_all(problems);
  take_note(problem);
  largest_commit = std::max(largest_commit, gathered.size());
  gathered_bytes = 0;
  auto done = std::exchange(gathered, {});
  for (std::size_t i = 0; i < done.size(); ++i) {
    ++(problems[i].empty() ? requests : failed_requests);
    done[i].answer.deliver(std::move(problems[i]));
  }
  gathered = std::move(done); // for its memory
  gathered.clear();
}

// Fills in each request's answer, and returns what went wrong with any.
std::string queue_state::write_all(std::vector<std::string>& problems) {
  std::vector<const queue_batch*> all;
  std::vector<const queue_batch*> freeing;
  for (const auto& x : gathered) {
    all.push_back(x.batch.get());
    if (x.batch->accepted.empty())
      freeing.push_back(x.batch.get());
  }
  auto problem = store->write(all);
  if (problem.empty())
    return problem;
  // What makes room is not held up by what finds none; and after it there may be some.
  const bool mixed = !freeing.empty() && freeing.size() < all.size();
  if (mixed && store->write(freeing).empty()) {
    problem = store->write(all); // in their order again, which changes nothing for the others
    for (std::size_t i = 0; i < all.size(); ++i)
      if (!all[i]->accepted.empty())
        problems[i] = problem;
  } else {
    std::fill(problems.begin(), problems.end(), problem);
  }
  return problem;
}

void queue_state::take_note(const std::string& problem) {
  if (const auto notice = store->notice(); !notice.empty())
    spdlog::warn("queue: {}", notice);
  const auto now = monotonic_now(self);
  if (!problem.empty()) {
    if (!std::exchange(failing, true))
      spdlog::error("queue cannot write: {}; senders are told", problem);
    failed_at = now;
  } else if (failing && now - failed_at >= calm) {
    failing = false;
    spdlog::info("queue writes again");
  }
}

caf::result<queue_contents_ptr> queue_state::view() {
  commit();
  auto found = std::make_shared<queue_contents>(store->load());
  if (!found->unreadable)
    return queue_contents_ptr{std::move(found)};
  auto answer = self->make_response_promise<queue_contents_ptr>();
  readers.push_back(answer);
  if (readers.size() == 1) {
    spdlog::error("queue cannot read: {}; it tries again", found->trouble);
    tries = 0;
    self->delayed_send(self, std::chrono::seconds{1}, tick_atom_v, reading);
  }
  return answer;
}

void queue_state::look_again() {
  commit();
  queue_contents_ptr found = std::make_shared<queue_contents>(store->load());
  // Whoever asked waits for request_timeout.
  if (found->unreadable && ++tries < 20) {
    self->delayed_send(self, std::chrono::seconds{1}, tick_atom_v, reading);
    return;
  }
  for (auto& each : std::exchange(readers, {}))
    if (found->unreadable)
      each.deliver(caf::make_error(caf::sec::runtime_error, found->trouble));
    else
      each.deliver(found);
}

dead_letter_list queue_state::letters(const dead_letter_query& query) {
  commit(); // what was written before it was asked for
  return store->dead_letters(query);
}

figures queue_state::counts() {
  commit();
  auto result = store->counts();
  result.set("requests", requests);
  result.set("failed_requests", failed_requests);
  result.set("largest_commit", largest_commit);
  return result;
}

queue_actor::behavior_type queue(queue_actor::stateful_pointer<queue_state> self,
                                 std::shared_ptr<message_store> store, bool detached) {
  auto* st = &self->state;
  self->set_default_handler(caf::drop);
  // A bug in one of them is one of both: the guardian begins them anew.
  st->spill = detached ? self->spawn<caf::linked + caf::detached>(troupe::spill, store)
                       : self->spawn<caf::linked>(troupe::spill, store);
  st->store = std::move(store);
  return {
      [st](write_atom, const queue_batch_ptr& batch) { return st->write(batch); },
      [st](view_atom) { return st->view(); },
      [st](query_atom, const dead_letter_query& query) { return st->letters(query); },
      [st](spill_atom x, const spill_batch_ptr& batch) {
        return st->self->delegate(st->spill, x, batch);
      },
      [st](unspill_atom x, const std::string& mailbox, std::uint8_t lane, std::uint32_t count,
           std::uint64_t bytes) {
        return st->self->delegate(st->spill, x, mailbox, lane, count, bytes);
      },
      [st](drop_atom x, const std::string& mailbox) { st->self->send(st->spill, x, mailbox); },
      [st](figures_atom) { return st->counts(); },
      [st](tick_atom, std::uint64_t which) {
        if (which == reading)
          st->look_again();
        else if (which == st->round)
          st->commit();
      },
  };
}

} // namespace troupe
