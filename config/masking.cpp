#include "config/masking.hpp"

#include "config/document.hpp"
#include "config/secret_names.hpp"

#include <algorithm>
#include <vector>

namespace troupe::config {

namespace {

using nlohmann::json;

/// What is known of the way to a value.
enum class way {
  ours,   ///< its keys are those of config files
  names,  ///< its keys are labels, or bots that are depended on
  whole,  ///< it is `environment` or `settings`; what is no object there is not understood
  plain,  ///< one of these two is above it
  secret, ///< and a key on the way names a secret
};

way then(way at, std::string_view key) {
  if (at == way::ours || at == way::names) {
    if (key == "environment" || key == "settings")
      return at == way::names ? way::plain : way::whole;
    return key == "labels" || key == "depends_on" ? way::names : way::ours;
  }
  return at == way::secret || names_a_secret(key) ? way::secret : way::plain;
}

bool is_reference(const std::string& text) {
  return text.starts_with("${") && text.find('}') == text.size() - 1;
}

bool hides(const json& value, way at) {
  const bool secret = at == way::secret || at == way::whole;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return !is_reference(text) && (secret || carries_password(text));
  }
  return secret && value.is_number();
}

json masked_below(const json& value, way at) {
  if (hides(value, at))
    return mask;
  if (!value.is_structured())
    return value;
  auto result = value;
  if (value.is_object())
    for (const auto& [key, member] : value.items())
      result[key] = masked_below(member, then(at, key));
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
      find_hidden(source, member, pointer_to(pointer, key), then(at, key), out);
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

/// Whether a comment may hold a secret: something quoted, a URL with a password, or a value
/// after a name that names one.
bool hides(std::string_view comment) {
  if (comment.find('"') != comment.npos || carries_password(comment))
    return true;
  for (auto at = comment.find_first_of("=:"); at != comment.npos;
       at = comment.find_first_of("=:", at + 1)) {
    const auto end = comment.find_last_not_of(" \t'`", at == 0 ? 0 : at - 1);
    if (at == 0 || end == comment.npos)
      continue;
    const auto before = comment.find_last_of(" \t\n'`", end);
    const auto begin = before == comment.npos ? 0 : before + 1;
    if (names_a_secret(comment.substr(begin, end + 1 - begin)))
      return true;
  }
  return false;
}

/// What is shown instead of a comment, with as many lines.
std::string masked_comment(std::string_view comment) {
  const bool block = comment.starts_with("/*");
  std::string result{comment.substr(0, 2)};
  result.append(" ").append(mask);
  result.append(static_cast<std::size_t>(std::ranges::count(comment, '\n')), '\n');
  if (comment.ends_with('\r'))
    result += '\r';
  return block ? result + " */" : result;
}

/// A text between two values, with its comments masked where they may hold a secret.
std::string masked_comments(std::string_view text) {
  std::string result;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto two = text.substr(at, 2);
    if (two != "//" && two != "/*") {
      at += text[at] == '"' ? token_length(text.substr(at)) : 1;
      continue;
    }
    auto end = two == "//" ? text.find('\n', at) : text.find("*/", at + 2);
    end = end == text.npos ? text.size() : end + (two == "//" ? 0 : 2);
    if (const auto comment = text.substr(at, end - at); hides(comment)) {
      result.append(text.substr(done, at - done)).append(masked_comment(comment));
      done = end;
    }
    at = end;
  }
  return result.append(text.substr(done));
}

} // namespace

json masked(const json& value, std::string_view pointer) {
  auto at = way::ours;
  for (const auto& token : pointer_tokens(pointer))
    at = then(at, token);
  return masked_below(value, at);
}

bool may_be_shown(const json& value, std::string_view pointer) {
  return masked(value, pointer) == value;
}

std::string masked_text(const document& file) {
  const auto parsed = parse(file);
  if (!parsed)
    return {};
  std::vector<std::size_t> hidden;
  find_hidden(**parsed, (*parsed)->root(), "", way::ours, hidden);
  std::ranges::sort(hidden);
  std::string result;
  std::size_t done = 0;
  const std::string_view text = file.text;
  for (const auto begin : hidden) {
    result.append(masked_comments(text.substr(done, begin - done)));
    result.append("\"").append(mask).append("\"");
    done = begin + token_length(text.substr(begin));
  }
  return result.append(masked_comments(text.substr(done)));
}

} // namespace troupe::config
