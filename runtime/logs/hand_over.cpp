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
    stuck_ = now == seen;
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
  result->begun = std::chrono::steady_clock::now();
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

void hand_over::close() {
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
  }
  work_.notify_one();
}

// With the mutex held.
bool hand_over::ripe() const {
  return closed_ || queue_.size() > 1
         || (!queue_.empty()
             && (queue_.front()->used >= enough || queue_.front()->pieces.size() < few_pieces));
}

block_ptr hand_over::take(std::chrono::milliseconds limit) {
  std::unique_lock lock{mutex_};
  work_.wait_for(lock, limit, [&] { return closed_ || !queue_.empty(); });
  // The reader may take the block back meanwhile, and return it with more.
  if (!queue_.empty())
    work_.wait_until(lock, queue_.front()->begun + gather, [&] { return ripe(); });
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
    if (spare_.size() < most_spare)
      spare_.push_back(std::move(x));
  }
  progress();
  room_.notify_one();
}

} // namespace troupe::logs
