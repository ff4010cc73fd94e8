#pragma once

// What a message says, or a value: typed, from stdin or from a file.

#include "messages/admin.hpp"
#include "runtime/shell/parse.hpp"

#include <optional>

namespace troupe::shell {

/// Whether the command sends a payload or sets a value.
bool takes_payload(const invocation&);

/// Reads what «-» or «@FILE» stands for, decides what it is, and puts it into the arguments as
/// it travels: `payload` or `payload_base64` with `content`, or a JSON `value`. Returns why not;
/// at most `max_shell_payload` bytes are read.
std::optional<refusal> load_payload(invocation&);

} // namespace troupe::shell
