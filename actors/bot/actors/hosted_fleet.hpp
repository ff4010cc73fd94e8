#pragma once

// A supervision tree of actors inside one bot: the same guardian, supervisors, proxies and
// restart policies that the runtime has for processes, with actors in their place.
//
//   caf::actor_system_config config;
//   troupe::bot::configure(config);
//   caf::actor_system system{config};
//   troupe::bot::client bot;
//   troupe::bot::hosted_fleet fleet{system, bot};
//   fleet.group("book", {.strategy = one_for_all});
//   fleet.actor("book/pricer", [](auto& sys) { return sys.spawn(pricer); });
//   fleet.start();
//   bot.run();

#include "actors/bot/actors/actor_host.hpp"
#include "actors/bot/actors/letters.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::bot {

/// Registers the types of actors and sets what Troupe needs of CAF's scheduler. Call it before
/// the actor_system is made; add your own types as well.
void configure(caf::actor_system_config&);

/// How one actor is kept; what a bot's file says of a process (docs/config.md).
struct actor_options {
  config::restart_type restart = config::restart_type::permanent;
  config::delay_spec delay;
  std::uint32_t failed_starts = 15;
  config::rate_spec max_restarts{20, std::chrono::minutes{10}};
  config::duration start_grace{}; ///< alive so long: running
  config::duration stop_timeout = std::chrono::seconds{10};
  std::vector<std::string> after; ///< actors that must run before this one starts
};

/// How one group is kept; what its group.json says.
struct group_options {
  config::strategy strategy = config::strategy::one_for_one;
  config::rate_spec intensity{5, std::chrono::minutes{1}};
  std::vector<std::string> order; ///< children that start one after the other
};

class hosted_fleet {
public:
  /// Both must outlive it. The link is made by `bot.run()`, as always.
  hosted_fleet(caf::actor_system& system, client& bot);
  /// Ends the actors in order, within 5 s.
  ~hosted_fleet();
  hosted_fleet(const hosted_fleet&) = delete;
  hosted_fleet& operator=(const hosted_fleet&) = delete;

  // Before `start`. Names are those of a config tree: «pricer», «book/pricer».

  /// Throws std::invalid_argument for a name that is none.
  void group(const std::string& name, group_options = {});
  void actor(const std::string& name, factory make, actor_options = {});

  /// Brings the tree up. Throws std::invalid_argument when an `after` or `order` names nobody.
  void start();

  /// Ends the actors in order; true when all have ended in time.
  bool stop(std::chrono::milliseconds within);

  /// Called when the tree has given up (its root's supervisor cannot be helped).
  void on_end(std::function<void(int code)>);

  /// The way out for actors; null before `start`.
  link_actor link() const;

  /// What every actor is doing, one line each: «book/pricer running», for people and tests.
  std::vector<std::string> states() const;

private:
  struct impl;
  std::shared_ptr<impl> impl_; ///< actors that end may outlive this for a moment
};

} // namespace troupe::bot
