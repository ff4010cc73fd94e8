#pragma once

#include "runtime/logs/stream.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

namespace troupe::logs {

/// The bounded way from the thread that reads to the one that writes.
///
/// All blocks together are the bound. While the writer makes progress, the reader waits for
/// it, and the bots are held back by their pipes: nothing is lost. When nothing at all was
/// written for `patience`, the reader gets no block and drops what it reads, until there is
/// one again: a dead disk blocks no bot.
class hand_over {
public:
  static constexpr std::size_t most_blocks = 64; ///< 16 MiB

  explicit hand_over(std::chrono::milliseconds patience = std::chrono::seconds{1},
                     std::size_t blocks = most_blocks)
      : patience_(patience)
      , most_(blocks) {
    // nop
  }

  // -- of the reader ---------------------------------------------------------------

  /// An empty block, perhaps after a wait; nothing when the writer is stuck.
  block_ptr acquire();

  /// The block that was submitted last when it still waits and has room for `least` bytes, so
  /// that little output does not take up many blocks.
  block_ptr reclaim(std::size_t least);

  void submit(block_ptr x);

  /// From now on the reader waits for `patience` and no more, even when there is progress. Any
  /// thread.
  void hurry();

  /// Nothing more will be submitted.
  void close();

  // -- of the writer ---------------------------------------------------------------

  /// The next block; nothing when there was none for so long, or `closed`.
  block_ptr take(std::chrono::milliseconds limit);
  bool closed();

  /// Something was written, or there is nothing to wait for.
  void progress() { progress_.fetch_add(1, std::memory_order_relaxed); }

  void recycle(block_ptr x);

  /// Gives the memory that a flood has needed back to the system.
  void trim();

private:
  const std::chrono::milliseconds patience_;
  const std::size_t most_;
  std::atomic<std::uint64_t> progress_{0};
  std::mutex mutex_; // guards all below
  std::condition_variable room_;
  std::condition_variable work_;
  std::deque<block_ptr> queue_;
  std::vector<block_ptr> spare_; // the one used last is at the end, and warm
  std::size_t lent_ = 0;         // all but the spare ones
  bool stuck_ = false;
  bool hurry_ = false;
  bool closed_ = false;
};

} // namespace troupe::logs
