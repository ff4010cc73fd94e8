#pragma once

// From what was typed to the instances that are meant. Pure.

#include "config/result.hpp"
#include "config/spec.hpp"
#include "messages/admin.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::commands {

/// Names, groups with a trailing '/', globs or `all`; and labels, `KEY=VALUE` or
/// `KEY`, all of which must match.
struct selection {
  std::vector<std::string> targets;
  std::vector<std::string> labels;

  bool empty() const { return targets.empty() && labels.empty(); }
};

/// What a selection means now.
struct chosen {
  std::vector<std::string> instances; ///< by bot name, then by number
  bool everything = false;            ///< these are all that the fleet has
};

/// Resolves a selection; an empty one means everything. A target that means nothing
/// is refused with the name that was probably meant. Instances of `leaving` are in the
/// fleet no more; they can be named one by one.
config::expected<chosen, refusal> resolve(const config::fleet_spec& fleet, const selection& what,
                                          const std::set<std::string>& leaving = {});

/// The bot of that name, or of that instance.
struct chosen_bot {
  std::shared_ptr<const config::bot_entry> bot;
  std::optional<std::uint32_t> index;
};
config::expected<chosen_bot, refusal>
resolve_bot(const config::fleet_spec& fleet, const std::string& name, std::string_view command);

/// «/market/feed», for those who think of a path, is market/feed.
std::string without_root(const std::string& target);

} // namespace troupe::commands
