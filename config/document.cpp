#include "config/document.hpp"

#include "config/escape.hpp"
#include "config/names.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>
#include <optional>

namespace troupe::config {

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// The first byte from `at` on that belongs to a token: not white space, not a comment, not
/// one of `separators`.
std::size_t skip_filler(std::string_view text, std::size_t at, std::string_view separators) {
  while (at < text.size()) {
    if (is_space(text[at]) || separators.find(text[at]) != std::string_view::npos) {
      ++at;
    } else if (text.substr(at, 2) == "//") {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.substr(at, 2) == "/*") {
      auto end = text.find("*/", at + 2);
      if (end == std::string_view::npos)
        break; // not closed: the parser will say so
      at = end + 2;
    } else {
      break;
    }
  }
  return at;
}

/// The byte after the token that begins at `at`.
std::size_t token_end(std::string_view text, std::size_t at) {
  if (at >= text.size())
    return text.size();
  if (text[at] == '"') {
    for (++at; at < text.size() && text[at] != '"'; ++at)
      if (text[at] == '\\')
        ++at;
    return std::min(at + 1, text.size());
  }
  if (std::strchr("{}[]", text[at]))
    return at + 1;
  while (at < text.size() && !is_space(text[at]) && !std::strchr(",:{}[]/\"", text[at]))
    ++at;
  return at;
}

/// The offset of the first byte that no JSON text has, or npos.
std::size_t find_bad_byte(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\0')
      return at;
    auto length = utf8_length(text.substr(at));
    if (length == 0)
      return at;
    at += length;
  }
  return std::string_view::npos;
}

problem problem_at(const document& source, std::size_t offset, std::string message,
                   std::string expected = {}, std::string hint = {}) {
  auto place = place_of(source.text, offset);
  return {source.path,        place.line,          place.column,   {},
          std::move(message), std::move(expected), std::move(hint)};
}

} // namespace

namespace {

/// The column of `offset`, in the line that begins at `start`.
std::uint32_t column_of(std::string_view text, std::size_t start, std::size_t offset) {
  if (start == 0 && text.starts_with("\xef\xbb\xbf"))
    start = 3;
  const auto line = text.substr(std::min(start, offset), offset - std::min(start, offset));
  return static_cast<std::uint32_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }) + 1);
}

} // namespace

line_index::line_index(std::string_view text)
    : text_{text}
    , starts_{0} {
  for (auto at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1))
    starts_.push_back(at + 1);
}

text_place line_index::place_of(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
  return {static_cast<std::uint32_t>(after - starts_.begin()),
          column_of(text_, *std::prev(after), offset)};
}

text_place place_of(std::string_view text, std::size_t offset) {
  text = text.substr(0, offset);
  auto lines = std::count(text.begin(), text.end(), '\n');
  auto start = text.rfind('\n');
  start = start == std::string_view::npos ? 0 : start + 1;
  return {static_cast<std::uint32_t>(lines + 1), column_of(text, start, text.size())};
}

std::string pointer_to(std::string_view base, std::string_view token) {
  std::string result{base};
  result += '/';
  for (char c : token) {
    if (c == '~')
      result += "~0";
    else if (c == '/')
      result += "~1";
    else
      result += c;
  }
  return result;
}

std::string pointer_to(std::string_view base, std::size_t index) {
  return pointer_to(base, std::string_view{std::to_string(index)});
}

std::vector<std::string> pointer_tokens(std::string_view pointer) {
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at < pointer.size(); ++at) {
    if (pointer[at] == '/')
      tokens.emplace_back();
    else if (tokens.empty())
      break;
    else if (pointer[at] == '~' && at + 1 < pointer.size())
      tokens.back() += pointer[++at] == '1' ? '/' : '~';
    else
      tokens.back() += pointer[at];
  }
  return tokens;
}

std::string pointer_of_path(std::string_view path) {
  if (path.empty() || path.starts_with('/'))
    return std::string{path};
  std::string result;
  while (true) {
    const auto dot = path.find('.');
    result = pointer_to(result, path.substr(0, dot));
    if (dot == std::string_view::npos)
      return result;
    path.remove_prefix(dot + 1);
  }
}

