#include "actors/messaging/address.hpp"

#include "config/escape.hpp"
#include "config/names.hpp"

#include <algorithm>
#include <cstddef>

namespace troupe::messaging {

namespace {

constexpr std::string_view topic_prefix = "topic:";
constexpr std::string_view service_prefix = "runtime/";
constexpr std::size_t max_topic = 200;
constexpr std::size_t max_words = 16;
constexpr std::size_t max_actor = 128;

constexpr std::string_view topic_rule =
    "1 to 16 words of A-Z, a-z, 0-9, '_' and '-' between dots, at most 200 bytes";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '-';
}

bool is_word(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), is_word_char);
}

/// It comes from a bot and is shown on terminals.
std::string shown_as(std::string_view text) {
  return config::in_quotes(config::escape(text));
}

/// What stands before the next dot; the dot goes too.
std::string_view take_word(std::string_view& rest) {
  const auto dot = rest.find('.');
  const auto word = rest.substr(0, dot);
  rest.remove_prefix(dot == rest.npos ? rest.size() : dot + 1);
  return word;
}

/// Whether all parts between slashes pass.
template <class Pred>
bool each_part(std::string_view path, Pred pred) {
  for (;;) {
    const auto slash = path.find('/');
    if (!pred(path.substr(0, slash)))
      return false;
    if (slash == path.npos)
      return true;
    path.remove_prefix(slash + 1);
  }
}

bool is_path(std::string_view path) {
  return each_part(path, config::valid_name);
}

bool is_actor(std::string_view path) {
  return path.size() <= max_actor && each_part(path, [](std::string_view part) {
           return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
             return is_word_char(c) || c == '.';
           });
         });
}

bool is_index(std::string_view digits) {
  return !digits.empty() && digits.size() <= 5
         && std::all_of(digits.begin(), digits.end(), is_digit)
         && (digits.size() == 1 || digits[0] != '0');
}

/// Words between dots that all pass, the last one by another rule.
template <class Pred, class Last>
bool each_word(std::string_view text, Pred pred, Last last) {
  if (text.empty() || text.size() > max_topic || text.back() == '.')
    return false;
  for (std::size_t words = 1;; ++words) {
    const auto word = take_word(text);
    if (words > max_words)
      return false;
    if (text.empty())
      return last(word);
    if (!pred(word))
      return false;
  }
}

} // namespace

address parse_address(std::string_view text) {
  using kind = address::kind;
  if (text.starts_with(topic_prefix)) {
    const auto topic = text.substr(topic_prefix.size());
    return valid_topic(topic) ? address{kind::topic, topic, {}, {}} : address{};
  }
  if (text.starts_with(service_prefix)) {
    const auto service = text.substr(service_prefix.size());
    return config::valid_name(service) ? address{kind::service, service, {}, {}} : address{};
  }
  if (text == "*")
    return {kind::group, {}, {}, {}};
  if (text.ends_with("/*")) {
    const auto group = text.substr(0, text.size() - 2);
    return is_path(group) ? address{kind::group, group, {}, {}} : address{};
  }
  const auto hash = text.find('#');
  if (hash == text.npos)
    return is_path(text) ? address{kind::bot, text, text, {}} : address{};
  const auto slash = text.find('/', hash);
  const auto name = text.substr(0, slash);
  const auto actor = slash == text.npos ? std::string_view{} : text.substr(slash + 1);
  if (!is_path(text.substr(0, hash)) || !is_index(name.substr(hash + 1))
      || (slash != text.npos && !is_actor(actor)))
    return {};
  return {kind::instance, name, text.substr(0, hash), actor};
}

std::string explain_address(std::string_view text) {
  const auto shown = shown_as(text);
  if (text.empty())
    return "the message has no address";
  if (text.starts_with(topic_prefix))
    return explain_topic(text.substr(topic_prefix.size()));
  if (text.starts_with(service_prefix))
    return shown + " is no service of the runtime";
  if (text.back() == '/' && text.find('#') == text.npos)
    return shown + " is a group; everyone in it is \"" + std::string{text} + "*\"";
  if (const auto hash = text.find('#'); hash != text.npos && is_path(text.substr(0, hash)))
    return shown + " is no address: after '#' comes the number of an instance, as in \""
           + std::string{text.substr(0, hash)} + "#0\", then maybe '/' and an actor";
  return shown
         + " is no address; one is \"market/trader\", \"market/trader#0\", \"market/*\" or "
           "\"topic:ticks.btc\"";
}

std::string_view enclosing(std::string_view name) {
  const auto slash = name.rfind('/');
  return slash == name.npos ? std::string_view{} : name.substr(0, slash);
}

bool within(std::string_view name, std::string_view group) {
  return group.empty()
         || (name.size() > group.size() && name[group.size()] == '/' && name.starts_with(group));
}

// -- topics ----------------------------------------------------------------------------------

bool valid_topic(std::string_view topic) {
  return each_word(topic, is_word, is_word);
}

bool valid_pattern(std::string_view pattern) {
  const auto word = [](std::string_view x) { return x == "*" || is_word(x); };
  return each_word(pattern, word, [&](std::string_view x) { return x == ">" || word(x); });
}

std::string explain_topic(std::string_view topic) {
  if (valid_topic(topic))
    return {};
  if (topic.find_first_of("*>") != topic.npos)
    return shown_as(topic) + " is no topic: '*' and '>' are for subscriptions only";
  return shown_as(topic) + " is no topic; one is " + std::string{topic_rule};
}

std::string explain_pattern(std::string_view pattern) {
  if (valid_pattern(pattern))
    return {};
  const auto shown = shown_as(pattern) + " is no pattern of topics";
  if (pattern.starts_with(topic_prefix) && valid_pattern(pattern.substr(topic_prefix.size())))
    return shown + "; leave out \"topic:\"";
  const auto beyond = pattern.find('>');
  if (beyond != pattern.npos && beyond + 1 != pattern.size())
    return shown + ": '>' can only be its last word";
  return shown + "; one is " + std::string{topic_rule}
         + ", where '*' stands for any word and a last '>' for one or more";
}

bool matches(std::string_view pattern, std::string_view topic) {
  return covers(pattern, topic);
}

bool covers(std::string_view outer, std::string_view inner) {
  while (!outer.empty() && !inner.empty()) {
    const auto a = take_word(outer);
    if (a == ">")
      return true;
    const auto b = take_word(inner);
    if (b == ">" || (a != "*" && a != b))
      return false;
  }
  return outer.empty() && inner.empty();
}

} // namespace troupe::messaging
