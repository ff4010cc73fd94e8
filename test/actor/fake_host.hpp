#pragma once

// Processes that exist only here: a keeper's table and the kernel behind it, on the
// time that a test sets. What a process does is scripted by instance; what must
// never happen (two of one instance at once, a release of what lives) is noted.

#include "actors/messaging/link.hpp"
#include "actors/seams.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace troupe::test {

/// How the processes of one instance behave.
struct script {
  /// Not empty: there never is a process, and this is why.
  std::string cannot_start;
  /// True: the start is neither confirmed nor refused before `answer_spawns`.
  bool slow_start = false;
  /// It ends by itself after so long …
  std::optional<std::chrono::nanoseconds> lives;
  /// … like this.
  exit_status ends_with{1, 0, false};
  bool ignores_term = false;
  std::chrono::nanoseconds term_takes{};
  exit_status term_ends_with{-1, 15, false};
  /// So many of its children outlive it …
  std::size_t children = 0;
  /// … so long after TERM was sent to all, if that is set …
  std::optional<std::chrono::nanoseconds> children_take;
  /// … and so many sweeps.
  std::size_t stubborn_sweeps = 0;
  /// What cannot be changed of it while it runs, and why.
  std::string cannot_adjust;
  /// It cannot be frozen, and this is why.
  std::string cannot_freeze;
  /// So long after its start its ready check passes, if it has one; never when unset.
  std::optional<std::chrono::nanoseconds> ready_after;
  /// So long its hooks take …
  std::chrono::nanoseconds hook_takes{};
  /// … and they fail.
  bool hook_fails = false;
  /// Its stop_command makes it end by itself.
  bool stops_by_command = true;
  /// So long after its start, and after the start of each new runtime, it links.
  std::optional<std::chrono::nanoseconds> links_after;
  /// It says that it is ready as soon as it has.
  bool says_ready = false;
  /// So long it takes to drain and to flatten; it never answers when unset …
  std::optional<std::chrono::nanoseconds> drain_takes = std::chrono::nanoseconds{};
  std::optional<std::chrono::nanoseconds> flatten_takes = std::chrono::nanoseconds{};
  /// … and what it says then, when that is not quite what was asked.
  std::string drain_says;
  /// It ends by itself, with this code, once it has drained.
  std::optional<int> ends_drained;
};

/// The world of processes. Outlives the runtimes that look at it.
class fake_host {
public:
  using key = std::pair<std::string, std::uint64_t>; ///< instance, incarnation
  using nanoseconds = std::chrono::nanoseconds;

  struct process {
    int pid = 0;
    std::uint64_t settings = 0;
    nanoseconds started{};
    bool confirmed = false;
    bool frozen = false;
    int stopped_by = 0;
    bool term_pending = false;
    std::optional<exited> end;
    std::size_t children = 0;
    std::size_t stubborn_sweeps = 0;
    bool is_ready = false; ///< its check passed
    bool linked = false;

    bool alive() const { return !end; }
  };

  // -- for tests -----------------------------------------------------------------

  script& of(const std::string& instance) { return scripts_[instance]; }

  /// The main process of that instance ends now.
  void end(const std::string& instance, exit_status how = {1, 0, false});

  /// It is stopped by a signal from outside, or goes on.
  void stall(const std::string& instance, bool stopped);

  /// It says something on its notify socket, or something is found out about it.
  void say(const std::string& instance, notice::kind what, std::string text = {},
           std::chrono::microseconds time = {});

  /// It links now, or loses its link.
  void link(const std::string& instance);
  void unlink(const std::string& instance, std::string why);

  /// Confirms or refuses what `slow_start` held back.
  void answer_spawns();

  /// The incarnation that lives, or 0.
  std::uint64_t living(const std::string& instance) const;
  std::size_t living_count() const;
  /// How many processes of that instance there have been.
  std::size_t spawns(const std::string& instance) const;

  /// When the next scripted thing happens.
  std::optional<nanoseconds> next() const;
  /// Moves time to `now` and lets what is due happen.
  void advance_to(nanoseconds now);

  /// Everything that happened, for people and for comparing: «spawn a#0», «exit a#0»,
  /// «term a#0», «kill a#0», «freeze a#0», «thaw a#0», «drain a#0», «flatten a#0».
  std::vector<std::string> log;
  std::set<key> ended; ///< every process that ever ended
  std::set<key> released;
  std::vector<std::string> violations;
  std::map<key, process> table;
  std::vector<launch> adjusted;            ///< every change of a process that runs
  std::function<void(process_event)> sink; ///< the runtime of the moment, if any

  // -- what a runtime may do -----------------------------------------------------

  void spawn(const launch& what);
  void attend(const launch& what, bool check_ready);
  void run_hook(const launch& what, hook which);
  std::string signal(const key& which, int signal, bool all);
  std::size_t strays(const key& which) const;
  std::size_t sweep(const key& which, bool main_too);
  std::string freeze(const key& which, bool on);
  std::string adjust(const launch& what);
  void release(const key& which);
  std::vector<slot_info> slots() const;
  nanoseconds now() const { return now_; }

  // -- what a hub may do ---------------------------------------------------------

  void ask(const key& which, messaging::link_order what);
  /// A hub begins: no link is left of the one before.
  void lose_links();

private:
  void emit(process_event what);
  void confirm(const key& which);
  void pass_check(const key& which);
  void link_process(const key& which);
  void link_later(const key& which);
  void answer_order(const key& which, messaging::link_order what);
  void finish_hook(const key& which, hook what);
  void end_process(const key& which, exit_status how);
  void end_later(const key& which, nanoseconds after, exit_status how);
  process* find_living(const std::string& instance, key* which = nullptr);

  std::map<std::string, script> scripts_;
  std::map<std::string, std::size_t> spawns_;
  std::multimap<nanoseconds, std::function<void()>> due_;
  std::vector<key> unanswered_;
  std::set<key> checked_;                                         ///< those that have a ready check
  std::map<std::pair<key, hook>, std::optional<hook_end>> hooks_; ///< set: ended, and not told
  nanoseconds now_{};
  int last_pid_ = 100;
};

/// One runtime's view of it. After `cut` nothing gets through in either direction, as
/// after the death of that runtime.
class host_view : public process_host {
public:
  explicit host_view(fake_host& world)
      : world_{world} {}

  void cut();
  bool is_cut() const { return cut_; }
  fake_host& world() { return world_; }

  void on_event(std::function<void(process_event)> sink) override;
  std::vector<slot_info> adoptable() override;
  void spawn(const launch& what) override;
  void attend(const launch& what, bool check_ready) override;
  void run_hook(const launch& what, hook which) override;
  std::string signal(const std::string& instance, std::uint64_t incarnation, int signal,
                     bool all) override;
  std::size_t strays(const std::string& instance, std::uint64_t incarnation) override;
  std::size_t sweep(const std::string& instance, std::uint64_t incarnation, bool main_too) override;
  std::string freeze(const std::string& instance, std::uint64_t incarnation, bool on) override;
  std::string adjust(const launch& what) override;
  void release(const std::string& instance, std::uint64_t incarnation) override;
  std::string tail(const std::string& instance, std::uint64_t incarnation) override;
  std::optional<usage> sample(const std::string& instance, std::uint64_t incarnation) override;
  std::string isolation() override { return "none; all is imagined"; }
  environment_report environment(const launch& what) override;
  limits_report limits(const std::vector<launch>& what) override;
  figures machine() override;

private:
  fake_host& world_;
  bool cut_ = false;
};

} // namespace troupe::test
