#pragma once

// The journal's database in memory, with a switch that makes it fail. It notes what
// must never be written: a chain of states with a gap, a number used twice.

#include "actors/seams.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace troupe::test {

class fake_store {
public:
  // -- for tests -----------------------------------------------------------------

  std::string trouble;    ///< not empty: nothing can be written, and this is why
  std::string alarm;      ///< what is wrong though all is written
  std::string unreadable; ///< not empty: nothing can be read, and this is why
  std::map<std::uint64_t, transition> transitions;
  std::map<std::pair<std::string, std::uint64_t>, death> deaths;
  std::map<std::string, instance_record> records;
  std::map<std::string, bool> intents;
  config::override_map overrides;
  std::vector<audit_entry> audits;
  std::vector<config_version> versions; ///< oldest first
  std::set<std::string> ever_forgotten;
  std::size_t batches = 0;
  std::size_t record_writes = 0;

  /// Of one instance: «defined>waiting», «waiting>starting», …
  std::vector<std::string> path(const std::string& instance) const;

  /// What is wrong with the events as they stand; empty when nothing is.
  std::vector<std::string> check() const;

  // -- what a runtime may do -----------------------------------------------------

  journal_contents load();
  std::string write(journal_batch& batch);

  std::uint64_t last_incarnation = 0;
  std::vector<std::string> violations;
};

/// One runtime's view of it; after `cut` nothing gets through.
class store_view : public journal_store {
public:
  explicit store_view(fake_store& world)
      : world_{world} {}

  void cut() { cut_ = true; }

  journal_contents load(std::uint64_t) override { return world_.load(); }
  std::string write(journal_batch& batch, bool durable) override;
  std::vector<config_version> versions(std::uint32_t last) override;
  std::optional<config_version> version(std::uint64_t number) override;
  std::vector<audit_entry> audits(const audit_query& what) override;
  audit_check verify_audit(std::uint64_t most) override;
  std::string trouble() const override { return {}; }
  figures counts() override;
  std::vector<transition> events(const event_query& what) override;
  std::vector<death> deaths(const std::string& name, std::uint32_t last) override;

private:
  fake_store& world_;
  bool cut_ = false;
};

} // namespace troupe::test
