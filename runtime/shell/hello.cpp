#include "runtime/shell/hello.hpp"

#include "messages/admin.hpp"
#include "troupe_version.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::shell {

namespace {

constexpr std::string_view protocol_word = "troupe/";
constexpr std::size_t max_word = 200;

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c != '\x7f'; });
}

/// One word of the line and what follows it.
std::string_view take_word(std::string_view& line) {
  const auto end = std::min(line.find(' '), line.size());
  const auto word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

/// Names of fleets may hold spaces: what is no letter, digit or one of -._~ goes as %41.
std::string escaped(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string result;
  for (const char c : text.substr(0, max_word)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')
                       || (byte >= '0' && byte <= '9')
                       || std::string_view{"-._~"}.find(c) != std::string_view::npos;
    if (plain) {
      result += c;
    } else {
      result += '%';
      result += digits[byte >> 4];
      result += digits[byte & 15];
    }
  }
  return result.empty() ? "-" : result.substr(0, max_word);
}

std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size()
        && std::from_chars(&text[i + 1], &text[i + 3], value, 16).ptr == &text[i + 3]) {
      result += static_cast<char>(value);
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

template <class T>
bool read_number(std::string_view text, T& into) {
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, into);
  return error == std::errc{} && at == end;
}

} // namespace

std::string client_hello() {
  return std::string{protocol_word} + std::to_string(admin_protocol) + " " + version + "\n";
}

std::string check_client_hello(std::string_view line) {
  if (!printable(line) || !line.starts_with(protocol_word))
    return "expected troupe/" + std::to_string(admin_protocol) + " VERSION";
  line.remove_prefix(protocol_word.size());
  int protocol = 0;
  if (!read_number(take_word(line), protocol))
    return "expected troupe/" + std::to_string(admin_protocol) + " VERSION";
  if (protocol != admin_protocol)
    return "this runtime (troupe " + std::string{version} + ") speaks protocol "
           + std::to_string(admin_protocol) + ", the client " + std::to_string(protocol);
  if (line.empty())
    return "expected troupe/" + std::to_string(admin_protocol) + " VERSION";
  return "";
}

std::string to_line(const welcome& what) {
  return "ok " + std::to_string(what.session) + " " + escaped(what.fleet) + " "
         + escaped(what.version) + "\n";
}

std::string refusal_line(std::string_view reason) {
  std::string result = "no ";
  for (const char c : reason.substr(0, max_hello_bytes - 8))
    result += c >= ' ' && c != '\x7f' ? c : '?';
  return result + "\n";
}

config::expected<welcome, std::string> read_welcome(std::string_view line) {
  const auto word = take_word(line);
  if (word == "no" && printable(line))
    return config::unexpected{std::string{line}};
  welcome result;
  const auto session = take_word(line);
  result.fleet = unescaped(take_word(line));
  result.version = unescaped(take_word(line));
  if (word != "ok" || !read_number(session, result.session) || result.session == 0
      || result.version.empty() || !line.empty())
    return config::unexpected{std::string{"the other side is no runtime of troupe"}};
  return result;
}

} // namespace troupe::shell
