#pragma once

// Atoms and type ids of what actors say to each other inside one runtime. None of
// it leaves the process, hence the «unsafe» list: these types hold shared
// pointers, or are spared a serialiser that nothing would call. What a shell sends
// stands in messages/type_ids.hpp.

#include "actors/messaging/link.hpp"
#include "actors/messaging/routes.hpp"
#include "actors/messaging/stored.hpp"
#include "actors/seams.hpp"
#include "config/loader.hpp"
#include "config/spec.hpp"
#include "config/tree.hpp"
#include "messages/type_ids.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace troupe {

/// What an operator can order of instances.
enum class verb : std::uint8_t { start, stop, restart, pause, resume, reset, signal };

/// An order for some instances of the tree.
struct operation {
  verb what = verb::start;
  int signal = 0;    ///< of verb::signal
  std::string cause; ///< «asked by uid 0», for `why` and the events
  std::shared_ptr<const std::set<std::string>> instances;
};

/// What became of an order, for each instance that it reached.
struct outcomes {
  std::vector<std::pair<std::string, std::string>> refused; ///< instance, reason
  std::uint32_t accepted = 0;
};

/// A child tells its supervisor how it stands now.
struct child_report {
  std::string child; ///< an instance `market/trader#0`, or a group `market`
  state now = state::defined;
  bool wanted = false;
  /// It ended by itself (not as asked), so the strategy has a say.
  bool ended = false;
  std::string cause;
  /// There may be a process that the state does not tell of: a start is under way,
  /// or what a dead one left behind is being swept, or its on_crash runs.
  bool busy = false;
  std::vector<std::string> printed; ///< as in its record
  std::uint64_t settings = 0;       ///< as in its record
};

/// The ids of the actors from the root supervisor down to one that speaks for an
/// instance or a group. When a part of the tree is replaced, the old one may live on
/// for a moment and may even have spawned its proxies later: not the younger of two
/// actors but the one with the greater lineage is in charge.
struct lineage {
  std::vector<std::uint64_t> ids;

  /// The same with one more at its end.
  lineage then(std::uint64_t id) const {
    auto result = *this;
    result.ids.push_back(id);
    return result;
  }
  auto operator<=>(const lineage&) const = default;
};

/// How one group stands.
struct group_record {
  std::string name; ///< empty for the root
  config::strategy how = config::strategy::one_for_one;
  state now = state::defined;
  std::string why;
  std::optional<next_step> next; ///< when it gave up and comes back
  lineage by;                    ///< the supervisor that says so
};

/// What the ledger knows of some instances, in one moment.
struct ledger_view {
  std::vector<instance_record> records;
  std::vector<group_record> groups;
  std::uint64_t version = 0; ///< of the applied config
  std::string trouble;       ///< why the store cannot be written, or empty
};
using ledger_view_ptr = std::shared_ptr<const ledger_view>;

/// A change of state on its way into the ledger, with the record that it leaves.
struct ledger_entry {
  transition change; ///< without sequence number; from == to: only the record changed …
  instance_record record;
  lineage by;          ///< the proxy that says so
  bool remark = false; ///< … but this is an event all the same
};

/// The end of a main process as the launcher passes it on: what else of the
/// incarnation was killed meanwhile and still lives, and what it wrote last.
struct process_end {
  exited how;
  std::uint32_t left = 0;
  std::string output;
};

/// What is to be done about the processes of an incarnation.
enum class sweeping : std::uint8_t {
  look, ///< count what lives beside the main process
  rest, ///< kill that
  all,  ///< kill the main process too
};

/// A slot that the launcher found in the keeper's table; with what is left of an
/// ended one and what it wrote last.
struct adoptee {
  slot_info slot;
  std::uint32_t left = 0;
  std::string output;
};

/// All slots of one instance.
struct adoptees {
  std::vector<adoptee> items;
  std::uint64_t launching = 0; ///< incarnation whose start is queued or under way, or 0
};

using journal_batch_ptr = std::shared_ptr<journal_batch>;

/// What the store held when it was asked.
using journal_contents_ptr = std::shared_ptr<const journal_contents>;

/// CPU and memory of the instances that were asked for; what is unknown is absent.
struct usage_map {
  std::map<std::string, usage> of;
};

struct event_list {
  std::vector<transition> items;
  std::string trouble; ///< why it could not be read, or empty
};

struct death_list {
  std::vector<death> items;
  std::string trouble; ///< why it could not be read, or empty
};

/// An authenticated connection on its way to the hub.
struct new_link {
  messaging::link_hello hello;
  std::string read;          ///< bytes that came after the HELLO
  std::function<int()> take; ///< gives the descriptor away, once; what nobody takes is closed
};

/// One operation of a shell on messaging; JSON in, JSON out. See actors/messaging/hub.hpp.
struct hub_request {
  std::string operation;
  std::string arguments;
};

struct audit_list {
  std::vector<audit_entry> items;
  std::string trouble; ///< why it could not be read, or empty
};

