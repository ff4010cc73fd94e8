#pragma once

// Which files hold the output of which instance.

#include "runtime/logs/names.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace troupe::log_reading {

/// The files of one instance.
struct log_place {
  std::string stem; ///< «…/logs/market/trader.0»

  std::string log(std::uint32_t number) const { return logs::log_name(stem, number); }
  std::string index(std::uint32_t number) const { return logs::index_name(stem, number); }
  std::string directory() const;
};

/// The place of `market/trader#0` in the directory `logs`.
log_place place_of(const std::string& logs, std::string_view instance);

/// The highest number of a log at that place, as its directory says now; 0 when there is none.
std::uint32_t highest_number(const log_place& place);

/// «market/trader#0» of «market/trader.0.log.3»; empty when that is no log.
std::string instance_of_file(std::string_view path);

/// What lies in a directory of logs.
struct log_listing {
  std::map<std::string, std::uint32_t> instances; ///< and the highest number of each
  int error = 0; ///< errno, when the directory itself could not be read
};

/// At most 100 000 entries and 32 levels are looked at.
log_listing list_logs(const std::string& logs);

} // namespace troupe::log_reading
