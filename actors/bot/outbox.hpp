#pragma once

// What goes out: sequence numbers, what the runtime may have without a receipt, what is kept
// until its final outcome, and the bytes for the socket.

#include "messages/wire/message.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <sys/uio.h>
#include <unordered_map>
#include <vector>

namespace troupe::bot::detail {

/// Bytes of which the front is gone.
struct byte_queue {
  std::string bytes;
  std::size_t begin = 0;
  wire::late_sums sums; ///< of `bytes`

  std::size_t size() const { return bytes.size() - begin; }
  void drop(std::size_t count);
  /// Gives back the memory of the front when that is the larger part. Answers how many bytes.
  std::size_t compact();
};

class outbox {
public:
  /// Bytes that wait for the socket before `send` waits.
  static constexpr std::size_t most_unsent = 256u << 10;
  /// Bytes that are gathered before they are written.
  static constexpr std::size_t batch = 64u << 10;
  /// What is sent while there is no link waits for it, within these.
  static constexpr std::size_t most_held = 1024;
  static constexpr std::size_t most_held_bytes = 1u << 20;
  /// Bytes of all that has no final outcome; one may be larger.
  static constexpr std::size_t most_kept_bytes = 64u << 20;

  struct limits {
    std::uint64_t messages = 8192;
    std::uint64_t bytes = 8u << 20;
    std::size_t unresolved = 1024;
  };

  /// The WELCOME has come: what is kept goes out again, then what was held.
  void open(const limits&, bool zstd);
  /// The link is gone, and with it what was on its way.
  void close();

  /// For a HELLO: of each lane, the number of what will come first and is new.
  std::array<std::uint64_t, wire::lanes> next() const;

  /// A message of that many bytes may be added now. What else waits for the socket is no reason
  /// for an urgent one to wait.
  bool room(wire::lane, wire::delivery, std::size_t bytes) const;
  /// Numbers it; it goes out, or waits for the link.
  std::uint64_t add(wire::message_view&);
  /// For frames that are no messages. Only while there is a link.
  std::string& control() { return plain_.bytes; }

  /// False: it speaks of what was never sent.
  bool receipt(const wire::receipts&);
  /// It has its final outcome. False: it had none to wait for.
  bool resolve(wire::lane, std::uint64_t sequence);
  /// Gives up what has no final outcome, oldest first.
  std::vector<wire::outcome> abandon();

  bool unresolved(wire::lane, std::uint64_t sequence) const;
  /// Everything was taken, and has its final outcome.
  bool settled() const;
  std::size_t unsent() const { return plain_.size() + urgent_.size(); }
  /// Everything has gone out, once at least.
  bool written() const { return held_.empty() && unsent() == 0; }

  /// What to write next, at most three parts.
  std::size_t parts(std::array<iovec, 3>&);
  void wrote(std::size_t bytes);

private:
  struct lane_state {
    std::uint64_t next = 1;
    std::uint64_t first = 1;         ///< that has no receipt, when there is one
    std::deque<std::uint32_t> sizes; ///< of what has none, from `first` on
  };
  struct kept {
    std::string frame;
    std::uint64_t order = 0; ///< over all lanes
    bool sent = false;       ///< the runtime may have it
    wire::lane in = wire::lane::normal;
    std::uint64_t sequence = 0;
  };
  struct held {
    std::string frame; ///< empty: look into `kept_`
    wire::lane in;
    std::uint64_t sequence;
    std::size_t bytes;
    bool again;
  };

  static std::uint64_t key(wire::lane in, std::uint64_t sequence) {
    return sequence * wire::lanes + static_cast<std::uint64_t>(in);
  }
  bool window(std::size_t bytes) const;
  void count(wire::lane, std::uint64_t sequence, std::size_t bytes);
  void fill();
  void append_again(const std::string& frame);
  void align();

  bool open_ = false;
  bool zstd_ = false;
  limits limits_;
  std::array<lane_state, wire::lanes> lanes_;
  std::uint64_t without_receipt_ = 0;
  std::uint64_t bytes_without_receipt_ = 0;

  std::unordered_map<std::uint64_t, kept> kept_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t order_ = 0;

  std::deque<held> held_;
  std::size_t held_new_ = 0;
  std::size_t held_bytes_ = 0; ///< of the new ones

  byte_queue urgent_; ///< goes between two frames of `plain_`
  byte_queue plain_;
  std::size_t frame_end_ = 0; ///< in `plain_.bytes`; where a frame ends, maybe before `begin`
  bool in_order_ = false;     ///< `plain_` has what nothing may overtake
};

} // namespace troupe::bot::detail
