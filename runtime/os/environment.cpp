#include "runtime/os/environment.hpp"

#include "config/secret_names.hpp"
#include "runtime/os/files.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

namespace troupe::os {

namespace {

constexpr const char* default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::size_t largest_file = 1024 * 1024;
constexpr std::size_t largest_secret = 64 * 1024;

bool valid_variable(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9'))
    return false;
  for (const char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
      return false;
  return true;
}

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

config::expected<std::string, std::string> secret_from(const std::string& file) {
  const unique_fd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0)
    return config::unexpected{sentence("open", file, errno)};
  if (!S_ISREG(info.st_mode))
    return config::unexpected{file + " is not a regular file"};
  if ((info.st_mode & 077) != 0)
    return config::unexpected{file + " may be read by others; chmod 600 it"};
  if (info.st_size > static_cast<off_t>(largest_secret))
    return config::unexpected{file + " is larger than 64 KiB"};
  auto text = read_file(file, largest_secret);
  if (!text)
    return config::unexpected{sentence("read", file, errno)};
  if (text->ends_with('\n'))
    text->pop_back();
  if (text->find('\0') != std::string::npos)
    return config::unexpected{file + " holds a NUL byte, which no environment can carry"};
  return *text;
}

} // namespace

config::expected<std::map<std::string, std::string>, std::string>
parse_environment_file(std::string_view text) {
  std::map<std::string, std::string> result;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#')
      continue;
    if (line.starts_with("export "))
      line = trim(line.substr(7));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || !valid_variable(line.substr(0, equals)))
      return config::unexpected{"line " + std::to_string(number) + ": expected NAME=VALUE"};
    auto value = line.substr(equals + 1);
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')
        && value.back() == value.front())
      value = value.substr(1, value.size() - 2);
    if (value.find('\0') != std::string_view::npos)
      return config::unexpected{"line " + std::to_string(number) + ": holds a NUL byte"};
    result[std::string{line.substr(0, equals)}] = value;
  }
  return result;
}

config::expected<std::string, std::string>
read_secret(const std::string& tree, const environment_lookup& env, const std::string& name) {
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos)
    return config::unexpected{"\"" + name + "\" is no name of a file under secrets/"};
  const auto file = tree + "/secrets/" + name;
  if (::access(file.c_str(), F_OK) == 0)
    return secret_from(file);
  if (const auto credentials = env("CREDENTIALS_DIRECTORY")) {
    const auto credential = *credentials + '/' + name;
    if (::access(credential.c_str(), F_OK) == 0)
      return secret_from(credential);
  }
  return config::unexpected{"there is no file " + file
                            + " (mode 0600) and no systemd credential of that name"};
}

config::expected<std::vector<variable>, std::string>
compose_environment(const environment_request& x) {
  std::map<std::string, variable> all;
  const auto set = [&](const std::string& name, std::string value, variable_source from) {
    all[name] = {name, std::move(value), from, from == variable_source::file};
  };
  const auto pass = [&](const std::string& name, variable_source from) {
    if (auto value = x.original(name))
      set(name, std::move(*value), from);
  };
  set("PATH", default_path, variable_source::built_in);
  for (const char* name : {"PATH", "HOME", "USER", "LANG", "TZ"})
    pass(name, variable_source::built_in);
  // Another user's home is not ours to point to; without one of our own, the accounts'.
  if (x.spec.user || !all.contains("HOME"))
    set("HOME", x.who.home.empty() ? "/" : x.who.home, variable_source::built_in);
  if ((x.spec.user || !all.contains("USER")) && !x.who.name.empty())
    set("USER", x.who.name, variable_source::built_in);
  for (const auto& name : x.spec.pass_environment)
    pass(name, variable_source::passed);
  if (x.spec.environment_file) {
    auto file = config::expand(*x.spec.environment_file, x.expand);
    if (!file)
      return config::unexpected{"environment_file: " + file.error()};
    if (!file->starts_with('/'))
      *file = x.directory + '/' + *file;
    const auto text = read_file(*file, largest_file + 1);
    if (!text)
      return config::unexpected{sentence("environment_file", *file, errno)};
    if (text->size() > largest_file)
      return config::unexpected{"environment_file " + *file + ": larger than 1 MiB"};
    const auto found = parse_environment_file(*text);
    if (!found)
      return config::unexpected{"environment_file " + *file + ", " + found.error()};
    for (const auto& [name, value] : *found)
      set(name, value, variable_source::file);
  }
  for (const auto& [name, value] : x.spec.environment) {
    auto expanded = config::expand(value, x.expand);
    if (!expanded)
      return config::unexpected{"environment." + name + ": " + expanded.error()};
    set(name, std::move(*expanded), variable_source::settings);
    for (const auto& part : config::placeholders(value))
      if (part.what == config::placeholder::kind::secret
          || (part.what == config::placeholder::kind::env && config::names_a_secret(part.name)))
        all[name].secret = true;
  }
  for (const auto& [name, value] : x.more) {
    set(name, value, variable_source::runtime);
    all[name].secret = name == "TROUPE_TOKEN";
  }
  for (const auto& name : x.without)
    all.erase(name);
  set("TROUPE_BOT", x.expand.bot, variable_source::runtime);
  set("TROUPE_INSTANCE", std::to_string(x.expand.index), variable_source::runtime);
  set("TROUPE_INCARNATION", std::to_string(x.incarnation), variable_source::runtime);
  set("TROUPE_BOT_DIR", x.bot_directory, variable_source::runtime);
  std::vector<variable> result;
  result.reserve(all.size());
  for (auto& [name, each] : all)
    result.push_back(std::move(each));
  return result;
}

config::expected<std::vector<std::string>, std::string>
make_environment(const environment_request& x) {
  auto all = compose_environment(x);
  if (!all)
    return config::unexpected{all.error()};
  std::vector<std::string> result;
  result.reserve(all->size());
  for (const auto& each : *all)
    result.push_back(each.name + '=' + each.value);
  return result;
}

} // namespace troupe::os
