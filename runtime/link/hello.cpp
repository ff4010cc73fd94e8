#include "runtime/link/hello.hpp"

#include "config/names.hpp"
#include "messages/wire/frame.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>

namespace troupe::link {

namespace {

using messaging::link_hello;
using nlohmann::json;

constexpr std::size_t max_client = 64;
constexpr std::uint64_t max_window_messages = 65'536;
constexpr std::uint64_t min_window_bytes = 4096;
constexpr std::uint64_t max_window_bytes = 16u << 20;
constexpr std::uint64_t max_known = 4096;

/// The first problem ends it; it says which member is wrong, and never what stood there.
struct problem {
  refusal why;
};

[[noreturn]] void fail(const std::string& text) {
  throw problem{{"bad_hello", text}};
}

std::string versions_text() {
  return std::to_string(wire::oldest_version)
         + (wire::oldest_version == wire::newest_version
                ? std::string{}
                : " to " + std::to_string(wire::newest_version));
}

json parse(std::string_view body) {
  bool deep = false;
  const auto look = [&deep](int above, json::parse_event_t what, json&) {
    const bool begins =
        what == json::parse_event_t::object_start || what == json::parse_event_t::array_start;
    deep = deep || (begins && above >= wire::max_json_depth);
    return !deep; // no tree is built of what is too deep
  };
  auto result = json::parse(body, look, false);
  if (deep)
    fail("the HELLO is deeper than " + std::to_string(wire::max_json_depth));
  if (!result.is_object())
    fail("the HELLO is no JSON object");
  return result;
}

std::uint64_t number(const json& from, const char* name, std::uint64_t least, std::uint64_t most) {
  if (!from.is_number_unsigned() || from.get<std::uint64_t>() < least
      || from.get<std::uint64_t>() > most)
    fail(std::string{name} + " must be a whole number from " + std::to_string(least) + " to "
         + std::to_string(most));
  return from.get<std::uint64_t>();
}

std::uint64_t member(const json& of, const char* name, std::uint64_t least, std::uint64_t most,
                     std::uint64_t otherwise) {
  const auto found = of.find(name);
  return found == of.end() ? otherwise : number(*found, name, least, most);
}

const json& required(const json& of, const char* name) {
  const auto found = of.find(name);
  if (found == of.end())
    fail(std::string{name} + " is missing");
  return *found;
}

const std::string& text(const json& of, const char* name) {
  const auto& found = required(of, name);
  if (!found.is_string())
    fail(std::string{name} + " must be a text");
  return found.get_ref<const std::string&>();
}

/// Of words that nobody knows none is an error: the client may be newer.
bool lists(const json& of, const char* name, const char* word) {
  const auto found = of.find(name);
  if (found == of.end())
    return false;
  const bool good =
      found->is_array()
      && std::all_of(found->begin(), found->end(), [](const json& x) { return x.is_string(); });
  if (!good)
    fail(std::string{name} + " must be a list of texts");
  return std::find(found->begin(), found->end(), word) != found->end();
}

std::uint32_t common_version(const json& of) {
  constexpr auto any = std::numeric_limits<std::uint32_t>::max();
  const auto newest = number(required(of, "version"), "version", 0, any);
  const auto oldest = member(of, "oldest", 0, newest, newest);
  if (newest < wire::oldest_version || oldest > wire::newest_version)
    throw problem{
        {"bad_version", "the client speaks version "
                            + (oldest == newest ? std::string{} : std::to_string(oldest) + " to ")
                            + std::to_string(newest) + " of the link protocol, this runtime "
                            + versions_text()}};
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(newest, wire::newest_version));
}

std::string printable(std::string from) {
  from.resize(std::min(from.size(), max_client));
  for (auto& c : from)
    if (c < ' ' || c > '~')
      c = '?';
  return from;
}

claim read(const json& from) {
  claim result;
  auto& hello = result.hello;
  // Before all else: what follows may mean something else in a version that is not ours.
  hello.version = common_version(from);
  hello.instance = text(from, "instance");
  const auto name = config::split_instance(hello.instance);
  if (hello.instance.size() > wire::max_address || !name || !name->index)
    fail("instance is no name of one, as in \"market/trader#2\"");
  hello.incarnation = number(required(from, "incarnation"), "incarnation", 1,
                             std::numeric_limits<std::uint64_t>::max());
  const auto key = os::link_key_from(text(from, "token"));
  if (!key)
    fail("token must be 32 hexadecimal digits");
  result.key = *key;
  if (from.contains("client"))
    hello.client = printable(text(from, "client"));
  hello.zstd = lists(from, "features", "zstd");
  hello.drains = lists(from, "handles", "drain");
  hello.flattens = lists(from, "handles", "flatten");
  hello.takes_config = lists(from, "handles", "config");
  if (const auto window = from.find("window"); window != from.end()) {
    if (!window->is_object())
      fail("window must be an object");
    hello.window_messages = static_cast<std::uint32_t>(
        member(*window, "messages", 1, max_window_messages, hello.window_messages));
    hello.window_bytes = static_cast<std::uint32_t>(
        member(*window, "bytes", min_window_bytes, max_window_bytes, hello.window_bytes));
  }
  if (const auto next = from.find("next"); next != from.end()) {
    if (!next->is_array() || next->size() != wire::lanes)
      fail("next must be a list of 4 numbers");
    for (std::size_t i = 0; i < wire::lanes; ++i)
      hello.next[i] =
          number((*next)[i], "each of next", 1, std::numeric_limits<std::uint64_t>::max());
  }
  hello.known = static_cast<std::uint32_t>(member(from, "known", 0, max_known, 0));
  return result;
}

} // namespace

std::string bye_frame(const refusal& x) {
  json body{{"reason", x.reason}, {"text", x.text}};
  if (x.reason == "bad_version")
    body["versions"] = {wire::oldest_version, wire::newest_version};
  std::string result;
  wire::append_frame(result, wire::frame_type::bye,
                     body.dump(-1, ' ', false, json::error_handler_t::replace));
  return result;
}

std::variant<claim, refusal> read_hello(std::string_view body) {
  try {
    return read(parse(body));
  } catch (const problem& x) {
    return x.why;
  }
}

std::variant<link_hello, refusal> admit(const claim& x, const os::link_keys& keys, uid_t uid,
                                        pid_t pid) {
  const auto& name = x.hello.instance;
  switch (keys.check(name, x.hello.incarnation, x.key, uid)) {
  case os::link_keys::verdict::old_incarnation:
    return refusal{"old_incarnation", "process " + std::to_string(x.hello.incarnation) + " of "
                                          + name + " has ended, or there is a newer one"};
  case os::link_keys::verdict::bad_token:
    return refusal{"bad_token", "TROUPE_TOKEN, user or instance is not that of a process of this"
                                " fleet"};
  case os::link_keys::verdict::good:
    break;
  }
  auto result = x.hello;
  result.uid = uid;
  result.pid = pid;
  return result;
}

} // namespace troupe::link
