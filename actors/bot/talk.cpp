#include "actors/bot/talk.hpp"

#include "messages/wire/frame.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace troupe::bot::detail {

namespace {

using nlohmann::json;

/// What is sent must be UTF-8; what a program hands over may be anything.
std::string text_of(const json& from) {
  return from.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<json> object(std::string_view body) {
  if (body.size() > wire::max_json)
    return std::nullopt;
  bool deep = false;
  const json::parser_callback_t look = [&deep](int depth, json::parse_event_t, json&) {
    deep |= depth > wire::max_json_depth;
    return !deep;
  };
  auto result = json::parse(body, look, false);
  if (deep || !result.is_object())
    return std::nullopt;
  return result;
}

std::string text(const json& in, const char* name) {
  const auto found = in.find(name);
  return found != in.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::uint64_t number(const json& in, const char* name, std::uint64_t otherwise) {
  const auto found = in.find(name);
  return found != in.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : otherwise;
}

double seconds(const json& in, const char* name, double otherwise) {
  const auto found = in.find(name);
  if (found == in.end() || !found->is_number())
    return otherwise;
  const auto value = found->get<double>();
  return std::isfinite(value) ? std::clamp(value, 0.0, 1e6) : otherwise;
}

bool flag(const json& in, const char* name) {
  const auto found = in.find(name);
  return found != in.end() && found->is_boolean() && found->get<bool>();
}

settings read_settings(const json& from) {
  settings result;
  result.version = number(from, "version", 0);
  if (from.contains("settings"))
    result.settings = text_of(from["settings"]);
  if (from.contains("labels"))
    result.labels = text_of(from["labels"]);
  return result;
}

code code_of(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(wire::outcome_code::bad_message); ++i)
    if (to_string(static_cast<code>(i)) == name)
      return static_cast<code>(i);
  return code::bad_message;
}

} // namespace

std::string hello(const greeting& from) {
  json handles{"config"};
  if (from.drains)
    handles.push_back("drain");
  if (from.flattens)
    handles.push_back("flatten");
  const auto& who = *from.who;
  return text_of({{"version", wire::newest_version},
                  {"oldest", wire::oldest_version},
                  {"instance", who.instance},
                  {"incarnation", who.incarnation},
                  {"token", who.token},
                  {"client", "troupe-cpp " TROUPE_BOT_VERSION},
                  {"features", json::array({"zstd"})},
                  {"handles", std::move(handles)},
                  {"window", {{"messages", who.window_messages}, {"bytes", who.window_bytes}}},
                  {"next", from.next},
                  {"known", from.known}});
}

std::optional<welcome> read_welcome(std::string_view body) {
  const auto in = object(body);
  if (!in)
    return std::nullopt;
  welcome result;
  result.version = static_cast<std::uint32_t>(number(*in, "version", 0));
  if (result.version < wire::oldest_version || result.version > wire::newest_version)
    return std::nullopt;
  result.fleet = text(*in, "fleet");
  if (const auto features = in->find("features"); features != in->end() && features->is_array())
    result.zstd = std::ranges::find(*features, json("zstd")) != features->end();
  result.heartbeat = std::chrono::seconds{
      std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds(*in, "heartbeat_s", 10)))};
  if (const auto window = in->find("window"); window != in->end() && window->is_object()) {
    result.window_messages = std::max<std::uint64_t>(1, number(*window, "messages", 8192));
    result.window_bytes = number(*window, "bytes", 8u << 20);
  }
  result.unresolved = std::clamp<std::uint64_t>(number(*in, "unresolved", 1024), 1, 1024);
  if (const auto config = in->find("config"); config != in->end() && config->is_object())
    result.config = read_settings(*config);
  return result;
}

std::optional<farewell> read_farewell(std::string_view body) {
  const auto in = object(body);
  if (!in)
    return std::nullopt;
  return farewell{text(*in, "reason"), text(*in, "text")};
}

std::optional<call_result> read_result(std::string_view body) {
  const auto in = object(body);
  if (!in)
    return std::nullopt;
  call_result read;
  read.id = number(*in, "id", 0);
  read.ok = flag(*in, "ok");
  if (const auto problem = in->find("error"); problem != in->end() && problem->is_object()) {
    read.problem = code_of(text(*problem, "code"));
    read.text = text(*problem, "text");
  }
  return read;
}

std::optional<order> read_order(std::string_view body) {
  const auto in = object(body);
  if (!in)
    return std::nullopt;
  order read;
  const auto op = text(*in, "op");
  read.within =
      std::chrono::milliseconds{static_cast<std::int64_t>(seconds(*in, "within_s", 0) * 1000)};
  if (op == "drain") {
    read.what = order::kind::drain;
  } else if (op == "flatten") {
    read.what = order::kind::flatten;
  } else if (op == "config") {
    read.what = order::kind::config;
    read.config = read_settings(*in);
  } else if (op == "pressure") {
    read.what = order::kind::pressure;
    read.to = text(*in, "to");
    read.on = flag(*in, "on");
  }
  return read;
}

std::string farewell_body(std::string_view reason, std::string_view why) {
  return text_of({{"reason", reason}, {"text", why}});
}

std::string subscribe_body(std::uint64_t id, std::string_view pattern, bool durable) {
  return text_of({{"id", id}, {"op", "subscribe"}, {"pattern", pattern}, {"durable", durable}});
}

std::string unsubscribe_body(std::uint64_t id, std::string_view pattern) {
  return text_of({{"id", id}, {"op", "unsubscribe"}, {"pattern", pattern}});
}

std::string tell_body(std::string_view op) {
  return text_of({{"op", op}});
}

std::string status_body(std::string_view what) {
  return text_of({{"op", "status"}, {"text", what}});
}

std::string answer_body(std::string_view op, std::string_view problem) {
  return text_of({{"op", op}, {"ok", problem.empty()}, {"text", problem}});
}

} // namespace troupe::bot::detail
