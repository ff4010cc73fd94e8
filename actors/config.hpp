#pragma once

// Owns what the fleet should be. Every change goes one way: a candidate is read and loaded by the
// loader, planned against what is in force, written down in one transaction with its audit, and
// only then carried out; the first start is the first change. Changes are decided one at a time.
//
//   config.cpp              what is in force, coming back after a death
//   config_changes.cpp      the way of a change
//   config_disk.cpp         the tree on disk beside what is in force
//   config_update.cpp       carrying it out in batches, and bringing back what was healthy
//   config_orders.cpp       apply, reload, rollback, set, unset, scale: what a change begins with
//   config_looks.cpp        plan, versions, show, diff, export, explain, standing
//   config_documents.hpp    what is answered
//
// The operations of a `config_request`, their arguments and documents stand in
// docs/admin-protocol.md, «The config».

#include "actors/config_documents.hpp"
#include "actors/interfaces.hpp"
#include "actors/updating/rollout.hpp"
#include "config/conflicts.hpp"
#include "config/plan.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace troupe {

struct config_args {
  candidate_ptr applied;        ///< what is to be in force; its spec is there
  config_version version;       ///< that, as it is kept, without its tree; 0: it is not kept yet
  candidate_ptr healthy;        ///< while `applied` is being carried out: what was before it …
  config_version last_healthy;  ///< … as it is kept
  std::uint64_t last = 0;       ///< number of the last version, of other runs too
  std::set<std::string> unfit;  ///< bots whose overrides are kept but are none of `applied`
  std::vector<slot_info> slots; ///< the processes that there are
  bool fresh = false;           ///< the fleet starts anew with `applied`
  bool replacement = false;     ///< of one that may have changed everything since
};

/// What a runtime begins with. `applied` is what is on disk when nothing is kept of this run, else
/// what is kept. Loads the version before it, if need be.
config_args config_args_for(candidate_ptr applied, const journal_contents& kept);

/// A change on its way from what somebody wants to what is in force.
struct config_change {
  /// The answer, and why it is a refusal: null when it is none.
  using respond = std::function<void(const config_reply&, const refusal*)>;

  std::string what; ///< the operation, «apply»
  audit_entry by;
  std::string reason;
  std::optional<std::uint64_t> if_version;
  std::string if_hash;              ///< not empty: of the candidate that its asker has seen
  std::chrono::nanoseconds until{}; ///< later than this nobody waits for its answer
  bool theirs = false;              ///< of a conflict: the tree wins, and the override goes
  bool mine = false;                ///< the override wins
  bool from_disk = false;
  bool automatic = false; ///< nobody asked for it: it may not be wanted
  bool whole = false;     ///< tree and overrides of a version: nothing is weighed
  /// Not 0: it brings back what was before this version, which failed; and what did.
  std::uint64_t failed = 0;
  std::string failure;
  /// Gets the candidate, by `on_candidate` or `refuse`.
  std::function<void(const std::shared_ptr<config_change>&)> obtain;
  respond answer; ///< may be empty

  // Made on the way.
  candidate_ptr candidate;
  std::string disk_tree; ///< hash of the tree alone, if that was read from disk
  config::fleet_plan plan;
  std::vector<config::conflict> conflicts;
};
using change_ptr = std::shared_ptr<config_change>;

struct config_state : updating::rollout_port {
  using pointer = config_actor::stateful_pointer<config_state>;
  using json = nlohmann::json;
  using nanoseconds = updating::nanoseconds;

  /// Changes that wait for their turn; with one more it is refused.
  static constexpr std::size_t max_waiting = 16;
  /// Looks that wait for the loader or the journal.
  static constexpr std::size_t max_looks = 16;
  /// How long a tree may take to be read and loaded.
  static constexpr std::chrono::seconds load_timeout{20};
  /// A tree in which bots are missing must look the same after so long to be applied by itself.
  static constexpr std::chrono::seconds second_look{3};
  /// After so long a change that waits for its turn is refused: whoever sent it has given up.
  static constexpr std::chrono::seconds longest_wait{30};

  explicit config_state(pointer owner)
      : self{owner} {
    // nop
  }

  void init(config_args given);
  void wire(services_ptr replaced);
  void note(const instance_record& record);
  void reload(const std::string& why, bool asked);
  void tick(std::uint64_t which);
  void stop();
  caf::result<config_reply> ask(const config_request& request);
  caf::result<std::string> scale(const std::string& bot, std::uint32_t replicas,
                                 const audit_entry& audit);

  static inline const char* name = "config";

  pointer self;
  config::spec_ptr in_force; ///< a mixture, while it is being changed

private:
  static constexpr std::uint64_t settle_tick = 0;
  static constexpr std::uint64_t change_tick = 1;
  static constexpr std::uint64_t look_tick = 2;
  static constexpr std::uint64_t first_wake = 16; ///< and all above
  /// Between two tries to write down what must be written.
  static constexpr std::chrono::seconds try_again{2};
  /// Between two looks at a tree that could not be read or weighed.
  static constexpr std::chrono::seconds look_again{10};