/// Receives the events of the SAX pass and follows them with a cursor over the same text:
/// between two events there is nothing but white space, comments, commas and colons, so the
/// start of each token is known without asking the lexer, which reads ahead.
class document_builder {
public:
  using json = nlohmann::json;

  document_builder(const document& source, parsed_document& out)
      : source_{source}
      , out_{out} {}

  std::optional<problem> failure;

  /// Where the first token may begin: behind a byte order mark.
  void start_at(std::size_t offset) { cursor_ = offset; }

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(json::number_integer_t value) { return put(value); }
  bool number_unsigned(json::number_unsigned_t value) { return put(value); }
  bool number_float(json::number_float_t value, const std::string&) { return put(value); }
  bool binary(json::binary_t&) { return false; }

  bool string(std::string& value) {
    auto at = skip_filler(text(), cursor_, ",:");
    if (value.find('\0') != std::string::npos)
      return fail(at, "a string holds the character NUL", "text without \\u0000");
    return put(std::move(value));
  }

  bool key(std::string& name) {
    auto at = skip_filler(text(), cursor_, ",:");
    if (name.find('\0') != std::string::npos)
      return fail(at, "a key holds the character NUL", "text without \\u0000");
    if (name.size() > document_limits::key_bytes)
      return fail(at,
                  "a key is longer than " + std::to_string(document_limits::key_bytes) + " bytes");
    if (stack_.back().value->contains(name)) {
      auto first = out_.nodes_[find_member(name)].key_at;
      return fail(at, "the key " + in_quotes(name) + " is there twice",
                  "each key once in an object",
                  "the first one is in line " + std::to_string(place_of(text(), first).line));
    }
    key_ = std::move(name);
    key_at_ = static_cast<std::uint32_t>(at);
    cursor_ = token_end(text(), at);
    return true;
  }

