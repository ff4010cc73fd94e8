#include "messages/command_table/areas.hpp"

#include <algorithm>
#include <array>

namespace troupe {

namespace {

using enum word_kind;

constexpr option_info everywhere[] = {
    {"state", "--state", path, "DIR", "", false,
     "the fleet's state directory; default: TROUPE_STATE, else /var/lib/troupe for root, else "
     "$XDG_STATE_HOME/troupe"},
    {"json", "--json", flag, "", "", false, "print one JSON document and nothing else"},
    {"timeout", "--timeout", duration, "TIME", "", false,
     "how long to wait for a runtime that is restarting (10s)"},
    {"help", "-h,--help", flag, "", "", false, "show help of the command"},
};

constexpr command_info hidden[] = {
    {"await", "Wait for instances", {}, {}, role::viewer, place::runtime, false, true, "", {}},
};

std::vector<command_info> whole_table() {
  using namespace command_table;
  std::vector<command_info> result;
  for (const auto area :
       {running(), looking(), changing(), configuring(), past(), itself(), asking(), messaging(),
        kept(), auditing(), machine(), std::span<const command_info>{hidden}})
    result.insert(result.end(), area.begin(), area.end());
  return result;
}

} // namespace

std::span<const command_info> all_commands() {
  static const auto table = whole_table();
  return table;
}

const command_info* find_command(std::string_view name) {
  const auto all = all_commands();
  const auto found = std::ranges::find(all, name, &command_info::name);
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string_view> family_members(std::string_view family) {
  std::vector<std::string_view> result;
  for (const auto& command : all_commands())
    if (const auto blank = command.name.find(' ');
        blank != std::string_view::npos && command.name.substr(0, blank) == family)
      result.push_back(command.name.substr(blank + 1));
  return result;
}

std::span<const option_info> global_options() {
  return everywhere;
}

std::string_view to_string(role x) {
  constexpr std::array names{"viewer", "operator", "admin"};
  const auto index = static_cast<std::size_t>(x);
  return index < names.size() ? names[index] : "unknown";
}

std::string_view to_string(word_kind x) {
  constexpr std::array names{"flag",   "bot",   "target",    "number",  "duration",
                             "signal", "label", "path",      "command", "program",
                             "text",   "state", "config key"};
  const auto index = static_cast<std::size_t>(x);
  return index < names.size() ? names[index] : "unknown";
}

} // namespace troupe
