#pragma once

#include "config/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::importing {

/// A file that cannot be imported at all.
struct failure {
  std::string file;
  std::uint32_t line = 0; ///< from 1; 0: the file as a whole
  std::string message;
  std::string hint;
};

/// One file that is to be imported.
struct source {
  static constexpr std::size_t max_bytes = 4u << 20;

  std::string path; ///< as it was named
  std::string text; ///< UTF-8 without NUL

  /// Its directory, absolute: what relative paths in it count from.
  std::string directory() const;
};

/// Reads it. Refuses what is no regular file, is too large or is no text.
config::expected<source, failure> read_source(const std::string& path);

/// A path of the source, absolute.
std::string absolute_in(const std::string& directory, std::string_view path);

} // namespace troupe::importing
