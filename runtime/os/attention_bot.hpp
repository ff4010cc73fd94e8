#pragma once

#include "runtime/os/attention.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <optional>
#include <set>
#include <string>

namespace troupe::os {

/// One incarnation that is attended.
struct attention::bot {
  using clock = std::chrono::steady_clock;

  explicit bot(boost::asio::io_context& io)
      : socket(io)
      , pause(io)
      , later(io) {}

  config::bot_spec_ptr spec;
  pid_t pid = 0;
  bool begun = false;
  bool check_wanted = false; // when it begins
  std::string ready;         // how it showed; empty: it is not
  std::set<std::string> printed;
  bool looking = false; // at its output

  boost::asio::posix::stream_descriptor socket;
  boost::asio::steady_timer pause; // between two turns of one that does not stop talking
  std::optional<uid_t> owner;      // of its socket
  bool dropping = false;           // the fds of a datagram; nobody else may read
  bool stopping = false;
  std::uint32_t remarked = 0; // which remarks were made
  std::optional<clock::time_point> alive_told;
  std::optional<clock::time_point> hung_told;
  std::optional<clock::time_point> extended;
  boost::asio::steady_timer later;               // for the extension that came too soon
  std::optional<clock::time_point> extend_until; // that one
};

} // namespace troupe::os
