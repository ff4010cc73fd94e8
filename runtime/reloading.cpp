#include "runtime/reloading.hpp"

#include "runtime/blackbox/paced.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <chrono>
#include <ctime>
#include <string>
#include <utility>

namespace troupe {

namespace {

constexpr std::chrono::milliseconds look_again{100};
constexpr std::chrono::seconds patience{5};
/// systemd waits TimeoutStartSec, and takes a longer silence for a failure.
constexpr std::chrono::seconds longest_reload{60};

void order(const services& now, const char* why, bool asked) {
  caf::anon_send(now.config, reload_atom_v, std::string{why}, asked);
}

std::string begin_lines() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto micros = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000
                      + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
  return "RELOADING=1\nMONOTONIC_USEC=" + std::to_string(micros);
}

bool is_decided(const config_reply& standing) {
  const auto document = nlohmann::json::parse(standing.document, nullptr, false);
  return !document.is_object() || !document.value("deciding", false);
}

/// Tells the manager when no change is on its way any more.
struct witness_state {
  reloading::current_services current;
  std::shared_ptr<const os::service_manager> manager;
  std::shared_ptr<void> turn; ///< one at a time
  std::chrono::steady_clock::time_point until;

  static inline const char* name = "reload";
};

using witness_actor = caf::typed_actor<caf::reacts_to<tick_atom>>;

witness_actor::behavior_type witness(witness_actor::stateful_pointer<witness_state> self,
                                     reloading::current_services current,
                                     std::shared_ptr<const os::service_manager> manager,
                                     std::shared_ptr<void> turn) {
  auto* st = &self->state;
  st->current = std::move(current);
  st->manager = std::move(manager);
  st->turn = std::move(turn);
  st->until = std::chrono::steady_clock::now() + longest_reload;
  st->manager->say(begin_lines());
  order(*st->current->load(), "HUP", true);
  self->delayed_send(self, look_again, tick_atom_v);
  return {[self, st](tick_atom) {
    const auto done = [self, st] {
      st->manager->say("READY=1");
      self->quit();
    };
    if (std::chrono::steady_clock::now() > st->until)
      return done();
    const auto later = [self] { self->delayed_send(self, look_again, tick_atom_v); };
    self->request(st->current->load()->config, patience, config_request{"standing", "", {}})
        .then([done, later](const config_reply& reply) { is_decided(reply) ? done() : later(); },
              [later](const caf::error&) { later(); }); // it is being replaced, or slow
  }};
}

} // namespace

void reloading::hang_up() {
  const std::lock_guard lock{mutex_};
  if (ask_)
    ask_();
  else
    early_ = true;
}

void reloading::start(caf::actor_system& system, const current_services& current,
                      std::shared_ptr<const os::service_manager> manager,
                      std::filesystem::path tree) {
  const std::lock_guard lock{mutex_};
  ask_ = [&system, current, manager = std::move(manager), pace = blackbox::paced{},
          turn = std::weak_ptr<void>{}]() mutable {
    if (const auto more = pace.turn())
      spdlog::info("HUP: the config tree is read again{}", *more);
    if (!*manager || !turn.expired())
      return order(*current->load(), "HUP", true);
    const std::shared_ptr<void> taken = std::make_shared<char>();
    turn = taken;
    system.spawn(witness, current, manager, taken);
  };
  if (std::exchange(early_, false))
    ask_();
  watch::tree_watch::options watching;
  watching.tree = std::move(tree);
  watching.on_change = [current] { order(*current->load(), "edited", false); };
  watching.warn = [](const std::string& line) { spdlog::warn("{}", line); };
  watch_.emplace(std::move(watching));
}

void reloading::stop() {
  const std::lock_guard lock{mutex_};
  ask_ = [] {};
  watch_.reset();
}

} // namespace troupe
