#pragma once

// Who there is, and what each may be told. Read this page and you know the system:
//
//   guardian ─┬─ journal    writes what happened (detached: SQLite blocks)
//             ├─ ledger     the last record of every instance; answers `status`
//             ├─ launcher   the only one that talks to the keeper (detached)
//             ├─ config     owns the applied spec
//             ├─ loader     reads trees and makes specs of them (detached: disks block)
//             ├─ admin      carries out what a shell asks
//             ├─ switchboard  says who there is to send to
//             ├─ hub        owns the links and mailboxes (a broker, in CAF's I/O thread)
//             ├─ queue      keeps durable messages (detached: SQLite blocks)
//             └─ root ──┬─ group supervisors …
//                       └─ proxies, one for each instance
//
// All interfaces are typed. Plain orders are `reacts_to` and never answer; whoever
// sends a request gives it a finite timeout. An actor that throws is replaced by
// the one above it: services by the guardian, which then hands everybody a new
// `services`; proxies and groups by their supervisor. A replaced actor rebuilds
// from the ledger and from the keeper's table.

#include "actors/type_ids.hpp"

#include <caf/all.hpp>

namespace troupe {

/// Writes batches, in order, each whole or not at all; answers what is kept.
using journal_actor = caf::typed_actor<
    // Commits a batch (true: waits for the disk). Answers "" or why it could not.
    caf::replies_to<write_atom, journal_batch_ptr, bool>::with<std::string>,
    // Everything that is kept, for those who come (back) up. When it cannot be read the
    // answer waits, and is an error in the end.
    caf::replies_to<view_atom>::with<journal_contents_ptr>,
    // Events that match, oldest first.
    caf::replies_to<query_atom, event_query>::with<event_list>,
    // The last n deaths of an instance or a bot, newest last.
    caf::replies_to<deaths_atom, std::string, std::uint32_t>::with<death_list>,
    // The applied states of the config, newest first, without their trees; or one, whole.
    caf::replies_to<versions_atom, std::uint32_t>::with<version_list>,
    caf::replies_to<versions_atom, std::uint64_t>::with<version_list>,
    // Entries of the audit, oldest first; and whether it is as it was written.
    caf::replies_to<audit_atom, audit_query>::with<audit_list>,
    caf::replies_to<verify_atom, std::uint64_t>::with<audit_check>,
    // What is kept and what was written since this actor began; see journal.cpp.
    caf::replies_to<figures_atom>::with<figures>, caf::reacts_to<tick_atom, std::uint64_t>>;

/// Keeps the last record of every instance, numbers every change and sees to it
/// that each is committed once.
using ledger_actor = caf::typed_actor<
    // The other services, at the start and whenever one was replaced.
    caf::reacts_to<wire_atom, services_ptr>,
    // An instance changed.
    caf::reacts_to<ledger_entry>,
    // A process ended and nothing of it is left.
    caf::reacts_to<death>,
    // A group changed.
    caf::reacts_to<group_record>,
    // Something happened to the config: it becomes an event whose subject is «config».
    caf::reacts_to<remark_atom, std::string>,
    // A committed batch tells what operators want of instances (`intents`).
    caf::reacts_to<note_atom, journal_batch_ptr>,
    // These instances exist from now on, and no others (config version).
    caf::reacts_to<retain_atom, config::spec_ptr, std::uint64_t>,
    // The record of one instance, empty when there is none, and a number that none of
    // its incarnations was above.
    caf::replies_to<adopt_atom, std::string, lineage>::with<instance_record, std::uint64_t>,
    // The records that belong to these names: instances, bots, or groups with a
    // trailing '/'; no name at all means everything.
    caf::replies_to<view_atom, std::vector<std::string>>::with<ledger_view_ptr>,
    // Answers once an event after that sequence number is committed, with the
    // number of the last committed one; after the time in milliseconds, at most
    // 30 s, it answers all the same.
    caf::replies_to<await_atom, std::uint64_t, std::uint32_t>::with<std::uint64_t>,
    // Answers as soon as nothing waits for the disk.
    caf::replies_to<flush_atom>::with<bool>,
    // What waits here; see ledger.cpp.
    caf::replies_to<figures_atom>::with<figures>,
    // A supervisor wants `note` for these bots and groups (trailing '/').
    caf::reacts_to<watch_atom, std::vector<std::string>>, caf::reacts_to<tick_atom, std::uint64_t>>;

/// One look at processes and disks that may hang for long, then it is gone. To the figures
/// that it is given it adds those of the machine.
using look_actor = caf::typed_actor<caf::replies_to<environ_atom, launch>::with<environment_report>,
                                    caf::replies_to<limits_atom, launches>::with<limits_report>,
                                    caf::replies_to<figures_atom, figures>::with<figures>>;

/// Starts, signals and sweeps processes; admits starts at the fleet's pace.
using launcher_actor = caf::typed_actor<
    caf::reacts_to<wire_atom, services_ptr>,
    // Pace: start_parallelism, restart_rate, restart_burst of the applied spec.
    caf::reacts_to<apply_atom, config::spec_ptr>,
    // A proxy takes charge of an instance: it gets its events from now on, and
    // what the keeper already holds.
    caf::replies_to<adopt_atom, std::string, lineage>::with<adoptees>,
    // Start a process (true: a restart, which passes the restart rate). The proxy
    // gets `spawned` or `spawn_failed`.
    caf::reacts_to<launch, bool>,
    // Forget a start that is still queued; one that was sent comes back as `spawned`.
    caf::reacts_to<withdraw_atom, std::string, std::uint64_t>,
    // Send a signal to the main process, or (true) to all. Answers "" or why not.
    caf::replies_to<signal_atom, std::string, std::uint64_t, int, bool>::with<std::string>,
    // Stop (true) or continue the processes where they are. Answers "" or why not.
    caf::replies_to<freeze_atom, std::string, std::uint64_t, bool>::with<std::string>,
    // Count or kill what is left of an incarnation. Answers how many are still there.
    caf::replies_to<sweep_atom, std::string, std::uint64_t, sweeping>::with<std::uint32_t>,
    // The last lines that an incarnation wrote.
    caf::replies_to<tail_atom, std::string, std::uint64_t>::with<std::string>,
    // The end of an incarnation is committed: the keeper may forget it.
    caf::reacts_to<commit_atom, std::string, std::uint64_t>,
    // Attend a process that a proxy took over (true: it is not ready yet).
    caf::reacts_to<attend_atom, launch, bool>,
    // The settings of a running process changed in what needs no new one. Answers "" or what
    // could not be changed, and why.
    caf::replies_to<adjust_atom, launch>::with<std::string>,
    // Run a hook; the proxy gets `hook_end`.
    caf::reacts_to<hook_atom, launch, hook>,
    // CPU and memory of these instances.
    caf::replies_to<sample_atom, std::vector<std::string>>::with<usage_map>,
    // Which isolation is in force, in one line.
    caf::replies_to<report_atom>::with<std::string>,
    // Looks that may take their time; each is done by an actor of its own (look_actor).
    caf::replies_to<environ_atom, launch>::with<environment_report>,
    caf::replies_to<limits_atom, launches>::with<limits_report>,
    caf::replies_to<figures_atom>::with<figures>,
    // What the keeper says.
    caf::reacts_to<spawned>, caf::reacts_to<spawn_failed>, caf::reacts_to<exited>,
    caf::reacts_to<stalled>, caf::reacts_to<notice>, caf::reacts_to<hook_end>,
    // These instances exist; whatever else the keeper holds is ended.
    caf::reacts_to<retain_atom, config::spec_ptr>, caf::reacts_to<tick_atom, std::uint64_t>>;

/// What a supervisor knows of a child, be it a proxy, a group or, in a custom bot,
/// an actor: it asks before it starts, it can be told to end, it reports.
using child_actor =
    caf::typed_actor<caf::reacts_to<wire_atom, services_ptr>,
                     // The answer to `ask`: go.
                     caf::reacts_to<admit_atom>,
                     // No answer to `ask` yet, and why, for people.
                     caf::reacts_to<hold_atom, std::string>,
                     // End what runs, stay wanted and ask again.
                     caf::reacts_to<recycle_atom, std::string>,
                     // End, and stay down; a report says when it is.
                     caf::reacts_to<stop_atom, std::string>,
                     // End at once: the stop ladder's last step.
                     caf::reacts_to<hurry_atom>,
                     // End, and then be no more.
                     caf::reacts_to<remove_atom, std::string>,
                     // An operator's order for what is in it. Answers what became of it.
                     caf::replies_to<operation>::with<outcomes>>;

/// Stands for one instance.
using proxy_actor = child_actor::extend<
    // The instance has a new spec. A process that is out of date by it is replaced; what needs no
    // new process is in force at once.
    caf::reacts_to<apply_atom, config::bot_spec_ptr>,
    // What became of its process; from the launcher.
    caf::reacts_to<spawned>, caf::reacts_to<spawn_failed>, caf::reacts_to<process_end>,
    caf::reacts_to<stalled>, caf::reacts_to<notice>, caf::reacts_to<hook_end>,
    // A timer of this proxy: which, and the generation it was armed in.
    caf::reacts_to<tick_atom, std::uint8_t, std::uint64_t>>;

/// A group of children with a strategy.
using supervisor_actor = child_actor::extend<
    // What the group is from now on; children come, change and go accordingly.
    caf::reacts_to<apply_atom, config::group_ptr, config::spec_ptr>,
    // A child asks to be admitted.
    caf::reacts_to<ask_atom, std::string>,
    // A child changed.
    caf::reacts_to<child_report>,
    // The ledger: an instance elsewhere, that children here depend on, changed: its state,
    // and what it has printed that others wait for.
    caf::reacts_to<note_atom, std::string, std::uint8_t, std::vector<std::string>>,
    caf::reacts_to<tick_atom, std::uint8_t, std::uint64_t>>;

/// Reads trees from the disk and makes specs of them, which may take its time. Detached.
using loader_actor = caf::typed_actor<
    // What is on disk now, under these overrides.
    caf::replies_to<read_atom, config::override_map>::with<candidate_ptr>,
    // What another tree would be under other overrides.
    caf::replies_to<load_atom, candidate_ptr, config::override_map>::with<candidate_ptr>,
    // A kept version.
    caf::replies_to<load_atom, config_version>::with<candidate_ptr>>;

/// Owns what the fleet should be: the applied tree, its version, what operators set. Carries
/// changes out, batch by batch, and brings the last healthy version back when one fails.
using config_actor = caf::typed_actor<
    caf::reacts_to<wire_atom, services_ptr>,
    // The spec in force.
    caf::replies_to<view_atom>::with<config::spec_ptr>,
    // An operation of a shell; see actors/config.hpp.
    caf::replies_to<config_request>::with<config_reply>,
    // The tree on disk may have changed, and is quiet since; why: «edited», «HUP». Applied by
    // itself with `auto_apply`, or when it was asked for (true).
    caf::reacts_to<reload_atom, std::string, bool>,
    // An instance has changed its state or process; from the ledger.
    caf::reacts_to<note_atom, instance_record>, caf::reacts_to<tick_atom, std::uint64_t>,
    // Sets the number of replicas of a bot, 0: to what the tree says. Holds until the next.
    // Answers "" or why not. Commits before it answers.
    caf::replies_to<scale_atom, std::string, std::uint32_t, audit_entry>::with<std::string>,
    // The fleet ends: nothing is changed any more.
    caf::reacts_to<stop_atom>>;

/// Makes the routing table from the applied spec and the states of the instances, and hands a
/// new one to the hub whenever either has changed.
using switchboard_actor =
    caf::typed_actor<caf::reacts_to<wire_atom, services_ptr>,
                     // The spec in force; from the config actor.
                     caf::reacts_to<apply_atom, config::spec_ptr, std::uint64_t>,
                     // An instance has changed its state or process; from the ledger.
                     caf::reacts_to<note_atom, instance_record>,
                     caf::reacts_to<tick_atom, std::uint64_t>>;

/// Writes messages of full mailboxes to disk and takes them back; the queue's, with a thread of its
/// own, so that they wait for no commit.
using spill_actor =
    caf::typed_actor<caf::replies_to<spill_atom, messaging::spill_batch_ptr>::with<std::string>,
                     caf::replies_to<unspill_atom, std::string, std::uint8_t, std::uint32_t,
                                     std::uint64_t>::with<messaging::spill_list>,
                     caf::reacts_to<drop_atom, std::string>>;

/// Commits what of messages is to outlive the runtime; many requests at a time in one transaction.
using queue_actor = caf::typed_actor<
    // Answers "" once it is on disk, or why it is not.
    caf::replies_to<write_atom, messaging::queue_batch_ptr>::with<std::string>,
    // What is kept, for a hub that begins.
    caf::replies_to<view_atom>::with<messaging::queue_contents_ptr>,
    caf::replies_to<query_atom, messaging::dead_letter_query>::with<messaging::dead_letter_list>,
    // Messages of full mailboxes, to disk and back: mailbox, lane, at most so many and so many
    // bytes.
    caf::replies_to<spill_atom, messaging::spill_batch_ptr>::with<std::string>,
    caf::replies_to<unspill_atom, std::string, std::uint8_t, std::uint32_t,
                    std::uint64_t>::with<messaging::spill_list>,
    caf::reacts_to<drop_atom, std::string>, caf::replies_to<figures_atom>::with<figures>,
    caf::reacts_to<tick_atom, std::uint64_t>>;

/// Owns the links, the mailboxes and the way of every message; see actors/messaging/hub.hpp.
using hub_actor = caf::typed_actor<
    caf::reacts_to<wire_atom, services_ptr>,
    // Who there is to send to, from now on.
    caf::reacts_to<apply_atom, messaging::routes_ptr>,
    // A process has connected and proved who it is.
    caf::reacts_to<link_atom, new_link>,
    // Ask the process behind a link to drain or flatten within so many milliseconds; the proxy
    // gets a notice.
    caf::reacts_to<ask_atom, std::string, std::uint64_t, messaging::link_order, std::uint32_t>,
    // An operation of a shell. Answers a JSON document.
    caf::replies_to<hub_request>::with<std::string>, caf::replies_to<figures_atom>::with<figures>,
    // The fleet ends.
    caf::reacts_to<stop_atom>, caf::reacts_to<tick_atom, std::uint64_t>>;

/// Carries out what shells ask; what a command means stands in its table.
using command_actor =
    caf::typed_actor<caf::reacts_to<wire_atom, services_ptr>,
                     caf::replies_to<admin_request>::with<admin_reply>,
                     // The rest of a long answer: session, cursor.
                     caf::replies_to<next_atom, std::uint64_t, std::uint64_t>::with<admin_reply>>;

/// Brings the services up in order, replaces those that die, ends the fleet.
using guardian_actor = caf::typed_actor<
    // A shell: end the fleet in order, then the runtime; a second one hurries. The keeper
    // learns of it, so that a runtime that dies meanwhile does not bring the fleet back.
    caf::reacts_to<stop_atom, std::string>,
    // The keeper: end the fleet, in a hurry (true) or not.
    caf::reacts_to<stop_atom, std::string, bool>,
    // The keeper asks whether the runtime lives: actors have to answer, not a thread.
    caf::reacts_to<alive_atom>, caf::reacts_to<child_report>,
    caf::reacts_to<tick_atom, std::uint64_t>>;

/// Whom everybody may need. Immutable; a new one is handed out when a service was
/// replaced.
struct services {
  journal_actor journal;
  ledger_actor ledger;
  launcher_actor launcher;
  config_actor config;
  supervisor_actor root;
  command_actor admin;
  guardian_actor guardian;
  // These are null where nothing is linked: in tests of supervision, and in one bot's actors.
  switchboard_actor switchboard;
  hub_actor hub;
  queue_actor queue;
  // Null where a fleet has no tree: in one bot's actors.
  loader_actor loader;
};

} // namespace troupe
