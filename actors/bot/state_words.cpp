#include "actors/bot/state_words.hpp"

#include <nlohmann/json.hpp>

namespace troupe::bot::detail {

namespace {

using nlohmann::json;

std::string text_of(const json& from) {
  return from.dump(-1, ' ', false, json::error_handler_t::replace);
}

json request(const char* op, const std::optional<std::string>& group) {
  json result{{"op", op}};
  if (group)
    result["group"] = *group;
  return result;
}

std::string text(const json& in, const char* name) {
  const auto found = in.find(name);
  return found != in.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

bool flag(const json& in, const char* name) {
  const auto found = in.find(name);
  return found != in.end() && found->is_boolean() && found->get<bool>();
}

state_entry read_entry(const json& in) {
  state_entry result;
  result.group = text(in, "group");
  result.key = text(in, "key");
  if (const auto value = in.find("value"); value != in.end())
    result.value = text_of(*value);
  if (const auto version = in.find("version"); version != in.end() && version->is_number_unsigned())
    result.version = version->get<std::uint64_t>();
  result.deleted = flag(in, "deleted");
  return result;
}

} // namespace

std::string key_words(const char* op, std::string_view key, const std::optional<std::string>& group,
                      std::optional<std::uint64_t> if_version) {
  auto body = request(op, group);
  body["key"] = key;
  if (if_version)
    body["if_version"] = *if_version;
  return text_of(body);
}

std::optional<std::string> set_words(std::string_view key, std::string_view value,
                                     const std::optional<std::string>& group,
                                     const state_options& how) {
  auto parsed = json::parse(value, nullptr, false);
  if (parsed.is_discarded())
    return std::nullopt;
  auto body = request("set", group);
  body["key"] = key;
  body["value"] = std::move(parsed);
  if (how.if_version)
    body["if_version"] = *how.if_version;
  if (how.ttl > milliseconds{0})
    body["ttl"] = static_cast<double>(how.ttl.count()) / 1000;
  if (how.durable)
    body["durable"] = true;
  return text_of(body);
}

std::string page_words(const char* op, std::string_view prefix,
                       const std::optional<std::string>& group, std::string_view after,
                       unsigned limit) {
  auto body = request(op, group);
  body["prefix"] = prefix;
  if (std::string_view{op} != "unwatch")
    body["limit"] = limit;
  if (!after.empty())
    body["after"] = after;
  return text_of(body);
}

std::optional<state_words> read_state(std::string_view body) {
  const auto in = json::parse(body, nullptr, false);
  if (!in.is_object())
    return std::nullopt;
  state_words result;
  result.entry = read_entry(in);
  result.more = flag(in, "more");
  if (const auto problem = in.find("error"); problem != in.end() && problem->is_object()) {
    result.problem = text(*problem, "code");
    result.text = text(*problem, "text");
    result.entry = read_entry(*problem);
  }
  if (const auto list = in.find("entries"); list != in.end() && list->is_array())
    for (const auto& each : *list)
      if (each.is_object())
        result.entries.push_back(read_entry(each));
  return result;
}

} // namespace troupe::bot::detail
