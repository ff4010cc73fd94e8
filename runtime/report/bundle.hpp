#pragma once

// The bundle: texts in memory, bounded, then one compressed tar.

#include "config/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::report {

struct bounds {
  static constexpr std::size_t file_bytes = 8u << 20;   ///< of one text
  static constexpr std::size_t total_bytes = 32u << 20; ///< of all, before they are packed
};

/// Something that belongs into the bundle and is not there.
struct gap {
  std::string what;
  std::string why;
};

class bundle {
public:
  struct entry {
    std::string name; ///< «config/market/feed.json»
    std::string text;
  };

  /// Adds a text. What is over the bounds is cut at the end, and that is noted.
  void add(std::string name, std::string text);

  void lacks(std::string what, std::string why) {
    gaps_.push_back({std::move(what), std::move(why)});
  }

  const std::vector<entry>& entries() const { return entries_; }
  const std::vector<gap>& gaps() const { return gaps_; }

private:
  std::vector<entry> entries_;
  std::vector<gap> gaps_;
  std::size_t total_ = 0;
};

/// Writes all entries beneath the directory `top` into a new file with mode 0600: a tar,
/// packed with gzip. Returns its size. The error is a sentence; nothing is left behind then.
config::expected<std::uint64_t, std::string> write_bundle(const bundle&, const std::string& path,
                                                          const std::string& top);

} // namespace troupe::report
