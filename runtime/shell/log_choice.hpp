#pragma once

// Which instances' output is meant.

#include "config/result.hpp"
#include "messages/admin.hpp"
#include "runtime/logs/reading/names.hpp"
#include "runtime/shell/client.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::shell {

/// Whether a target, as on the command line, means this instance. By names alone.
bool means(std::string_view target, const std::string& instance);

/// The instances that are meant now, and how to know those that come later.
struct log_choice {
  std::map<std::string, std::uint64_t> instances; ///< with the incarnation; 0: unknown
  std::vector<std::string> targets;               ///< what was named; never empty

  bool includes(const std::string& instance) const;
};

/// Asks the runtime what is meant. Where none answers, or where it is of the fleet no more, by
/// the names of the files. Labels need a runtime.
config::expected<log_choice, refusal> choose_logs(client& runtime,
                                                  const std::vector<std::string>& targets,
                                                  const std::vector<std::string>& labels,
                                                  const log_reading::log_listing& files);

} // namespace troupe::shell
