#include "actors/switchboard.hpp"

#include "actors/clocks.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace troupe {

namespace {

constexpr std::uint64_t gather_tick = 0; ///< all others ask the ledger again

} // namespace

void switchboard_state::wire(services_ptr replaced) {
  const bool same_hub = services && services->hub == replaced->hub;
  services = std::move(replaced);
  if (last && services->hub && !same_hub)
    self->send(services->hub, apply_atom_v, last);
  ask_ledger();
}

void switchboard_state::ask_ledger() {
  const auto generation = ++asked;
  self->request(services->ledger, request_timeout, view_atom_v, std::vector<std::string>{})
      .then(
          [this, generation](const ledger_view_ptr& view) {
            if (generation != asked)
              return; // another ledger was asked since
            for (const auto& record : view->records)
              tables.note(record);
            has_records = true;
            gather_or_wait();
          },
          [this, generation](const caf::error& reason) {
            if (generation != asked)
              return;
            spdlog::error("switchboard got no answer from the ledger: {}; it asks again",
                          self->system().render(reason));
            self->delayed_send(self, std::chrono::seconds{1}, tick_atom_v, generation);
          });
}

void switchboard_state::apply(const config::spec_ptr& fleet, std::uint64_t version) {
  tables.apply(fleet, version);
  has_spec = true;
  gather_or_wait();
}

void switchboard_state::note(const instance_record& record) {
  tables.note(record);
  gather_or_wait();
}

void switchboard_state::gather_or_wait() {
  if (!has_spec || !has_records || std::exchange(gathering, true))
    return;
  self->delayed_send(self, gather, tick_atom_v, gather_tick);
}

void switchboard_state::tick(std::uint64_t what) {
  if (what == gather_tick)
    hand_over();
  else if (what == asked)
    ask_ledger();
}

void switchboard_state::hand_over() {
  gathering = false;
  auto made = tables.make();
  if (!made)
    return;
  last = std::move(made);
  if (services->hub)
    self->send(services->hub, apply_atom_v, last);
}

switchboard_actor::behavior_type switchboard(switchboard_state::pointer self) {
  auto* st = &self->state;
  self->set_default_handler(caf::drop);
  return {
      [st](wire_atom, const services_ptr& x) { st->wire(x); },
      [st](apply_atom, const config::spec_ptr& fleet, std::uint64_t version) {
        st->apply(fleet, version);
      },
      [st](note_atom, const instance_record& record) { st->note(record); },
      [st](tick_atom, std::uint64_t what) { st->tick(what); },
  };
}

} // namespace troupe
