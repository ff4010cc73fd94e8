// The two answers that are no tables: tree and show.

#include "runtime/shell/render.hpp"

#include <algorithm>

namespace troupe::shell {

namespace {

struct tree_writer {
  const terminal& on;
  std::string out;

  void line(const std::string& indent, bool last, const std::string& text) {
    out += painted(indent + (last ? "└─ " : "├─ "), tone::faint, on) + text + "\n";
  }

  std::string group_title(const json& group, const std::string& name) {
    auto result = painted(name, tone::strong, on) + "  "
                  + painted(text_at(group, "strategy"), tone::faint, on) + "  "
                  + text_at(group, "up") + " of " + text_at(group, "total") + " up";
    if (const auto state = text_at(group, "state"); state == "failed" || state == "backoff") {
      result += "  " + painted(state, tone_of(state), on);
      if (const auto why = text_at(group, "why"); !why.empty())
        result += "  " + why;
    }
    return result;
  }

  std::string instance_title(const json& one) {
    const auto state = text_at(one, "state");
    auto result = text_at(one, "name") + "  " + painted(state, tone_of(state), on);
    if (const auto note = remark(one); !note.empty())
      result += "  " + note;
    return result;
  }

  void children(const json& group, const std::string& indent, std::size_t depth) {
    constexpr std::size_t deepest = 64;
    if (depth > deepest)
      return;
    const auto& list = list_at(group, "children");
    for (std::size_t i = 0; i < list.size(); ++i) {
      const bool last_child = i + 1 == list.size();
      if (text_at(list[i], "kind") == "group") {
        const auto name = text_at(list[i], "name");
        line(indent, last_child, group_title(list[i], name.substr(name.rfind('/') + 1) + "/"));
        children(list[i], indent + (last_child ? "   " : "│  "), depth + 1);
        continue;
      }
      const auto& instances = list_at(list[i], "instances");
      for (std::size_t k = 0; k < instances.size(); ++k)
        line(indent, last_child && k + 1 == instances.size(), instance_title(instances[k]));
    }
  }
};

std::string readable(const json& value) {
  if (value.is_string())
    return escape(value.get_ref<const std::string&>());
  return escape(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

/// As it would be typed: `''` for an empty word, quotes around what has spaces in it.
std::string as_word(const json& value) {
  const auto text = readable(value);
  if (!text.empty() && text.find_first_of(" \t'\"$*?;&|<>()`") == std::string::npos)
    return text;
  std::string result{"'"};
  for (const char c : text)
    if (c == '\'')
      result += "'\\''";
    else
      result += c;
  return result + "'";
}

/// «tcp 127.0.0.1:80, every 1s, each at most 1s».
std::string check_text(const json& check) {
  auto result = text_at(check, "kind");
  if (const auto value = text_at(check, "value"); !value.empty())
    result += " " + value;
  for (const auto& word : list_at(check, "command"))
    result += " " + as_word(word);
  if (const double every = number_at(check, "interval_s", -1); every >= 0)
    result += ", every " + human_duration(every);
  if (const double most = number_at(check, "timeout_s", -1); most >= 0)
    result += ", each at most " + human_duration(most);
  return result;
}

/// «sh -c 'x', at most 10s».
std::string hook_text(const json& hook) {
  std::string result;
  for (const auto& word : list_at(hook, "command"))
    result += (result.empty() ? "" : " ") + as_word(word);
  return result + ", at most " + human_duration(number_at(hook, "timeout_s"));
}

std::string limits_text(const json& limits) {
  std::string result;
  for (const auto& [name, value] : limits.items()) {
    const bool counted = name == "tasks" || name == "cpu" || name == "cpu_weight"
                         || name == "open_files" || name == "processes";
    result += (result.empty() ? "" : ", ") + escape(name) + " "
              + (counted || !value.is_number_unsigned() ? readable(value)
                                                        : human_size(value.get<std::uint64_t>()));
  }
  return result;
}

/// «initial_s» of 0.5 as «initial 500ms».
std::string setting(const std::string& key, const json& value) {
  if (key.ends_with("_s") && value.is_number())
    return human_duration(value.get<double>());
  if (value.is_array()) {
    std::string result;
    for (const auto& one : value)
      result += (result.empty() ? "" : " ") + as_word(one);
    return result;
  }
  if (key == "ready" && value.is_object())
    return check_text(value);
  if (key == "limits" && value.is_object())
    return limits_text(value);
  if (value.is_object() && value.contains("command") && value.contains("timeout_s"))
    return hook_text(value);
  if (value.is_object()) {
    std::string result;
    for (const auto& [name, inner] : value.items()) {
      const auto shown =
          name.ends_with("_s") && inner.is_number() ? name.substr(0, name.size() - 2) : name;
      result += (result.empty() ? "" : ", ") + escape(shown) + " " + setting(name, inner);
    }
    return result;
  }
  return readable(value);
}

bool is_empty(const json& value) {
  return value.is_null() || ((value.is_array() || value.is_object()) && value.empty());
}

} // namespace

std::string render_tree(const json& document, const terminal& on) {
  tree_writer writer{on, {}};
  const auto root = document.is_object() ? document.find("root") : document.end();
  if (!document.is_object() || root == document.end() || !root->is_object())
    return "the fleet is empty\n";
  writer.out = writer.group_title(*root, text_at(document, "fleet")) + "\n";
  writer.children(*root, "", 0);
  return writer.out;
}

std::string render_show(const json& document, const terminal& on) {
  std::string result = painted(text_at(document, "bot"), tone::strong, on) + "  from "
                       + text_at(document, "file") + ", " + text_at(document, "replicas")
                       + " of it";
  if (const auto set = text_at(document, "override"); !set.empty())
    result += ", set by `scale`; the file says " + text_at(document, "replicas_in_file");
  result += "\n";
  for (const auto& one : list_at(document, "instances")) {
    const auto state = text_at(one, "state");
    result += "  " + text_at(one, "name") + "  " + painted(state, tone_of(state), on);
    if (const auto pid = text_at(one, "pid"); !pid.empty())
      result += "  pid " + pid;
    if (const double up = number_at(one, "uptime_s", -1); up >= 0)
      result += "  up " + human_duration(up);
    if (const auto restarts = text_at(one, "restarts"); restarts != "0")
      result += "  " + count_of(static_cast<std::size_t>(number_at(one, "restarts")), "restart");
    if (const double cpu = number_at(one, "cpu_percent", -1); cpu >= 0)
      result += "  " + text_at(one, "cpu_percent") + "% cpu";
    if (const double memory = number_at(one, "memory_bytes", -1); memory >= 0)
      result += "  " + human_size(static_cast<std::uint64_t>(memory));
    if (const auto note = remark(one); !note.empty())
      result += "  " + note;
    result += "\n";
    if (const auto says = text_at(one, "says"); !says.empty())
      result += "    says: " + says + "\n";
    if (const auto messages = messaging_text(one); !messages.empty())
      result += "    " + messages + "\n";
    if (const double lost = number_at(one, "output_dropped_bytes"); lost > 0)
      result +=
          "    " + human_size(static_cast<std::uint64_t>(lost)) + " of its output were dropped\n";
  }
  if (const auto isolation = text_at(document, "isolation"); !isolation.empty())
    result += "isolation: " + isolation + "\n";
  if (const auto found = document.find("settings"); found != document.end() && found->is_object()) {
    result += "settings of " + text_at(document, "settings_of") + ":\n";
    for (const auto& [key, value] : found->items()) {
      if (is_empty(value))
        continue;
      const auto shown =
          key.ends_with("_s") && value.is_number() ? key.substr(0, key.size() - 2) : key;
      auto name = escape(shown);
      name.resize(std::max<std::size_t>(name.size(), 17), ' ');
      result += "  " + painted(name, tone::faint, on) + " " + setting(key, value) + "\n";
    }
  }
  if (!list_at(document, "deaths").empty())
    result += "last deaths:\n" + render_deaths(document, on);
  return result;
}

} // namespace troupe::shell
