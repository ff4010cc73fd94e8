#pragma once

// `troupe doctor`.

#include "runtime/doctor/checks.hpp"
#include "runtime/shell/client.hpp"
#include "runtime/shell/parse.hpp"
#include "runtime/shell/text.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <vector>

namespace troupe::shell {

/// Looks at this host and, unless `no_state` says that there is no state directory, asks
/// the runtime.
std::vector<doctor::finding> diagnose(client& runtime, const global_settings&,
                                      const std::string& tree, const std::string& profile,
                                      const std::optional<refusal>& no_state);

/// `{"schema_version":1,"ok":…,"findings":[{"id","level","what","meaning","todo"}]}`.
nlohmann::ordered_json findings_document(const std::vector<doctor::finding>&);

std::string render_findings(const std::vector<doctor::finding>&, const terminal&);

/// The command. Prints; returns the exit code.
int show_diagnosis(client& runtime, const invocation&, const std::optional<refusal>& no_state,
                   const terminal&);

} // namespace troupe::shell
