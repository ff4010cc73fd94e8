#pragma once

// A group of children with a strategy, as in Erlang/OTP with processes as children.
//
// Every child asks before it starts. The supervisor admits it when everything it
// waits for has come far enough, and when no *round* of the strategy holds it: when
// a child dies, the siblings that the strategy names are recycled; none of them,
// nor the one that died, is admitted before all of them are down and the dead one
// has asked (its pause is over). Too many rounds within `intensity`, and the group
// gives up: its children are down until a pause of its own is over, and to its
// parent it is one failed child.

#include "actors/interfaces.hpp"
#include "actors/ordering.hpp"
#include "actors/restart_policy.hpp"

#include <map>
#include <random>
#include <set>
#include <string>

namespace troupe {

struct supervisor_args {
  std::string name;        ///< `market`; empty for the root
  supervisor_actor parent; ///< null for the root …
  guardian_actor guardian; ///< … which reports to the guardian instead
  services_ptr services;
  config::group_ptr group; ///< null: it has not been told yet, the first `apply` will
  config::spec_ptr fleet;
  lineage by; ///< of the parent; its own from `init` on
};

struct supervisor_state {
  using pointer = supervisor_actor::stateful_pointer<supervisor_state>;

  explicit supervisor_state(pointer owner)
      : self{owner} {
    // nop
  }

  void init(supervisor_args given);
  void wire(services_ptr replaced);
  void apply(config::group_ptr group, config::spec_ptr fleet);
  void admit();
  void hold(const std::string& cause);
  void recycle(const std::string& cause);
  void stop(const std::string& cause);
  void hurry();
  void remove(const std::string& cause);
  caf::result<outcomes> operate(const operation& order);
  void on_ask(const std::string& child);
  void on_report(const child_report& report);
  void on_note(const std::string& instance, std::uint8_t now,
               const std::vector<std::string>& printed);
  void on_exit(const caf::exit_msg& message);
  void tick(std::uint64_t generation);

  static inline const char* name = "supervisor";

private:
  struct child {
    child_actor handle;
    proxy_actor as_proxy;      ///< either this …
    supervisor_actor as_group; ///< … or this
    std::string unit;          ///< the bot or group it belongs to
    std::size_t position = 0;  ///< of the unit in start order
    state now = state::defined;
    bool wanted = false;
    bool busy = false;             ///< there may be a process that `now` does not tell of
    bool leaving = false;          ///< told to be no more
    config::bot_spec_ptr spec;     ///< of a proxy
    config::bot_spec_ptr outdated; ///< … and what it was before a change that needs a new process
    std::uint64_t settings = 0;    ///< what that process was started with
    config::group_ptr group;       ///< of a group

    bool occupied() const { return has_process(now) || busy; }
  };

  /// Weakest first: a weaker order never replaces a stronger one that waits.
  enum class ending : std::uint8_t { recycle, stop, remove };

  struct order_to_end {
    ending how;
    std::string cause;
  };

  // -- children --------------------------------------------------------------------------

  bool put(const std::string& full_name, child fresh);
  void spawn(const std::string& full_name, child& what);
  void count(const child& what, int sign);
  void set_busy(child& what);
  void replace_outdated();
  bool is_outdated(const std::string& full_name, const child& what) const;
  void order_anew(const std::string& full_name, const child& what);

  // -- starting --------------------------------------------------------------------------

  void answer_asks();
  std::string why_not(const std::string& full_name, const child& what,
                      std::map<std::string, std::string>& missing) const;

  // -- ending, dependents first -------------------------------------------------------------

  void mark_to_end(const std::string& full_name, ending how, const std::string& cause);
  void end_children(const std::set<std::string>& names, ending how, const std::string& cause);
  void go_on_ending();
  void note_end(const std::string& full_name, const child& what);
  void send_order(const child& target, const order_to_end& order);
  void forget_stop(const std::string& full_name);
  std::set<std::string> needed_units() const;

  // -- strategy --------------------------------------------------------------------------

  void strategize(const std::string& culprit, const std::string& cause);
  std::set<std::string> concerned(const std::string& culprit) const;
  void keep_down(const std::string& full_name);
  void finish_round();
  void give_up(const std::string& cause);
  void come_back();
  void hold_all(const std::string& cause);

  // -- reporting -------------------------------------------------------------------------

  state overall() const;
  void settle();
  void tell(bool ended, const std::string& cause);
  void tell_ledger();

  const std::string& shown_name() const;

  pointer self;
  supervisor_args args;
  std::map<std::string, child> children;
  int living = 0;   ///< children with a process
  int occupied = 0; ///< those, and the busy ones
  int wanted = 0;   ///< children that somebody wants up
  std::map<std::string, std::vector<start_condition>> conditions; ///< by bot
  std::map<std::string, std::set<std::string>> needs;             ///< sibling order, by unit
  progress known;
  std::map<std::string, std::string> asks;        ///< children that may not start yet, and why
  std::map<std::string, order_to_end> to_end;     ///< their dependents end first
  std::map<std::string, order_to_end> ending_now; ///< the whole of that set, told or not
  bool may_go_on = false;         ///< with that: something changed since it was last looked at
  std::set<std::string> culprits; ///< died, have not asked yet
  std::set<std::string> held;     ///< down or on the way, until the round ends
  std::string round_cause;
  std::vector<std::int64_t> rounds;       ///< for the intensity
  std::vector<std::int64_t> replacements; ///< of actors that threw
  policy_memory policy;                   ///< of the group as a child
  monotonic up_since{};
  std::uint64_t generation = 0;
  std::optional<state> given_up; ///< backoff or failed …
  std::optional<next_step> next; ///< … and when it comes back
  bool holding = false;          ///< nobody starts until the parent admits the group
  bool asked = false;            ///< the parent, for that
  bool stopping = false;
  bool removed = false;
  std::optional<std::string> stop_when_told; ///< the end came before the first `apply`
  state told = state::defined;
  bool told_wanted = false;
  bool told_busy = false;
  std::string why;
  std::minstd_rand dice{jitter_seed()};
};

supervisor_actor::behavior_type supervisor(supervisor_state::pointer self, supervisor_args args);

} // namespace troupe
