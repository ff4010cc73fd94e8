#pragma once

// One link as the hub sees it.

#include "actors/messaging/hub.hpp"
#include "actors/messaging/parcel.hpp"
#include "actors/messaging/shared_map.hpp"
#include "actors/messaging/timers.hpp"
#include "messages/wire/message.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::messaging {

struct peer;

/// How much of one lane is under way to a bot.
class lane_window {
public:
  void open(std::uint64_t messages, std::uint64_t bytes) {
    messages_ = messages;
    bytes_ = bytes;
  }
  /// One more of that size may go; one that is larger than the window when it is alone.
  bool takes(std::size_t size) const {
    const auto under = sent_.messages - finished_.messages;
    return under == 0 || (under < messages_ && sent_.bytes - finished_.bytes + size <= bytes_);
  }
  void send(std::size_t size) {
    ++sent_.messages;
    sent_.bytes += size;
  }
  /// False: that is less than before, or more than was sent.
  bool finish(const wire::lane_credit& finished) {
    if (finished.messages < finished_.messages || finished.bytes < finished_.bytes
        || finished.messages > sent_.messages || finished.bytes > sent_.bytes)
      return false;
    finished_ = finished;
    return true;
  }
  std::uint64_t under_way() const { return sent_.messages - finished_.messages; }

private:
  std::uint64_t messages_ = 0;
  std::uint64_t bytes_ = 0;
  wire::lane_credit sent_;
  wire::lane_credit finished_;
};

struct traffic {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

struct link_state {
  link_id id = 0;
  link_hello hello;
  peer* owner = nullptr;
  std::int64_t since = 0; ///< Unix microseconds

  // -- in ------------------------------------------------------------------------------
  std::string input; ///< a frame that is not whole yet, never more
  monotonic frame_since{};
  std::uint32_t known_missing = 0; ///< entries of KNOWN that the hello has announced
  std::uint64_t unreceipted = 0;
  std::uint64_t unreceipted_bytes = 0;
  bool receipt_due = false;
  peer* crowds = nullptr; ///< during a read: whose mailbox it fills faster than that empties
  bool held = false;      ///< nothing is read from it

  // -- out -----------------------------------------------------------------------------
  std::string out;      ///< of this call of the hub; written when it ends
  wire::late_sums sums; ///< of `out`
  std::string control;  ///< whole frames that go before messages as soon as there is room
  std::vector<wire::outcome> outcomes;
  std::string pong;      ///< the last PING's bytes, when it is not answered yet
  std::int64_t room = 0; ///< bytes that may be appended; one frame may pass it
  std::array<lane_window, wire::lanes> windows;
  std::uint64_t last_tag = 0;
  bool touched = false; ///< `room` is of this call, and it is looked at when that ends
  bool ending = false;  ///< a BYE is written: nothing more comes or goes
  std::string why;      ///< it ends, for the notice

  // -- time ----------------------------------------------------------------------------
  monotonic heard{};    ///< when anything came
  monotonic pinged{};   ///< when the last unanswered PING went
  monotonic progress{}; ///< when the kernel last took something, or had nothing to take
  std::uint32_t unanswered = 0;
  bool silent = false;
  alarm looked_at;
  alarm receipt;
  alarm release;

  // -- what is remembered ---------------------------------------------------------------
  /// What this process got from earlier links and runtimes, by identity: whether handled.
  string_map<bool> known;
  /// The last address that was written, and where it leads.
  struct {
    std::string to;
    std::uint64_t table = 0; ///< number of the routing table it is good for, 0: none
    bool allowed = false;
    peer* direct = nullptr; ///< of an instance, or of a bot that has one only …
    bool pooled = false;    ///< … the address is that of a bot
  } last;
  std::string status;      ///< what it last told
  std::string last_config; ///< as it was told
  traffic in;
  traffic sent;
};

} // namespace troupe::messaging
