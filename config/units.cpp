#include "config/units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <csignal>
#include <optional>

namespace troupe::config {

namespace {

struct unit {
  std::string_view name;
  double factor;
};

/// Largest first, as they must stand in a text. In nanoseconds.
constexpr std::array<unit, 7> time_units{{{"d", 86'400e9},
                                          {"h", 3'600e9},
                                          {"m", 60e9},
                                          {"s", 1e9},
                                          {"ms", 1e6},
                                          {"us", 1e3},
                                          {"ns", 1}}};

constexpr std::array<unit, 9> size_units{{{"B", 1},
                                          {"KiB", 1024.0},
                                          {"MiB", 1048576.0},
                                          {"GiB", 1073741824.0},
                                          {"TiB", 1099511627776.0},
                                          {"KB", 1e3},
                                          {"MB", 1e6},
                                          {"GB", 1e9},
                                          {"TB", 1e12}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Takes digits with an optional decimal part off the front; no sign, no exponent.
std::optional<double> take_number(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && (is_digit(text[length]) || text[length] == '.'))
    ++length;
  double value = 0;
  auto result = std::from_chars(text.data(), text.data() + length, value, std::chars_format::fixed);
  if (length == 0 || !is_digit(text.front()) || text[length - 1] == '.' || result.ec != std::errc{}
      || result.ptr != text.data() + length)
    return std::nullopt;
  text.remove_prefix(length);
  return value;
}

std::string_view take_word(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && !is_digit(text[length]) && text[length] != '.'
         && text[length] != '/')
    ++length;
  auto word = text.substr(0, length);
  text.remove_prefix(length);
  return word;
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string result{text};
  for (auto& c : result)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return result;
}

/// The unit that was probably meant, or an empty string.
std::string time_unit_meant(std::string_view word) {
  auto small = lower(word);
  if (small.starts_with("sec"))
    return "s";
  if (small.starts_with("min"))
    return "m";
  if (small.starts_with("hour") || small.starts_with("hr"))
    return "h";
  if (small.starts_with("day"))
    return "d";
  if (small.starts_with("msec") || small.starts_with("milli"))
    return "ms";
  if (small.starts_with("usec") || small.starts_with("micro") || small == "µs")
    return "us";
  for (const auto& unit : time_units)
    if (small == unit.name)
      return std::string{unit.name};
  return {};
}

} // namespace

expected<std::chrono::nanoseconds, std::string> parse_duration(std::string_view text) {
  if (text == "0")
    return std::chrono::nanoseconds{0};
  if (text.empty())
    return unexpected{std::string{"write a number and a unit"}};
  if (text.front() == '-')
    return unexpected{std::string{"a duration is never negative"}};
  if (text.find_first_of(" \t") != std::string_view::npos)
    return unexpected{std::string{"no blank between the number and its unit"}};
  if (all_digits(text))
    return unexpected{"a unit is missing: \"" + std::string{text.substr(0, 20)} + "s\" or \""
                      + std::string{text.substr(0, 20)} + "ms\"?"};
  double total = 0;
  std::size_t smallest = 0; // units from here on may still come
  for (auto rest = text; !rest.empty();) {
    auto value = take_number(rest);
    if (!value)
      return unexpected{std::string{"write a number and a unit, such as \"10s\""}};
    auto word = take_word(rest);
    std::size_t at = 0;
    while (at < time_units.size() && time_units[at].name != word)
      ++at;
    if (at == time_units.size()) {
      if (auto meant = time_unit_meant(word); !meant.empty())
        return unexpected{"did you mean \"" + meant + "\"? The units are ns us ms s m h d"};
      return unexpected{std::string{"the units are ns us ms s m h d"}};
    }
    if (at < smallest)
      return unexpected{std::string{"larger units stand before smaller ones, each once"}};
    smallest = at + 1;
    total += *value * time_units[at].factor;
  }
  if (!(total <= static_cast<double>(max_duration.count())))
    return unexpected{std::string{"the longest duration is ten years, \"3650d\""}};
  return std::chrono::nanoseconds{std::llround(total)};
}

expected<std::uint64_t, std::string> parse_size(std::string_view text) {
  if (text == "0")
    return std::uint64_t{0};
  if (text.empty())
    return unexpected{std::string{"write a number and a unit"}};
  if (text.front() == '-')
    return unexpected{std::string{"a size is never negative"}};
  if (text.find_first_of(" \t") != std::string_view::npos)
    return unexpected{std::string{"no blank between the number and its unit"}};
  if (all_digits(text))
    return unexpected{"a unit is missing: \"" + std::string{text.substr(0, 20)} + "B\" or \""
                      + std::string{text.substr(0, 20)} + "MiB\"?"};
  auto rest = text;
  auto value = take_number(rest);
  if (!value)
    return unexpected{std::string{"write a number and a unit, such as \"64MiB\""}};
  for (const auto& unit : size_units) {
    if (rest != unit.name)
      continue;
    auto total = *value * unit.factor;
    if (!(total <= 9e18))
      return unexpected{std::string{"the largest size is about 8000000TiB"}};
    return static_cast<std::uint64_t>(std::llround(total));
  }
  static constexpr std::string_view prefixes = "kmgt";
  auto small = lower(rest);
  if (!small.empty() && prefixes.find(small.front()) != std::string_view::npos
      && (small.substr(1) == "" || small.substr(1) == "b" || small.substr(1) == "ib")) {
    auto prefix = std::string(1, static_cast<char>(small.front() - 'a' + 'A'));
    return unexpected{"did you mean \"" + prefix + "iB\" (1024) or \"" + prefix + "B\" (1000)?"};
  }
  return unexpected{std::string{"the units are B KiB MiB GiB TiB KB MB GB TB"}};
}

expected<double, std::string> parse_rate(std::string_view text) {
  auto rest = text;
  auto value = take_number(rest);
  if (!value)
    return unexpected{std::string{"write a number, '/' and s, m or h"}};
  double per = rest == "/s" ? 1 : rest == "/m" ? 60 : rest == "/h" ? 3600 : 0;
  if (per == 0)
    return unexpected{std::string{"it ends in \"/s\", \"/m\" or \"/h\""}};
  auto rate = *value / per;
  if (!(rate > 0))
    return unexpected{std::string{"a rate is above 0"}};
  if (rate > 1e6)
    return unexpected{std::string{"the largest rate is 1000000/s"}};
  return rate;
}

expected<std::uint64_t, std::string> parse_byte_rate(std::string_view text) {
  if (!text.ends_with("/s"))
    return unexpected{std::string{"it ends in \"/s\""}};
  auto size = parse_size(text.substr(0, text.size() - 2));
  if (size && *size == 0)
    return unexpected{std::string{"a rate is above 0"}};
  return size;
}

std::string format_duration(std::chrono::nanoseconds value) {
  auto count = value.count();
  if (count == 0)
    return "0";
  auto sign = count < 0 ? "-" : "";
  auto rest = count < 0 ? -static_cast<double>(count) : static_cast<double>(count);
  auto magnitude =
      count < 0 ? 0 - static_cast<std::uint64_t>(count) : static_cast<std::uint64_t>(count);
  std::string text{sign};
  auto decimal = [&](std::uint64_t amount, std::uint64_t unit, std::string_view name) {
    text += std::to_string(amount / unit);
    if (auto fraction = amount % unit; fraction != 0) {
      auto digits = std::to_string(unit + fraction).substr(1);
      digits.erase(digits.find_last_not_of('0') + 1);
      text += '.' + digits;
    }
    text += name;
  };
  if (rest < 1e3)
    decimal(magnitude, 1, "ns");
  else if (rest < 1e6)
    decimal(magnitude, 1000, "us");
  else if (rest < 1e9)
    decimal(magnitude, 1'000'000, "ms");
  else {
    constexpr std::uint64_t second = 1'000'000'000;
    for (auto [name, unit] :
         {std::pair{"d", 86'400 * second}, {"h", 3'600 * second}, {"m", 60 * second}}) {
      if (magnitude >= unit)
        text += std::to_string(magnitude / unit) + name;
      magnitude %= unit;
    }
    if (magnitude != 0)
      decimal(magnitude, second, "s");
  }
  return text;
}

int parse_signal(std::string_view name) {
  struct entry {
    std::string_view name;
    int number;
  };
  static constexpr std::array<entry, 31> signals{
      {{"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},     {"ILL", SIGILL},
       {"TRAP", SIGTRAP}, {"ABRT", SIGABRT}, {"BUS", SIGBUS},       {"FPE", SIGFPE},
       {"KILL", SIGKILL}, {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},     {"USR2", SIGUSR2},
       {"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"TERM", SIGTERM},     {"STKFLT", SIGSTKFLT},
       {"CHLD", SIGCHLD}, {"CONT", SIGCONT}, {"STOP", SIGSTOP},     {"TSTP", SIGTSTP},
       {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU}, {"URG", SIGURG},       {"XCPU", SIGXCPU},
       {"XFSZ", SIGXFSZ}, {"PROF", SIGPROF}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
       {"IO", SIGIO},     {"PWR", SIGPWR},   {"SYS", SIGSYS}}};
  if (name.starts_with("SIG"))
    name.remove_prefix(3);
  for (const auto& signal : signals)
    if (signal.name == name)
      return signal.number;
  // Counted from what the C library leaves of the real-time signals, not from 32.
  if (name.starts_with("RTMIN+") || name == "RTMIN") {
    int above = 0;
    auto digits = name.size() > 6 ? name.substr(6) : std::string_view{"0"};
    auto result = std::from_chars(digits.data(), digits.data() + digits.size(), above);
    auto number = SIGRTMIN + above;
    if (result.ec == std::errc{} && result.ptr == digits.data() + digits.size() && above >= 0
        && number <= SIGRTMAX && name != "RTMIN+")
      return number;
  }
  return 0;
}

} // namespace troupe::config
