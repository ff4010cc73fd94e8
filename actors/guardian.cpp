#include "actors/guardian.hpp"

#include "actors/clocks.hpp"
#include "actors/journal.hpp"
#include "actors/launcher.hpp"
#include "actors/ledger.hpp"
#include "actors/ordering.hpp"
#include "actors/queue.hpp"
#include "actors/restart_policy.hpp"
#include "actors/supervisor.hpp"
#include "actors/switchboard.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace troupe {

using namespace std::chrono_literals;

namespace {

constexpr config::rate_spec service_intensity{10, 1min};
constexpr std::uint64_t deadline_tick = 0;
constexpr std::uint64_t hurry_tick = 1;

/// How long the last changes may take to the disk once the fleet is down.
constexpr auto last_commit = 5s;

} // namespace

void guardian_state::init(guardian_args given) {
  args = std::move(given);
  current.guardian = caf::actor_cast<guardian_actor>(self);
  current.journal = make_journal();
  // Before anything is started: what the config begins with depends on it.
  args.config.slots = args.host->adoptable();
  handed_out = std::make_shared<services>(current);
  current.launcher = make_launcher();
  current.ledger = make_ledger();
  current.config = make_config();
  if (args.tree)
    current.loader = make_loader();
  current.admin = make_admin();
  if (args.queue_store)
    current.queue = make_queue();
  if (args.make_hub) {
    current.hub = make_hub();
    current.switchboard = make_switchboard();
  }
  handed_out = std::make_shared<services>(current);
  current.root = make_root();
  hand_out();
}

// -- making --------------------------------------------------------------------------------

journal_actor guardian_state::make_journal() {
  return args.detached ? self->spawn<caf::linked + caf::detached>(journal, args.store)
                       : self->spawn<caf::linked>(journal, args.store);
}

launcher_actor guardian_state::make_launcher() {
  return args.detached ? self->spawn<caf::linked + caf::detached>(launcher, args.host)
                       : self->spawn<caf::linked>(launcher, args.host);
}

ledger_actor guardian_state::make_ledger() {
  return self->spawn<caf::linked>(ledger, handed_out, std::exchange(args.contents, nullptr));
}

config_actor guardian_state::make_config() {
  auto result = self->spawn<caf::linked>(config_owner, args.config);
  args.config.fresh = false;
  args.config.replacement = true;
  args.config.slots.clear();
  return result;
}

loader_actor guardian_state::make_loader() {
  return args.detached ? self->spawn<caf::linked + caf::detached>(loader, args.tree)
                       : self->spawn<caf::linked>(loader, args.tree);
}

command_actor guardian_state::make_admin() {
  auto result = args.make_admin(self->system());
  self->link_to(result);
  return result;
}

hub_actor guardian_state::make_hub() {
  auto result = args.make_hub(self->system());
  self->link_to(result);
  return result;
}

switchboard_actor guardian_state::make_switchboard() {
  return self->spawn<caf::linked>(switchboard);
}

queue_actor guardian_state::make_queue() {
  return args.detached ? self->spawn<caf::linked + caf::detached>(queue, args.queue_store, true)
                       : self->spawn<caf::linked>(queue, args.queue_store, false);
}

supervisor_actor guardian_state::make_root() {
  // What the fleet is, it learns from the config actor.
  return self->spawn<caf::linked>(
      supervisor, supervisor_args{{}, {}, current.guardian, handed_out, nullptr, nullptr, {}});
}

void guardian_state::hand_out() {
  handed_out = std::make_shared<services>(current);
  spdlog::debug("guardian hands out journal {}, ledger {}, launcher {}, root {}",
                current.journal.id(), current.ledger.id(), current.launcher.id(),
                current.root.id());
  self->send(current.ledger, wire_atom_v, handed_out);
  self->send(current.launcher, wire_atom_v, handed_out);
  self->send(current.root, wire_atom_v, handed_out);
  self->send(current.config, wire_atom_v, handed_out);
  self->send(current.admin, wire_atom_v, handed_out); // what it passes on finds them wired
  if (current.hub)
    self->send(current.hub, wire_atom_v, handed_out);
  if (current.switchboard)
    self->send(current.switchboard, wire_atom_v, handed_out);
  if (args.on_services)
    args.on_services(handed_out);
}

// -- replacing -----------------------------------------------------------------------------

template <class Handle>
bool guardian_state::replace(Handle services::*member, const caf::exit_msg& message,
                             const char* what, Handle (guardian_state::*make)()) {
  if (!(current.*member) || (current.*member).address() != message.source)
    return false;
  spdlog::error("guardian replaces the {}: {}", what, self->system().render(message.reason));
  if (passes(replacements, service_intensity, monotonic_now(self))) {
    spdlog::critical("guardian gives up: services die faster than they can be replaced");
    if (!std::exchange(ended, true))
      args.on_end(beyond_help);
    return true;
  }
  current.*member = (this->*make)();
  hand_out();
  if (stops > 0) {
    self->send(current.config, stop_atom_v);
    if (what == std::string_view{"root supervisor"})
      self->send(current.root, stop_atom_v, stop_cause);
  }
  return true;
}

