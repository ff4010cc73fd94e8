#include "test/actor/fake_host.hpp"

#include "actors/clocks.hpp"

#include <algorithm>
#include <csignal>

namespace troupe::test {

// -- for tests -----------------------------------------------------------------------

void fake_host::end(const std::string& instance, exit_status how) {
  key which;
  if (find_living(instance, &which))
    end_process(which, how);
  else
    violations.push_back("the test ends " + instance + ", which does not live");
}

void fake_host::stall(const std::string& instance, bool stopped) {
  key which;
  if (auto* it = find_living(instance, &which)) {
    it->stopped_by = stopped ? SIGSTOP : 0;
    emit(stalled{which.first, which.second, stopped, stopped ? SIGSTOP : SIGCONT});
  }
}

void fake_host::say(const std::string& instance, notice::kind what, std::string text,
                    std::chrono::microseconds time) {
  key which;
  if (find_living(instance, &which))
    emit(notice{which.first, which.second, what, std::move(text), time});
}

void fake_host::link(const std::string& instance) {
  key which;
  if (find_living(instance, &which))
    link_process(which);
}

void fake_host::unlink(const std::string& instance, std::string why) {
  key which;
  if (auto* it = find_living(instance, &which); it && std::exchange(it->linked, false))
    emit(notice{which.first, which.second, notice::kind::unlinked, std::move(why), {}});
}

void fake_host::answer_spawns() {
  for (const auto& which : std::exchange(unanswered_, {}))
    confirm(which);
}

std::uint64_t fake_host::living(const std::string& instance) const {
  for (const auto& [which, each] : table)
    if (which.first == instance && each.alive() && each.confirmed)
      return which.second;
  return 0;
}

std::size_t fake_host::living_count() const {
  return static_cast<std::size_t>(std::count_if(table.begin(), table.end(), [](const auto& x) {
    return x.second.alive() && x.second.confirmed;
  }));
}

std::size_t fake_host::spawns(const std::string& instance) const {
  const auto at = spawns_.find(instance);
  return at == spawns_.end() ? 0 : at->second;
}

std::optional<fake_host::nanoseconds> fake_host::next() const {
  return due_.empty() ? std::nullopt : std::optional{due_.begin()->first};
}

void fake_host::advance_to(nanoseconds now) {
  now_ = std::max(now_, now);
  while (!due_.empty() && due_.begin()->first <= now_) {
    auto what = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    what();
  }
}

// -- what a runtime may do -------------------------------------------------------------

void fake_host::spawn(const launch& what) {
  const key which{what.instance, what.incarnation};
  if (const auto at = table.find(which); at != table.end()) {
    // Known: answered, not repeated.
    if (at->second.confirmed) {
      emit(spawned{what.instance, what.incarnation, at->second.pid, at->second.settings});
      if (at->second.end)
        emit(*at->second.end);
    }
    return;
  }
  if (released.contains(which))
    violations.push_back("incarnation " + std::to_string(what.incarnation) + " of " + what.instance
                         + " is started a second time");
  for (const auto& [other, each] : table)
    if (other.first == what.instance && (each.alive() || each.children > 0))
      violations.push_back("two processes of " + what.instance
                           + " at once: " + std::to_string(other.second)
                           + (each.alive() ? " (alive) and " : " (children) and ")
                           + std::to_string(what.incarnation));
  const auto& how = scripts_[what.instance];
  process fresh;
  fresh.pid = ++last_pid_;
  fresh.settings = what.spec->fingerprint;
  fresh.started = now_;
  fresh.children = how.children;
  fresh.stubborn_sweeps = how.stubborn_sweeps;
  table.emplace(which, fresh);
  if (what.spec->ready.how != config::ready_spec::kind::none)
    checked_.insert(which);
  if (how.slow_start)
    unanswered_.push_back(which);
  else
    confirm(which);
}

void fake_host::confirm(const key& which) {
  const auto at = table.find(which);
  if (at == table.end())
    return;
  const auto& how = scripts_[which.first];
  if (!how.cannot_start.empty()) {
    table.erase(at);
    log.push_back("refuse " + which.first);
    return emit(spawn_failed{which.first, which.second, how.cannot_start});
  }
  at->second.confirmed = true;
  ++spawns_[which.first];
  log.push_back("spawn " + which.first);
  emit(spawned{which.first, which.second, at->second.pid, at->second.settings});
  if (how.ready_after && checked_.contains(which))
    due_.emplace(now_ + *how.ready_after, [this, which] { pass_check(which); });
  link_later(which);
  if (how.lives)
    end_later(which, *how.lives, how.ends_with);
}

void fake_host::pass_check(const key& which) {
  const auto at = table.find(which);
  if (at == table.end() || !at->second.alive())
    return;
  at->second.is_ready = true;
  emit(notice{which.first, which.second, notice::kind::ready, "its check passed", {}});
}

void fake_host::attend(const launch& what, bool check_ready) {
  const key which{what.instance, what.incarnation};
  const auto at = table.find(which);
  if (at == table.end())
    return;
  if (check_ready && at->second.is_ready)
    pass_check(which);
}

void fake_host::run_hook(const launch& what, hook which) {
  const key of{what.instance, what.incarnation};
  const auto [at, fresh] = hooks_.try_emplace({of, which});
  if (!fresh) { // known: answered, not repeated
    if (at->second) {
      emit(*at->second);
      hooks_.erase(at);
    }
    return;
  }
  log.push_back((which == hook::stop_command ? "stop_command " : "on_crash ") + what.instance);
  due_.emplace(now_ + scripts_[what.instance].hook_takes,
               [this, of, which] { finish_hook(of, which); });
}

void fake_host::finish_hook(const key& which, hook what) {
  const auto& how = scripts_[which.first];
  const std::string name = what == hook::stop_command ? "stop_command" : "on_crash";
  hook_end end{which.first, which.second, what, !how.hook_fails,
               name + " exited with code " + (how.hook_fails ? "1" : "0")};
  log.push_back(name + " of " + which.first + " ended");
  if (sink) {
    hooks_.erase({which, what});
    emit(std::move(end));
  } else {
    hooks_[{which, what}] = std::move(end);
  }
  if (what == hook::stop_command && !how.hook_fails && how.stops_by_command)
    end_process(which, {0, 0, false});
}

std::string fake_host::signal(const key& which, int signal, bool all) {
  const auto at = table.find(which);
  if (at == table.end() || !at->second.alive())
    return "there is no such process";
  log.push_back((signal == SIGTERM ? "term " : "signal ") + which.first);
  const auto& how = scripts_[which.first];
  if (signal == SIGTERM && all && how.children_take)
    due_.emplace(now_ + *how.children_take, [this, which] {
      if (const auto found = table.find(which); found != table.end())
        found->second.children = 0;
    });
  if (signal != SIGTERM || how.ignores_term)
    return {};
  if (at->second.frozen)
    at->second.term_pending = true;
  else
    end_later(which, how.term_takes, how.term_ends_with);
  return {};
}

std::size_t fake_host::strays(const key& which) const {
  const auto at = table.find(which);
  return at == table.end() ? 0 : at->second.children;
}

std::size_t fake_host::sweep(const key& which, bool main_too) {
  const auto at = table.find(which);
  if (at == table.end())
    return 0;
  auto& what = at->second;
  if (main_too && what.alive() && !what.confirmed) {
    // Killed before its exec was confirmed: the keeper tells of both.
    std::erase(unanswered_, which);
    confirm(which);
    return sweep(which, main_too);
  }
  if (main_too && what.alive()) {
    log.push_back("kill " + which.first);
    end_process(which, {-1, SIGKILL, false});
  }
  if (what.children > 0)
    log.push_back("sweep " + which.first);
  if (what.stubborn_sweeps > 0)
    --what.stubborn_sweeps;
  else
    what.children = 0;
  return what.children;
}

std::string fake_host::freeze(const key& which, bool on) {
  const auto at = table.find(which);
  if (at == table.end() || !at->second.alive())
    return "there is no such process";
  const auto& how = scripts_[which.first];
  if (on && !how.cannot_freeze.empty())
    return how.cannot_freeze;
  if (at->second.frozen != on)
    log.push_back((on ? "freeze " : "thaw ") + which.first);
  at->second.frozen = on;
  if (!on && std::exchange(at->second.term_pending, false))
    end_later(which, how.term_takes, how.term_ends_with);
  return {};
}

std::string fake_host::adjust(const launch& what) {
  const auto at = table.find({what.instance, what.incarnation});
  if (at == table.end() || !at->second.confirmed)
    violations.push_back("what is not there is adjusted: " + what.instance);
  adjusted.push_back(what);
  return scripts_[what.instance].cannot_adjust;
}

void fake_host::release(const key& which) {
  const auto at = table.find(which);
  if (at == table.end())
    return;
  if (at->second.alive())
    violations.push_back("a living process of " + which.first + " is released");
  released.insert(which);
  table.erase(at);
}

std::vector<slot_info> fake_host::slots() const {
  std::vector<slot_info> result;
  for (const auto& [which, each] : table)
    result.push_back({which.first, which.second, each.confirmed ? each.pid : 0, wall_now(),
                      each.end, each.stopped_by, each.settings});
  return result;
}

// -- links -------------------------------------------------------------------------------

void fake_host::link_later(const key& which) {
  if (const auto& after = scripts_[which.first].links_after)
    due_.emplace(now_ + *after, [this, which] { link_process(which); });
}

void fake_host::link_process(const key& which) {
  const auto at = table.find(which);
  if (at == table.end() || !at->second.alive() || !sink)
    return;
  at->second.linked = true;
  emit(notice{which.first, which.second, notice::kind::linked, "fake 1.0", {}});
  if (scripts_[which.first].says_ready)
    emit(notice{which.first, which.second, notice::kind::says_ready, {}, {}});
}

void fake_host::lose_links() {
  for (auto& [which, each] : table) {
    each.linked = false;
    if (each.alive() && each.confirmed)
      link_later(which);
  }
}

void fake_host::ask(const key& which, messaging::link_order what) {
  const bool drains = what == messaging::link_order::drain;
  const auto at = table.find(which);
  if (at == table.end() || !at->second.alive() || !at->second.linked)
    return emit(notice{which.first,
                       which.second,
                       drains ? notice::kind::drained : notice::kind::flattened,
                       "it is not linked",
                       {}});
  log.push_back((drains ? "drain " : "flatten ") + which.first);
  const auto& how = scripts_[which.first];
  if (const auto& takes = drains ? how.drain_takes : how.flatten_takes)
    due_.emplace(now_ + *takes, [this, which, what] { answer_order(which, what); });
}

void fake_host::answer_order(const key& which, messaging::link_order what) {
  const auto at = table.find(which);
  if (at == table.end() || !at->second.alive() || !at->second.linked || at->second.frozen
      || at->second.stopped_by != 0)
    return;
  const auto& how = scripts_[which.first];
  const bool drains = what == messaging::link_order::drain;
  emit(notice{which.first,
              which.second,
              drains ? notice::kind::drained : notice::kind::flattened,
              drains ? how.drain_says : "",
              {}});
  if (drains && how.ends_drained)
    end_process(which, {*how.ends_drained, 0, false});
}

// -- inside ------------------------------------------------------------------------------

void fake_host::emit(process_event what) {
  if (sink)
    sink(std::move(what));
}

void fake_host::end_process(const key& which, exit_status how) {
  const auto at = table.find(which);
  if (at == table.end() || !at->second.alive())
    return;
  exited end;
  end.instance = which.first;
  end.incarnation = which.second;
  end.status = how;
  end.at = wall_now();
  end.uptime = micros(now_ - at->second.started);
  at->second.end = end;
  ended.insert(which);
  log.push_back("exit " + which.first);
  if (std::exchange(at->second.linked, false)) // its link ends first, as seen from the runtime
    emit(notice{which.first, which.second, notice::kind::unlinked, "closed by the bot", {}});
  emit(end);
}

void fake_host::end_later(const key& which, nanoseconds after, exit_status how) {
  if (after <= nanoseconds::zero())
    return end_process(which, how);
  due_.emplace(now_ + after, [this, which, how] { end_process(which, how); });
}

fake_host::process* fake_host::find_living(const std::string& instance, key* which) {
  for (auto& [each, what] : table)
    if (each.first == instance && what.alive() && what.confirmed) {
      if (which)
        *which = each;
      return &what;
    }
  return nullptr;
}

// -- one runtime's view --------------------------------------------------------------------

void host_view::cut() {
  cut_ = true;
  world_.sink = nullptr;
}

void host_view::on_event(std::function<void(process_event)> sink) {
  if (!cut_)
    world_.sink = std::move(sink);
}

std::vector<slot_info> host_view::adoptable() {
  return cut_ ? std::vector<slot_info>{} : world_.slots();
}

void host_view::spawn(const launch& what) {
  if (!cut_)
    world_.spawn(what);
}

void host_view::attend(const launch& what, bool check_ready) {
  if (!cut_)
    world_.attend(what, check_ready);
}

void host_view::run_hook(const launch& what, hook which) {
  if (!cut_)
    world_.run_hook(what, which);
}

std::string host_view::signal(const std::string& instance, std::uint64_t incarnation, int signal,
                              bool all) {
  return cut_ ? "cut" : world_.signal({instance, incarnation}, signal, all);
}

std::size_t host_view::strays(const std::string& instance, std::uint64_t incarnation) {
  return cut_ ? 1 : world_.strays({instance, incarnation});
}

std::size_t host_view::sweep(const std::string& instance, std::uint64_t incarnation,
                             bool main_too) {
  return cut_ ? 1 : world_.sweep({instance, incarnation}, main_too);
}

std::string host_view::adjust(const launch& what) {
  return cut_ ? std::string{} : world_.adjust(what);
}

std::string host_view::freeze(const std::string& instance, std::uint64_t incarnation, bool on) {
  return cut_ ? "cut" : world_.freeze({instance, incarnation}, on);
}

void host_view::release(const std::string& instance, std::uint64_t incarnation) {
  if (!cut_)
    world_.release({instance, incarnation});
}

std::string host_view::tail(const std::string& instance, std::uint64_t incarnation) {
  return "last words of " + instance + " " + std::to_string(incarnation);
}

environment_report host_view::environment(const launch& what) {
  environment_report result;
  for (const auto& [name, value] : what.spec->environment)
    result.variables.push_back({name, value, variable_source::settings, false});
  if (const auto found = world_.table.find({what.instance, what.incarnation});
      found != world_.table.end() && found->second.alive())
    result.pid = found->second.pid;
  return result;
}

limits_report host_view::limits(const std::vector<launch>& what) {
  limits_report result;
  for (const auto& each : what) {
    limit_use files{"open_files", std::nullopt, std::nullopt, {}};
    if (each.spec->limits.open_files)
      files.limit = static_cast<double>(*each.spec->limits.open_files);
    result.of[each.instance].push_back(std::move(files));
  }
  return result;
}

figures host_view::machine() {
  figures result;
  result.set("slots", world_.table.size());
  return result;
}

std::optional<usage> host_view::sample(const std::string& instance, std::uint64_t) {
  return world_.living(instance) ? std::optional{usage{1.5, 4096, {}, 0, 0}} : std::nullopt;
}

} // namespace troupe::test
