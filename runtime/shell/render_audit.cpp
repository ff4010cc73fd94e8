// audit list, show and verify.

#include "runtime/shell/render.hpp"

namespace troupe::shell {

namespace {

std::string who(const json& entry) {
  return "uid " + text_at(entry, "uid");
}

table::cell outcome(const json& entry) {
  auto text = text_at(entry, "outcome");
  const bool refused = text.starts_with("refused");
  return {std::move(text), refused ? tone::bad : tone::plain};
}

} // namespace

std::string render_audit(const json& document, const terminal& on) {
  const auto& entries = list_at(document, "entries");
  if (entries.empty())
    return "there are no such entries in the audit\n";
  table rows{{"ID", "TIME", "WHO", "FROM", "COMMAND", "VERSION", "OUTCOME"}, {3}};
  for (const auto& one : entries)
    rows.add({{text_at(one, "id")},
              {text_at(one, "time")},
              {who(one)},
              {text_at(one, "origin")},
              {text_at(one, "command"), tone::strong},
              {text_at(one, "version")},
              outcome(one)});
  return rows.text(on);
}

std::string render_audit_entry(const json& document, const terminal& on) {
  const auto found = document.is_object() ? document.find("entry") : document.end();
  if (!document.is_object() || found == document.end() || !found->is_object())
    return "";
  std::string result;
  const auto line = [&](std::string name, const std::string& text) {
    name.resize(8, ' ');
    if (!text.empty())
      result += painted(name, tone::faint, on) + " " + text + "\n";
  };
  line("id", text_at(*found, "id"));
  line("time", text_at(*found, "time"));
  line("who", who(*found) + ", pid " + text_at(*found, "pid"));
  line("from", text_at(*found, "origin"));
  line("command", text_at(*found, "command"));
  const auto became = text_at(*found, "outcome");
  line("outcome", became.empty() ? "not known" : became);
  line("version", text_at(*found, "version"));
  const auto patch = found->find("patch");
  if (patch == found->end() || patch->is_null())
    return result;
  result += painted("changes", tone::faint, on) + "\n";
  if (!patch->is_array())
    return result + "  " + escape(patch->dump()) + "\n";
  for (const auto& one : *patch) {
    const auto value = one.is_object() ? one.find("value") : one.end();
    result += "  " + text_at(one, "op") + " " + text_at(one, "path");
    if (one.is_object() && value != one.end())
      result += " " + escape(value->dump(-1, ' ', false, json::error_handler_t::replace));
    result += "\n";
  }
  return result;
}

std::string render_verified(const json& document, const terminal& on) {
  std::string result;
  const auto problem = text_at(document, "problem");
  const auto bad = text_at(document, "bad");
  const auto noted = document.is_object() ? document.find("noted") : document.end();
  if (!problem.empty())
    result = painted("the audit is not as it was written: ", tone::bad, on)
             + (bad.empty() ? "" : bad + ": ") + problem + "\n";
  else if (number_at(document, "entries") == 0)
    return "the audit is empty\n";
  else
    result = painted("the audit is as it was written: ", tone::good, on)
             + text_at(document, "first") + " to " + text_at(document, "last") + "\n";
  if (document.is_object() && noted != document.end() && !text_at(*noted, "id").empty())
    result += "the hash that was noted is that of " + text_at(*noted, "id") + "\n";
  if (problem.empty())
    result += "hash of " + text_at(document, "last") + ": " + text_at(document, "hash") + "\n";
  return result;
}

} // namespace troupe::shell
