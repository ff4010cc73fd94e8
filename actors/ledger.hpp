#pragma once

// The last record of every instance, in memory; the only one that answers
// `status`. It numbers every change and sees to it that each is committed once:
// what came in since the last commit waits here, in order, while one batch is on
// its way to the journal. An unwritable disk costs nothing but this memory, which
// is bounded; when it overflows the oldest changes go, and that is said.

#include "actors/interfaces.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace troupe {

struct ledger_state {
  using pointer = ledger_actor::stateful_pointer<ledger_state>;

  /// Changes that wait for the disk, at most.
  static constexpr std::size_t max_pending = 20'000;
  /// Shells that wait for the next event, at most.
  static constexpr std::size_t max_waiting = 256;
  /// How long changes are gathered before they are committed together.
  static constexpr std::chrono::milliseconds gather{20};
  /// For so long the end of a process waits for an unwritable disk before the
  /// keeper may forget it.
  static constexpr std::chrono::seconds patience{10};

  explicit ledger_state(pointer owner)
      : self{owner} {
    // nop
  }

  void init(services_ptr given, journal_contents_ptr contents);
  void wire(services_ptr replaced) { services = std::move(replaced); }
  void on_entry(const ledger_entry& entry);
  void on_death(const death& what);
  void end_of_stranger(instance_record record, const death& what);
  void on_group(const group_record& what);
  void remark(const std::string& text);
  void on_intents(const journal_batch& batch);
  void retain(const config::spec_ptr& fleet, std::uint64_t applied_version);
  caf::result<instance_record, std::uint64_t> adopt(const std::string& instance, const lineage& by);
  ledger_view_ptr view(const std::vector<std::string>& names) const;
  caf::result<bool> when_committed();
  caf::result<std::uint64_t> await(std::uint64_t after, std::uint32_t milliseconds);
  figures counts() const;
  void watch(const std::vector<std::string>& targets);
  void on_down(const caf::down_msg& message);
  void tick(std::uint64_t what);

  static inline const char* name = "ledger";

private:
  struct waiter {
    std::uint64_t after;
    caf::typed_response_promise<std::uint64_t> answer;
  };

  struct watcher {
    supervisor_actor who;
    std::vector<std::string> targets;
  };

  void recall(const journal_contents& contents);
  void gather_or_flush();
  void flush();
  bool idle() const;
  void write();
  void on_written(const std::string& problem);
  void release_deaths(const journal_batch& batch);
  void bound_pending();
  void answer_waiters();
  void tell_watchers(const instance_record& record);
  void tell_services(const instance_record& record);
  void forget(const std::string& instance);
  static bool matches(const std::string& target, const std::string& instance);

  pointer self;
  services_ptr services;
  std::map<std::string, instance_record> records;
  std::map<std::string, group_record> groups;
  std::set<std::string> stopped;                 ///< by an operator; of those that are gone too
  std::map<std::string, lineage> owners;         ///< the proxy in charge of each instance
  std::optional<std::set<std::string>> expected; ///< unset until the first apply
  std::uint64_t version = 0;
  std::uint64_t last_seq = 0;
  std::uint64_t committed_seq = 0;
  std::uint64_t last_incarnation = 0; ///< the highest of those that were forgotten
  journal_batch pending;
  std::set<std::string> dirty; ///< instances whose record is to be written
  journal_batch_ptr in_flight;
  bool gathering = false;
  std::string trouble;
  bool failing = false; ///< the last commit did
  std::chrono::nanoseconds troubled_since{};
  bool looking = false; ///< whether the disk has room again
  std::uint64_t lost = 0;
  std::map<std::uint64_t, waiter> waiters;
  std::vector<caf::typed_response_promise<bool>> until_committed;
  std::uint64_t last_waiter = 2; ///< 0 to 2 are the ticks of this actor itself
  std::map<caf::actor_addr, watcher> watchers;
};

/// With no `contents` it asks the journal.
ledger_actor::behavior_type ledger(ledger_state::pointer self, services_ptr services,
                                   journal_contents_ptr contents);

} // namespace troupe
