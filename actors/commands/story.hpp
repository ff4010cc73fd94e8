#pragma once

// Why an instance stands as it does: the chain of what happened, what that led to, and what
// comes next. Pure; made from records and events, whose causes name other instances.

#include "actors/commands/documents.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::commands {

/// What is known.
struct story_input {
  const config::fleet_spec& fleet;
  const ledger_view& view;               ///< everything
  const std::vector<transition>& events; ///< oldest first
  const std::vector<death>& deaths;      ///< the last of the instances in the chain
  std::string subject;                   ///< the instance that is asked about
  std::int64_t now = 0;
};

/// `{"instance", "state", "since", "summary", "chain": [{"time", "instance", "what",
/// "led_to"}], …}`, see docs/admin-protocol.md.
json story_document(const story_input&);

/// The instance, what it waits for, what that waits for, …: the last is the root of it.
std::vector<std::string> waiting_chain(const ledger_view& view, const std::string& subject);

/// Of these instances of one bot the one that is most worth asking about; empty for none.
std::string most_troubled(const std::vector<instance_record>& of_bot);

// -- pieces, see story_phrases.cpp ---------------------------------------------------------

/// The events of one instance, oldest first.
using own_events = std::vector<const transition*>;

/// Where the story of what is now begins: the last change up to `last` that was not just the
/// next step of another.
std::size_t beginning(const own_events& events, std::size_t last);

/// One sentence for the change at `at` and what simply followed from it; moves `at` past
/// those. `of` is how many failed starts in a row the bot may have.
std::string phrase(const own_events& events, std::size_t& at, std::uint32_t of);

/// How often it ended wrongly in a row, up to that event.
std::size_t ends_in_a_row(const own_events& events, std::size_t at);

/// The names of instances in a text, in order, without `except`.
std::vector<std::string> mentioned(std::string_view text, const std::string& except);

/// «0.5 s», «12 s», «5m».
std::string short_time(std::int64_t micros);

} // namespace troupe::commands
