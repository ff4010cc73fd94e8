#include "runtime/import/unit_words.hpp"

#include "config/names.hpp"
#include "runtime/import/words.hpp"
#include "runtime/os/files.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace troupe::importing {

namespace {

/// «a-b\x2dc» as systemd-escape(1) reads it: a path's slashes are dashes.
std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x') {
      result +=
          static_cast<char>(std::strtol(std::string{text.substr(i + 2, 2)}.c_str(), nullptr, 16));
      i += 3;
    } else {
      result += text[i] == '-' ? '/' : text[i];
    }
  }
  return result;
}

} // namespace

unit_manager manager_of(const std::string& path) {
  unit_manager result;
  std::error_code error;
  const auto full = std::filesystem::absolute(path, error).lexically_normal().string();
  result.of_user = full.find("/systemd/user/") != std::string::npos;
  struct stat about {};
  if (result.of_user)
    result.uid = stat(full.c_str(), &about) == 0 && about.st_uid != 0 ? about.st_uid : geteuid();
  result.name = std::to_string(result.uid);
  if (const auto* account = getpwuid(result.uid)) {
    result.name = account->pw_name;
    result.home = account->pw_dir;
    result.shell = account->pw_shell;
    result.gid = account->pw_gid;
  }
  return result;
}

specifiers specifiers_of(const std::string& unit, const std::string& path,
                         const unit_manager& manager) {
  const auto stem = unit.substr(0, unit.rfind('.'));
  const auto at = stem.find('@');
  const auto prefix = stem.substr(0, at);
  const auto instance = at == std::string::npos ? std::string{} : stem.substr(at + 1);
  const auto final = prefix.substr(prefix.rfind('-') + 1);
  specifiers result{
      {'n', unit},
      {'N', stem},
      {'p', prefix},
      {'P', unescaped(prefix)},
      {'i', instance},
      {'I', unescaped(instance)},
      {'j', final},
      {'J', unescaped(final)},
      {'f', "/" + unescaped(instance.empty() ? prefix : instance)},
      {'t', "/run"},
      {'S', "/var/lib"},
      {'C', "/var/cache"},
      {'L', "/var/log"},
      {'E', "/etc"},
      {'T', "/tmp"},
      {'V', "/var/tmp"},
      {'y', path},
      {'Y', path.substr(0, path.rfind('/'))},
      {'u', manager.name},
      {'U', std::to_string(manager.uid)},
      {'G', std::to_string(manager.gid)},
      {'h', manager.home},
      {'s', manager.shell},
  };
  // The XDG directories of a user have these values unless that user's environment says otherwise.
  if (manager.of_user) {
    result['t'] = "/run/user/" + std::to_string(manager.uid);
    result['C'] = manager.home + "/.cache";
    result['E'] = result['S'] = manager.home + "/.config";
    result['L'] = result['S'] + "/log";
  }
  utsname about{};
  if (uname(&about) == 0) {
    result['H'] = about.nodename;
    result['l'] = result['H'].substr(0, result['H'].find('.'));
    result['v'] = about.release;
  }
  if (const auto id = os::read_file("/etc/machine-id"))
    result['m'] = trimmed(*id);
  return result;
}

config::expected<std::string, std::string> with_specifiers(std::string_view text,
                                                           const specifiers& known) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 1 == text.size()) {
      result += text[i];
    } else if (text[++i] == '%') {
      result += '%';
    } else if (const auto found = known.find(text[i]); found != known.end()) {
      result += found->second;
    } else {
      return config::unexpected{"the specifier " + config::in_quotes(text.substr(i - 1, 2))
                                + " is not known here"};
    }
  }
  return result;
}

std::optional<std::vector<std::string>> unit_words(std::string_view text, unit_quoting how) {
  const bool strict = how == unit_quoting::of_lines;
  std::vector<std::string> result;
  std::string word;
  bool inside = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size()) {
      static constexpr std::string_view from = "abfnrtvs";
      static constexpr std::string_view to = "\a\b\f\n\r\t\v ";
      const char next = text[++i];
      inside = true;
      if (!strict) {
        word += next;
      } else if (const auto known = from.find(next); known != std::string_view::npos) {
        word += to[known];
      } else if (next == 'x' && i + 2 < text.size()
                 && std::isxdigit(static_cast<unsigned char>(text[i + 1]))
                 && std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
        word +=
            static_cast<char>(std::strtol(std::string{text.substr(i + 1, 2)}.c_str(), nullptr, 16));
        i += 2;
      } else if (next == '\\' || next == '"' || next == '\'') {
        word += next;
      } else {
        word += c;
        word += next;
      }
    } else if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
      inside = true;
    } else if (std::isspace(static_cast<unsigned char>(c))) {
      if (inside)
        result.push_back(std::move(word));
      word.clear();
      inside = false;
    } else {
      word += c;
      inside = true;
    }
  }
  if (quote != 0 && strict)
    return std::nullopt;
  if (inside)
    result.push_back(std::move(word));
  return result;
}

std::optional<double> unit_seconds(std::string_view text) {
  static const std::map<std::string, double, std::less<>> units{
      {"", 1},        {"s", 1},         {"sec", 1},       {"second", 1},  {"seconds", 1},
      {"ms", 1e-3},   {"msec", 1e-3},   {"us", 1e-6},     {"usec", 1e-6}, {"m", 60},
      {"min", 60},    {"minute", 60},   {"minutes", 60},  {"h", 3600},    {"hr", 3600},
      {"hour", 3600}, {"hours", 3600},  {"d", 86400},     {"day", 86400}, {"days", 86400},
      {"w", 604800},  {"week", 604800}, {"weeks", 604800}};
  text = trimmed(text);
  if (text == "infinity")
    return -1;
  if (text.empty())
    return std::nullopt;
  double result = 0;
  while (!text.empty()) {
    const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
    if (digits == 0)
      return std::nullopt;
    const double value = std::strtod(std::string{text.substr(0, digits)}.c_str(), nullptr);
    text = trimmed(text.substr(digits));
    const auto end = std::min(text.find_first_of("0123456789. \t"), text.size());
    const auto unit = units.find(text.substr(0, end));
    if (unit == units.end())
      return std::nullopt;
    result += value * unit->second;
    text = trimmed(text.substr(end));
  }
  return result;
}

} // namespace troupe::importing