  // -- beginning ---------------------------------------------------------------------------

  void recall();
  void recall_healthy(journal_contents_ptr kept);
  void meet_instances();
  void take_over(const ledger_view& view);
  void meet(const slot_info& slot, const updating::record_map& before);
  void record_first();
  void write_first();
  void resume();
  void tell_all();

  // -- a change ----------------------------------------------------------------------------

  void enqueue(const change_ptr& change);
  void go_on();
  void load(const change_ptr& change, const candidate_ptr& from,
            const config::override_map& overrides);
  void on_candidate(const change_ptr& change, const candidate_ptr& candidate);
  void weigh(const change_ptr& change);
  void with_conflicts(const candidate_ptr& to,
                      std::function<void(const std::vector<config::conflict>&)> then);
  void settle_conflicts(const change_ptr& change, const std::vector<config::conflict>& found);
  void decide(const change_ptr& change);
  void recall_past(const change_ptr& change);
  bool may_be_half_deleted(const config_change& change);
  void commit(const change_ptr& change);
  void carry_out(const change_ptr& change, config_version version);
  std::set<std::string> find_down() const;
  void leave_as_it_is(const change_ptr& change);
  void refuse(const change_ptr& change, const refusal& why, const json& more = json::object());
  void end(const change_ptr& change, const config_reply& reply, const refusal* why = nullptr);
  config::fleet_plan plan_to(const candidate& to) const;
  json plan_json(const candidate& to, const config::fleet_plan& plan,
                 const std::vector<config::conflict>& conflicts) const;

  // -- what is on disk ---------------------------------------------------------------------

  void note_disk(const candidate& found);
  void look_later(const config_change& change);
  void stand(disk_standing::kind now, const std::string& content, const std::string& text);

  // -- orders ------------------------------------------------------------------------------

  change_ptr make_change(const config_request& request, const json& arguments);
  std::optional<refusal> fill_apply(const change_ptr& change, const json& arguments);
  std::optional<refusal> fill_rollback(const change_ptr& change, const json& arguments);
  std::optional<refusal> fill_override(const change_ptr& change, const json& arguments, bool set);
  void read_disk(const change_ptr& change);
  audit_entry own_entry(const std::string& origin, const std::string& command) const;

  // -- looks -------------------------------------------------------------------------------

  using look_promise = caf::typed_response_promise<config_reply>;
  void look(const std::string& operation, const json& arguments, look_promise promise);
  void look_at_plan(const json& arguments, look_promise promise);
  void look_at_versions(const json& arguments, look_promise promise);
  void look_at_version(const json& arguments, look_promise promise, bool whole);
  void look_at_diff(const json& arguments, look_promise promise);
  void finish_diff(const candidate_ptr& from, std::uint64_t from_number, const candidate_ptr& to,
                   std::uint64_t to_number, look_promise promise);
  config_reply explain(const json& arguments) const;
  config_reply standing() const;
  void with_version(std::uint64_t number, look_promise promise,
                    std::function<void(const config_version&)> then);
  void with_loaded(std::uint64_t number, look_promise promise,
                   std::function<void(const candidate_ptr&)> then);

  // -- carrying out ------------------------------------------------------------------------

  nanoseconds now() const override;
  const instance_record* record(const std::string& instance) const override;
  void put_in_force(const config::spec_ptr& mixed) override;
  void wake_at(nanoseconds when) override;
  void remark(const std::string& text) override;
  void finished() override;
  void failed(const std::string& instance, const std::string& why) override;
  void begin_update(const config::spec_ptr& from, bool resumed = false);
  bool needs_update(const config::fleet_spec& to) const;
  void bring_back(std::uint64_t version, const std::string& failure);
  void settle();
  void write_settled();

  services_ptr services;
  config_args args;
  candidate_ptr applied;
  config_version version; ///< `applied`; without tree
  candidate_ptr healthy;  ///< what comes back when `applied` fails; may be `applied`
  config_version last_healthy;
  std::uint64_t last = 0;   ///< number of the last version
  std::string applied_tree; ///< hash of its tree alone
  std::string shrunk_tree;  ///< of what was on disk when bots were last missing in it
  nanoseconds shrunk_since{};
  std::string weighed_tree; ///< the same of what is on disk, as it was last decided about
  bool look_due = false;    ///< the tree is looked at again in a while …
  bool look_asked = false;  ///< … as somebody asked for it
  std::string last_refusal; ///< of what nobody waits for
  bool begun = false;       ///< something is in force
  bool ending = false;      ///< the fleet is
  updating::record_map records;
  std::optional<updating::rollout> update;
  std::string update_failure;
  std::map<std::uint64_t, version_state> unsettled; ///< not written yet
  bool settling = false;
  std::deque<change_ptr> waiting;
  change_ptr deciding;
  std::size_t looks = 0;
  disk_standing disk;
  std::optional<nanoseconds> next_wake;
  std::uint64_t wakes = 0;
};

config_actor::behavior_type config_owner(config_state::pointer self, config_args args);

} // namespace troupe
