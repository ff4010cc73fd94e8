#include "runtime/shell/log_text.hpp"

#include "actors/commands/documents.hpp"

#include <algorithm>
#include <array>

namespace troupe::shell {

namespace {

/// Longer names stand out of the column.
constexpr std::size_t widest_name = 40;
constexpr std::array colours{"36", "33", "32", "35", "34", "96", "93", "92", "95", "94"};

/// What is shown as it is without a closer look.
bool is_plain(char c) {
  return (c >= 0x20 && c < 0x7f) || c == '\t';
}

} // namespace

void append_escaped(std::string& to, std::string_view line) {
  if (line.ends_with('\r'))
    line.remove_suffix(1);
  while (!line.empty()) {
    const auto odd = std::ranges::find_if_not(line, is_plain);
    const auto plain = static_cast<std::size_t>(odd - line.begin());
    to += line.substr(0, plain);
    line.remove_prefix(plain);
    const auto next = std::ranges::find_if(line, is_plain);
    const auto length = static_cast<std::size_t>(next - line.begin());
    to += escape(line.substr(0, length));
    line.remove_prefix(length);
  }
}

void log_text::tell(const std::string& instance) {
  order_.emplace(instance, order_.size());
  if (instance.size() <= widest_name)
    widest_ = std::max(widest_, instance.size());
}

void log_text::append_json(std::string& to, const std::string& instance,
                           const log_reading::log_line& line) {
  // Most lines differ from the one before in their text alone.
  if (head_.empty() || head_instance_ != instance || head_time_ != line.time
      || head_incarnation_ != line.incarnation) {
    auto document = commands::new_document();
    document["time"] = nullptr;
    if (line.time)
      document["time"] = commands::rfc3339(*line.time);
    document["instance"] = instance;
    document["incarnation"] = nullptr;
    if (line.incarnation > 0)
      document["incarnation"] = line.incarnation;
    head_ = commands::dump(document);
    head_.back() = ',';
    head_ += "\"text\":";
    head_instance_ = instance;
    head_time_ = line.time;
    head_incarnation_ = line.incarnation;
  }
  to += head_;
  // All but ASCII is written as \\u…: a terminal gets nothing that steers it.
  to += commands::json(line.text).dump(-1, ' ', true, commands::json::error_handler_t::replace);
  to += "}\n";
}

void log_text::append(std::string& to, const std::string& instance,
                      const log_reading::log_line& line) {
  if (how_ == form::json)
    return append_json(to, instance, line);
  if (names_) {
    const auto padding = widest_ - std::min(widest_, instance.size());
    const auto known = order_.find(instance);
    if (on_.colour && known != order_.end())
      to += std::string{"\x1b["} + colours.at(known->second % colours.size()) + "m";
    to += instance;
    to.append(padding, ' ');
    to += " |";
    if (on_.colour && known != order_.end())
      to += "\x1b[0m";
    to += ' ';
  }
  if (how_ == form::raw)
    to += line.text;
  else
    append_escaped(to, line.text);
  to += '\n';
}

} // namespace troupe::shell
