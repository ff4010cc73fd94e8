#pragma once

// Looks at the real host. Nothing is changed: what is tried out (a file in the state
// directory, a control group) is taken away again.

#include "config/result.hpp"
#include "runtime/doctor/facts.hpp"

#include <string>
#include <vector>

namespace troupe::doctor {

struct probe_options {
  config::expected<std::string, std::string> state; ///< the directory, or why there is none
  std::string tree;                                 ///< empty: none is to be looked at
  std::string profile;
  std::vector<companion> companions; ///< with their paths; versions are asked for
};

/// All but `runtime`, which whoever can speak to it fills in. Takes at most ten seconds.
host_facts look_at_host(const probe_options&);

// -- parts of it ---------------------------------------------------------------------------

void look_at_limits(host_facts&);
void look_at_kernel(host_facts&);
void look_at_groups(host_facts&);
void look_at_state(host_facts&, const probe_options&);
void look_at_tree(host_facts&, const probe_options&);
void look_at_service(host_facts&, const probe_options&);

/// A file or directory, as lstat() of what it leads to.
place look_at(const std::string& path);

/// What a program prints, at most 64 KiB; nothing when it does not end well within three
/// seconds.
std::optional<std::string> output_of(const std::vector<std::string>& command);

} // namespace troupe::doctor
