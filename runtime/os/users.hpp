#pragma once

#include "config/result.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace troupe::os {

/// Who a process is to be. What is not set stays as it is.
struct identity {
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<std::vector<gid_t>> groups;
  uid_t owner = 0; ///< the uid it will have in any case
  gid_t owner_group = 0;
  std::string name; ///< for USER
  std::string home; ///< for HOME
};

/// Looks users and groups up, by name or number, and remembers the answers for a few
/// seconds: a fleet asks for the same few a thousand times. One thread at a time.
class users {
public:
  /// The error is a sentence without the bot's name.
  config::expected<identity, std::string> find(const std::optional<std::string>& user,
                                               const std::optional<std::string>& group);

private:
  using key = std::pair<std::optional<std::string>, std::optional<std::string>>;
  struct answer {
    identity who;
    std::chrono::steady_clock::time_point until;
  };
  std::map<key, answer> known_;
};

} // namespace troupe::os
