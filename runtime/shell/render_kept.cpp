// dead-letters and state.

#include "runtime/shell/render.hpp"

#include <algorithm>

namespace troupe::shell {

namespace {

std::string count_at(const json& row, const char* key, const char* what) {
  return count_of(static_cast<std::size_t>(std::max(0.0, number_at(row, key))), what);
}

std::string value_text(const json& entry) {
  const auto found = entry.is_object() ? entry.find("value") : entry.end();
  if (!entry.is_object() || found == entry.end())
    return "";
  return escape(found->dump(-1, ' ', false, json::error_handler_t::replace));
}

} // namespace

std::string render_dead_letters(const json& document, const terminal& on) {
  const auto& letters = list_at(document, "letters");
  if (letters.empty())
    return "there are no dead letters"
           + std::string{number_at(document, "kept") > 0 ? " of that" : ""} + "\n";
  table rows{{"ID", "TIME", "FROM", "TO", "REASON", "DELIVERIES", "PAYLOAD"}, {5, 2}};
  for (const auto& one : letters)
    rows.add({{text_at(one, "row")},
              {text_at(one, "time")},
              {text_at(one, "from")},
              {text_at(one, "to")},
              {text_at(one, "reason"), tone::bad},
              {text_at(one, "deliveries")},
              {payload_text(one)}});
  auto result = rows.text(on);
  if (const double kept = number_at(document, "kept"); kept > static_cast<double>(letters.size()))
    result += count_of(letters.size(), "dead letter") + " of "
              + std::to_string(static_cast<std::uint64_t>(kept)) + " that are kept\n";
  return result;
}

std::string render_dead_letter(const json& document, const terminal& on) {
  const auto found = document.is_object() ? document.find("letter") : document.end();
  if (!document.is_object() || found == document.end() || !found->is_object())
    return "";
  std::string result;
  for (const auto& [key, value] : found->items()) {
    if (value.is_null() || key.starts_with("payload") || key == "cut")
      continue;
    const auto text = text_at(*found, key.c_str());
    if (text.empty())
      continue;
    auto name = key == "row" ? std::string{"id"} : escape(key);
    name.resize(std::max<std::size_t>(name.size(), 12), ' ');
    result += painted(name, tone::faint, on) + " " + text + "\n";
  }
  const auto size = static_cast<std::uint64_t>(number_at(*found, "payload_bytes"));
  return result + painted("payload      ", tone::faint, on) + human_size(size) + "\n"
         + payload_text(*found) + "\n";
}

std::string render_letters_changed(const json& document, const terminal& on) {
  std::string result;
  if (document.is_object() && document.contains("purged"))
    result = count_at(document, "purged", "dead letter") + " deleted\n";
  else
    result = count_at(document, "requeued", "dead letter") + " sent again\n";
  for (const auto& one : list_at(document, "rejected"))
    result += text_at(one, "row") + " " + painted("rejected", tone::bad, on) + ": "
              + text_at(one, "code") + (text_at(one, "text").empty() ? "" : ": ")
              + text_at(one, "text") + "\n";
  if (const auto notice = text_at(document, "notice"); !notice.empty())
    result += "notice: " + notice + "\n";
  return result;
}

std::string render_state_change(const json& entry, const terminal& on) {
  if (text_at(entry, "deleted") == "true")
    return painted(text_at(entry, "key"), tone::strong, on) + "  " + painted("gone", tone::busy, on)
           + "\n";
  return painted(text_at(entry, "key"), tone::strong, on) + "  "
         + painted("version " + text_at(entry, "version"), tone::faint, on) + "  "
         + value_text(entry) + "\n";
}

std::string render_state(const json& document, const terminal& on) {
  std::string notice;
  if (const auto text = text_at(document, "notice"); !text.empty())
    notice = "notice: " + text + "\n";
  if (document.is_object() && document.contains("value"))
    return value_text(document) + "\n";
  if (document.is_object() && !document.contains("entries"))
    return text_at(document, "key") + " has version " + text_at(document, "version") + " now\n"
           + notice;
  const auto& entries = list_at(document, "entries");
  if (entries.empty())
    return "there is nothing\n";
  table rows{{"KEY", "VERSION", "EXPIRES", "DURABLE", "VALUE"}, {3, 2}};
  for (const auto& one : entries) {
    const double ttl = number_at(one, "ttl", -1);
    rows.add({{text_at(one, "key")},
              {text_at(one, "version")},
              {ttl < 0 ? "" : "in " + human_delay(ttl)},
              {text_at(one, "durable") == "true" ? "yes" : ""},
              {value_text(one)}});
  }
  auto result = rows.text(on);
  if (text_at(document, "more") == "true")
    result += "there are more: name the beginning of a key\n";
  return result;
}

} // namespace troupe::shell
