#include "actors/journal.hpp"

#include <spdlog/spdlog.h>

namespace troupe {

std::string journal_state::write(const journal_batch_ptr& batch, bool durable) {
  auto problem = store->write(*batch, durable);
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

journal_actor::behavior_type journal(journal_actor::stateful_pointer<journal_state> self,
                                     std::shared_ptr<journal_store> store) {
  auto* st = &self->state;
  self->set_default_handler(caf::drop);
  st->store = std::move(store);
  return {
      [st](write_atom, const journal_batch_ptr& batch, bool durable) {
        return st->write(batch, durable);
      },
      [st](view_atom) -> journal_contents_ptr {
        return std::make_shared<journal_contents>(st->store->load(0));
      },
      [st](query_atom, const event_query& what) { return st->events(what); },
      [st](deaths_atom, const std::string& of, std::uint32_t last) { return st->deaths(of, last); },
  };
}

} // namespace troupe
