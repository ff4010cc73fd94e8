#pragma once

// What commands share that look at the past: events page by page, resource use.

#include "actors/commands/request.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace troupe::commands {

/// One reading of many events, oldest first. It takes a page at a time, so that nobody's
/// writing waits long for it.
struct event_walk {
  event_query query;
  std::size_t most = 100'000;
  std::function<void(const std::vector<transition>&)> each;
  std::function<void()> then;
};

/// Reads until there is no more; refuses the request when the store cannot be read.
void walk(const request_ptr&, const std::shared_ptr<event_walk>&);

refusal store_unreadable(const std::string& why);

/// A `since` that means nothing.
refusal bad_time(const std::string& text);

/// Calls `then` with the resource use of what runs, as far as it is known.
void with_usage(const request_ptr&, const ledger_view_ptr& view,
                std::function<void(const std::map<std::string, usage>&)> then);

/// Calls `then` with the figures of launcher and machine, of the ledger and of the journal.
void with_figures(const request_ptr&,
                  std::function<void(const figures&, const figures&, const figures&)> then);

/// What is chosen of a view of everything.
ledger_view_ptr shown_of(const ledger_view_ptr& view, const chosen& what);

/// What the launcher has to know to look at these; those that leave the fleet are left out.
launches launches_of(const config::fleet_spec& fleet, const std::vector<instance_record>& records);

} // namespace troupe::commands
