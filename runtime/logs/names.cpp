#include "runtime/logs/names.hpp"

#include <charconv>

namespace troupe::logs {

namespace {

// More than `keep` may be.
constexpr std::uint32_t max_number = 100'000;

std::string numbered(const std::string& stem, const char* ending, std::uint32_t number) {
  auto result = stem + ending;
  if (number > 0)
    result += '.' + std::to_string(number);
  return result;
}

bool take_ending(std::string_view& name, std::string_view ending) {
  if (!name.ends_with(ending) || name.size() == ending.size())
    return false;
  name.remove_suffix(ending.size());
  return name.back() != '/';
}

} // namespace

std::string_view instance_of(std::string_view source) {
  const auto hash = source.rfind('#');
  return hash == std::string_view::npos ? source : source.substr(0, source.find(':', hash));
}

std::string stem_of(std::string_view source) {
  std::string result{instance_of(source)};
  if (const auto hash = result.rfind('#'); hash != std::string::npos)
    result[hash] = '.';
  return result;
}

std::string log_name(const std::string& stem, std::uint32_t number) {
  return numbered(stem, ".log", number);
}

std::string index_name(const std::string& stem, std::uint32_t number) {
  return numbered(stem, ".index", number);
}

std::optional<file_name> parse_file_name(std::string_view name) {
  file_name result;
  if (const auto dot = name.rfind('.'); dot != std::string_view::npos && dot + 1 < name.size()
                                        && name[dot + 1] >= '1' && name[dot + 1] <= '9') {
    const auto* end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + dot + 1, end, result.number);
    if (error != std::errc{} || rest != end || result.number > max_number)
      return std::nullopt;
    name = name.substr(0, dot);
  }
  if (take_ending(name, ".index"))
    result.index = true;
  else if (!take_ending(name, ".log"))
    return std::nullopt;
  result.stem = name;
  return result;
}

} // namespace troupe::logs
