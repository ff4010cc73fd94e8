#include "config/object_reader.hpp"

#include "config/document.hpp"
#include "config/expand.hpp"
#include "config/masking.hpp"
#include "config/names.hpp"
#include "config/pattern.hpp"
#include "config/secret_names.hpp"
#include "config/units.hpp"

namespace troupe::config {

using nlohmann::json;

namespace {

/// Longest path, as of the kernel.
constexpr std::size_t max_path = 4096;

} // namespace

const json* object_reader::find(const char* key) const {
  if (!value_.is_object())
    return nullptr;
  auto member = value_.find(key);
  return member == value_.end() || member->is_null() ? nullptr : &*member;
}

const json* object_reader::find(const char* key, json::value_t type) const {
  const auto* member = find(key);
  return member && member->type() == type ? member : nullptr;
}

std::string object_reader::at(const char* key) const {
  return pointer_to(pointer_, std::string_view{key});
}

void object_reader::wrong(const char* key, std::string message, std::string expected,
                          std::string hint) const {
  report_({at(key), false, std::move(message), std::move(expected), std::move(hint)});
}

object_reader object_reader::inner(const char* key) const {
  static const json nothing;
  const auto* member = find(key);
  return {member ? *member : nothing, at(key), report_};
}

std::optional<std::int64_t> object_reader::integer(const char* key) const {
  const auto* member = find(key);
  if (!member || !member->is_number_integer())
    return std::nullopt;
  // What is beyond the type is reported here: the schema's check may have wrapped it round.
  if (member->is_number_unsigned() && !std::in_range<std::int64_t>(member->get<std::uint64_t>())) {
    wrong(key, in_quotes(key) + " is too large", "a smaller number");
    return std::nullopt;
  }
  return member->get<std::int64_t>();
}

void object_reader::number(const char* key, double& out) const {
  if (const auto* member = find(key); member && member->is_number())
    out = member->get<double>();
}

void object_reader::flag(const char* key, bool& out) const {
  if (const auto* member = find(key, json::value_t::boolean))
    out = member->get<bool>();
}

void object_reader::text(const char* key, std::string& out) const {
  if (const auto* member = find(key, json::value_t::string))
    out = member->get<std::string>();
}

bool object_reader::time(const char* key, duration& out, bool zero_allowed) const {
  const auto* member = find(key);
  if (!member)
    return false;
  if (member->is_string()) {
    const auto& written = member->get_ref<const std::string&>();
    auto value = parse_duration(written);
    if (!value) {
      wrong(key, in_quotes(written) + " is no duration", duration_expected, value.error());
      return false;
    }
    out = *value;
  } else if (*member == json(0)) {
    out = {};
  } else {
    return false;
  }
  if (out.count() == 0 && !zero_allowed) {
    wrong(key, in_quotes(key) + " is 0", "a duration above 0");
    return false;
  }
  return true;
}

bool object_reader::size(const char* key, std::uint64_t& out) const {
  const auto* member = find(key);
  if (!member)
    return false;
  if (*member == json(0)) {
    out = 0;
    return true;
  }
  if (!member->is_string())
    return false;
  const auto& written = member->get_ref<const std::string&>();
  auto value = parse_size(written);
  if (value)
    out = *value;
  else
    wrong(key, in_quotes(written) + " is no size", size_expected, value.error());
  return value.has_value();
}

void object_reader::size(const char* key, std::optional<std::uint64_t>& out) const {
  std::uint64_t value = 0;
  if (size(key, value))
    out = value;
}

void object_reader::count(const char* key, std::optional<std::uint64_t>& out) const {
  std::uint64_t value = std::numeric_limits<std::uint64_t>::max();
  integer(key, value);
  if (value != std::numeric_limits<std::uint64_t>::max())
    out = value;
}

void object_reader::strings(const char* key, std::vector<std::string>& out) const {
  const auto* member = find(key, json::value_t::array);
  if (!member)
    return;
  out.clear();
  for (const auto& item : *member)
    if (item.is_string())
      out.push_back(item.get<std::string>());
}

void object_reader::check_placeholders(const std::string& pointer,
                                       const std::string& written) const {
  if (written.find("${") == std::string::npos)
    return;
  // A password may have the characters of one in it.
  const bool secret = tells_a_secret(written) || !may_be_shown(written, pointer);
  for (const auto& found : placeholders(written))
    if (found.what == placeholder::kind::invalid)
      report_({pointer, false, secret ? "there is no such placeholder" : found.message,
               "${bot.name}, ${bot.index}, ${env:NAME} or ${secret:NAME}",
               secret ? "for the characters ${ write $${" : found.hint});
}

void object_reader::command(const char* key, std::vector<std::string>& out) const {
  strings(key, out);
  const auto* member = find(key, json::value_t::array);
  if (!member)
    return;
  for (std::size_t index = 0; index < member->size(); ++index)
    if ((*member)[index].is_string())
      check_placeholders(pointer_to(at(key), index),
                         (*member)[index].get_ref<const std::string&>());
  if (!member->empty() && member->front() == json(""))
    report_({pointer_to(at(key), std::size_t{0}),
             false,
             "the program has no name",
             "a program such as \"python3\" or \"./bot.sh\"",
             {}});
}

void object_reader::string_map(const char* key, std::map<std::string, std::string>& out) const {
  const auto* member = find(key, json::value_t::object);
  if (!member)
    return;
  out.clear();
  for (const auto& [name, item] : member->items())
    if (item.is_string())
      out.emplace(name, item.get<std::string>());
}

void object_reader::path(const char* key, std::string& out) const {
  const auto* member = find(key, json::value_t::string);
  if (!member)
    return;
  const auto& written = member->get_ref<const std::string&>();
  if (written.empty())
    wrong(key, in_quotes(key) + " is empty", "a path", "leave it out for the default");
  else if (written.size() >= max_path)
    wrong(key, in_quotes(key) + " is too long", "a path of less than 4096 bytes");
  else
    out = written;
  check_placeholders(at(key), written);
}

void object_reader::regex(const char* key, std::string& out) const {
  const auto* member = find(key, json::value_t::string);
  if (!member)
    return;
  const auto& written = member->get_ref<const std::string&>();
  if (written.size() > max_pattern) {
    wrong(key, "the regular expression is too long", "at most 1000 characters");
    return;
  }
  if (const auto why = pattern_problem(written); why.empty())
    out = written;
  else
    wrong(key,
          in_quotes(written) + " is no regular expression"
              + (tells_a_secret(written) ? "" : ": " + why),
          "a regular expression of RE2's syntax", "escape ( ) [ ] { } + * ? . with \\\\");
}

} // namespace troupe::config
