#pragma once

// Stands for one instance: turns orders, timers and the end of its process into
// events of the table in messages/lifecycle.hpp, and carries out the table's
// actions. Which siblings a death concerns is its supervisor's business.

#include "actors/interfaces.hpp"
#include "actors/restart_policy.hpp"

#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <random>

namespace troupe {

struct proxy_args {
  std::string name; ///< `market/trader#0`
  supervisor_actor parent;
  services_ptr services;
  config::bot_spec_ptr spec;
  lineage by; ///< of the parent; its own from `init` on
};

struct proxy_state {
  using pointer = proxy_actor::stateful_pointer<proxy_state>;

  explicit proxy_state(pointer owner)
      : self{owner} {
    // nop
  }

  // -- what others may tell it -----------------------------------------------------

  void wire(services_ptr replaced);
  void want(bool up, const std::string& cause);
  void admit();
  void hold(const std::string& why);
  void recycle(const std::string& cause);
  void hurry();
  void remove(const std::string& cause);
  void apply(config::bot_spec_ptr fresh); // proxy_config.cpp
  caf::result<outcomes> operate(const operation& order);
  void on_spawned(const spawned& what);
  void on_spawn_failed(const spawn_failed& what);
  void on_end(const process_end& what);
  void on_stalled(const stalled& what);
  void on_notice(const notice& what);
  void on_hook_end(const hook_end& what);
  void tick(std::uint8_t which, std::uint64_t generation);

  // -- becoming the proxy of what may be there already (proxy_adoption.cpp) ----------

  void init(proxy_args args);
  void adopt(instance_record known, std::uint64_t last, adoptees found);

  static inline const char* name = "proxy";

private:
  enum class timer : std::uint8_t {
    grace,
    start_limit,
    kill,
    due,
    sweep,
    adoption,
    watchdog,
    hook,
    step,
    unlinked,
    silence
  };
  static constexpr std::size_t timer_count = 11;

  // -- the machine -------------------------------------------------------------------

  void raise(event what, std::string cause);
  void step(event what, const std::string& cause);
  void perform(action what);
  void publish(state from, const std::string& cause, bool ended = false);
  void tell_ledger(state from, const std::string& cause);
  void report(bool ended, const std::string& cause);
  /// The process it is about is gone, and what it left is seen to. `end` may be an older one's.
  bool has_ended() const { return end && end->how.incarnation == record.incarnation; }
  bool busy() const { return launched || !adopted || (end && (end->left > 0 || to_clean())); }
  template <class F>
  void when_adopted(F what) {
    if (adopted)
      what();
    else
      until_adopted.push_back(std::move(what));
  }
  void carry_out(const operation& order, caf::typed_response_promise<outcomes> answer);
  void send_signal(int signal, caf::typed_response_promise<outcomes> answer);

  // -- actions -----------------------------------------------------------------------

  void ask();
  void withdraw();
  void take_back();
  void launch_now(bool restart);
  void give_up_start();
  void watch_start();
  void limit_start();
  void begin_stop();
  void ask_to_end();
  void signal_to_end();
  void kill();
  void freeze(bool on);
  void schedule(const char* what);

  // -- what it lets us know (proxy_readiness.cpp) ---------------------------------------

  void hold_back(const std::string& reason);
  void note(const std::string& text);
  void add_printed(const std::string& pattern);
  void watch_silence();
  void raise_hung(std::string cause);
  void extend_deadline(std::chrono::microseconds by);
  void arm_deadline(timer which, std::chrono::nanoseconds delay);
  void heed(const notice& what);
  bool checked() const { return spec->ready.how != config::ready_spec::kind::none; }

  // -- new settings (proxy_config.cpp) -------------------------------------------------------

  void put_in_force();
  void adjust();
  void reschedule(const config::bot_spec& before);

  // -- its link, and what it is asked over it (proxy_link.cpp) ------------------------------

  enum class rung : std::uint8_t { none, drain, flatten };

  void on_link_notice(const notice& what);
  void link_lost(const std::string& why);
  void tell_link_lost();
  void note_link(const std::string& text);
  void on_silent();
  void responds(const char* how);
  void watch_link();
  bool drains_first() const;
  void begin_drain();
  void resume_drain();
  void begin_rung(rung which, std::chrono::nanoseconds time);
  void ask_rung();
  void end_rung(const std::string& outcome);
  void rung_expired();
  void leave_ladder();
  std::string missing_link() const;

