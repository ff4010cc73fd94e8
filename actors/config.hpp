#pragma once

// Owns what the fleet should be. Applying is the only way in: validate all, write
// it down, then tell everybody; the first start is the first apply.

#include "actors/interfaces.hpp"
#include "config/loader.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace troupe {

struct config_args {
  config::tree tree;
  config::spec_ptr spec;          ///< loaded from `tree`
  config::override_map overrides; ///< set by operators
  std::uint64_t version = 0;      ///< of the applied tree
  bool fresh = false;             ///< `tree` is not in the store yet
  bool replacement = false;       ///< of one that may have scaled since
};

struct config_state {
  using pointer = config_actor::stateful_pointer<config_state>;

  explicit config_state(pointer owner)
      : self{owner} {
    // nop
  }

  void init(config_args given);
  void wire(services_ptr replaced);
  caf::result<std::string> scale(const std::string& bot, std::uint32_t replicas,
                                 const audit_entry& audit);

  static inline const char* name = "config";

  pointer self;
  config_args args;

private:
  void record_tree();
  void recall_replicas();
  void put_in_force();

  services_ptr services;
};

config_actor::behavior_type config_owner(config_state::pointer self, config_args args);

} // namespace troupe
