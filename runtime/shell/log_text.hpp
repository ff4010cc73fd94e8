#pragma once

// One line of a bot's output as it is shown.

#include "runtime/logs/reading/reader.hpp"
#include "runtime/shell/text.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::shell {

/// Appends the line without anything that steers a terminal, see `escape`; tabs stay, the
/// carriage return of a line that ends with one goes.
void append_escaped(std::string& to, std::string_view line);

/// How lines are shown.
class log_text {
public:
  enum class form { plain, raw, json };

  log_text(form how, const terminal& on)
      : how_{how}
      , on_{on} {}

  /// From now on lines begin with the name of their instance, in columns as wide as
  /// the longest of the names that were told.
  void with_names() { names_ = true; }
  void tell(const std::string& instance);

  /// Appends the line and a newline.
  void append(std::string& to, const std::string& instance, const log_reading::log_line& line);

private:
  void append_json(std::string& to, const std::string& instance, const log_reading::log_line& line);

  form how_;
  terminal on_;
  bool names_ = false;
  std::size_t widest_ = 0;
  std::map<std::string, std::size_t> order_; ///< of being told; makes the colour

  // What a line of JSON begins with, and what for.
  std::string head_;
  std::string head_instance_;
  std::optional<std::int64_t> head_time_;
  std::uint64_t head_incarnation_ = 0;
};

} // namespace troupe::shell
