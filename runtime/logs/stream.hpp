#pragma once

// What goes from the thread that reads pipes to the one that writes files.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <vector>

namespace troupe::logs {

/// Why output was dropped; above 0 it is an errno.
namespace loss {
inline constexpr int none = 0;
inline constexpr int slow_disk = -1;
inline constexpr int over_rate = -2;
} // namespace loss

/// One source of output as both threads see it. The numbers may be read by anybody.
struct stream {
  std::string instance; ///< without the suffix of a source
  std::string stem;
  std::uint64_t incarnation = 0;
  std::uint64_t number = 0; ///< of this source, from 1 on
  std::size_t log = 0;      ///< the same for all that write into one log
  std::atomic<std::uint64_t> max_size{0};
  std::atomic<std::uint32_t> keep{0};
  std::atomic<std::uint64_t> read{0};    ///< bytes
  std::atomic<std::uint64_t> dropped{0}; ///< bytes of these that are in no file
  std::atomic<int> why{loss::none};      ///< of the last that were dropped

  void drop(std::uint64_t bytes, int reason) {
    dropped.fetch_add(bytes, std::memory_order_relaxed);
    why.store(reason, std::memory_order_relaxed);
  }
};
using stream_ptr = std::shared_ptr<stream>;

/// Bytes for one log, as they are to stand in it.
struct piece {
  stream_ptr to;
  std::string_view bytes;  ///< in its block, or for ever
  std::size_t raw = 0;     ///< how many bytes of the bot that is
  std::int64_t time = 0;   ///< when they were read, Unix microseconds
  bool line_start = false; ///< they begin a line
  bool after_loss = false; ///< bytes before these were dropped
  bool shaped = false;     ///< line by line: what begins a line must stand on one of its own
};

inline constexpr std::size_t block_size = 256 * 1024;

/// Mapped, so that what a flood needed goes back to the system at once. None when the system has
/// none.
struct unmap_block {
  void operator()(char* x) const { ::munmap(x, block_size); }
};
using block_memory = std::unique_ptr<char, unmap_block>;

inline block_memory map_block() {
  void* const x =
      ::mmap(nullptr, block_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return block_memory{x == MAP_FAILED ? nullptr : static_cast<char*>(x)};
}

/// Memory and the pieces in it.
struct block {
  static constexpr std::size_t size = block_size;
  static constexpr std::size_t most_pieces = 4096;

  block_memory memory = map_block();
  std::size_t used = 0;
  std::vector<piece> pieces;

  std::size_t room() const { return pieces.size() < most_pieces ? size - used : 0; }
  bool holds(std::string_view x) const {
    return x.data() >= memory.get() && x.data() < memory.get() + size;
  }
};
using block_ptr = std::unique_ptr<block>;

} // namespace troupe::logs
