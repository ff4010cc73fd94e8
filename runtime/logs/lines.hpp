#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::logs {

/// A line that is longer is split into several.
inline constexpr std::size_t max_line = 64 * 1024;

/// Positions of the first and the last newline, npos when there is none.
std::size_t first_newline(std::string_view text);
std::size_t last_newline(std::string_view text);

/// Puts whole lines together from what comes in any pieces. Holds at most `max_line` bytes.
class line_collector {
public:
  /// Calls `f` with each line that ends in `text`, without its newline.
  template <class F>
  void feed(std::string_view text, F f) {
    while (!text.empty()) {
      const auto room = max_line - begun_.size();
      const auto end = first_newline(text.substr(0, room + 1));
      if (end == std::string_view::npos && text.size() <= room) {
        begun_.append(text);
        return;
      }
      const auto size = end == std::string_view::npos ? room : end;
      if (begun_.empty()) {
        f(text.substr(0, size));
      } else {
        begun_.append(text.substr(0, size));
        f(std::string_view{begun_});
        begun_.clear();
      }
      text.remove_prefix(end == std::string_view::npos ? size : size + 1);
    }
  }

  /// Calls `f` with a line that has no end, if there is one.
  template <class F>
  void finish(F f) {
    if (!begun_.empty())
      f(std::string_view{begun_});
    begun_ = {};
  }

  bool empty() const { return begun_.empty(); }

private:
  std::string begun_;
};

} // namespace troupe::logs
