#include "runtime/logs/pace.hpp"

#include <algorithm>
#include <utility>

namespace troupe::logs {

void pace::brought(std::size_t count, std::size_t room) {
  if (count == 0)
    return;
  ++sources_;
  fullest_ = std::max(fullest_, 4 * static_cast<double>(count) / static_cast<double>(room));
}

pace::milliseconds pace::end_round(clock::time_point now) {
  const auto passed = now - std::exchange(last_, now);
  const auto fullest = std::exchange(fullest_, 0);
  const auto sources = std::exchange(sources_, 0);
  auto result = std::min<milliseconds>(of_each * static_cast<int>(sources), longest);
  if (fullest > 0)
    result =
        std::min(result, std::chrono::duration_cast<milliseconds>(
                             std::min<std::chrono::duration<double>>(passed, longest) / fullest));
  return std::max(result, shortest);
}

} // namespace troupe::logs
