#include "runtime/import/pretty.hpp"

namespace troupe::importing {

namespace {

constexpr std::size_t columns = 96;

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string in_one_line(const json& value) {
  if (!value.is_structured())
    return text_of(value);
  std::string result;
  for (const auto& [key, member] : value.items()) {
    if (!result.empty())
      result += ", ";
    if (value.is_object())
      result += text_of(key) + ": ";
    result += in_one_line(member);
  }
  return value.is_object() ? "{" + result + "}" : "[" + result + "]";
}

void write(std::string& to, const json& value, std::size_t indent, std::size_t used, bool root) {
  auto line = in_one_line(value);
  if (!value.is_structured() || value.empty() || (!root && used + line.size() <= columns)) {
    to += line;
    return;
  }
  const std::string pad(indent + 2, ' ');
  to += value.is_object() ? "{" : "[";
  bool first = true;
  for (const auto& [key, member] : value.items()) {
    to += first ? "\n" : ",\n";
    to += pad;
    first = false;
    const auto name = value.is_object() ? text_of(key) + ": " : std::string{};
    to += name;
    write(to, member, indent + 2, indent + 2 + name.size() + 1, false);
  }
  to += "\n" + std::string(indent, ' ') + (value.is_object() ? "}" : "]");
}

} // namespace

std::string pretty(const json& value) {
  std::string result;
  write(result, value, 0, 0, value.is_object() && value.size() > 1);
  return result + "\n";
}

} // namespace troupe::importing
