#include "runtime/logs/tail.hpp"

namespace troupe::logs {

std::string last_lines(std::string_view text) {
  if (text.size() > tail_bytes)
    text.remove_prefix(text.size() - tail_bytes);
  // The newline at the very end closes the last line and begins none.
  std::size_t lines = 0;
  for (auto i = text.empty() ? 0 : text.size() - 1; i > 0; --i)
    if (text[i - 1] == '\n' && ++lines == tail_lines)
      return std::string{text.substr(i)};
  return std::string{text};
}

} // namespace troupe::logs
