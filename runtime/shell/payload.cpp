#include "runtime/shell/payload.hpp"

#include "config/escape.hpp"
#include "config/result.hpp"
#include "messages/base64.hpp"
#include "runtime/os/unique_fd.hpp"
#include "runtime/shell/text.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace troupe::shell {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t max_value = 64 * 1024;

refusal unreadable(const std::string& what, int error) {
  return {exit_code::failed, "unreadable", what + " cannot be read: " + std::strerror(error), ""};
}

refusal too_long(const std::string& what, std::size_t most) {
  return {exit_code::usage, "too-long",
          what + " is longer than " + std::to_string(most / 1024) + " KiB",
          "that is the most that goes from a shell to the runtime at once"};
}

config::expected<std::string, refusal> read_all(int fd, const std::string& what, std::size_t most) {
  std::string result;
  std::string part(64 * 1024, '\0');
  for (;;) {
    const auto got = read(fd, part.data(), part.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return config::unexpected{unreadable(what, errno)};
    if (got == 0)
      return result;
    result.append(part, 0, static_cast<std::size_t>(got));
    if (result.size() > most)
      return config::unexpected{too_long(what, most)};
  }
}

/// What the word stands for.
config::expected<std::string, refusal> resolve_word(const std::string& word, std::size_t most) {
  if (word == "-")
    return read_all(STDIN_FILENO, "stdin", most);
  if (word.starts_with("@@"))
    return word.substr(1);
  if (word.starts_with("@")) {
    const auto path = word.substr(1);
    const os::unique_fd file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (!file)
      return config::unexpected{unreadable(in_quotes(path), errno)};
    return read_all(file.get(), in_quotes(path), most);
  }
  if (word.size() > most)
    return config::unexpected{too_long("the payload", most)};
  return word;
}

bool is_json(const std::string& text) {
  return json::accept(text);
}

/// A bare word or number is a text to people.
bool looks_like_json(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string::npos && (text[first] == '{' || text[first] == '[') && is_json(text);
}

std::optional<refusal> load_value(json& arguments) {
  auto text = resolve_word(arguments.value("value", ""), max_value);
  if (!text)
    return text.error();
  auto value = json::parse(*text, nullptr, false);
  if (value.is_discarded() && !config::is_utf8(*text))
    return refusal{exit_code::usage, "usage", "the value is neither JSON nor UTF-8", ""};
  arguments["value"] = value.is_discarded() ? json(std::move(*text)) : std::move(value);
  return std::nullopt;
}

} // namespace

bool takes_payload(const invocation& what) {
  for (const auto& argument : what.command->arguments)
    if (argument.name == "payload" || argument.name == "value")
      return true;
  return false;
}

std::optional<refusal> load_payload(invocation& what) {
  auto& arguments = what.arguments;
  if (what.command->name == "state set")
    return load_value(arguments);
  auto text = resolve_word(arguments.value("payload", ""), max_shell_payload);
  if (!text)
    return text.error();
  const bool utf8 = config::is_utf8(*text);
  auto content = arguments.value("content", "");
  if (content.empty())
    content = !utf8 ? "bytes" : looks_like_json(*text) ? "json" : "text";
  if (content == "json" && !is_json(*text))
    return refusal{exit_code::usage, "usage", "the payload is no JSON", "--as text sends it so"};
  if (content == "text" && !utf8)
    return refusal{exit_code::usage, "usage", "the payload is no UTF-8", "--as bytes sends it so"};
  arguments["content"] = content;
  arguments.erase("payload");
  if (text->empty())
    return std::nullopt;
  // As text it may grow: each control character takes six bytes.
  if (utf8 && json(*text).dump().size() <= text->size() + text->size() / 3 + 64)
    arguments["payload"] = std::move(*text);
  else
    arguments["payload_base64"] = to_base64(*text);
  return std::nullopt;
}

} // namespace troupe::shell
