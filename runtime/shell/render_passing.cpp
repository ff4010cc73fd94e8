// tap and trace.

#include "runtime/shell/render.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <vector>

namespace troupe::shell {

namespace {

/// Microseconds of the day of «2026-01-31T12:00:00.123456Z», -1 when it is none; good for
/// differences of less than one.
std::int64_t micros_of_day(const std::string& time) {
  int hour = 0;
  int minute = 0;
  double second = 0;
  const auto at = time.find('T');
  if (at == std::string::npos
      || std::sscanf(time.c_str() + at + 1, "%d:%d:%lf", &hour, &minute, &second) != 3)
    return -1;
  return (hour * 60LL + minute) * 60'000'000LL + static_cast<std::int64_t>(second * 1e6 + 0.5);
}

/// «1.234 ms».
std::string in_milliseconds(std::int64_t micros) {
  char text[48];
  std::snprintf(text, sizeof text, "%.3f ms", static_cast<double>(micros) / 1e3);
  return text;
}

std::string time_between(std::int64_t from, std::int64_t to) {
  if (from < 0 || to < 0)
    return "?";
  constexpr std::int64_t day = 86'400'000'000;
  const auto passed = (to - from + day) % day;
  // Steps of one moment may be noted in another order.
  return in_milliseconds(passed > day / 2 ? 0 : passed);
}

tone tone_of_step(const std::string& what) {
  if (what == "done" || what == "replied")
    return tone::good;
  if (what == "rejected" || what == "expired" || what == "dead")
    return tone::bad;
  return what == "redelivered" ? tone::busy : tone::plain;
}

} // namespace

std::string render_tapped(const json& row, const terminal& on) {
  auto result = painted(text_at(row, "time"), tone::faint, on) + "  " + text_at(row, "from") + " → "
                + painted(text_at(row, "to"), tone::strong, on);
  if (const auto receiver = text_at(row, "receiver");
      !receiver.empty() && receiver != text_at(row, "to"))
    result += " (" + receiver + ")";
  const auto lane = text_at(row, "lane");
  const auto delivery = text_at(row, "delivery");
  std::string marks;
  const auto mark = [&](const std::string& word) { marks += " " + word; };
  if (lane != "normal")
    mark(lane);
  if (delivery != "fire")
    mark(delivery);
  for (const auto* flag : {"reply", "failed", "again"})
    if (const auto value = text_at(row, flag); value == "true")
      mark(flag);
  if (!marks.empty())
    result += " " + painted(marks.substr(1), tone::busy, on);
  result +=
      "  "
      + painted(human_size(static_cast<std::uint64_t>(number_at(row, "length"))), tone::faint, on);
  if (const auto payload = payload_text(row); !payload.empty())
    result += "  " + payload;
  return result + "\n";
}

std::string render_trace(const json& document, const terminal& on) {
  if (document.is_object() && document.contains("traces")) {
    std::string result;
    for (const auto& id : list_at(document, "traces"))
      if (id.is_string())
        result += escape(id.get_ref<const std::string&>()) + "\n";
    return result.empty() ? "no message has been traced since this runtime began\n" : result;
  }
  auto result = "trace " + painted(text_at(document, "trace"), tone::strong, on) + "\n";
  // Each message with its own steps, in the order in which they began.
  std::vector<std::pair<std::string, std::vector<const json*>>> messages;
  std::map<std::string, std::size_t> known;
  const auto& steps = list_at(document, "spans");
  for (const auto& step : steps) {
    const auto name =
        text_at(step, "span") + " " + text_at(step, "from") + " → " + text_at(step, "to");
    const auto [at, fresh] = known.emplace(name, messages.size());
    if (fresh)
      messages.emplace_back(text_at(step, "from") + " → " + text_at(step, "to"),
                            std::vector<const json*>{});
    messages[at->second].second.push_back(&step);
  }
  const auto begin = steps.empty() ? -1 : micros_of_day(text_at(steps.front(), "time"));
  if (!steps.empty())
    result += "began " + text_at(steps.front(), "time") + "\n";
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto& [title, own] = messages[i];
    const bool last = i + 1 == messages.size();
    result += (last ? "└─ " : "├─ ") + painted(title, tone::strong, on) + "\n";
    auto before = micros_of_day(text_at(*own.front(), "time"));
    for (const auto* step : own) {
      const auto what = text_at(*step, "step");
      const auto at = micros_of_day(text_at(*step, "time"));
      auto line = std::string{last ? "   " : "│  "} + "@ " + time_between(begin, at) + "  + "
                  + time_between(before, at) + "  " + painted(what, tone_of_step(what), on);
      if (const auto where = text_at(*step, "where"); !where.empty())
        line += "  " + where;
      result += line + "\n";
      before = at;
    }
  }
  return result;
}

} // namespace troupe::shell
