#include "runtime/shell/render.hpp"

#include "messages/records.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

namespace troupe::shell {

namespace {

const json empty_list = json::array();

std::string percent(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%%", value);
  return text;
}

/// «5 instances: 3 running, 1 backoff, 1 stopped».
std::string summary(const json& document, const terminal& on) {
  std::map<std::string, std::size_t> counted;
  const auto& instances = list_at(document, "instances");
  for (const auto& one : instances)
    ++counted[text_at(one, "state")];
  auto result = text_at(document, "fleet");
  result = painted(result, tone::strong, on) + ": " + count_of(instances.size(), "instance");
  const char* separator = ", ";
  for (const auto& [state, count] : counted) {
    result += separator + painted(std::to_string(count) + " " + state, tone_of(state), on);
    separator = ", ";
  }
  return result + "\n";
}

std::string troubled_groups(const json& document, const terminal& on) {
  std::string result;
  for (const auto& group : list_at(document, "groups")) {
    const auto state = text_at(group, "state");
    if (state != "failed" && state != "backoff")
      continue;
    const auto name = text_at(group, "name");
    result += "group " + (name.empty() ? "(root)" : name + "/") + " is "
              + painted(state, tone_of(state), on);
    if (const auto why = text_at(group, "why"); !why.empty())
      result += ": " + why;
    if (const auto next = next_text(group); !next.empty())
      result += "; " + next;
    result += "\n";
  }
  return result;
}

} // namespace

// -- what renderers share ----------------------------------------------------------

std::string text_at(const json& object, const char* key) {
  if (!object.is_object())
    return "";
  const auto found = object.find(key);
  if (found == object.end() || found->is_null())
    return "";
  if (found->is_string())
    return escape(found->get_ref<const std::string&>());
  return escape(found->dump(-1, ' ', false, json::error_handler_t::replace));
}

double number_at(const json& object, const char* key, double otherwise) {
  if (!object.is_object())
    return otherwise;
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : otherwise;
}

const json& list_at(const json& object, const char* key) {
  if (!object.is_object())
    return empty_list;
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : empty_list;
}

tone tone_of(std::string_view state) {
  if (state == "running" || state == "completed")
    return tone::good;
  if (state == "failed")
    return tone::bad;
  if (state == "stopped" || state == "defined")
    return tone::faint;
  return tone::busy;
}

std::string next_text(const json& instance) {
  const auto found = instance.is_object() ? instance.find("next") : instance.end();
  if (!instance.is_object() || found == instance.end() || !found->is_object())
    return "";
  auto result = text_at(*found, "what");
  if (const auto attempt = text_at(*found, "attempt"); !attempt.empty()) {
    result += " " + attempt;
    if (const auto of = text_at(*found, "of"); !of.empty())
      result += " of " + of;
  }
  if (const double in = number_at(*found, "in_s", -1); in >= 0)
    result += " in " + human_delay(in);
  return result;
}

std::string remark(const json& instance) {
  const auto state = text_at(instance, "state");
  auto result = state == "running" || state == "defined" ? "" : text_at(instance, "why");
  if (state == "running")
    return result;
  if (const auto next = next_text(instance); !next.empty())
    result += (result.empty() ? "" : "; ") + next;
  return result;
}

// -- commands ----------------------------------------------------------------------

std::string render_status(const json& document, const terminal& on) {
  table rows{{"NAME", "STATE", "PID", "UP", "RESTARTS", "CPU", "MEMORY", "WHY"}, {2, 3, 4, 5, 6}};
  for (const auto& one : list_at(document, "instances")) {
    const auto state = text_at(one, "state");
    const auto uptime = number_at(one, "uptime_s", -1);
    const auto cpu = number_at(one, "cpu_percent", -1);
    const auto memory = number_at(one, "memory_bytes", -1);
    const auto restarts = text_at(one, "restarts");
    rows.add({{text_at(one, "name")},
              {state, tone_of(state)},
              {text_at(one, "pid")},
              {uptime < 0 ? "" : human_duration(uptime)},
              {restarts == "0" ? "" : restarts, tone::busy},
              {cpu < 0 ? "" : percent(cpu)},
              {memory < 0 ? "" : human_size(static_cast<std::uint64_t>(memory))},
              {remark(one)}});
  }
  auto result = rows.text(on) + summary(document, on) + troubled_groups(document, on);
  if (document.is_object() && document.contains("config"))
    result += standing_lines(document["config"], on);
  if (const auto trouble = text_at(document, "trouble"); !trouble.empty())
    result += painted("the store cannot be written: ", tone::bad, on) + trouble + "\n";
  return result;
}

std::string render_deaths(const json& document, const terminal& on) {
  const auto& deaths = list_at(document, "deaths");
  if (deaths.empty())
    return text_at(document, "bot") + " has not died yet\n";
  std::string result;
  for (const auto& one : deaths) {
    result += text_at(one, "at") + "  " + painted(text_at(one, "instance"), tone::strong, on) + "  "
              + painted(text_at(one, "cause"), tone::bad, on) + ", after "
              + human_duration(number_at(one, "uptime_s"));
    if (const double memory = number_at(one, "max_memory_bytes"); memory > 0)
      result += ", at most " + human_size(static_cast<std::uint64_t>(memory));
    result += ", incarnation " + text_at(one, "incarnation") + "\n";
    const auto found = one.is_object() ? one.find("output") : one.end();
    if (!one.is_object() || found == one.end() || !found->is_string())
      continue;
    std::string_view rest = found->get_ref<const std::string&>();
    while (!rest.empty()) {
      const auto end = std::min(rest.find('\n'), rest.size());
      auto line = rest.substr(0, end);
      if (line.ends_with('\r'))
        line.remove_suffix(1);
      result += painted("    | ", tone::faint, on) + escape(line) + "\n";
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return result;
}

std::string render_event(const json& document, const terminal& on) {
  const auto to = text_at(document, "to");
  auto result = painted(text_at(document, "time"), tone::faint, on) + "  "
                + text_at(document, "instance") + "  ";
  if (const auto from = text_at(document, "from"); from != to) // else it is a remark
    result += from + " → ";
  if (text_at(document, "instance") != config_subject)
    result += painted(to, tone_of(to), on);
  if (const auto cause = text_at(document, "cause"); !cause.empty())
    result += "  " + cause;
  return result + "\n";
}

namespace {

std::string how_they_stand(const json& instances, const terminal& on) {
  table rows{{"NAME", "STATE", "WHY"}};
  for (const auto& one : instances) {
    const auto state = text_at(one, "state");
    rows.add({{text_at(one, "name")},
              {state, tone_of(state)},
              {state == "running" ? "" : text_at(one, "why")}});
  }
  return rows.text(on);
}

} // namespace

std::string render_change(const json& document, const terminal& on) {
  const auto command = text_at(document, "command");
  const bool dry_run = text_at(document, "dry_run") == "true";
  const auto& instances = list_at(document, "instances");
  const auto& refused = list_at(document, "refused");
  std::string result;
  if (command == "shutdown")
    result = "the fleet is ending\n";
  else if (command == "scale")
    result = text_at(document, "bot") + (dry_run ? " would go from " : " goes from ")
             + text_at(document, "from") + " to " + text_at(document, "to") + " instances\n"
             + (instances.empty() ? "" : how_they_stand(instances, on));
  else if (instances.empty())
    result =
        command == "recover" ? "nothing has failed\n" : "there is nothing to " + command + "\n";
  else if (dry_run || document.contains("reached")) {
    if (dry_run)
      result = command + " would touch " + count_of(instances.size(), "instance") + ":\n";
    result += how_they_stand(instances, on);
  } else if (number_at(document, "accepted") > 0) {
    result = command + ": accepted by "
             + count_of(static_cast<std::size_t>(number_at(document, "accepted")), "instance");
    if (instances.size() == 1)
      result = command + ": " + text_at(instances.front(), "name") + " accepted it";
    result += "\n";
  }
  for (const auto& one : refused)
    result += painted(text_at(one, "instance"), tone::strong, on) + " "
              + painted("refused", tone::bad, on) + ": " + text_at(one, "reason") + "\n";
  if (const auto notice = text_at(document, "notice"); !notice.empty())
    result += "notice: " + notice + "\n";
  return result;
}

std::string render(std::string_view command, const json& document, const terminal& on) {
  if (command == "status")
    return render_status(document, on);
  if (command == "tree")
    return render_tree(document, on);
  if (command == "show")
    return render_show(document, on);
  if (command == "deaths")
    return render_deaths(document, on);
  if (command == "wait")
    return render_wait(document, on);
  if (command == "why")
    return render_why(document, on);
  if (command == "graph")
    return render_graph(document, on);
  if (command == "env")
    return render_env(document, on);
  if (command == "limits")
    return render_limits(document, on);
  if (command == "stats")
    return render_stats(document, on);
  if (command == "send" || command == "publish")
    return render_sent(document, on);
  if (command == "request")
    return render_reply(document);
  if (command == "queues")
    return render_queues(document, on);
  if (command == "links")
    return render_links(document, on);
  if (command == "topics")
    return render_topics(document, on);
  if (command == "trace")
    return render_trace(document, on);
  if (command == "dead-letters list")
    return render_dead_letters(document, on);
  if (command == "dead-letters show")
    return render_dead_letter(document, on);
  if (command.starts_with("dead-letters"))
    return render_letters_changed(document, on);
  if (command == "plan")
    return render_plan(document, on);
  if (command == "apply" || command == "reload" || command == "rollback" || command == "set"
      || command == "unset")
    return render_applied(document, on);
  if (command == "config explain")
    return render_explain(document, on);
  if (command == "config versions")
    return render_versions(document, on);
  if (command == "config show" || command == "config export")
    return render_version(document, on);
  if (command == "config diff")
    return render_diff(document, on);
  if (command == "config keys")
    return render_keys(document, on);
  if (command == "config standing")
    return render_standing(document, on);
  if (command == "audit list")
    return render_audit(document, on);
  if (command == "audit show")
    return render_audit_entry(document, on);
  if (command == "audit verify")
    return render_verified(document, on);
  if (command.starts_with("state"))
    return render_state(document, on);
  if (document.is_object() && document.contains("command"))
    return render_change(document, on);
  return escape(document.dump(2, ' ', false, json::error_handler_t::replace)) + "\n";
}

std::string render_refusal(const refusal& why, bool colour) {
  const terminal on{true, colour, 0};
  auto result = painted("troupe: ", tone::bad, on) + escape(why.message) + "\n";
  if (!why.hint.empty())
    result += "        " + escape(why.hint) + "\n";
  return result;
}

refusal read_refusal(const json& document, int exit) {
  refusal result{static_cast<exit_code>(exit), "failed", "the command failed", ""};
  const auto found = document.is_object() ? document.find("error") : document.end();
  if (!document.is_object() || found == document.end() || !found->is_object())
    return result;
  const auto get = [&](const char* key, std::string& into) {
    if (const auto value = found->find(key); value != found->end() && value->is_string())
      into = value->get<std::string>();
  };
  get("code", result.code);
  get("message", result.message);
  get("hint", result.hint);
  return result;
}

} // namespace troupe::shell
