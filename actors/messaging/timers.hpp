#pragma once

// What is due when, for all links and mailboxes in one heap: a wake-up costs what is due then,
// not what there is.

#include <chrono>
#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

namespace troupe::messaging {

/// What is to be looked at.
enum class due : std::uint8_t {
  link,      ///< heartbeats, and deadlines of one link
  held,      ///< a link that nothing was read from for a moment
  receipt,   ///< what one link has been taken from is to be told
  ended,     ///< the process behind a link is gone, and its last bytes should have come
  grace,     ///< a process has lived too long without a link
  requests,  ///< open requests of one instance have a deadline
  ttl,       ///< messages in the mailbox of one instance have one
  undecided, ///< messages that waited for somebody who knows them
  retry,     ///< what the queue did not take
  shell,     ///< an operation that waits
  service,
};

class timers {
public:
  using time = std::chrono::nanoseconds;

  struct entry {
    time when{};
    due what = due::link;
    std::uint64_t id = 0; ///< of a link or an instance
    bool operator>(const entry& other) const { return when > other.when; }
  };

  /// There is no way to take one back: whoever is woken looks whether there is something to do.
  void add(time when, due what, std::uint64_t id = 0) { heap_.push({when, what, id}); }

  std::optional<time> next() const {
    return heap_.empty() ? std::nullopt : std::optional{heap_.top().when};
  }

  std::optional<entry> take(time now) {
    if (heap_.empty() || heap_.top().when > now)
      return {};
    const auto first = heap_.top();
    heap_.pop();
    return first;
  }

private:
  std::priority_queue<entry, std::vector<entry>, std::greater<>> heap_;
};

/// Keeps that a thing has at most one entry that counts; later ones than it are not added.
struct alarm {
  timers::time at{}; ///< 0: not set

  void set(timers& in, timers::time when, due what, std::uint64_t id) {
    if (at.count() != 0 && at <= when)
      return;
    at = when;
    in.add(when, what, id);
  }
  /// Whether what is due then is the entry that counts; it is set no more.
  bool rings(timers::time when) {
    if (at != when)
      return false;
    at = {};
    return true;
  }
};

} // namespace troupe::messaging
