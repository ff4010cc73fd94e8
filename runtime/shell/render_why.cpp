// why and wait: sentences.

#include "runtime/shell/render.hpp"

#include <algorithm>
#include <map>

namespace troupe::shell {

namespace {

/// «12:00:01.250» of «2026-01-31T12:00:01.250Z».
std::string time_of_day(const std::string& time) {
  return time.size() == 24 ? time.substr(11, 12) : time;
}

std::string lines_of_output(const json& death, const terminal& on) {
  constexpr std::size_t shown = 5;
  const auto found = death.is_object() ? death.find("output") : death.end();
  if (!death.is_object() || found == death.end() || !found->is_string())
    return "";
  std::vector<std::string_view> lines;
  for (std::string_view rest = found->get_ref<const std::string&>(); !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    lines.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  std::string result;
  for (auto i = lines.size() - std::min(lines.size(), shown); i < lines.size(); ++i)
    result += painted("    | ", tone::faint, on) + escape(lines[i]) + "\n";
  return result;
}

std::string next_line(const json& document, const char* key, const std::string& of) {
  json one;
  const auto found = document.find(key);
  if (found == document.end() || !found->is_object())
    return "";
  one["next"] = *found;
  return "next: " + (of.empty() ? "" : of + ": ") + next_text(one) + "\n";
}

} // namespace

std::string render_why(const json& document, const terminal& on) {
  if (!document.is_object())
    return "";
  auto result = painted(text_at(document, "summary"), tone::strong, on) + "\n";
  const auto& chain = list_at(document, "chain");
  std::string day;
  std::size_t width = 0;
  for (const auto& one : chain)
    width = std::max(width, width_of(text_at(one, "instance")));
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const bool now = text_at(chain[i], "now") == "true";
    const auto time = now ? "now" : text_at(chain[i], "time");
    if (!now && time.substr(0, 10) != day) {
      day = time.substr(0, 10);
      result += painted("  " + day + ", UTC", tone::faint, on) + "\n";
    }
    auto name = text_at(chain[i], "instance");
    name.resize(name.size() + width - width_of(name), ' ');
    result += std::string{i == 0 ? "  " : "→ "}
              + painted(now ? "now         " : time_of_day(time), tone::faint, on) + "  " + name
              + "  " + text_at(chain[i], "what") + "\n";
  }
  if (const auto hidden = number_at(document, "hidden"); hidden > 0)
    result += "  and " + count_of(static_cast<std::size_t>(hidden), "other") + " alike\n";
  for (const auto& one : list_at(document, "waits_for"))
    if (const auto missing = text_at(one, "missing"); !missing.empty())
      result += "waits until " + text_at(one, "target") + " is " + text_at(one, "until") + " ("
                + text_at(one, "by") + "): " + missing + "\n";
  if (const auto budget = document.find("budget"); budget != document.end() && budget->is_object())
    result += "budget: " + text_at(*budget, "failed_starts") + " of "
              + text_at(*budget, "failed_starts_limit") + " failed starts in a row, "
              + text_at(*budget, "restarts") + " of " + text_at(*budget, "restarts_limit")
              + " restarts within " + human_duration(number_at(*budget, "within_s")) + "\n";
  if (const auto death = document.find("last_death"); death != document.end() && death->is_object())
    if (const auto output = lines_of_output(*death, on); !output.empty())
      result += "last words of " + text_at(*death, "instance") + ":\n" + output;
  const auto root = text_at(document, "root");
  result += next_line(document, "next", "");
  if (root != text_at(document, "instance"))
    result += next_line(document, "root_next", root);
  if (const auto& others = list_at(document, "others"); !others.empty()) {
    std::map<std::string, std::size_t> counted;
    for (const auto& one : others)
      ++counted[text_at(one, "state")];
    result += "its other instances: ";
    const char* separator = "";
    for (const auto& [state, count] : counted) {
      result += separator + std::to_string(count) + " " + painted(state, tone_of(state), on);
      separator = ", ";
    }
    result += "\n";
  }
  return result;
}

std::string render_wait(const json& document, const terminal&) {
  const auto total = static_cast<std::size_t>(number_at(document, "total"));
  return (total == 1 ? "it is " : "all " + count_of(total, "instance") + " are ")
         + text_at(document, "for") + "\n";
}

std::string render_missing(const json& document, const std::string& waited, const terminal& on) {
  constexpr std::size_t shown = 20;
  const auto goal = text_at(document, "for");
  const auto total = static_cast<std::size_t>(number_at(document, "total"));
  if (total == 0)
    return painted("troupe: ", tone::bad, on) + "nobody wants any of these up\n";
  const auto& missing = list_at(document, "missing");
  const bool failed = text_at(document, "failed") == "true";
  auto result = painted("troupe: ", tone::bad, on) + std::to_string(missing.size()) + " of "
                + count_of(total, "instance") + (missing.size() == 1 ? " is" : " are") + " not "
                + goal + (failed ? "" : " after " + waited) + "\n";
  // Those that never will be first.
  std::vector<const json*> rows;
  for (const auto& one : missing)
    rows.push_back(&one);
  std::ranges::stable_partition(rows, [](auto* one) { return text_at(*one, "cannot") == "true"; });
  for (std::size_t i = 0; i < std::min(rows.size(), shown); ++i) {
    const auto& one = *rows[i];
    const auto state = text_at(one, "state");
    result += "        " + text_at(one, "name") + " is " + painted(state, tone_of(state), on);
    if (text_at(one, "cannot") == "true")
      result += " and will not be " + goal + " by itself";
    if (const auto why = text_at(one, "why"); !why.empty())
      result += ": " + why;
    if (const auto next = next_text(one); !next.empty())
      result += "; " + next;
    result += "\n";
  }
  if (rows.size() > shown)
    result += "        and " + std::to_string(rows.size() - shown) + " more\n";
  return result;
}

} // namespace troupe::shell
