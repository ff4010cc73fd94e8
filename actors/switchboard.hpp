#pragma once

// Says who there is to send to. What the config actor and the ledger tell becomes a routing
// table for the hub; changes that come together are one table. Has nothing to remember: a new
// one asks.

#include "actors/interfaces.hpp"
#include "actors/messaging/table_builder.hpp"

#include <chrono>
#include <cstdint>

namespace troupe {

struct switchboard_state {
  using pointer = switchboard_actor::stateful_pointer<switchboard_state>;

  /// How long changes are gathered before they become a table.
  static constexpr std::chrono::milliseconds gather{2};

  explicit switchboard_state(pointer owner)
      : self{owner} {
    // nop
  }

  void wire(services_ptr replaced);
  void apply(const config::spec_ptr& fleet, std::uint64_t version);
  void note(const instance_record& record);
  void tick(std::uint64_t what);

  static inline const char* name = "switchboard";

private:
  void ask_ledger();
  void gather_or_wait();
  void hand_over();

  pointer self;
  services_ptr services;
  messaging::table_builder tables;
  messaging::routes_ptr last;
  std::uint64_t asked = 0; ///< generation of the question to the ledger
  // A table without either would tell senders that nobody is there.
  bool has_spec = false;
  bool has_records = false;
  bool gathering = false;
};

/// It is wired after the ledger, which then tells it of every change from its answer on.
switchboard_actor::behavior_type switchboard(switchboard_state::pointer self);

} // namespace troupe