struct version_list {
  std::vector<config_version> items;
  std::string trouble; ///< why it could not be read, or empty
};

/// A tree with what operators have set above it, and what that makes. Immutable.
struct candidate {
  config::tree tree;
  config::override_map overrides;
  std::string hash; ///< SHA-256 of both, in hex
  config::load_result loaded;
  std::vector<config::problem> unread; ///< why the tree could not be read; then the rest is empty
};
using candidate_ptr = std::shared_ptr<const candidate>;

/// One operation of a shell on the config; JSON in, JSON out. See actors/config.hpp.
struct config_request {
  std::string operation;
  std::string arguments;
  audit_entry by; ///< who asks; entered already when it changes something
};

struct config_reply {
  exit_code exit = exit_code::done;
  std::string document; ///< of a refusal: as the refusal of a command, see messages/admin.hpp
};

/// Instances with their incarnation and spec.
using launches = std::vector<launch>;

struct services;
using services_ptr = std::shared_ptr<const services>;

} // namespace troupe

#define TROUPE_LOCAL(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(type)
TROUPE_LOCAL(troupe::operation)
TROUPE_LOCAL(troupe::outcomes)
TROUPE_LOCAL(troupe::lineage)
TROUPE_LOCAL(troupe::child_report)
TROUPE_LOCAL(troupe::ledger_view_ptr)
TROUPE_LOCAL(troupe::ledger_entry)
TROUPE_LOCAL(troupe::group_record)
TROUPE_LOCAL(troupe::process_end)
TROUPE_LOCAL(troupe::sweeping)
TROUPE_LOCAL(troupe::adoptees)
TROUPE_LOCAL(troupe::journal_batch_ptr)
TROUPE_LOCAL(troupe::journal_contents_ptr)
TROUPE_LOCAL(troupe::usage_map)
TROUPE_LOCAL(troupe::event_list)
TROUPE_LOCAL(troupe::death_list)
TROUPE_LOCAL(troupe::event_query)
TROUPE_LOCAL(troupe::audit_entry)
TROUPE_LOCAL(troupe::death)
TROUPE_LOCAL(troupe::launch)
TROUPE_LOCAL(troupe::spawned)
TROUPE_LOCAL(troupe::spawn_failed)
TROUPE_LOCAL(troupe::exited)
TROUPE_LOCAL(troupe::stalled)
TROUPE_LOCAL(troupe::notice)
TROUPE_LOCAL(troupe::hook)
TROUPE_LOCAL(troupe::hook_end)
TROUPE_LOCAL(troupe::instance_record)
TROUPE_LOCAL(troupe::services_ptr)
TROUPE_LOCAL(troupe::config::group_ptr)
TROUPE_LOCAL(troupe::config::spec_ptr)
TROUPE_LOCAL(troupe::config::bot_spec_ptr)
TROUPE_LOCAL(troupe::launches)
TROUPE_LOCAL(troupe::environment_report)
TROUPE_LOCAL(troupe::limits_report)
TROUPE_LOCAL(troupe::figures)
TROUPE_LOCAL(troupe::new_link)
TROUPE_LOCAL(troupe::hub_request)
TROUPE_LOCAL(troupe::messaging::link_order)
TROUPE_LOCAL(troupe::messaging::routes_ptr)
TROUPE_LOCAL(troupe::messaging::queue_batch_ptr)
TROUPE_LOCAL(troupe::messaging::queue_contents_ptr)
TROUPE_LOCAL(troupe::messaging::spill_batch_ptr)
TROUPE_LOCAL(troupe::messaging::spill_list)
TROUPE_LOCAL(troupe::messaging::dead_letter_query)
TROUPE_LOCAL(troupe::messaging::dead_letter_list)
TROUPE_LOCAL(troupe::audit_list)
TROUPE_LOCAL(troupe::version_list)
TROUPE_LOCAL(troupe::candidate_ptr)
TROUPE_LOCAL(troupe::config_request)
TROUPE_LOCAL(troupe::config_reply)
TROUPE_LOCAL(troupe::config_version)
TROUPE_LOCAL(troupe::audit_check)
TROUPE_LOCAL(troupe::audit_query)
TROUPE_LOCAL(troupe::config::override_map)
#undef TROUPE_LOCAL

