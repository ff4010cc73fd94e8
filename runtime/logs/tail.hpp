#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::logs {

inline constexpr std::size_t tail_bytes = 4096;
inline constexpr std::size_t tail_lines = 20;

/// The last lines that end in `text`: at most `tail_lines` and `tail_bytes`.
std::string last_lines(std::string_view text);

/// The end of what a process wrote; at most 8 KiB, nothing until it says something.
class tail_buffer {
public:
  void append(std::string_view more) {
    if (more.size() >= tail_bytes) {
      text_.assign(more.substr(more.size() - tail_bytes));
      return;
    }
    if (text_.size() + more.size() > 2 * tail_bytes)
      text_.erase(0, text_.size() + more.size() - tail_bytes);
    text_.append(more);
  }

  const std::string& text() const { return text_; }

private:
  std::string text_;
};

} // namespace troupe::logs
