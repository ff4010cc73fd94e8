#include "runtime/os/workers.hpp"

#include <boost/asio/post.hpp>

#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace troupe::os {

struct workers::state {
  std::mutex mutex;
  boost::asio::io_context* io = nullptr; // null: nobody wants an answer any more
  std::deque<std::function<done()>> waiting;
  std::size_t threads = 0;

  void serve() {
    std::unique_lock lock{mutex};
    while (!waiting.empty()) {
      auto work = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      auto then = work();
      work = nullptr;
      lock.lock();
      if (io && then)
        boost::asio::post(*io, std::move(then));
    }
    --threads;
  }
};

workers::workers(boost::asio::io_context& io, std::size_t most)
    : state_(std::make_shared<state>())
    , most_(most) {
  state_->io = &io;
}

workers::~workers() {
  const std::lock_guard lock{state_->mutex};
  state_->io = nullptr;
  state_->waiting.clear();
}

bool workers::run(std::function<done()> work) {
  const std::lock_guard lock{state_->mutex};
  state_->waiting.push_back(std::move(work));
  if (state_->threads >= most_)
    return true;
  try {
    ++state_->threads;
    std::thread{[self = state_] { self->serve(); }}.detach();
  } catch (const std::system_error&) {
    if (--state_->threads == 0) { // nobody else would come to it
      state_->waiting.pop_back();
      return false;
    }
  }
  return true;
}

} // namespace troupe::os
