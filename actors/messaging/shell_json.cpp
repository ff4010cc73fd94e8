#include "actors/messaging/shell_json.hpp"

#include "config/escape.hpp"
#include "messages/base64.hpp"

namespace troupe::messaging {

namespace {

template <class T, std::size_t N>
T choice_in(const nlohmann::json& in, const char* name, T otherwise,
            const std::string_view (&names)[N]) {
  const auto at = in.find(name);
  if (at == in.end() || at->is_null())
    return otherwise;
  if (at->is_string())
    for (std::size_t i = 0; i < N; ++i)
      if (at->get_ref<const std::string&>() == names[i])
        return static_cast<T>(i);
  std::string all;
  for (const auto each : names)
    all += (all.empty() ? "" : ", ") + std::string{each};
  throw bad_argument{std::string{name} + " is one of " + all};
}

constexpr std::string_view lane_names[] = {"urgent", "high", "normal", "low"};
constexpr std::string_view delivery_names[] = {"fire", "assured", "durable"};
constexpr std::string_view content_names[] = {"bytes", "text", "json"};

} // namespace

nlohmann::json shell_error(std::string_view code, std::string_view text) {
  return {{"error", {{"code", code}, {"text", text}}}};
}

std::string text_in(const nlohmann::json& in, const char* name, std::size_t most) {
  const auto at = in.find(name);
  if (at == in.end() || at->is_null())
    return {};
  if (!at->is_string())
    throw bad_argument{std::string{name} + " is a text"};
  auto text = at->get<std::string>();
  if (text.size() > most)
    throw bad_argument{std::string{name} + " has at most " + std::to_string(most) + " bytes"};
  return text;
}

std::uint64_t number_in(const nlohmann::json& in, const char* name, std::uint64_t otherwise,
                        std::uint64_t least, std::uint64_t most) {
  const auto at = in.find(name);
  if (at == in.end() || at->is_null())
    return otherwise;
  if (at->is_number_unsigned())
    if (const auto value = at->get<std::uint64_t>(); value >= least && value <= most)
      return value;
  throw bad_argument{std::string{name} + " is a number from " + std::to_string(least) + " to "
                     + std::to_string(most)};
}

void read_message(const std::string& operation, const nlohmann::json& in, wire::message_head& head,
                  std::string& to, std::string& key, std::string& payload) {
  const bool publish = operation == "publish";
  to = publish ? "topic:" + text_in(in, "topic", 200) : text_in(in, "to", wire::max_address);
  if (to.empty())
    throw bad_argument{"to is missing"};
  if (in.contains("payload_base64")) {
    auto bytes = from_base64(text_in(in, "payload_base64", wire::max_payload * 4 / 3 + 4));
    if (!bytes)
      throw bad_argument{"payload_base64 is no base64"};
    payload = std::move(*bytes);
  } else {
    payload = text_in(in, "payload", wire::max_payload);
  }
  if (payload.size() > wire::max_payload)
    throw bad_argument{"a payload has at most 983040 bytes"};
  head.in = choice_in(in, "lane", wire::lane::normal, lane_names);
  head.how = choice_in(in, "delivery", wire::delivery::fire, delivery_names);
  head.kind = choice_in(in, "content", wire::content::bytes, content_names);
  if (operation != "request")
    head.ttl = static_cast<std::uint32_t>(number_in(in, "ttl_ms", 0, 0, 0xffff'ffff));
  if (!publish)
    key = text_in(in, "key", wire::max_address);
}

void put_payload(nlohmann::json& into, std::string_view payload, std::size_t most) {
  auto part = payload.substr(0, most);
  if (part.size() < payload.size()) {
    into["cut"] = true;
    // A character that the cut has halved is left out, if that makes it a text.
    for (std::size_t less = 0; less < 4 && less < part.size(); ++less)
      if (config::is_utf8(part.substr(0, part.size() - less))) {
        part.remove_suffix(less);
        break;
      }
  }
  if (config::is_utf8(part))
    into["payload"] = part;
  else
    into["payload_base64"] = to_base64(part);
}

std::string_view name_of(wire::content kind) {
  return content_names[static_cast<std::size_t>(kind) % 3];
}

} // namespace troupe::messaging
