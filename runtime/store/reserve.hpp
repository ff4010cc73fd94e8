#pragma once

#include <cstdint>
#include <string>

namespace troupe::store {

/// Blocks of the disk that are kept for the day when it is full: a file beside the database. Given
/// back, they are enough for the database to go on for a while, and for an operator to be told.
class disk_reserve {
public:
  /// `bytes` 0: nothing is kept, and it is never missing.
  disk_reserve(std::string path, std::uint64_t bytes);

  /// Whether it is there; made anew when it is not and the disk has room for twice as much.
  bool ensure();

  /// Gives the blocks back if the disk has next to no room; false when that is not so, or when they
  /// were given before.
  bool release_if_full();

  /// Bytes that the disk has left for us, 0 when that cannot be known.
  std::uint64_t room() const;

private:
  std::string path_;
  std::uint64_t bytes_;
  bool there_ = false;
};

} // namespace troupe::store
