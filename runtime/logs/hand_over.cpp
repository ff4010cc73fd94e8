#include "runtime/logs/hand_over.hpp"

#include <utility>

namespace troupe::logs {

block_ptr hand_over::acquire() {
  std::unique_lock lock{mutex_};
  auto seen = progress_.load(std::memory_order_relaxed);
  while (lent_ >= most_) {
    if (stuck_)
      return nullptr;
    if (room_.wait_for(lock, patience_, [&] { return lent_ < most_; }))
      break;
    const auto now = progress_.load(std::memory_order_relaxed);
    stuck_ = hurry_ || now == seen;
    seen = now;
  }
  stuck_ = false;
  ++lent_;
  block_ptr result;
  if (!spare_.empty()) {
    result = std::move(spare_.back());
    spare_.pop_back();
  }
  lock.unlock();
  if (!result)
    result = std::make_unique<block>();
  if (!result->memory) {
    lock.lock();
    --lent_;
    return nullptr;
  }
  return result;
}

block_ptr hand_over::reclaim(std::size_t least) {
  const std::lock_guard lock{mutex_};
  if (queue_.empty() || queue_.back()->room() < least)
    return nullptr;
  auto result = std::move(queue_.back());
  queue_.pop_back();
  return result;
}

void hand_over::submit(block_ptr x) {
  {
    const std::lock_guard lock{mutex_};
    queue_.push_back(std::move(x));
  }
  work_.notify_one();
}

void hand_over::hurry() {
  const std::lock_guard lock{mutex_};
  hurry_ = true;
}

void hand_over::close() {
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
  }
  work_.notify_one();
}

block_ptr hand_over::take(std::chrono::milliseconds limit) {
  std::unique_lock lock{mutex_};
  work_.wait_for(lock, limit, [&] { return closed_ || !queue_.empty(); });
  if (queue_.empty())
    return nullptr;
  auto result = std::move(queue_.front());
  queue_.pop_front();
  return result;
}

bool hand_over::closed() {
  const std::lock_guard lock{mutex_};
  return closed_ && queue_.empty();
}

void hand_over::recycle(block_ptr x) {
  x->used = 0;
  x->pieces.clear();
  {
    const std::lock_guard lock{mutex_};
    --lent_;
    spare_.push_back(std::move(x));
  }
  progress();
  room_.notify_one();
}

void hand_over::trim() {
  std::vector<block_ptr> gone;
  const std::lock_guard lock{mutex_};
  gone.swap(spare_);
  if (!gone.empty()) {
    spare_.push_back(std::move(gone.back()));
    gone.pop_back();
  }
}

} // namespace troupe::logs
