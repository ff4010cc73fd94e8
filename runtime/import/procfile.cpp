#include "runtime/import/procfile.hpp"

#include "runtime/import/words.hpp"
#include "runtime/os/environment.hpp"

#include <algorithm>
#include <cctype>
#include <unistd.h>

namespace troupe::importing {

namespace {

bool is_process_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_';
  });
}

/// The `.env` beside a Procfile.
struct env_file {
  std::string path;
  std::optional<long long> port; ///< what it sets PORT to
};

/// Nothing when there is none, or none that bots can read, which is said.
std::optional<env_file> environment_file(const std::string& directory, imported_fleet& fleet) {
  const auto path = absolute_in(directory, ".env");
  if (access(path.c_str(), F_OK) != 0)
    return std::nullopt;
  std::string why;
  if (const auto text = read_source(path); !text)
    why = text.error().message;
  else if (const auto lines = os::parse_environment_file(text->text); !lines)
    why = lines.error();
  else if (const auto port = lines->find("PORT"); port != lines->end())
    return env_file{path, number(port->second)};
  else
    return env_file{path, std::nullopt};
  fleet.remark_on(weight::lost, {path, 0}, ".env", "cannot be used as environment_file: " + why,
                  "mend it and set \"environment_file\" in group.json");
  return std::nullopt;
}

} // namespace

std::optional<failure> import_procfile(const source& from, imported_fleet& fleet) {
  const auto directory = from.directory();
  const auto env = environment_file(directory, fleet);
  std::uint32_t line_number = 0;
  // foreman's numbers: the first process has PORT of .env, else 5000, each next one 100 more.
  const bool usable = env && env->port && *env->port > 0 && *env->port < 65536;
  const auto said = usable ? env->port : std::nullopt;
  auto port = said.value_or(5000);
  std::string_view rest = from.text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const place where{from.path, ++line_number};
    if (line.empty() || line.starts_with('#'))
      continue;
    const auto colon = line.find(':');
    const auto name = line.substr(0, std::min(colon, line.size()));
    if (colon == std::string_view::npos || !is_process_name(name))
      return failure{from.path, line_number, "is no line of a Procfile",
                     "lines are «name: command», with letters, digits, - and _ in the name"};
    const auto command = trimmed(line.substr(colon + 1));
    auto& bot = fleet.add_bot("", std::string{name}, std::string{name} + ":", where);
    if (command.empty()) {
      bot.lost(where, bot.name, "has no command, so there is nothing to run");
      fleet.drop_bot(std::string{bot.name});
      continue;
    }
    bot.set("command", shell_command(command), where);
    // A shell does not pass the stop signal on.
    if (needs_shell(command))
      bot.set("kill_mode", "group", where);
    bot.set("directory", literal(directory), where);
    if (env)
      bot.set("environment_file", literal(env->path), {env->path, 0});
    if (said || command.find("PORT") != std::string_view::npos) {
      bot.set_in("environment", "PORT", std::to_string(port), where);
      bot.changed(where, "PORT", "is set to " + std::to_string(port) + ", as foreman numbers them",
                  "set it in \"environment\"; of several replicas each can have its own in "
                  "\"instances\"");
    }
    port += 100;
    if (name == "release") {
      bot.set("restart", "temporary", where);
      bot.set("autostart", false, where);
      bot.changed(where, "release",
                  "runs once before a release, so it does not start with the fleet",
                  "`troupe start release`, or \"depends_on\": {\"release\": \"completed\"} in the "
                  "others");
    }
  }
  fleet.once({from.path, 0}, "Procfile",
             "foreman and its like end everything when one process ends; here each is restarted by "
             "itself",
             "\"strategy\": \"one_for_all\" in group.json ties them together");
  fleet.once(
      {from.path, 0}, "environment",
      "a process gets the whole environment of the shell there; here PATH, HOME, USER, LANG, "
      "TZ and what its settings say",
      "name others in \"pass_environment\"");
  return std::nullopt;
}

} // namespace troupe::importing
