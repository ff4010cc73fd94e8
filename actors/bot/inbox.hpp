#pragma once

// What came and waits for its handler: a queue for each lane, and the credit that the
// runtime gets for what is finished. At most a window of each lane is ever here.

#include "actors/bot/letter.hpp"

#include <array>
#include <deque>
#include <vector>

namespace troupe::bot::detail {

class inbox {
public:
  inbox(std::uint32_t window_messages, std::uint32_t window_bytes);

  /// A new link: what came over older ones stays, and has no credit any more.
  void open(std::uint64_t link);

  /// A letter to fill.
  letter_ptr blank();
  /// Keeps a letter's memory for the next one, when nobody else has it.
  void recycle(letter_ptr);

  /// False: the runtime has passed the window. Sets `link`.
  bool put(letter_ptr);
  /// As a `put` of what is finished at once.
  bool pass(wire::lane, std::size_t bytes);
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  /// Urgent first; the others in turns of 16, 4 and 1, so that `low` moves, too.
  letter_ptr take();
  void finished(const letter&);

  /// It is time for a CREDIT: a quarter of a window is used up, or something is finished and
  /// nothing is left to handle.
  bool credit_due() const;
  /// What to say in it.
  const wire::credits& credit();

private:
  struct row {
    std::deque<letter_ptr> waiting;
    wire::lane_credit came;     ///< since the link began …
    wire::lane_credit finished; ///< … and of these
  };

  bool arrive(row&, std::size_t bytes);

  std::uint32_t window_messages_;
  std::uint32_t window_bytes_;
  std::uint64_t link_ = 0;
  std::size_t size_ = 0;
  std::array<row, wire::lanes> rows_;
  std::array<std::uint32_t, wire::lanes> turns_{};
  wire::credits said_{};
  std::vector<letter_ptr> pool_;
  std::size_t pooled_ = 0; ///< bytes in it
};

} // namespace troupe::bot::detail
