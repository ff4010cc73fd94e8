#pragma once

// Numbers over time, made from the events that are kept. Pure.

#include "actors/commands/documents.hpp"

#include <map>
#include <string>
#include <vector>

namespace troupe::commands {

/// What became of one instance since its first kept event.
struct instance_history {
  std::int64_t first = 0; ///< its first event
  std::uint64_t starts = 0;
  std::map<std::string, std::uint64_t> ends; ///< «signal 9 (KILL)», «code 1» → how often
  std::int64_t up = 0;       ///< microseconds it counted as up, without the present stretch
  std::int64_t up_since = 0; ///< 0: it is not up
  std::int64_t started = 0;  ///< 0: ready, or without a process
  std::vector<std::int64_t> to_ready; ///< the last 100, in microseconds
};

class fleet_history {
public:
  void note(const transition& e);

  std::map<std::string, instance_history> of;
  std::uint64_t events = 0;
  std::int64_t first = 0;
  std::vector<std::int64_t> recent_starts;   ///< times of those of the last minute
  std::vector<std::int64_t> recent_restarts; ///< the same of tries after a failure
  std::int64_t recent_since = 0;             ///< when that minute began; set by whoever asks
};

/// What the deaths that are kept of one instance add up to.
struct death_sum {
  std::int64_t cpu_time = 0;
  std::int64_t max_memory = 0;
};

json stats_row(const instance_record& record, const instance_history& past, const usage* sampled,
               const death_sum* dead, std::int64_t now);

/// «signal 9 (KILL)» of «killed by signal 9 (KILL) after 3.2 s; …».
std::string kind_of_end(std::string_view cause);

} // namespace troupe::commands
