#pragma once

#include "runtime/logs/reading/reader.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

namespace troupe::log_reading {

/// The lines of several instances in the order of their time. Lines of one instance keep
/// their order whatever their time, and what was read in the same second stays together.
class merged_logs {
public:
  struct source {
    std::string instance;
    log_reader reader;
    log_line line; ///< after `next`
    std::int64_t order = 0;
    bool ready = false; ///< `line` waits to be given out
    std::size_t number = 0;
  };

  /// Lines that have not ended are given out too, for who reads up to an end only.
  explicit merged_logs(bool unfinished = false)
      : unfinished_{unfinished} {}

  source& add(std::string instance, log_reader);
  const std::vector<std::unique_ptr<source>>& sources() const { return sources_; }

  /// The source whose line is next; null: no source has one now. Its line is good until the
  /// next call.
  source* next();

  /// Looks whether a source that had no line has one by now.
  void look(source&);
  void look_everywhere();

private:
  using entry = std::pair<std::int64_t, std::size_t>;

  std::vector<std::unique_ptr<source>> sources_;
  std::priority_queue<entry, std::vector<entry>, std::greater<>> waiting_;
  source* given_ = nullptr;
  bool unfinished_;
};

} // namespace troupe::log_reading
