#include "runtime/logs/reading/merge.hpp"

#include <algorithm>

namespace troupe::log_reading {

merged_logs::source& merged_logs::add(std::string instance, log_reader reader) {
  sources_.push_back(std::make_unique<source>(
      source{std::move(instance), std::move(reader), {}, 0, false, sources_.size()}));
  look(*sources_.back());
  return *sources_.back();
}

void merged_logs::look(source& one) {
  if (one.ready || &one == given_)
    return;
  one.ready = one.reader.next(one.line) || (unfinished_ && one.reader.rest(one.line));
  if (!one.ready)
    return;
  one.order = std::max(one.order, one.line.time.value_or(one.order));
  waiting_.emplace(one.order, one.number);
}

void merged_logs::look_everywhere() {
  for (auto& one : sources_)
    look(*one);
}

merged_logs::source* merged_logs::next() {
  if (given_)
    look(*std::exchange(given_, nullptr));
  if (waiting_.empty())
    return nullptr;
  given_ = sources_[waiting_.top().second].get();
  waiting_.pop();
  given_->ready = false;
  return given_;
}

} // namespace troupe::log_reading
