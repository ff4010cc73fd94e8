#include "actors/bot/actors/actor_host.hpp"

#include "actors/clocks.hpp"

#include <caf/exit_reason.hpp>

#include <csignal>
#include <exception>
#include <unistd.h>

namespace troupe::bot {

namespace {

std::string name_of(const std::string& instance) {
  return instance.substr(0, instance.rfind('#'));
}

} // namespace

struct actor_host::world {
  using key = std::pair<std::string, std::uint64_t>; ///< instance, incarnation

  struct life {
    hosted_actor actor;
    std::int64_t started = 0;
    int asked = 0; ///< the signal that was sent to it
    std::optional<exited> end;
    std::string last_words;
  };

  std::mutex mutex;
  std::map<key, life> lives;
  std::function<void(process_event)> tell;
  std::function<void(const std::string&, const hosted_actor&)> here;
  std::function<void(const std::string&)> gone;
  bool closed = false;

  void event(process_event what) {
    std::function<void(process_event)> target;
    {
      const std::lock_guard lock{mutex};
      target = closed ? nullptr : tell;
    }
    if (target)
      target(std::move(what));
  }

  void ended(const key& which, int code, std::string last_words) {
    exited end;
    {
      const std::lock_guard lock{mutex};
      const auto at = lives.find(which);
      if (closed || at == lives.end())
        return;
      auto& known = at->second;
      end.instance = which.first;
      end.incarnation = which.second;
      end.at = wall_now();
      end.uptime = end.at - known.started;
      end.status =
          known.asked != 0 ? exit_status{-1, known.asked, false} : exit_status{code, 0, false};
      known.end = end;
      known.last_words = std::move(last_words);
      known.actor = nullptr;
    }
    gone(name_of(which.first));
    event(std::move(end));
  }
};

actor_host::actor_host(caf::actor_system& system, std::map<std::string, factory> factories,
                       std::function<void(const std::string&, const hosted_actor&)> here,
                       std::function<void(const std::string&)> gone)
    : world_{std::make_shared<world>()}
    , system_{system}
    , factories_{std::move(factories)} {
  world_->here = std::move(here);
  world_->gone = std::move(gone);
}

actor_host::~actor_host() {
  std::map<world::key, world::life> left;
  {
    const std::lock_guard lock{world_->mutex};
    world_->closed = true;
    left.swap(world_->lives);
  }
  for (auto& [which, life] : left)
    if (life.actor)
      caf::anon_send_exit(life.actor, caf::exit_reason::kill);
}

void actor_host::on_event(std::function<void(process_event)> tell) {
  const std::lock_guard lock{world_->mutex};
  world_->tell = std::move(tell);
}

std::vector<slot_info> actor_host::adoptable() {
  const std::lock_guard lock{world_->mutex};
  std::vector<slot_info> result;
  for (const auto& [which, life] : world_->lives)
    result.push_back({which.first, which.second, ::getpid(), life.started, life.end, 0});
  return result;
}

void actor_host::spawn(const launch& what) {
  const world::key which{what.instance, what.incarnation};
  const auto name = name_of(what.instance);
  hosted_actor actor;
  try {
    const auto make = factories_.find(name);
    if (make == factories_.end())
      return world_->event(spawn_failed{what.instance, what.incarnation, "nothing makes " + name});
    actor = make->second(system_);
  } catch (const std::exception& problem) {
    return world_->event(spawn_failed{what.instance, what.incarnation,
                                      "the factory of " + name + " threw: " + problem.what()});
  }
  if (!actor)
    return world_->event(
        spawn_failed{what.instance, what.incarnation, "the factory of " + name + " made nothing"});
  {
    const std::lock_guard lock{world_->mutex};
    world_->lives[which] = {actor, wall_now(), 0, std::nullopt, {}};
  }
  world_->here(name, actor);
  world_->event(spawned{what.instance, what.incarnation, ::getpid(), what.spec->fingerprint});
  caf::actor_cast<caf::actor>(actor)->attach_functor(
      [world = world_, which, &system = system_](const caf::error& reason) {
        const bool well = !reason || reason == caf::exit_reason::normal;
        world->ended(which, well ? 0 : 1, well ? std::string{} : system.render(reason) + "\n");
      });
}

void actor_host::attend(const launch&, bool) {
  // An actor that is there is ready.
}

void actor_host::run_hook(const launch& what, hook which) {
  world_->event(
      hook_end{what.instance, what.incarnation, which, false, "an actor has no commands"});
}

std::string actor_host::signal(const std::string& instance, std::uint64_t incarnation, int signal,
                               bool) {
  if (signal == SIGCONT)
    return {};
  if (signal != SIGTERM && signal != SIGKILL)
    return "an actor knows no signal but TERM and KILL";
  hosted_actor actor;
  {
    const std::lock_guard lock{world_->mutex};
    const auto at = world_->lives.find({instance, incarnation});
    if (at == world_->lives.end() || !at->second.actor)
      return "it has ended";
    at->second.asked = signal;
    actor = at->second.actor;
  }
  caf::anon_send_exit(actor,
                      signal == SIGTERM ? caf::exit_reason::user_shutdown : caf::exit_reason::kill);
  return {};
}

std::size_t actor_host::strays(const std::string&, std::uint64_t) {
  return 0;
}

std::size_t actor_host::sweep(const std::string& instance, std::uint64_t incarnation,
                              bool main_too) {
  return main_too && signal(instance, incarnation, SIGKILL, true).empty() ? 1 : 0;
}

std::string actor_host::adjust(const launch&) {
  return {};
}

std::string actor_host::freeze(const std::string&, std::uint64_t, bool) {
  return "an actor cannot be paused";
}

void actor_host::release(const std::string& instance, std::uint64_t incarnation) {
  const std::lock_guard lock{world_->mutex};
  world_->lives.erase({instance, incarnation});
}

std::string actor_host::tail(const std::string& instance, std::uint64_t incarnation) {
  const std::lock_guard lock{world_->mutex};
  const auto at = world_->lives.find({instance, incarnation});
  return at == world_->lives.end() ? std::string{} : at->second.last_words;
}

std::optional<usage> actor_host::sample(const std::string&, std::uint64_t) {
  return std::nullopt;
}

std::string actor_host::isolation() {
  return "none: actors of one process";
}

environment_report actor_host::environment(const launch&) {
  environment_report result;
  result.trouble = "an actor has no environment of its own";
  return result;
}

limits_report actor_host::limits(const std::vector<launch>&) {
  return {{}, "an actor has no limits of its own"};
}

figures actor_host::machine() {
  return {};
}

} // namespace troupe::bot
