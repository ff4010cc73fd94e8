#pragma once

// The JSON documents that commands answer with: exactly what `--json` prints.
// Pure; the fields are described in docs/admin-protocol.md. Timestamps are RFC 3339
// in UTC, durations seconds, sizes bytes.

#include "actors/commands/targets.hpp"
#include "actors/type_ids.hpp"
#include "config/spec.hpp"
#include "messages/records.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::commands {

using json = nlohmann::ordered_json;

/// JSON that a client gave; discarded when it is none or is nested too deep: reading it is safe
/// all the same, but not writing, copying and comparing it.
json parse_given(std::string_view text);

/// Text of a document; what is no UTF-8 is replaced.
std::string dump(const json& document);

/// «2026-01-31T12:00:00.250Z» of microseconds since 1970.
std::string rfc3339(std::int64_t time);

/// Microseconds since 1970 of RFC 3339 text, or of a duration counted back from
/// `now` («10m»); nothing when it is neither.
std::optional<std::int64_t> parse_time(std::string_view text, std::int64_t now);

/// Microseconds as seconds, to the millisecond.
double seconds(std::int64_t micros);

/// RFC 3339, null for 0.
json time_or_null(std::int64_t time);

/// What happens next to an instance; null when nothing does.
json next_row(const std::optional<next_step>& next, std::int64_t now);

/// `{"schema_version":1}`, to be filled.
json new_document();

json error_document(const refusal& why);

/// How many of a group, subgroups included, are up.
struct tally {
  std::size_t up = 0;
  std::size_t total = 0;
};
using tallies = std::map<std::string, tally>;

/// By group; of the whole fleet when the view is.
tallies count_groups(const ledger_view&);

/// What one status asks for.
struct status_input {
  const config::fleet_spec& fleet;
  const ledger_view& view; ///< of what is shown
  const std::map<std::string, usage>& sampled;
  std::int64_t now = 0;
  const tallies& counted; ///< of the whole fleet
  bool everything = true; ///< groups in which nothing is are shown too
};

json status_document(const status_input&);
json instance_row(const instance_record&, const usage* sampled, std::int64_t now);
json tree_document(const status_input&);

/// What one `show` asks for.
struct show_input {
  const ledger_view& view;
  const std::map<std::string, usage>& sampled;
  std::int64_t now = 0;
};

/// All about a bot; `index` is the instance whose settings are shown.
json show_document(const show_input&, const config::bot_entry& bot, std::uint32_t index,
                   const std::string& isolation, const std::vector<death>& deaths);

/// The settings of one instance under the names of the config file. What looks like
/// a secret is masked.
json settings(const config::bot_spec&);

json death_row(const death&);
json deaths_document(const std::string& name, const std::vector<death>&);

/// One line for each event, each a document.
std::string event_lines(const std::vector<transition>&);

} // namespace troupe::commands
