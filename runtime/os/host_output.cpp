// What bots write: the collector reads it, and its remarks become events.

#include "runtime/os/host.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace troupe::os {

logs::collector_options keeper_host::output_options() {
  logs::collector_options result;
  result.state = state_.path();
  result.on_remark = [this](const logs::remark& x) { hear(x); };
  result.on_trouble = [this](const std::string& text) {
    boost::asio::post(io_, [this, text] {
      if (on_trouble_)
        on_trouble_(text);
    });
  };
  return result;
}

// In the collector's thread.
void keeper_host::hear(const logs::remark& x) {
  if (x.closed) {
    // That a process which has ended writes no more is no news.
    const std::lock_guard lock{mutex_};
    const auto known = find({x.instance, x.incarnation});
    if (!known || known->pid <= 0 || known->end)
      return;
  }
  boost::asio::post(
      io_, [this, event = notice{x.instance, x.incarnation, notice::kind::remark, x.text, {}}] {
        deliver({event});
      });
}

std::string keeper_host::tail(const std::string& instance, std::uint64_t incarnation) {
  return output_.tail(instance, incarnation);
}

} // namespace troupe::os
