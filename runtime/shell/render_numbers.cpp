// env, limits, stats: tables of values.

#include "runtime/shell/render.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace troupe::shell {

namespace {

bool is_size(std::string_view name) {
  return name.ends_with("_bytes") || name.starts_with("memory") || name.ends_with("_size")
         || name == "stack" || name == "address_space" || name == "locked_memory";
}

std::string amount(const json& row, const char* key, std::string_view name) {
  const double value = number_at(row, key, -1);
  if (value < 0)
    return "";
  if (is_size(name))
    return human_size(static_cast<std::uint64_t>(value));
  char text[48];
  std::snprintf(text, sizeof text, std::floor(value) == value ? "%.0f" : "%.2f", value);
  return text;
}

std::string percent_of(double share, int digits = 0) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f%%", digits, share * 100);
  return text;
}

/// «runtime_memory_bytes» as «runtime memory».
std::string readable_name(std::string name) {
  for (const std::string_view end : {"_bytes"})
    if (name.ends_with(end))
      name.resize(name.size() - end.size());
  for (auto& c : name)
    if (c == '_')
      c = ' ';
  return name;
}

void add_limit(table& rows, const std::string& of, const json& row) {
  const auto name = text_at(row, "name");
  const double share = number_at(row, "share", -1);
  auto note = text_at(row, "note");
  if (const auto why = text_at(row, "unenforced"); !why.empty())
    note = "not enforced: " + why;
  const auto limit = amount(row, "limit", name);
  rows.add(
      {{of},
       {readable_name(name)},
       {amount(row, "used", name)},
       {limit.empty() ? "-" : limit},
       {share < 0 ? "" : percent_of(share), share > 0.8 && note.empty() ? tone::bad : tone::plain},
       {note}});
}

std::string fleet_numbers(const json& fleet, const terminal& on) {
  const auto at = [&](const char* under, const char* key) -> double {
    const auto found = fleet.find(under);
    return found == fleet.end() ? -1 : number_at(*found, key, -1);
  };
  const auto whole = [](double value) {
    char text[48];
    std::snprintf(text, sizeof text, "%.0f", value);
    return std::string{value < 0 ? "?" : text};
  };
  const auto size = [](double value) {
    return value < 0 ? "?" : human_size(static_cast<std::uint64_t>(value));
  };
  char rates[96];
  std::snprintf(rates, sizeof rates, "%.2f starts/s, %.2f restarts/s in the last minute",
                number_at(fleet, "starts_per_s"), number_at(fleet, "restarts_per_s"));
  auto result = painted(text_at(fleet, "name"), tone::strong, on) + ": runtime up "
                + human_duration(number_at(fleet, "uptime_s")) + ", epoch "
                + whole(at("machine", "epoch")) + "; " + rates + "\n";
  for (const char* who : {"runtime", "keeper"}) {
    const std::string name{who};
    result += name + ": pid " + whole(at("machine", (name + "_pid").c_str())) + ", "
              + size(at("machine", (name + "_memory_bytes").c_str())) + ", "
              + human_duration(std::max(0.0, at("machine", (name + "_cpu_s").c_str())))
              + " of cpu, " + whole(at("machine", (name + "_files").c_str())) + " files open\n";
  }
  const double slowest = at("journal", "longest_write_s");
  result += "journal: " + whole(at("journal", "writes")) + " commits with "
            + whole(at("journal", "events_written")) + " events, "
            + whole(at("journal", "failed_writes")) + " failed, " + whole(at("ledger", "unwritten"))
            + " waiting, the longest took " + human_duration(std::max(0.0, slowest)) + "; "
            + whole(at("journal", "events")) + " events and " + whole(at("journal", "deaths"))
            + " deaths kept in " + size(at("machine", "state_bytes")) + "\n";
  result += "ledger: " + whole(at("ledger", "instances")) + " instances, "
            + whole(at("ledger", "groups")) + " groups, event " + whole(at("ledger", "last_seq"))
            + "\n";
  return result;
}

} // namespace

std::string render_env(const json& document, const terminal& on) {
  table rows{{"NAME", "SOURCE", "VALUE"}, {1}};
  for (const auto& one : list_at(document, "variables")) {
    const bool masked = text_at(one, "masked") == "true";
    rows.add({{text_at(one, "name")},
              {text_at(one, "source"), tone::faint},
              {text_at(one, "value"), masked ? tone::faint : tone::plain}});
  }
  const auto pid = text_at(document, "pid");
  const auto instance = text_at(document, "instance");
  auto result = rows.text(on)
                + (pid.empty() ? "what a start of " + instance + " would give it now\n"
                               : "what process " + pid + " of " + instance + " was started with\n");
  if (const auto trouble = text_at(document, "trouble"); !trouble.empty())
    result += painted("not all is known: ", tone::bad, on) + trouble + "\n";
  return result;
}

std::string render_limits(const json& document, const terminal& on) {
  table rows{{"NAME", "WHAT", "USED", "LIMIT", "SHARE", "NOTE"}, {}};
  for (const auto& one : list_at(document, "instances"))
    for (const auto& row : list_at(one, "limits"))
      add_limit(rows, text_at(one, "name"), row);
  for (const auto& row : list_at(document, "runtime"))
    add_limit(rows, "runtime", row);
  auto result = rows.text(on);
  for (const auto& one : list_at(document, "warnings"))
    if (one.is_string())
      result +=
          painted("watch out: ", tone::bad, on) + escape(one.get_ref<const std::string&>()) + "\n";
  if (const auto trouble = text_at(document, "trouble"); !trouble.empty())
    result += painted("not all is known: ", tone::bad, on) + trouble + "\n";
  return result;
}

std::string render_stats(const json& document, const terminal& on) {
  table rows{
      {"NAME", "STARTS", "RESTARTS", "UP", "READY", "SLOWEST", "CPU", "MEMORY", "OUTPUT", "ENDS"},
      {2, 4, 5, 6, 7, 8}};
  for (const auto& one : list_at(document, "instances")) {
    std::string ends;
    if (const auto by = one.find("ends_by"); by != one.end() && by->is_object())
      for (const auto& [kind, count] : by->items())
        ends += (ends.empty() ? "" : ", ") + text_at(*by, kind.c_str()) + "× " + escape(kind);
    const auto size = [&](const char* key) {
      const double value = number_at(one, key, -1);
      return value < 0 ? "" : human_size(static_cast<std::uint64_t>(value));
    };
    const auto time = [&](const char* key) {
      const double value = number_at(one, key, -1);
      return value < 0 ? "" : human_duration(value);
    };
    const double share = number_at(one, "up_share", -1);
    auto output = size("output_bytes");
    if (number_at(one, "output_dropped_bytes") > 0)
      output += ", " + size("output_dropped_bytes") + " dropped";
    rows.add({{text_at(one, "name")},
              {text_at(one, "starts")},
              {text_at(one, "restarts")},
              {share < 0 ? "" : percent_of(share, share > 0.99 && share < 1 ? 2 : 0)},
              {time("ready_p50_s")},
              {time("ready_max_s")},
              {time("cpu_s")},
              {size("max_memory_bytes")},
              {output},
              {ends}});
  }
  auto result = rows.text(on);
  if (document.is_object())
    if (const auto fleet = document.find("fleet"); fleet != document.end() && fleet->is_object())
      result += fleet_numbers(*fleet, on);
  return result;
}

} // namespace troupe::shell
