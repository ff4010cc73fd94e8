// Commands that send a message.

#include "actors/commands/messaging.hpp"
#include "config/names.hpp"
#include "messages/base64.hpp"

#include <utility>

namespace troupe::commands {

namespace {

using std::chrono::milliseconds;

/// What is said of a payload in the audit.
std::string with_size(const std::string& outcome, std::size_t size) {
  return outcome + ", " + std::to_string(size) + " bytes";
}

std::string joined(const json& ok) {
  std::string result;
  if (const auto by = ok.find("by"); by != ok.end() && by->is_array())
    for (const auto& one : *by)
      result += (result.empty() ? "" : ", ") + (one.is_string() ? one.get<std::string>() : "");
  return result;
}

/// The options of a message as arguments of the hub. False: the request was refused.
bool get_options(const request_ptr& r, json& into) {
  std::string lane = "normal";
  std::string content = "bytes";
  std::string key;
  bool assured = false;
  bool durable = false;
  milliseconds ttl{};
  if (!r->get("lane", lane) || !r->get("content", content) || !r->get("key", key)
      || !r->get("assured", assured) || !r->get("durable", durable)
      || !get_time(r, "ttl", milliseconds{0}, std::chrono::hours{24 * 30}, ttl))
    return false;
  const auto one_of = [&](const char* name, const std::string& word,
                          std::initializer_list<std::string_view> known) {
    for (const auto one : known)
      if (one == word)
        return true;
    r->refuse({exit_code::usage, "bad-arguments",
               config::in_quotes(word) + " is no " + std::string{name},
               "`troupe help " + std::string{r->info.name} + "`"});
    return false;
  };
  if (!one_of("lane", lane, {"urgent", "high", "normal", "low"})
      || !one_of("content", content, {"text", "json", "bytes"}))
    return false;
  if (assured && durable) {
    r->refuse({exit_code::usage, "bad-arguments", "a message is assured or durable, not both",
               "durable is the stronger: it outlives the runtime"});
    return false;
  }
  into["lane"] = lane;
  into["content"] = content;
  into["delivery"] = durable ? "durable" : assured ? "assured" : "fire";
  if (!key.empty())
    into["key"] = key;
  if (ttl.count() > 0)
    into["ttl_ms"] = ttl.count();
  return true;
}

/// The bot that an address means, when it is of that kind.
std::optional<std::string> bot_of(const std::string& to) {
  if (to.starts_with("topic:") || to.starts_with("runtime/") || to == "*" || to.ends_with("/*"))
    return std::nullopt;
  // What a process hosts stands behind the number: market/trader#2/pricer.
  const auto number = to.find('#');
  return number == std::string::npos ? to : to.substr(0, to.find('/', number));
}

/// Calls `then` when the fleet has whom the message is for, as far as that can be told from
/// the name; else says which name was probably meant.
void check_address(const request_ptr& r, const std::string& to, std::function<void()> then) {
  if (to.empty() || to.size() > 255)
    return r->refuse({exit_code::usage, "bad-arguments", "\"to\" must be 1 to 255 bytes", ""});
  const auto bot = bot_of(to);
  if (!bot)
    return then();
  if (bot->size() > 1 && bot->ends_with('/'))
    return r->refuse({exit_code::usage, "bad-name", config::in_quotes(to) + " is a group",
                      "everyone in it is " + to + "*"});
  r->with_spec([r, bot, then = std::move(then)](const config::spec_ptr& spec) {
    if (const auto known = resolve_bot(*spec, *bot, r->info.name); !known)
      return r->refuse(known.error());
    then();
  });
}

void finish(const request_ptr& r, json document, json ok, std::size_t size) {
  const bool waiting = ok.value("outcome", "") == "waiting";
  merge(document, std::move(ok));
  document["sent_bytes"] = size;
  r->answer(document, waiting ? exit_code::timed_out : exit_code::done);
}

std::string outcome_text(const json& ok) {
  auto result = ok.value("outcome", "sent");
  if (const auto by = joined(ok); !by.empty())
    result += " by " + by;
  return result;
}

} // namespace

std::optional<std::size_t> take_payload(const request_ptr& r, json& into) {
  std::string text;
  std::string coded;
  if (!r->get("payload", text) || !r->get("payload_base64", coded))
    return std::nullopt;
  r->arguments.erase("payload");
  r->arguments.erase("payload_base64");
  const auto bytes = from_base64(coded);
  if (!bytes || (!coded.empty() && !text.empty())) {
    r->refuse({exit_code::usage, "bad-arguments",
               bytes ? "there are two payloads" : "\"payload_base64\" is no base 64", ""});
    return std::nullopt;
  }
  const auto size = coded.empty() ? text.size() : bytes->size();
  if (coded.empty())
    into["payload"] = std::move(text);
  else
    into["payload_base64"] = std::move(coded);
  return size;
}

void handle_send(const request_ptr& r) {
  auto what = json::object();
  std::string to;
  milliseconds within{};
  if (!r->get("to", to) || !get_options(r, what)
      || !get_time(r, "within", std::chrono::seconds{10}, longest_wait, within))
    return;
  const auto size = take_payload(r, what);
  if (!size)
    return;
  to = without_root(to);
  what["to"] = to;
  what["wait_ms"] = within.count();
  check_address(r, to, [=] {
    change_by_hub(
        r, "send", what, within,
        [size](const json& ok) { return with_size(outcome_text(ok), *size); },
        [r, to, size](json document, json ok) {
          document["to"] = to;
          finish(r, std::move(document), std::move(ok), *size);
        });
  });
}

void handle_publish(const request_ptr& r) {
  auto what = json::object();
  std::string topic;
  if (!r->get("topic", topic) || !get_options(r, what))
    return;
  const auto size = take_payload(r, what);
  if (!size)
    return;
  constexpr std::string_view scheme = "topic:";
  if (topic.starts_with(scheme))
    topic.erase(0, scheme.size());
  what["topic"] = topic;
  what["wait_ms"] = 5000;
  change_by_hub(
      r, "publish", what, std::chrono::seconds{5},
      [size](const json& ok) { return with_size(outcome_text(ok), *size); },
      [r, topic, size](json document, json ok) {
        document["topic"] = topic;
        finish(r, std::move(document), std::move(ok), *size);
      });
}

void handle_request(const request_ptr& r) {
  auto what = json::object();
  std::string to;
  milliseconds within{};
  if (!r->get("to", to) || !get_options(r, what)
      || !get_time(r, "within", std::chrono::seconds{10}, longest_wait, within))
    return;
  const auto size = take_payload(r, what);
  if (!size)
    return;
  to = without_root(to);
  what["to"] = to;
  what["wait_ms"] = within.count();
  check_address(r, to, [=] {
    change_by_hub(
        r, "request", what, within,
        [size](const json& ok) {
          return with_size(std::string{ok.value("failed", false) ? "failed" : "answered"} + " by "
                               + ok.value("by", ""),
                           *size);
        },
        [r, to](json document, json ok) {
          const bool failed = ok.value("failed", false);
          document["to"] = to;
          merge(document, std::move(ok));
          r->answer(document, failed ? exit_code::failed : exit_code::done);
        });
  });
}

} // namespace troupe::commands
