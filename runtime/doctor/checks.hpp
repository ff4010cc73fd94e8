#pragma once

// The judgement of `troupe doctor`: pure functions from facts to findings.

#include "runtime/doctor/facts.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::doctor {

enum class level : std::uint8_t {
  ok,
  warning, ///< the fleet runs, but something will be worse than it need be
  problem, ///< the fleet will not run, or not as the tree says
};

struct finding {
  std::string id; ///< for programs, «limits.open_files»
  doctor::level level = level::ok;
  std::string what;    ///< what was found
  std::string meaning; ///< for the fleet; one sentence
  std::string todo;    ///< empty when it is ok
};

/// One thing that is looked at.
struct check {
  std::string_view id;
  finding (*look)(const host_facts&);
  /// Whether there is anything to look at; null: always.
  bool (*applies)(const host_facts&) = nullptr;
};

/// The tables, in the order of the output.
std::span<const check> limit_checks();
std::span<const check> kernel_checks();
std::span<const check> group_checks();
std::span<const check> file_checks();
std::span<const check> service_checks();

/// Every check that applies.
std::vector<finding> examine(const host_facts&);

std::string_view to_string(level);

// -- what checks are written with --------------------------------------------------------

finding fine(std::string what, std::string meaning);
finding warn(std::string what, std::string meaning, std::string todo);
finding wrong(std::string what, std::string meaning, std::string todo);

} // namespace troupe::doctor
