#include "runtime/report/blotter.hpp"

#include "config/secret_names.hpp"

#include <algorithm>
#include <cstring>

namespace troupe::report {

namespace {

using json = nlohmann::ordered_json;

static_assert(shortest_secret >= sizeof(std::uint32_t));

std::uint32_t beginning(const char* text) {
  std::uint32_t result = 0;
  std::memcpy(&result, text, sizeof result);
  return result;
}

bool is_reference(const std::string& value) {
  return value.starts_with("${") && value.find('}') == value.size() - 1;
}

void mask_value(json& value) {
  if (!value.is_string() || !is_reference(value.get_ref<const std::string&>()))
    value = blot_mark;
}

void mask_arguments(json& arguments) {
  std::vector<std::string> words;
  for (const auto& one : arguments)
    words.push_back(one.is_string() ? one.get<std::string>() : "");
  for (const auto& [index, begin] : secret_arguments(words))
    arguments[index] = words[index].substr(0, begin) + std::string{blot_mark};
}

/// Calls `plain` for what stands between passwords of URLs, and `secret` for each password.
template <class Plain, class Secret>
void each_password(std::string_view text, Plain plain, Secret secret) {
  constexpr std::string_view mark = "://";
  for (auto at = text.find(mark); at != text.npos; at = text.find(mark)) {
    at += mark.size();
    plain(text.substr(0, at));
    text.remove_prefix(at);
    const auto end = text.find_first_of(" \t\n\"'<>/\\");
    const auto user_info = text.substr(0, text.substr(0, end).rfind('@') + 1);
    const auto colon = user_info.find(':');
    if (colon == user_info.npos)
      continue;
    plain(user_info.substr(0, colon + 1));
    secret(user_info.substr(colon + 1, user_info.size() - colon - 2));
    text.remove_prefix(user_info.size() - 1);
  }
  plain(text);
}

/// «pg://me:***@host».
std::string without_passwords(std::string_view text) {
  std::string result;
  each_password(
      text, [&](std::string_view part) { result += part; },
      [&](std::string_view) { result += blot_mark; });
  return result;
}

} // namespace

std::vector<std::pair<std::size_t, std::size_t>>
secret_arguments(const std::vector<std::string>& words) {
  std::vector<std::pair<std::size_t, std::size_t>> result;
  bool next = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    const auto equals = word.find('=');
    const bool option = word.starts_with('-');
    const bool names_one = config::names_a_secret(word.substr(0, equals));
    if (next && !option)
      result.emplace_back(i, 0);
    else if (names_one && equals != word.npos)
      result.emplace_back(i, equals + 1);
    next = names_one && equals == word.npos && option;
  }
  std::erase_if(result,
                [&](const auto& one) { return is_reference(words[one.first].substr(one.second)); });
  return result;
}

void blotter::learn_passwords(std::string_view text) {
  each_password(
      text, [](std::string_view) {}, [this](std::string_view password) { learn_secret(password); });
}

void blotter::learn(std::string_view value, std::size_t shortest) {
  while (value.ends_with('\n') || value.ends_with('\r'))
    value.remove_suffix(1);
  if (value.size() < shortest)
    return;
  add(std::string{value});
  // A key of many lines is printed line by line.
  if (value.find('\n') != std::string_view::npos)
    while (!value.empty()) {
      const auto line = value.substr(0, value.find('\n'));
      if (line.size() >= shortest_value)
        add(std::string{line});
      value.remove_prefix(std::min(line.size() + 1, value.size()));
    }
}

void blotter::add(std::string needle) {
  const auto insert = [this](std::string one) {
    auto& list = needles_[beginning(one.data())];
    if (std::ranges::count(list, one) > 0)
      return;
    list.push_back(std::move(one));
    std::ranges::sort(list, std::greater<>{}, &std::string::size);
    ++count_;
  };
  auto escaped = json(needle).dump(-1, ' ', false, json::error_handler_t::replace);
  escaped = escaped.substr(1, escaped.size() - 2);
  insert(std::move(needle));
  insert(std::move(escaped));
}

std::string blotter::blot(std::string_view text) const {
  if (needles_.empty())
    return without_passwords(text);
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    std::size_t skip = 0;
    if (text.size() - at >= sizeof(std::uint32_t))
      if (const auto found = needles_.find(beginning(&text[at])); found != needles_.end())
        for (const auto& needle : found->second)
          if (text.substr(at).starts_with(needle)) {
            skip = needle.size();
            break;
          }
    if (skip > 0)
      result += blot_mark;
    else
      result += text[at];
    at += std::max<std::size_t>(skip, 1);
  }
  return without_passwords(result);
}

void mask(json& document) {
  if (document.is_array()) {
    for (auto& one : document)
      mask(one);
    return;
  }
  if (!document.is_object())
    return;
  for (auto& [key, value] : document.items()) {
    if (key == "environment" && value.is_object()) {
      for (auto& [name, inner] : value.items())
        mask_value(inner);
    } else if (key.ends_with("command") && value.is_array()) {
      mask_arguments(value);
    } else if (value.is_string() && config::names_a_secret(key)) {
      mask_value(value);
    } else {
      mask(value);
    }
  }
}

} // namespace troupe::report
