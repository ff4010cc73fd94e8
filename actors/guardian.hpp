#pragma once

// The top of the actor tree. Brings the services up, replaces each that dies and
// tells everybody of it, and ends the fleet in order.

#include "actors/config.hpp"
#include "actors/interfaces.hpp"
#include "actors/loader.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace troupe {

struct guardian_args {
  std::shared_ptr<process_host> host;
  std::shared_ptr<journal_store> store;
  journal_contents_ptr contents; ///< what `store` held at the start
  config_args config;
  /// What the loader reads; null: there is no loader.
  std::shared_ptr<tree_source> tree;
  /// Makes the admin actor; whoever builds the runtime knows how it is reached.
  std::function<command_actor(caf::actor_system&)> make_admin;
  /// Makes the hub; unset: nothing is linked.
  std::function<hub_actor(caf::actor_system&)> make_hub;
  /// What the queue keeps its messages in; null: none is durable.
  std::shared_ptr<messaging::message_store> queue_store;
  /// Called once, when the fleet is down or cannot be helped: the exit code.
  std::function<void(int)> on_end;
  /// Called with every new set of services.
  std::function<void(const services_ptr&)> on_services;
  /// Lets the keeper know that the fleet is to end.
  std::function<void()> on_stop;
  /// Called whenever the keeper has asked and the actors are found to be alive.
  std::function<void()> on_alive;
  bool detached = true; ///< false: all on the scheduler, for tests
};

struct guardian_state {
  using pointer = guardian_actor::stateful_pointer<guardian_state>;

  /// The exit code when even replacing services does not help (EX_SOFTWARE).
  static constexpr int beyond_help = 70;

  explicit guardian_state(pointer owner)
      : self{owner} {
    // nop
  }

  void init(guardian_args given);
  void order_stop(const std::string& cause);
  void keeper_stop(const std::string& cause, bool hurry);
  void prove_life();
  void on_report(const child_report& report);
  void on_exit(const caf::exit_msg& message);
  void tick(std::uint64_t what);

  static inline const char* name = "guardian";

private:
  template <class Handle>
  bool replace(Handle services::*member, const caf::exit_msg& message, const char* what,
               Handle (guardian_state::*make)());
  journal_actor make_journal();
  ledger_actor make_ledger();
  launcher_actor make_launcher();
  config_actor make_config();
  loader_actor make_loader();
  command_actor make_admin();
  hub_actor make_hub();
  queue_actor make_queue();
  switchboard_actor make_switchboard();
  supervisor_actor make_root();
  void hand_out();
  void stop(const std::string& cause);
  void arm_deadline();
  void finish();
  void flush_queue();

  pointer self;
  guardian_args args;
  services current;
  services_ptr handed_out;
  std::vector<std::int64_t> replacements;
  unsigned stops = 0;
  std::string stop_cause;
  bool ended = false;
};

guardian_actor::behavior_type guardian(guardian_state::pointer self, guardian_args args);

} // namespace troupe