CAF_BEGIN_TYPE_ID_BLOCK(troupe_actors, caf::id_block::troupe_admin::end)
CAF_ADD_TYPE_ID(troupe_actors, (troupe::operation))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::outcomes))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::child_report))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::ledger_view_ptr))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::ledger_entry))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::group_record))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::process_end))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::sweeping))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::adoptees))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::journal_batch_ptr))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::journal_contents_ptr))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::usage_map))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::event_list))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::death_list))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::event_query))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::audit_entry))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::death))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::launch))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::spawned))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::spawn_failed))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::exited))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::stalled))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::instance_record))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::services_ptr))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::config::group_ptr))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::config::spec_ptr))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::config::bot_spec_ptr))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::lineage))
CAF_ADD_TYPE_ID(troupe_actors, (std::vector<std::string>))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::launches))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::environment_report))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::limits_report))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::figures))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::new_link))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::hub_request))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::messaging::link_order))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::messaging::routes_ptr))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::messaging::queue_batch_ptr))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::messaging::queue_contents_ptr))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::messaging::spill_batch_ptr))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::messaging::spill_list))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::messaging::dead_letter_query))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::messaging::dead_letter_list))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::audit_list))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::version_list))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::candidate_ptr))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::config_request))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::config_reply))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::config_version))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::audit_check))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::audit_query))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::config::override_map))

// At most ten characters each.
CAF_ADD_ATOM(troupe_actors, troupe, wire_atom, "wire")
CAF_ADD_ATOM(troupe_actors, troupe, stop_atom, "stop")
CAF_ADD_ATOM(troupe_actors, troupe, hurry_atom, "hurry")
CAF_ADD_ATOM(troupe_actors, troupe, ask_atom, "ask")
CAF_ADD_ATOM(troupe_actors, troupe, admit_atom, "admit")
CAF_ADD_ATOM(troupe_actors, troupe, hold_atom, "hold")
CAF_ADD_ATOM(troupe_actors, troupe, recycle_atom, "recycle")
CAF_ADD_ATOM(troupe_actors, troupe, apply_atom, "apply")
CAF_ADD_ATOM(troupe_actors, troupe, remove_atom, "remove")
CAF_ADD_ATOM(troupe_actors, troupe, note_atom, "note")
CAF_ADD_ATOM(troupe_actors, troupe, watch_atom, "watch")
CAF_ADD_ATOM(troupe_actors, troupe, tick_atom, "tick")
CAF_ADD_ATOM(troupe_actors, troupe, adopt_atom, "adopt")
CAF_ADD_ATOM(troupe_actors, troupe, withdraw_atom, "withdraw")
CAF_ADD_ATOM(troupe_actors, troupe, signal_atom, "signal")
CAF_ADD_ATOM(troupe_actors, troupe, freeze_atom, "freeze")
CAF_ADD_ATOM(troupe_actors, troupe, sweep_atom, "sweep")
CAF_ADD_ATOM(troupe_actors, troupe, commit_atom, "commit")
CAF_ADD_ATOM(troupe_actors, troupe, sample_atom, "sample")
CAF_ADD_ATOM(troupe_actors, troupe, tail_atom, "tail")
CAF_ADD_ATOM(troupe_actors, troupe, report_atom, "report")
CAF_ADD_ATOM(troupe_actors, troupe, view_atom, "view")
CAF_ADD_ATOM(troupe_actors, troupe, await_atom, "await")
CAF_ADD_ATOM(troupe_actors, troupe, write_atom, "write")
CAF_ADD_ATOM(troupe_actors, troupe, query_atom, "query")
CAF_ADD_ATOM(troupe_actors, troupe, deaths_atom, "deaths")
CAF_ADD_ATOM(troupe_actors, troupe, scale_atom, "scale")
CAF_ADD_ATOM(troupe_actors, troupe, retain_atom, "retain")
CAF_ADD_ATOM(troupe_actors, troupe, alive_atom, "alive")
CAF_ADD_ATOM(troupe_actors, troupe, flush_atom, "flush")
CAF_ADD_ATOM(troupe_actors, troupe, attend_atom, "attend")
CAF_ADD_ATOM(troupe_actors, troupe, hook_atom, "hook")
CAF_ADD_ATOM(troupe_actors, troupe, environ_atom, "environ")
CAF_ADD_ATOM(troupe_actors, troupe, limits_atom, "limits")
CAF_ADD_ATOM(troupe_actors, troupe, figures_atom, "figures")
CAF_ADD_ATOM(troupe_actors, troupe, link_atom, "link")
CAF_ADD_ATOM(troupe_actors, troupe, spill_atom, "spill")
CAF_ADD_ATOM(troupe_actors, troupe, unspill_atom, "unspill")
CAF_ADD_ATOM(troupe_actors, troupe, drop_atom, "drop")
CAF_ADD_ATOM(troupe_actors, troupe, load_atom, "load")
CAF_ADD_ATOM(troupe_actors, troupe, read_atom, "read")
CAF_ADD_ATOM(troupe_actors, troupe, reload_atom, "reload")
CAF_ADD_ATOM(troupe_actors, troupe, adjust_atom, "adjust")
CAF_ADD_ATOM(troupe_actors, troupe, audit_atom, "audit")
CAF_ADD_ATOM(troupe_actors, troupe, verify_atom, "verify")
CAF_ADD_ATOM(troupe_actors, troupe, versions_atom, "versions")
CAF_ADD_ATOM(troupe_actors, troupe, remark_atom, "remark")
CAF_END_TYPE_ID_BLOCK(troupe_actors)
