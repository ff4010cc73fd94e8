#include "runtime/os/checks.hpp"

#include <utility>

namespace troupe::os {

struct checks::check {
  explicit check(boost::asio::io_context& io)
      : timer(io) {}

  std::shared_ptr<probe> how;
  std::chrono::nanoseconds interval{};
  std::chrono::nanoseconds limit{};
  std::function<void(const verdict&)> tell;
  boost::asio::steady_timer timer;
  std::string told; // the gist of the last failure
  bool looking = false;
};

checks::checks(boost::asio::io_context& io, std::size_t most)
    : io_(io)
    , most_(most) {
  // nop
}

void checks::start(const slot_key& of, std::shared_ptr<probe> how,
                   std::chrono::nanoseconds interval, std::chrono::nanoseconds limit,
                   std::function<void(const verdict&)> tell) {
  stop(of);
  auto x = std::make_shared<check>(io_);
  x->how = std::move(how);
  x->interval = interval;
  x->limit = limit;
  x->tell = std::move(tell);
  all_[of] = x;
  queue(of, x);
}

void checks::stop(const slot_key& of) {
  const auto found = all_.find(of);
  if (found == all_.end())
    return;
  const auto x = std::move(found->second);
  all_.erase(found);
  x->timer.cancel();
  x->how->stop();
  if (std::exchange(x->looking, false)) {
    --looking_;
    pump();
  }
}

void checks::queue(const slot_key& of, const std::shared_ptr<check>& x) {
  waiting_.emplace_back(of, x);
  pump();
}

void checks::pump() {
  while (looking_ < most_ && !waiting_.empty()) {
    const auto [of, weak] = std::move(waiting_.front());
    waiting_.pop_front();
    const auto x = weak.lock(); // none: it was stopped meanwhile
    if (!x)
      continue;
    ++looking_;
    x->looking = true;
    x->how->look(x->limit, [this, key = of, weak = weak](verdict result) {
      if (const auto still = weak.lock(); still && std::exchange(still->looking, false)) {
        --looking_;
        looked(key, still, result);
        pump();
      }
    });
  }
}

void checks::looked(const slot_key& of, const std::shared_ptr<check>& x, const verdict& result) {
  if (result.passed) {
    all_.erase(of);
    return x->tell(result);
  }
  x->timer.expires_after(x->interval);
  x->timer.async_wait([this, key = of, weak = std::weak_ptr{x}](boost::system::error_code error) {
    if (const auto still = weak.lock(); still && !error)
      queue(key, still);
  });
  const auto& gist = result.gist.empty() ? result.text : result.gist;
  if (std::exchange(x->told, gist) != gist)
    x->tell(result);
}

} // namespace troupe::os
