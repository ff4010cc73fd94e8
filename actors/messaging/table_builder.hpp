#pragma once

// Makes routing tables: from the applied spec and the records of the instances, one after the
// other, each sharing with the one before what has not changed. Plain code, for one thread;
// its tables may go to others.

#include "actors/messaging/routes.hpp"
#include "messages/records.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

namespace troupe::messaging {

class table_builder {
public:
  /// The fleet is this from now on. An instance that it does not have stays, as `leaving`, for
  /// as long as it has a process.
  void apply(const config::spec_ptr& fleet, std::uint64_t version);

  /// An instance has changed. May come before the spec that has it.
  void note(const instance_record& record);

  /// A table of what is known now; null when nothing has changed since the last one.
  routes_ptr make();

private:
  /// What a record says that matters here.
  struct condition {
    std::uint64_t incarnation = 0;
    state now = state::defined;
    bool wanted = false;
    bool operator==(const condition&) const = default;
  };
  using members = std::map<std::uint32_t, route_ptr>;

  void place(const std::string& bot, std::uint32_t index, const config::bot_spec_ptr& spec,
             bool leaving);
  void displace(const std::string& bot, std::uint32_t index);
  void refresh_groups();

  config::spec_ptr fleet_;
  std::unordered_map<std::string, condition> known_; ///< by instance
  std::map<std::string, members> bots_;
  std::set<std::string> changed_; ///< bots whose pool is to be made anew
  bool regroup_ = false;          ///< a bot has come or gone
  bool unsaid_ = false;           ///< something has changed since the last table
  routing_table table_;
};

} // namespace troupe::messaging
