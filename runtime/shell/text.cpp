#include "runtime/shell/text.hpp"

#include "config/escape.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

namespace troupe::shell {

namespace {

std::string format(const char* form, auto... values) {
  char text[64];
  std::snprintf(text, sizeof text, form, values...);
  return text;
}

} // namespace

std::string escape(std::string_view text) {
  return config::escape(text);
}

std::string escape_line(std::string_view text) {
  std::string result;
  for (;;) {
    const auto tab = std::min(text.find('\t'), text.size());
    result += escape(text.substr(0, tab));
    if (tab == text.size())
      return result;
    result += '\t';
    text.remove_prefix(tab + 1);
  }
}

std::string in_quotes(std::string_view text) {
  return "\"" + cut(escape(text), 80) + "\"";
}

std::string upper(std::string_view text) {
  std::string result{text};
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; });
  return result;
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string cut(std::string_view text, std::size_t columns) {
  if (width_of(text) <= columns)
    return std::string{text};
  if (columns == 0)
    return "";
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xc0) != 0x80;
    if (begins && seen++ == columns - 1)
      break;
  }
  return std::string{text.substr(0, end)} + "…";
}

std::string human_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0)
    return "?";
  if (seconds < 0.9995)
    return format("%.0fms", seconds * 1000);
  const auto whole = static_cast<std::uint64_t>(std::min(seconds + 0.0005, 1e12));
  const unsigned long days = whole / 86400;
  const unsigned hours = whole / 3600 % 24;
  const unsigned minutes = whole / 60 % 60;
  if (days > 0)
    return format("%lud%02uh", days, hours);
  if (hours > 0)
    return format("%uh%02um", hours, minutes);
  if (minutes > 0)
    return format("%um%02us", minutes, static_cast<unsigned>(whole % 60));
  return format("%us", static_cast<unsigned>(whole));
}

std::string human_delay(double seconds) {
  if (std::isfinite(seconds) && seconds >= 0 && seconds < 60)
    return format("%.1f s", seconds);
  return human_duration(seconds);
}

std::string human_size(std::uint64_t bytes) {
  if (bytes < 1024)
    return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  while (value >= 1023.5 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return format(value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

std::string count_of(std::size_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string{what} + (count == 1 ? "" : "s");
}

terminal this_terminal() {
  terminal result;
  result.tty = isatty(STDOUT_FILENO) == 1;
  if (!result.tty)
    return result;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  result.colour = (!no_colour || !*no_colour) && !(kind && std::string_view{kind} == "dumb");
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    result.columns = size.ws_col;
  return result;
}

std::string painted(std::string_view text, tone how, const terminal& on) {
  if (!on.colour || how == tone::plain || text.empty())
    return std::string{text};
  constexpr std::array codes{"0", "32", "33", "31", "2", "1"};
  return std::string{"\x1b["} + codes.at(static_cast<std::size_t>(how)) + "m" + std::string{text}
         + "\x1b[0m";
}

std::string table::text(const terminal& on) const {
  constexpr std::string_view gap = "  ";
  constexpr std::size_t least = 8; ///< of a column that is cut
  const auto columns = heads_.size();
  std::vector<std::size_t> widths(columns, 0);
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < std::min(columns, row.size()); ++i)
      widths[i] = std::max(widths[i], width_of(row[i].text));
  std::vector<std::size_t> used;
  for (std::size_t i = 0; i < columns; ++i)
    if (widths[i] > 0) {
      widths[i] = std::max(widths[i], width_of(heads_[i]));
      used.push_back(i);
    }
  // What all columns take, the last one at its shortest.
  const auto taken = [&] {
    std::size_t result = 0;
    for (const auto i : used)
      result += gap.size() + (i == used.back() ? std::min(widths[i], least) : widths[i]);
    return result - (used.empty() ? 0 : gap.size());
  };
  if (on.columns > 0) {
    for (auto i = droppable_.rbegin(); i != droppable_.rend() && taken() > on.columns; ++i)
      std::erase(used, *i);
    // Then the first one, the name, is cut, and last of all the others.
    for (std::size_t k = 0; k + 1 < used.size() && taken() > on.columns; ++k) {
      auto& width = widths[used[k]];
      width -= std::min(taken() - on.columns, width - std::min(width, least));
    }
  }
  std::string result;
  const auto line = [&](auto cell_at) {
    std::string out;
    std::size_t at = 0;
    for (const auto i : used) {
      const cell what = cell_at(i);
      const bool last = i == used.back();
      auto shown = what.text;
      if (on.columns > 0)
        shown = cut(shown, last ? on.columns - std::min(at, on.columns) : widths[i]);
      const auto wide = width_of(shown);
      out += painted(shown, what.how, on);
      if (!last)
        out += std::string(widths[i] - std::min(wide, widths[i]), ' ') + std::string{gap};
      at += widths[i] + gap.size();
    }
    out.erase(out.find_last_not_of(' ') + 1);
    result += out + "\n";
  };
  line([&](std::size_t i) { return cell{heads_[i], tone::faint}; });
  for (const auto& row : rows_)
    line([&](std::size_t i) { return i < row.size() ? row[i] : cell{}; });
  return result;
}

} // namespace troupe::shell
