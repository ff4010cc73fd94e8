// What would happen, or has happened, to the fleet, like a diff: plan, apply, config diff.

#include "runtime/shell/render.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace troupe::shell {

namespace {

constexpr std::size_t widest_value = 60;

struct step_word {
  std::string_view what; ///< in the document
  std::string_view mark;
  std::string_view words;
  std::string_view one; ///< in the last line
  std::string_view many;
  tone how;
};
constexpr std::array<step_word, 5> steps{{
    {"start", "+", "start", "start", "starts", tone::good},
    {"stop", "-", "stop", "stop", "stops", tone::bad},
    {"restart", "~", "restart", "restart", "restarts", tone::busy},
    {"adjust", "=", "in place", "in place", "in place", tone::strong},
    {"note", ".", "at its next start", "at the next start", "at the next start", tone::faint},
}};

const json& at(const json& object, const char* key) {
  static const json nothing;
  if (!object.is_object())
    return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

std::string change_text(const json& change) {
  auto result = path_text(text_at(change, "pointer"));
  const auto& before = at(change, "before");
  const auto& after = at(change, "after");
  if (before.is_null())
    result += " " + setting_text(after, widest_value) + " (new)";
  else if (after.is_null())
    result += " " + setting_text(before, widest_value) + " (gone)";
  else
    result += " " + setting_text(before, widest_value) + " -> " + setting_text(after, widest_value);
  return result;
}

/// «  (market/trader.json:4:3)»
std::string whence(const json& change, const terminal& on) {
  auto place = where_text(change);
  if (const auto scope = text_at(change, "scope"); place.empty() && scope == "override")
    place = scope;
  return place.empty() ? "" : painted("  (" + place + ")", tone::faint, on);
}

/// « : command "a" -> "b"  (file:4:3)», or the changes each in a line of its own.
std::string changes_text(const json& changes, const std::string& otherwise, const terminal& on) {
  if (changes.empty())
    return (otherwise.empty() ? "" : ": " + otherwise) + "\n";
  if (changes.size() == 1)
    return ": " + change_text(changes.front()) + whence(changes.front(), on) + "\n";
  std::string result{":\n"};
  for (const auto& one : changes)
    result += "      " + change_text(one) + whence(one, on) + "\n";
  return result;
}

std::string_view bot_of(std::string_view instance) {
  return instance.substr(0, std::min(instance.rfind('#'), instance.size()));
}

/// Whether both are of one bot, and the same happens to them for the same reason.
bool alike(const json& a, const json& b) {
  return bot_of(text_at(a, "name")) == bot_of(text_at(b, "name")) && at(a, "what") == at(b, "what")
         && at(a, "why") == at(b, "why") && at(a, "changes") == at(b, "changes");
}

/// Those of one bot in one line: «~ market/trader#0…#3 restart: …».
std::string instances_text(const json& instances, const terminal& on) {
  std::string result;
  for (std::size_t i = 0; i < instances.size();) {
    const auto& first = instances[i];
    auto last = i;
    while (last + 1 < instances.size() && alike(first, instances[last + 1]))
      ++last;
    const auto what = text_at(first, "what");
    const auto known = std::ranges::find(steps, what, &step_word::what);
    const auto how = known == steps.end() ? tone::plain : known->how;
    auto name = text_at(first, "name");
    if (last > i) {
      const auto end = text_at(instances[last], "name");
      name += "…" + end.substr(bot_of(end).size());
    }
    result += painted((known == steps.end() ? "?" : std::string{known->mark}) + " " + name, how, on)
              + " " + (known == steps.end() ? what : std::string{known->words});
    // That one is new needs no list of all that it has.
    const auto& changes = list_at(first, "changes");
    const bool whole = what == "start" || what == "stop";
    result += changes_text(whole && changes.size() > 1 ? json::array() : changes,
                           text_at(first, "why"), on);
    i = last + 1;
  }
  return result;
}

std::string groups_text(const json& groups, const terminal& on) {
  std::string result;
  for (const auto& one : groups) {
    const auto what = text_at(one, "what");
    const auto name = text_at(one, "name");
    const auto how = what == "added" ? tone::good : what == "removed" ? tone::bad : tone::strong;
    result += painted(std::string{what == "added"     ? "+"
                                  : what == "removed" ? "-"
                                                      : "="}
                          + " group " + (name.empty() ? "(root)" : name + "/"),
                      how, on)
              + (what == "changed" ? "" : " " + what);
    result += changes_text(what == "changed" ? list_at(one, "changes") : json::array(), "", on);
  }
  return result;
}

std::string runtime_text(const json& changes, const terminal& on) {
  std::string result;
  for (const auto& one : changes) {
    const bool now = text_at(one, "change") == "now";
    result +=
        painted(std::string{now ? "=" : "."} + " runtime", now ? tone::strong : tone::faint, on)
        + (now ? "" : " with the next `troupe run`") + ": " + change_text(one) + whence(one, on)
        + "\n";
  }
  return result;
}

std::string conflicts_text(const json& conflicts, const terminal& on) {
  std::string result;
  for (const auto& one : conflicts) {
    result += painted("! " + text_at(one, "bot") + " conflict", tone::bad, on) + ": "
              + path_text(text_at(one, "pointer")) + " was set to "
              + setting_text(at(one, "mine"), widest_value);
    if (const auto who = text_at(one, "set_by"); !who.empty())
      result += " by " + who;
    if (const auto when = text_at(one, "set_at"); !when.empty())
      result += " at " + when;
    result += ", and the tree now says " + setting_text(at(one, "theirs"), widest_value)
              + " in place of " + setting_text(at(one, "before"), widest_value) + "\n";
  }
  return result;
}

/// «1 restart, 2 in place, 1 group»
std::string counts_text(const json& document) {
  std::string result;
  const auto add = [&](std::size_t count, std::string_view one, std::string_view many) {
    if (count > 0)
      result += (result.empty() ? "" : ", ") + std::to_string(count) + " "
                + std::string{count == 1 ? one : many};
  };
  const auto& counts = at(document, "changes");
  for (const auto& step : steps)
    add(static_cast<std::size_t>(number_at(counts, std::string{step.what}.c_str())), step.one,
        step.many);
  add(list_at(document, "groups").size(), "group", "groups");
  add(list_at(document, "runtime").size(), "setting of the runtime", "settings of the runtime");
  add(list_at(document, "conflicts").size(), "conflict", "conflicts");
  return result;
}

std::string steps_text(const json& document, const terminal& on) {
  return instances_text(list_at(document, "instances"), on)
         + groups_text(list_at(document, "groups"), on)
         + runtime_text(list_at(document, "runtime"), on)
         + conflicts_text(list_at(document, "conflicts"), on);
}

} // namespace

std::string path_text(std::string_view pointer) {
  if (pointer.starts_with('/'))
    pointer.remove_prefix(1);
  // A name with a dot in it is told by its pointer.
  if (pointer.find('.') != std::string_view::npos || pointer.find('~') != std::string_view::npos)
    return "/" + std::string{pointer};
  std::string result{pointer};
  std::ranges::replace(result, '/', '.');
  return result;
}

std::string setting_text(const json& value, std::size_t columns) {
  if (value.is_null())
    return "nothing";
  auto text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  // Sizes and durations are read more easily without quotes.
  if (value.is_string()) {
    const auto& plain = value.get_ref<const std::string&>();
    const bool quantity = !plain.empty() && plain.front() >= '0' && plain.front() <= '9'
                          && std::ranges::all_of(plain, [](char c) {
                               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
                                      || (c >= 'A' && c <= 'Z') || c == '.';
                             });
    if (quantity)
      text = plain;
  }
  text = escape(text);
  return columns == 0 ? text : cut(text, columns);
}

std::string where_text(const json& setting) {
  auto result = text_at(setting, "file");
  if (const auto line = text_at(setting, "line"); !result.empty() && !line.empty()) {
    result += ":" + line;
    if (const auto column = text_at(setting, "column"); !column.empty())
      result += ":" + column;
  }
  return result;
}

std::string render_plan(const json& document, const terminal& on) {
  const auto counts = counts_text(document);
  if (counts.empty())
    return "nothing to do: version " + text_at(document, "version") + " is this\n";
  return steps_text(document, on) + painted(counts, tone::strong, on) + "\n";
}

std::string render_applied(const json& document, const terminal& on) {
  const auto number = text_at(document, "number");
  const auto state = text_at(document, "state");
  if (text_at(document, "applied") != "true")
    return "nothing to do: version " + number + " is this\n";
  const auto counts = counts_text(document);
  return steps_text(document, on) + painted("version " + number, tone::strong, on) + " is "
         + (state == "updating" ? "being carried out" : "in force") + ": "
         + (counts.empty() ? "no instance is touched" : counts) + "\n";
}

std::string render_diff(const json& document, const terminal& on) {
  std::string result;
  for (const auto& file : list_at(document, "files")) {
    const auto& text = at(file, "diff");
    std::string_view rest = text.is_string() ? std::string_view{text.get_ref<const std::string&>()}
                                             : std::string_view{};
    while (!rest.empty()) {
      const auto end = std::min(rest.find('\n'), rest.size());
      const auto line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      const auto how = line.starts_with("---") || line.starts_with("+++") ? tone::strong
                       : line.starts_with('+')                            ? tone::good
                       : line.starts_with('-')                            ? tone::bad
                       : line.starts_with("@@")                           ? tone::faint
                                                                          : tone::plain;
      result += painted(escape_line(line), how, on) + "\n";
    }
  }
  const auto& overrides = at(document, "overrides");
  const auto& before = at(overrides, "from");
  const auto& after = at(overrides, "to");
  const auto differ = [&](const json& a, const json& b, std::string_view mark, tone how) {
    if (!a.is_object())
      return;
    for (const auto& [bot, value] : a.items())
      if (at(b, bot.c_str()) != value)
        result += painted(std::string{mark} + " set of " + escape(bot) + ": " + setting_text(value),
                          how, on)
                  + "\n";
  };
  differ(before, after, "-", tone::bad);
  differ(after, before, "+", tone::good);
  const auto told = steps_text(document, on);
  const auto counts = counts_text(document);
  if (result.empty() && counts.empty())
    return "versions " + text_at(document, "from") + " and " + text_at(document, "to")
           + " are the same\n";
  if (!told.empty())
    result += (result.empty() ? "" : "\n") + told;
  return result + painted(counts.empty() ? "no instance is touched" : counts, tone::strong, on)
         + "\n";
}

} // namespace troupe::shell