void guardian_state::on_exit(const caf::exit_msg& message) {
  using gs = guardian_state;
  static_cast<void>(
      replace(&services::journal, message, "journal", &gs::make_journal)
      || replace(&services::ledger, message, "ledger", &gs::make_ledger)
      || replace(&services::launcher, message, "launcher", &gs::make_launcher)
      || replace(&services::config, message, "config", &gs::make_config)
      || replace(&services::loader, message, "loader", &gs::make_loader)
      || replace(&services::admin, message, "admin", &gs::make_admin)
      || replace(&services::hub, message, "hub", &gs::make_hub)
      || replace(&services::queue, message, "queue", &gs::make_queue)
      || replace(&services::switchboard, message, "switchboard", &gs::make_switchboard)
      || replace(&services::root, message, "root supervisor", &gs::make_root));
}

// -- being watched ---------------------------------------------------------------------

void guardian_state::prove_life() {
  if (!args.on_alive)
    return;
  self->request(current.ledger, request_timeout, await_atom_v, std::uint64_t{0}, std::uint32_t{0})
      .then([this](std::uint64_t) { args.on_alive(); },
            [](const caf::error&) { spdlog::error("guardian: the ledger does not answer"); });
}

// -- ending --------------------------------------------------------------------------------

void guardian_state::order_stop(const std::string& cause) {
  if (args.on_stop)
    args.on_stop();
  stop(cause);
}

void guardian_state::keeper_stop(const std::string& cause, bool hurry) {
  if (stops == 0)
    stop(cause);
  if (hurry)
    stop("in a hurry");
}

void guardian_state::stop(const std::string& cause) {
  if (++stops == 1) {
    spdlog::info("guardian ends the fleet: {}", cause);
    stop_cause = "the fleet ends: " + cause;
    self->send(current.config, stop_atom_v);
    self->send(current.root, stop_atom_v, stop_cause);
    arm_deadline();
    return;
  }
  spdlog::warn("guardian ends the fleet in a hurry: {}", cause);
  self->send(current.root, hurry_atom_v);
  self->delayed_send(self, 5s, tick_atom_v, hurry_tick);
}

/// By what is in force: that may be much else than at the start.
void guardian_state::arm_deadline() {
  const auto wait_for = [this](const config::fleet_spec& fleet) {
    self->delayed_send(self, longest_stop(fleet, *fleet.root) + 10s, tick_atom_v, deadline_tick);
  };
  self->request(current.config, 5s, view_atom_v)
      .then([wait_for](const config::spec_ptr& fleet) { wait_for(*fleet); },
            [this, wait_for](const caf::error&) { wait_for(*args.config.applied->loaded.spec); });
}

void guardian_state::on_report(const child_report& report) {
  // A report from before the root heard of the end does not count.
  if (stops > 0 && report.now == state::stopped && report.cause == stop_cause)
    finish();
}

// By now every bot is down: what is still linked is none of them.
void guardian_state::finish() {
  if (std::exchange(ended, true))
    return;
  if (current.hub)
    self->send(current.hub, stop_atom_v);
  self->request(current.ledger, last_commit, flush_atom_v)
      .then([this](bool) { flush_queue(); },
            [this](const caf::error&) {
              spdlog::error("guardian: the last changes could not be committed and are lost");
              flush_queue();
            });
}

// Its answer comes after all that the hub has sent it.
void guardian_state::flush_queue() {
  if (!current.queue || !current.hub)
    return args.on_end(0);
  const auto nothing = std::make_shared<const messaging::queue_batch>();
  self->request(current.hub, last_commit, figures_atom_v)
      .then(
          [this, nothing](const figures&) {
            self->request(current.queue, last_commit, write_atom_v,
                          messaging::queue_batch_ptr{nothing})
                .then([this](const std::string&) { args.on_end(0); },
                      [this](const caf::error&) {
                        spdlog::error("guardian: the queue does not answer at the end");
                        args.on_end(0);
                      });
          },
          [this](const caf::error&) {
            spdlog::error("guardian: the hub does not answer at the end");
            args.on_end(0);
          });
}

void guardian_state::tick(std::uint64_t what) {
  if (ended)
    return;
  if (what == deadline_tick) {
    if (stops < 2)
      stop("not all ended in time");
    return;
  }
  ended = true;
  spdlog::error("guardian waited long enough: what still lives is left to the keeper");
  args.on_end(1);
}

guardian_actor::behavior_type guardian(guardian_state::pointer self, guardian_args args) {
  auto* st = &self->state;
  self->set_default_handler(caf::drop);
  self->set_exit_handler([st](caf::exit_msg& x) { st->on_exit(x); });
  st->init(std::move(args));
  return {
      [st](stop_atom, const std::string& cause) { st->order_stop(cause); },
      [st](stop_atom, const std::string& cause, bool hurry) { st->keeper_stop(cause, hurry); },
      [st](alive_atom) { st->prove_life(); },
      [st](const child_report& report) { st->on_report(report); },
      [st](tick_atom, std::uint64_t what) { st->tick(what); },
  };
}

} // namespace troupe
