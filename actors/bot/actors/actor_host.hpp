#pragma once

// «Processes» that are actors of this process, for the same launcher, proxies and supervisors
// that the runtime uses.

#include "actors/bot/actors/letters.hpp"
#include "actors/seams.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace troupe::bot {

/// Makes the actor of one name anew; called at each start, by the launcher. What it throws is
/// why the start failed.
using factory = std::function<hosted_actor(caf::actor_system&)>;

/// A process_host for hosted actors. TERM asks an actor to end (`user_shutdown`), KILL kills it
/// once its handler returns: nothing can interrupt one. Commands, limits and pauses are for
/// processes, and refused.
class actor_host : public process_host {
public:
  /// `here` and `gone` are called when an actor has begun and has ended.
  actor_host(caf::actor_system& system, std::map<std::string, factory> factories,
             std::function<void(const std::string& name, const hosted_actor&)> here,
             std::function<void(const std::string& name)> gone);
  ~actor_host() override;

  void on_event(std::function<void(process_event)>) override;
  std::vector<slot_info> adoptable() override;
  void spawn(const launch&) override;
  void attend(const launch&, bool check_ready) override;
  void run_hook(const launch&, hook) override;
  std::string signal(const std::string& instance, std::uint64_t incarnation, int signal,
                     bool all) override;
  std::size_t strays(const std::string& instance, std::uint64_t incarnation) override;
  std::size_t sweep(const std::string& instance, std::uint64_t incarnation, bool main_too) override;
  std::string freeze(const std::string& instance, std::uint64_t incarnation, bool on) override;
  std::string adjust(const launch& what) override;
  void release(const std::string& instance, std::uint64_t incarnation) override;
  std::string tail(const std::string& instance, std::uint64_t incarnation) override;
  std::optional<usage> sample(const std::string& instance, std::uint64_t incarnation) override;
  std::string isolation() override;
  environment_report environment(const launch&) override;
  limits_report limits(const std::vector<launch>&) override;
  figures machine() override;

private:
  struct world;
  std::shared_ptr<world> world_; ///< outlives this in the callbacks of actors that end
  caf::actor_system& system_;
  std::map<std::string, factory> factories_;
};

} // namespace troupe::bot
