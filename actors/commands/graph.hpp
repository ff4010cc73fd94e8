#pragma once

// Who waits for whom, and how long that took at the last start. Pure.

#include "actors/commands/documents.hpp"

#include <map>
#include <set>
#include <string>

namespace troupe::commands {

/// When an instance came up in its present incarnation; 0: not known, or not yet.
struct rise {
  std::uint64_t incarnation = 0;
  std::int64_t wanted = 0;    ///< it began to wait
  std::int64_t started = 0;   ///< its process was there
  std::int64_t ready = 0;     ///< it counted as running
  std::int64_t completed = 0; ///< or it had ended, as it should
};

/// By instance; made from all events since the first of these starts.
class rises {
public:
  void note(const transition& e);

  /// Nothing unless it is of that incarnation.
  rise of(const instance_record& record) const;

private:
  std::map<std::string, rise> known_;
  std::map<std::string, std::int64_t> waiting_; ///< since when
};

struct graph_input {
  const config::fleet_spec& fleet;
  const ledger_view& view; ///< everything
  const rises& risen;
  std::set<std::string> bots; ///< that were asked for
  bool everything = true;
};

/// The bots and all that they wait for.
json graph_document(const graph_input&);

/// These bots and everything that they wait for, directly or not.
std::set<std::string> with_conditions(const config::fleet_spec& fleet,
                                      const std::set<std::string>& bots);

} // namespace troupe::commands
