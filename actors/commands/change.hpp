#pragma once

// What every changing command does first and last: the audit. An order is entered
// (and, for start and stop, what the operator wants from now on) and on the disk
// before anything happens; what became of it is entered before the answer.

#include "actors/commands/request.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace troupe::commands {

/// Code of a refusal by the config actor that is none: it may be carried out all the same. Who
/// commits it enters its outcome, so nobody else may.
inline constexpr std::string_view outcome_unknown = "outcome-unknown";

/// The audit entry of a request, with its number.
using audit_ptr = std::shared_ptr<audit_entry>;

/// Commits the audit entry and the intents in one durable batch, then calls `then`;
/// when that fails the request is refused, and nothing has happened.
void audited(const request_ptr&, std::map<std::string, bool> intents,
             std::function<void(const audit_ptr&)> then);

/// Enters the outcome, then calls `then` with a notice for the answer: empty, or why
/// the outcome could not be entered.
void settle(const request_ptr&, const audit_ptr&, std::string outcome,
            std::function<void(std::string notice)> then);

} // namespace troupe::commands