  bool start_object(std::size_t) { return open(json::object()); }
  bool start_array(std::size_t) { return open(json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool parse_error(std::size_t byte, const std::string&, const json::exception& why) {
    failure = syntax_problem(byte, why.what());
    return false;
  }

private:
  struct open_container {
    json* value;
    std::size_t node;
  };

  std::string_view text() const { return source_.text; }

  bool fail(std::size_t at, std::string message, std::string expected = {}, std::string hint = {}) {
    failure = problem_at(source_, at, std::move(message), std::move(expected), std::move(hint));
    return false;
  }

  /// The node of a member of the innermost open object.
  std::size_t find_member(const std::string& name) const {
    auto wanted = std::hash<std::string>{}(name);
    auto at = stack_.back().node + 1;
    while (at < out_.nodes_.size() && out_.nodes_[at].key_hash != wanted)
      at = out_.nodes_[at].end;
    return std::min(at, out_.nodes_.size() - 1);
  }

  /// Adds a value to the innermost container; null when a limit is passed.
  json* add(json value) {
    auto at = skip_filler(text(), cursor_, ",:");
    if (out_.nodes_.size() >= document_limits::values) {
      fail(at, "the file holds more than " + std::to_string(document_limits::values) + " values",
           {}, "split it into several files");
      return nullptr;
    }
    cursor_ = token_end(text(), at);
    auto offset = static_cast<std::uint32_t>(at);
    auto index = static_cast<std::uint32_t>(out_.nodes_.size());
    if (stack_.empty()) {
      out_.nodes_.push_back({0, offset, offset, index + 1, false});
      out_.root_ = std::move(value);
      return &out_.root_;
    }
    json& parent = *stack_.back().value;
    if (parent.is_array()) {
      out_.nodes_.push_back({parent.size(), offset, offset, index + 1, true});
      parent.push_back(std::move(value));
      return &parent.back();
    }
    out_.nodes_.push_back({std::hash<std::string>{}(key_), key_at_, offset, index + 1, false});
    json& member = parent[std::move(key_)];
    member = std::move(value);
    return &member;
  }

  template <class T>
  bool put(T&& value) {
    return add(json(std::forward<T>(value))) != nullptr;
  }

  bool open(json value) {
    auto at = skip_filler(text(), cursor_, ",:");
    if (stack_.size() >= document_limits::depth)
      return fail(at, "objects and arrays are nested more than "
                          + std::to_string(document_limits::depth) + " deep");
    auto node = out_.nodes_.size();
    auto* added = add(std::move(value));
    if (!added)
      return false;
    stack_.push_back({added, node});
    return true;
  }

  bool close() {
    cursor_ = token_end(text(), skip_filler(text(), cursor_, ",:"));
    out_.nodes_[stack_.back().node].end = static_cast<std::uint32_t>(out_.nodes_.size());
    stack_.pop_back();
    return true;
  }

  problem syntax_problem(std::size_t byte, std::string_view why) const;

  const document& source_;
  parsed_document& out_;
  std::vector<open_container> stack_;
  std::string key_;
  std::uint32_t key_at_ = 0;
  std::size_t cursor_ = 0;
};

namespace {

/// What stands between `begin` and the next one of `stops` in the parser's sentence.
std::string between(std::string_view text, std::string_view begin,
                    std::initializer_list<std::string_view> stops) {
  auto start = text.find(begin);
  if (start == std::string_view::npos)
    return {};
  text.remove_prefix(start + begin.size());
  auto end = text.size();
  for (auto stop : stops)
    end = std::min(end, text.find(stop));
  return std::string{text.substr(0, end)};
}

/// The parser's word for a token in ours.
std::string token_words(std::string word) {
  if (word == "string literal")
    return "a string";
  if (word == "number literal")
    return "a number";
  if (word == "end of input")
    return "the end of the file";
  if (word == "true literal" || word == "false literal" || word == "null literal")
    return word.substr(0, word.find(' '));
  if (word == "'[', '{', or a literal" || word == "literal")
    return "a value";
  return word;
}

} // namespace

problem document_builder::syntax_problem(std::size_t byte, std::string_view why) const {
  auto start = cursor_;
  auto token = skip_filler(text(), cursor_, ",:");
  auto last_read = byte == 0 ? 0 : std::min(byte - 1, text().size());
  auto at = std::min(token, last_read);
  auto rest = text().substr(at);

  if (why.find("out of range") != std::string_view::npos
      || why.find("number overflow") != std::string_view::npos)
    return problem_at(source_, token, "a number is too large", "a number below 1e308");
  if (why.find("missing closing quote") != std::string_view::npos
      || why.find("must be escaped to \\u000A") != std::string_view::npos
      || why.find("must be escaped to \\u000D") != std::string_view::npos)
    return problem_at(source_, token, "this string has no closing quote", "\" at the end of it");
  if (why.find("invalid string") != std::string_view::npos)
    return problem_at(source_, last_read, "this character is not allowed in a string",
                      "an escape such as \\n, \\\", \\\\ or \\u0041", "write a backslash as \\\\");
  if (why.find("invalid comment") != std::string_view::npos)
    return problem_at(source_, token, "this is no complete comment",
                      "// to the end of the line, or /* … */");

  auto found = token_words(between(why, "unexpected ", {"; expected"}));
  auto wanted = token_words(between(why, "expected ", {"; last read"}));
  if (auto at_expected = why.rfind("; expected "); at_expected != std::string_view::npos)
    wanted = token_words(std::string{why.substr(at_expected + 11)});
  else
    wanted.clear();
  bool at_end = at >= text().size() || skip_filler(text(), at, "") >= text().size();
  // A comma that nothing follows is the most common slip; show the comma, not what is after.
  auto last = text().substr(0, at).find_last_not_of(" \t\r\n");
  bool after_comma = start < at && text().substr(start, at - start).find(',') != std::string::npos;

  if (at_end && stack_.empty() && token >= text().size() && out_.nodes_.empty())
    return problem_at(source_, 0, "the file is empty", "an object in braces");
  if (at_end)
    return problem_at(
        source_, text().size(), "the file ends too early",
        stack_.empty()                     ? "a value"
        : stack_.back().value->is_object() ? "a closing '}'"
                                           : "a closing ']'",
        stack_.empty()
            ? ""
            : "the bracket that was opened in line "
                  + std::to_string(place_of(text(), out_.nodes_[stack_.back().node].value_at).line)
                  + " is not closed");
  if ((rest.front() == '}' || rest.front() == ']') && after_comma && last != std::string_view::npos)
    return problem_at(source_, text().find(',', start), "there is a comma after the last element",
                      "no comma before '" + std::string(1, rest.front()) + "'", "remove the comma");
  if (rest.front() == '\'')
    return problem_at(source_, at, "strings stand in double quotes", "\" in place of '");
  if (stack_.empty() && !out_.nodes_.empty())
    return problem_at(source_, at, "there is text after the end of the JSON value",
                      "one object in braces, and nothing behind it");
  if (wanted == "'}'" || wanted == "']'")
    return problem_at(source_, at, found.empty() ? "this cannot stand here" : "unexpected " + found,
                      "',' or " + wanted, "is a comma missing before it?");
  if (wanted == "a string")
    return problem_at(source_, at, found.empty() ? "this is no key" : "unexpected " + found,
                      "a key in double quotes");
  if (wanted == "':'")
    return problem_at(source_, at, "a key without a value", "':' and a value");
  if (why.find("invalid literal") != std::string_view::npos)
    return problem_at(source_, std::min(token, last_read), "this is no JSON value",
                      "a string in double quotes, a number, true, false, null, '[' or '{'");
  if (why.find("invalid number") != std::string_view::npos)
    return problem_at(source_, token, "this is no JSON number", "a number such as 10 or 0.5");
  return problem_at(source_, at, found.empty() ? "this cannot stand here" : "unexpected " + found,
                    wanted.empty() ? "a value" : wanted);
}

std::size_t parsed_document::offset(std::string_view pointer, part which) const {
  std::size_t at = 0;
  const auto* value = &root_;
  for (const auto& token : pointer_tokens(pointer)) {
    auto child = at + 1;
    std::size_t wanted = 0;
    if (value->is_object()) {
      auto member = value->find(token);
      if (member == value->end())
        return nodes_[at].value_at;
      value = &*member;
      wanted = std::hash<std::string>{}(token);
    } else if (value->is_array()) {
      auto result = std::from_chars(token.data(), token.data() + token.size(), wanted);
      if (result.ec != std::errc{} || result.ptr != token.data() + token.size()
          || wanted >= value->size())
        return nodes_[at].value_at;
      value = &(*value)[wanted];
    } else {
      return nodes_[at].value_at;
    }
    while (child < nodes_[at].end && nodes_[child].key_hash != wanted)
      child = nodes_[child].end;
    if (child >= nodes_[at].end)
      return nodes_[at].value_at;
    at = child;
  }
  return which == part::key ? nodes_[at].key_at : nodes_[at].value_at;
}

problem parsed_document::at(std::string_view pointer, part which, std::string message,
                            std::string expected, std::string hint) const {
  auto place = place_of(text_, offset(pointer, which));
  return {path_,
          place.line,
          place.column,
          std::string{pointer},
          std::move(message),
          std::move(expected),
          std::move(hint)};
}

expected<std::unique_ptr<const parsed_document>, problem> parse(const document& source) {
  if (source.text.size() > tree_limits::file_bytes)
    return unexpected{problem_at(source, 0, "the file is larger than 16 MiB")};
  if (auto bad = find_bad_byte(source.text); bad != std::string_view::npos) {
    auto what = source.text[bad] == '\0' ? "the byte NUL" : "a byte that is no UTF-8";
    return unexpected{problem_at(source, bad,
                                 "byte " + std::to_string(bad) + " of the file is " + what,
                                 "text in UTF-8", "save the file as UTF-8")};
  }
  auto result = std::make_unique<parsed_document>();
  result->path_ = source.path;
  result->text_ = source.text;
  document_builder builder{source, *result};
  const auto* begin = source.text.data();
  if (source.text.starts_with("\xef\xbb\xbf"))
    builder.start_at(3);
  bool fine = nlohmann::json::sax_parse(begin, begin + source.text.size(), &builder,
                                        nlohmann::json::input_format_t::json, true, true);
  if (builder.failure)
    return unexpected{*std::move(builder.failure)};
  if (!fine)
    return unexpected{problem_at(source, 0, "the file is no JSON", "an object in braces")};
  result->nodes_.shrink_to_fit();
  return std::unique_ptr<const parsed_document>{std::move(result)};
}

} // namespace troupe::config