  // -- commands beside it (proxy_hooks.cpp) -----------------------------------------------

  void order_hook(hook which, std::uint64_t incarnation);
  bool is_crash(const exited& how, bool asked) const;
  bool to_clean() const { return spec->on_crash && crashed && !cleaned && !hurried; }
  void begin_cleaning();
  void end_cleaning();

  // -- ends --------------------------------------------------------------------------

  void conclude();
  void sweep();
  void sweep_now();
  void swept(std::uint32_t left);
  void tell_death(const process_end& what);
  void judge_end(const run_end& end, std::string cause);
  void leave_if_removed();

  // -- adoption ----------------------------------------------------------------------

  void begin_adoption();
  void catch_up(const adoptees& found, bool new_launcher);
  void adopt_unwatched();
  void bury(const process_end& what);
  void adopt_slot(const adoptee& found, bool newest);
  void adopt_living(const slot_info& slot);
  void adopt_ended(const adoptee& found);
  void resume();

  void arm(timer which, std::chrono::nanoseconds delay);
  void disarm(timer which) { ++generations[static_cast<std::size_t>(which)]; }
  void say(const char* what, const std::string& detail) const;
  double roll() { return std::uniform_real_distribution<double>{-1, 1}(dice); }

  pointer self;
  proxy_args args;
  config::bot_spec_ptr spec; ///< what holds for its process, if any
  instance_record record;
  std::deque<std::pair<event, std::string>> events; ///< raised while one is carried out
  bool stepping = false;
  bool adopted = false;
  bool removed = false;                     ///< leaves the tree once its process is gone
  bool was_ready = false;                   ///< this incarnation
  bool expired = false;                     ///< it is being ended because it failed, not as asked
  bool asked_to_end = false;                ///< this incarnation
  bool is_stalled = false;                  ///< stopped by a signal from outside
  bool launched = false;                    ///< a start was ordered, no answer yet
  launcher_actor launched_by;               ///< whom that order was sent to
  bool taken_back = false;                  ///< that order was taken back, no answer yet
  bool hurried = false;                     ///< no step of the stop ladder but the last
  bool by_order = false;                    ///< the next start is an operator's, not a restart
  bool told_busy = false;                   ///< the last that the supervisor heard
  bool told = false;                        ///< the supervisor has heard of it since it was adopted
  std::optional<std::string> recycle_cause; ///< that start is to be recycled, and why
  std::uint64_t last_number = 0;            ///< of the incarnations, ordered or seen
  std::uint32_t kills = 0;
  std::chrono::nanoseconds sweep_pause{};
  std::optional<process_end> end;      ///< the main process ended, something is left
  std::optional<process_end> next_end; ///< of its successor, which ended before that was dealt with
  bool concluded = false;              ///< that end was judged
  bool ask_when_swept = false;
  bool crashed = false;     ///< that end was none that it could clean up after
  bool cleaning = false;    ///< on_crash runs
  bool cleaned = false;     ///< on_crash ran after that end
  bool hook_failed = false; ///< stop_command did not do its work
  std::string last_remark;  ///< of this incarnation
  std::uint32_t remarks = 0;
  std::string last_check;                    ///< why its ready check failed last
  std::chrono::nanoseconds deadline{};       ///< of its start or stop, by the monotonic clock
  std::chrono::nanoseconds deadline_began{}; ///< when that was set
  std::deque<notice> early;                  ///< of a start that is not confirmed yet
  bool linked = false;                       ///< this incarnation, now
  bool rung_asked = false;                   ///< the hub was, for this rung
  bool unresponsive = false;                 ///< three heartbeats were not answered
  std::string lost_link;                     ///< why; not told yet
  rung now_on = rung::none;                  ///< of the stop ladder, before begin_stop
  std::chrono::nanoseconds rung_began{};     ///< by the monotonic clock
  std::chrono::nanoseconds rung_ends{};
  judgement last_judgement;
  std::deque<std::function<void()>> until_adopted;
  std::optional<caf::typed_response_promise<outcomes>> freezing;
  std::array<std::uint64_t, timer_count> generations{};
  std::minstd_rand dice{jitter_seed()};
};

proxy_actor::behavior_type proxy(proxy_state::pointer self, proxy_args args);

} // namespace troupe
