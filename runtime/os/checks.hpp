#pragma once

#include "runtime/os/keeper_client.hpp"
#include "runtime/os/probes.hpp"

#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>

namespace troupe::os {

/// The ready checks of all bots: each is repeated until it passes. At most so many look at a
/// time, whatever the size of the fleet; the others wait for their turn. Of the io_context's
/// thread alone.
class checks {
public:
  static constexpr std::size_t most_at_once = 64;

  explicit checks(boost::asio::io_context& io, std::size_t most = most_at_once);

  /// Looks at once, and after each failure again when `interval` is over. `tell` is called
  /// when it passed, which is the end of it, and when the reason why it does not is another
  /// one than before.
  void start(const slot_key& of, std::shared_ptr<probe> how, std::chrono::nanoseconds interval,
             std::chrono::nanoseconds limit, std::function<void(const verdict&)> tell);

  bool has(const slot_key& of) const { return all_.contains(of); }

  /// Ends the check; nobody is told.
  void stop(const slot_key& of);

private:
  struct check;

  void queue(const slot_key& of, const std::shared_ptr<check>& x);
  void pump();
  void looked(const slot_key& of, const std::shared_ptr<check>& x, const verdict& result);

  boost::asio::io_context& io_;
  std::size_t most_;
  std::size_t looking_ = 0;
  std::map<slot_key, std::shared_ptr<check>> all_;
  std::deque<std::pair<slot_key, std::weak_ptr<check>>> waiting_;
};

} // namespace troupe::os
