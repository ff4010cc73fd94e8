#pragma once

#include "config/spec.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <string>

namespace troupe::config {

/// One value that has the right JSON type and is still wrong.
struct value_problem {
  std::string pointer; ///< relative to the decoded object
  bool at_key = false; ///< it is the key, not the value, that is wrong
  std::string message;
  std::string expected;
  std::string hint;
  bool is_warning = false;
};

using report_fn = std::function<void(value_problem)>;

/// Reads settings of a bot into `out`; a key that is missing or null leaves its field as it
/// is. Values of a wrong JSON type are skipped in silence, since the schema has reported
/// them. Names in `depends_on` stay as they are written, in the order of the JSON object.
void decode_bot(const nlohmann::json& settings, bot_spec& out, const report_fn& report);

/// Reads group.json but for `defaults`, in the same way.
void decode_group(const nlohmann::json& value, group_entry& out, const report_fn& report);

/// Reads runtime.json in the same way; `name` is the fleet's.
void decode_runtime(const nlohmann::json& value, runtime_spec& out, std::string& name,
                    const report_fn& report);

} // namespace troupe::config
