#pragma once

// The only one that talks to the keeper (through process_host). Admits starts at
// the fleet's pace, hands every end to the proxy in charge, and ends what no
// instance of the spec stands for. Detached: preparing a process may wait for a
// disk or for the name service.

#include "actors/admission.hpp"
#include "actors/interfaces.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>

namespace troupe {

struct launcher_state {
  using pointer = launcher_actor::stateful_pointer<launcher_state>;

  explicit launcher_state(pointer owner)
      : self{owner} {
    // nop
  }

  void init(std::shared_ptr<process_host> given);
  void wire(services_ptr replaced);
  void apply(const config::spec_ptr& fleet);
  adoptees adopt(const std::string& instance, const lineage& by);
  void add(const launch& what, bool restart);
  void withdraw(const std::string& instance, std::uint64_t incarnation);
  void on_spawned(const spawned& what);
  void on_spawn_failed(const spawn_failed& what);
  void on_exited(const exited& what);
  void on_stalled(const stalled& what);
  void on_notice(const notice& what);
  void on_hook_end(const hook_end& what);
  std::string signal(const std::string& instance, std::uint64_t incarnation, int signal, bool all);
  std::uint32_t sweep(const std::string& instance, std::uint64_t incarnation, sweeping how);
  void commit(const std::string& instance, std::uint64_t incarnation);
  void attend(const launch& what, bool check_ready);
  void retain(const config::spec_ptr& fleet);
  caf::result<environment_report> environment(const launch& what);
  caf::result<limits_report> limits(const launches& what);
  caf::result<figures> machine();
  usage_map sample(const std::vector<std::string>& instances);
  void on_down(const caf::down_msg& message);
  void tick(std::uint64_t generation);

  static inline const char* name = "launcher";

  pointer self;
  std::shared_ptr<process_host> host;
  admission queue;

private:
  template <class Message>
  void forward(const Message& what);
  look_actor new_look();
  slot_info* find_slot(const std::string& instance, std::uint64_t incarnation);
  void pump();
  void settled(const std::string& instance, std::uint64_t incarnation);
  void end_strangers();
  process_end end_of(const exited& what);
  void end_stranger(const std::string& instance);

  bool is_stranger(const std::string& instance) const;
  void note_link(const notice& what);
  void forget_link(const std::string& instance, std::uint64_t incarnation);

  services_ptr services;
  struct claim {
    proxy_actor who;
    lineage by;
  };
  std::map<std::string, claim> owners;
  std::map<std::string, std::vector<slot_info>> slots; ///< as the keeper has them
  /// Incarnations all of whose processes got a signal to end and have time to do so.
  std::map<std::string, std::uint64_t> asked_to_end;
  /// What the hub has told of each link and still holds, for proxies that come later.
  std::map<std::string, std::vector<notice>> links;
  std::optional<std::set<std::string>> expected; ///< unset until the first apply
  std::uint64_t generation = 0;
  std::shared_ptr<std::atomic<int>> looking = std::make_shared<std::atomic<int>>(0);
};

/// Spawn it detached.
launcher_actor::behavior_type launcher(launcher_state::pointer self,
                                       std::shared_ptr<process_host> host);

} // namespace troupe
