// How the config stands, its versions, where values come from, what keys mean.

#include "runtime/shell/render.hpp"

#include <algorithm>

namespace troupe::shell {

namespace {

const json& at(const json& object, const char* key) {
  static const json nothing;
  if (!object.is_object())
    return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

tone tone_of_version(std::string_view state) {
  if (state == "healthy")
    return tone::good;
  if (state == "updating")
    return tone::busy;
  if (state == "stopped" || state == "rolled back")
    return tone::bad;
  return tone::faint;
}

std::string short_hash(const json& version) {
  return text_at(version, "hash").substr(0, 8);
}

/// Text of several lines, each escaped.
std::string lines_of(const json& text) {
  if (!text.is_string())
    return "";
  std::string result;
  std::string_view rest = text.get_ref<const std::string&>();
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    result += escape_line(rest.substr(0, end)) + "\n";
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return result;
}

/// The first problem, in a line.
std::string first_problem(const json& problems) {
  const auto is_error = [](const json& one) { return text_at(one, "level") != "warning"; };
  const auto first = std::ranges::find_if(problems, is_error);
  if (first == problems.end())
    return "";
  auto place = where_text(*first);
  if (place.ends_with(":0:0"))
    place.resize(place.size() - 4);
  auto result = (place.empty() ? "" : place + ": ") + text_at(*first, "message");
  const auto more = static_cast<std::size_t>(std::ranges::count_if(problems, is_error)) - 1;
  return more == 0 ? result : result + " (and " + std::to_string(more) + " more)";
}

std::string progress_text(const json& update) {
  auto result = text_at(update, "done") + " of " + text_at(update, "total") + " instances";
  if (const auto bot = text_at(update, "bot"); !bot.empty())
    result +=
        ", now " + bot + ", batch " + text_at(update, "batch") + " of " + text_at(update, "of");
  if (const auto waiting = text_at(update, "waits_for"); !waiting.empty())
    result += "; " + waiting;
  return result;
}

} // namespace

std::string standing_word(const json& standing) {
  const auto state = text_at(standing, "state");
  const auto& update = at(standing, "update");
  if (state == "updating")
    return update.is_object() ? text_at(update, "done") + "/" + text_at(update, "total")
                              : "updating";
  if (state == "stopped")
    return "stopped";
  const auto disk = text_at(at(standing, "disk"), "state");
  return disk == "invalid" || disk == "differs" || disk == "conflict" ? disk : "";
}

std::string standing_lines(const json& standing, const terminal& on) {
  std::string result;
  const auto line = [&](tone how, const std::string& text) {
    result += painted("config", how, on) + ": " + text + "\n";
  };
  const auto number = "version " + text_at(standing, "version");
  const auto& update = at(standing, "update");
  if (const auto state = text_at(standing, "state"); state == "updating")
    line(tone::busy, number + " is being carried out"
                         + (update.is_object() ? ": " + progress_text(update) : ""));
  else if (state == "stopped")
    line(tone::bad, number + " stopped on its way: " + text_at(update, "failed")
                        + "; `troupe apply` goes on, `troupe rollback N` goes back");
  const auto& disk = at(standing, "disk");
  if (const auto state = text_at(disk, "state"); state == "invalid")
    line(tone::bad, "the tree on disk is not valid, " + number
                        + " stays in force: " + first_problem(list_at(disk, "problems")));
  else if (state == "conflict")
    line(tone::bad, "the tree on disk is in conflict with what was set, " + number
                        + " stays in force; see `troupe plan`");
  else if (state == "differs")
    line(tone::busy, "the tree on disk differs from " + number
                         + "; see `troupe plan`, bring it into force with `troupe apply`");
  return result;
}

std::string render_standing(const json& document, const terminal& on) {
  std::string result;
  const auto line = [&](std::string name, const std::string& text) {
    name.resize(10, ' ');
    if (!text.empty())
      result += painted(name, tone::faint, on) + " " + text + "\n";
  };
  const auto state = text_at(document, "state");
  line("version", text_at(document, "version"));
  line("state", painted(state, tone_of_version(state), on));
  line("hash", text_at(document, "hash"));
  line("tree", text_at(document, "root"));
  line("profile", text_at(document, "profile"));
  line("auto_apply", text_at(document, "auto_apply"));
  if (const auto& update = at(document, "update"); update.is_object()) {
    line("update", progress_text(update));
    line("failed", text_at(update, "failed"));
  }
  const auto& disk = at(document, "disk");
  const auto since = text_at(disk, "since");
  line("on disk", text_at(disk, "state") + (since.empty() ? "" : ", since " + since));
  line("problem", first_problem(list_at(disk, "problems")));
  return result;
}

std::string render_versions(const json& document, const terminal& on) {
  const auto& versions = list_at(document, "versions");
  if (versions.empty())
    return "there are no versions yet\n";
  const auto now = text_at(document, "version");
  table rows{{"", "VERSION", "TIME", "STATE", "BY", "HASH", "REASON"}, {5, 2}};
  for (const auto& one : versions) {
    const auto number = text_at(one, "number");
    const auto state = text_at(one, "state");
    rows.add({{number == now ? "*" : "", tone::strong},
              {number, number == now ? tone::strong : tone::plain},
              {text_at(one, "time")},
              {state, tone_of_version(state)},
              {text_at(one, "author")},
              {short_hash(one), tone::faint},
              {text_at(one, "reason")}});
  }
  return rows.text(on);
}

std::string render_version(const json& document, const terminal& on) {
  const auto state = text_at(document, "state");
  auto result = painted("version " + text_at(document, "number"), tone::strong, on) + " "
                + painted(state, tone_of_version(state), on) + ", " + text_at(document, "time")
                + ", by " + text_at(document, "author") + ": " + text_at(document, "reason") + "\n"
                + painted("hash ", tone::faint, on) + text_at(document, "hash") + "\n";
  if (const auto profile = text_at(document, "profile"); !profile.empty())
    result += painted("profile ", tone::faint, on) + profile + "\n";
  for (const auto& file : list_at(document, "files"))
    result += "\n" + painted("── " + text_at(file, "path"), tone::strong, on) + "\n"
              + lines_of(at(file, "text"));
  const auto& overrides = at(document, "overrides");
  if (overrides.is_object() && !overrides.empty()) {
    result += "\n" + painted("── set by operators", tone::strong, on) + "\n";
    for (const auto& [bot, value] : overrides.items())
      result += escape(bot) + "  " + setting_text(value) + "\n";
  }
  return result;
}

std::string render_explain(const json& document, const terminal& on) {
  table rows{{"VALUE OF " + text_at(document, "instance"), "IS", "BY", "AT"}};
  const auto by = [](const json& one) {
    const auto place = where_text(one);
    return std::pair{text_at(one, "scope"), place};
  };
  constexpr std::size_t wide = 48;
  for (const auto& one : list_at(document, "values")) {
    const auto [scope, place] = by(one);
    rows.add({{path_text(text_at(one, "pointer")), tone::strong},
              {setting_text(at(one, "value"), wide)},
              {scope},
              {place}});
    for (const auto& under : list_at(one, "overrides")) {
      const auto [weaker, where] = by(under);
      rows.add({{"  over", tone::faint},
                {setting_text(at(under, "value"), wide), tone::faint},
                {weaker, tone::faint},
                {where, tone::faint}});
    }
  }
  return rows.text(on);
}

std::string render_keys(const json& document, const terminal& on) {
  const auto& keys = list_at(document, "keys");
  std::string result;
  const auto otherwise = [](const json& key) {
    const auto& value = at(key, "default");
    return value.is_null() ? std::string{} : setting_text(value, 24);
  };
  if (keys.size() == 1) {
    const auto& one = keys.front();
    const auto line = [&](std::string name, const std::string& text) {
      name.resize(10, ' ');
      if (!text.empty())
        result += painted(name, tone::faint, on) + " " + text + "\n";
    };
    line("key", painted(text_at(one, "key"), tone::strong, on));
    line("of", text_at(one, "file"));
    line("value", text_at(one, "type"));
    std::string choices;
    for (const auto& choice : list_at(one, "choices"))
      choices += (choices.empty() ? "" : ", ") + setting_text(choice);
    line("one of", choices);
    line("default", otherwise(one));
    line("a change", text_at(one, "change"));
    line("since", text_at(one, "since"));
    line("", text_at(one, "description"));
    return result;
  }
  std::string file;
  for (std::size_t i = 0; i < keys.size();) {
    file = text_at(keys[i], "file");
    table rows{{"KEY", "VALUE", "DEFAULT", "A CHANGE", "SINCE", "MEANING"}, {4}};
    for (; i < keys.size() && text_at(keys[i], "file") == file; ++i)
      rows.add({{text_at(keys[i], "key"), tone::strong},
                {text_at(keys[i], "type")},
                {otherwise(keys[i])},
                {text_at(keys[i], "change")},
                {text_at(keys[i], "since")},
                {text_at(keys[i], "summary")}});
    result += (result.empty() ? "" : "\n") + painted("── " + file, tone::strong, on) + "\n"
              + rows.text(on);
  }
  return result;
}

} // namespace troupe::shell
