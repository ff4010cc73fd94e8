#include "config/masking.hpp"

#include "config/document.hpp"
#include "config/secret_names.hpp"

#include <algorithm>
#include <vector>

namespace troupe::config {

namespace {

using nlohmann::json;

/// What is known of the way to a value.
struct way {
  bool free_names = false; ///< its keys are not ours: `environment` or `settings` is above it
  bool secret = false;     ///< and one of them names a secret

  way then(std::string_view key) const {
    if (free_names)
      return {true, secret || names_a_secret(key)};
    return {key == "environment" || key == "settings", false};
  }
};

bool is_reference(const std::string& text) {
  return text.starts_with("${") && text.find('}') == text.size() - 1;
}

bool hides(const json& value, way at) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return !is_reference(text) && (at.secret || carries_password(text));
  }
  return at.secret && value.is_number();
}

json masked_below(const json& value, way at) {
  if (hides(value, at))
    return mask;
  if (!value.is_structured())
    return value;
  auto result = value;
  if (value.is_object())
    for (const auto& [key, member] : value.items())
      result[key] = masked_below(member, at.then(key));
  else
    for (auto& element : result)
      element = masked_below(element, at);
  return result;
}

/// Where the tokens of masked values begin in the text.
void find_hidden(const parsed_document& source, const json& value, const std::string& pointer,
                 way at, std::vector<std::size_t>& out) {
  if (hides(value, at)) {
    out.push_back(source.offset(pointer));
    return;
  }
  if (value.is_object())
    for (const auto& [key, member] : value.items())
      find_hidden(source, member, pointer_to(pointer, key), at.then(key), out);
  else if (value.is_array())
    for (std::size_t i = 0; i < value.size(); ++i)
      find_hidden(source, value[i], pointer_to(pointer, i), at, out);
}

/// How long the string or number at the beginning of `text` is.
std::size_t token_length(std::string_view text) {
  if (!text.starts_with('"'))
    return std::min(text.find_first_not_of("+-.0123456789eE"), text.size());
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"')
      return at + 1;
    if (text[at] == '\\')
      ++at;
  }
  return text.size();
}

} // namespace

json masked(const json& value, std::string_view pointer) {
  way at;
  for (const auto& token : pointer_tokens(pointer))
    at = at.then(token);
  return masked_below(value, at);
}

std::string masked_text(const document& file) {
  const auto parsed = parse(file);
  if (!parsed)
    return {};
  std::vector<std::size_t> hidden;
  find_hidden(**parsed, (*parsed)->root(), "", {}, hidden);
  std::ranges::sort(hidden);
  std::string result;
  std::size_t done = 0;
  const std::string_view text = file.text;
  for (const auto begin : hidden) {
    result.append(text.substr(done, begin - done)).append("\"").append(mask).append("\"");
    done = begin + token_length(text.substr(begin));
  }
  return result.append(text.substr(done));
}

} // namespace troupe::config
