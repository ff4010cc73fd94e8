#pragma once

// What the config actor answers: JSON documents, with all secrets masked. Pure.

#include "actors/type_ids.hpp"
#include "actors/updating/rollout.hpp"
#include "config/conflicts.hpp"
#include "config/plan.hpp"
#include "config/problem.hpp"
#include "config/provenance.hpp"
#include "config/result.hpp"
#include "messages/admin.hpp"
#include "messages/records.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace troupe {

/// How the tree on disk stands to what is in force.
struct disk_standing {
  enum class kind : std::uint8_t {
    unknown, ///< it was not looked at yet
    same,
    differs,  ///< it would load, and is not in force
    invalid,  ///< it does not load, or cannot be read
    conflict, ///< it changes what an operator has set
  };
  kind now = kind::unknown;
  std::vector<config::problem> problems; ///< of `invalid`
  std::string tree;                      ///< hash of what was found, without overrides
  std::string said;                      ///< what of it was told last
  std::int64_t since = 0;                ///< Unix microseconds
};

/// «same», …
std::string_view to_string(disk_standing::kind);

/// `{"schema_version":1}`, to be filled.
nlohmann::json config_document();

config_reply config_answer(const nlohmann::json& document, exit_code exit = exit_code::done);

/// The refusal of a command, and what else there is to know of it.
config_reply config_refusal(const refusal& why,
                            const nlohmann::json& more = nlohmann::json::object());

/// RFC 3339 of microseconds since 1970, null for 0.
nlohmann::json time_json(std::int64_t micros);

/// What is wrong with it, the errors first.
std::vector<config::problem> all_problems(const candidate& of);

nlohmann::json problems_json(const std::vector<config::problem>& problems);

/// {number, time, author, reason, hash, state}.
nlohmann::json version_json(const config_version& version);

/// {bot: patch} as objects.
nlohmann::json overrides_json(const config::override_map& overrides);

/// Among so many versions it is searched who set an override.
inline constexpr std::uint32_t searched_for_setter = 50;

/// Who made the oldest version of those in a row, newest first, that all have what is set of `bot`
/// in `now`.
config::set_by setter_of(const std::vector<config_version>& past, const config::override_map& now,
                         const std::string& bot);

/// Values of one instance, with where they come from.
nlohmann::json explain_json(const std::string& instance, const std::vector<config::origin>& values);

/// The state of an update, for `standing`.
nlohmann::json progress_json(std::uint64_t version, const updating::rollout_progress& progress,
                             const std::string& failed);

/// The same as config::pointer_of_path, within bounds; the error says what is wrong with it.
config::expected<std::string, std::string> pointer_of_path(const std::string& path);

/// `market/trader#2` → the bot, and what to write before pointers in its file: «/instances/2».
std::pair<std::string, std::string> bot_and_prefix(const std::string& name);

/// «3 restarts, 1 start», from the counts of a plan; «nothing that is seen from outside».
std::string plan_text(const config::fleet_plan& plan);

/// First problem for one line, and how many there are more.
std::string problem_text(const std::vector<config::problem>& problems);

} // namespace troupe
