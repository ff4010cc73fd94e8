#pragma once

// The journal of a hosted fleet: in memory, for as long as its process.

#include "actors/seams.hpp"

#include <deque>
#include <map>
#include <memory>

namespace troupe::bot {

/// Keeps the last 1000 events and 100 deaths.
class memory_store : public journal_store {
public:
  journal_contents load(std::uint64_t run) override;
  std::string write(journal_batch&, bool durable) override;
  std::vector<transition> events(const event_query&) override;
  std::vector<death> deaths(const std::string& name, std::uint32_t last) override;
  figures counts() override;
  // A program has neither a tree nor operators.
  std::vector<config_version> versions(std::uint32_t) override { return {}; }
  std::optional<config_version> version(std::uint64_t) override { return {}; }
  std::vector<audit_entry> audits(const audit_query&) override { return {}; }
  audit_check verify_audit(std::uint64_t) override { return {}; }
  std::string trouble() const override { return {}; }

private:
  journal_contents contents_;
  std::map<std::string, instance_record> records_;
  std::deque<transition> events_;
  std::deque<death> deaths_;
};

} // namespace troupe::bot
