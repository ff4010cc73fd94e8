#pragma once

// The index beside a log file tells when, and from which incarnation, each part of the log
// was read; so the log itself holds exactly what the bot wrote. docs/logs.md has the format.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace troupe::logs {

/// What stands from `offset` on in the log file of the same number was read at `time` from
/// `incarnation`; in force until the next record.
struct index_record {
  std::uint64_t offset = 0;
  std::int64_t time = 0; ///< Unix microseconds
  std::uint64_t incarnation = 0;

  bool operator==(const index_record&) const = default;
};

/// Bytes of one record in the file: three numbers of 64 bits, little-endian.
inline constexpr std::size_t index_record_size = 24;

std::array<char, index_record_size> encode(const index_record& x);

/// The record that begins at `bytes`, or nothing when it is not there as a whole.
std::optional<index_record> decode_index_record(std::string_view bytes);

/// All whole records of an index file, from its beginning; half of one at the end is left
/// out. Nothing, with `errno` set, when it cannot be read. `fd` needs no position.
std::optional<std::vector<index_record>> read_index(int fd);

} // namespace troupe::logs
