// `runtime/state`: JSON on one side, the store on the other; docs/state.md.

#include "actors/messaging/json_text.hpp"
#include "actors/messaging/services.hpp"
#include "config/escape.hpp"
#include "config/units.hpp"

#include <array>
#include <cmath>
#include <utility>

namespace troupe::messaging {

namespace {

using json = nlohmann::json;

constexpr std::size_t depth = 64;
/// A request: the longest value, each of its bytes escaped, and the rest.
constexpr std::size_t max_request = 512 << 10;
constexpr std::size_t max_page = 1000;
constexpr std::size_t default_page = 100;
constexpr std::size_t max_page_bytes = 512 << 10;

/// Reads members; remembers the first that is wrong.
class reader {
public:
  explicit reader(const json& from)
      : from_{from} {
    // nop
  }

  std::string text(const char* name) {
    const auto* at = find(name);
    if (at && !at->is_string())
      wrong(name, "a text");
    return at && at->is_string() ? at->get<std::string>() : std::string{};
  }

  bool flag(const char* name, bool otherwise) {
    const auto* at = find(name);
    if (at && !at->is_boolean())
      wrong(name, "true or false");
    return at && at->is_boolean() ? at->get<bool>() : otherwise;
  }

  std::optional<std::uint64_t> number(const char* name) {
    const auto* at = find(name);
    if (!at)
      return std::nullopt;
    if (!at->is_number_integer() || (at->is_number_integer() && !at->is_number_unsigned()))
      wrong(name, "a whole number, 0 or more");
    return at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
  }

  /// Seconds, or a text such as "30s"; microseconds, 0: not given.
  std::int64_t duration(const char* name) {
    const auto* at = find(name);
    if (!at)
      return 0;
    std::int64_t micros = 0;
    if (at->is_number()) {
      const auto seconds = at->get<double>();
      if (seconds > 0 && seconds <= 315'360'000)
        micros = std::llround(seconds * 1e6);
    } else if (at->is_string()) {
      if (const auto parsed = config::parse_duration(at->get<std::string>()))
        micros = parsed->count() / 1000;
    }
    if (micros <= 0)
      wrong(name, "seconds as a number, or a text such as \"30s\"; above 0, ten years at most");
    return micros;
  }

  void wrong(const char* name, const std::string& expected) {
    if (trouble.empty())
      trouble = std::string{name} + " must be " + expected;
  }

  std::string trouble;

private:
  const json* find(const char* name) const {
    const auto at = from_.find(name);
    return at == from_.end() || at->is_null() ? nullptr : &*at;
  }

  const json& from_;
};

std::string entry_text(std::string_view key, const state_value& entry, bool with_value,
                       std::int64_t now) {
  auto result = "{\"key\":" + json_string(key);
  if (with_value)
    result += ",\"value\":" + entry.value;
  result += ",\"version\":" + std::to_string(entry.version);
  if (entry.durable)
    result += ",\"durable\":true";
  if (entry.expires != 0)
    result += ",\"ttl\":" + json(static_cast<double>(entry.expires - now) / 1e6).dump();
  return result + '}';
}

service_reply bad(std::string_view text) {
  return service_reply::error("bad_request", text);
}

} // namespace

std::string service_desk::change_text(const state_entry& change) {
  return "{\"group\":" + json_string(change.group) + ",\"key\":" + json_string(change.key)
         + (change.erased ? ",\"deleted\":true" : ",\"value\":" + change.value)
         + ",\"version\":" + std::to_string(change.version) + '}';
}

void service_desk::restore(const queue_contents& contents, std::uint64_t epoch) {
  if (std::exchange(restored_, true))
    return;
  state_.restore(contents.entries, contents.last_state_version, epoch);
  tick();
  waiting_bytes_ = 0;
  for (const auto& each : std::exchange(waiting_, {}))
    each();
}

void service_desk::tick() {
  if (auto gone = state_.expire(port_.wall()); !gone.empty())
    // What stays on disk because of trouble there expires again when it is read.
    port_.store(std::move(gone), [](const std::string&) {});
}

/// The disk is not read yet: whatever it holds must not be answered with «there is none».
void service_desk::wait_for_restore(const service_request& request, answer give) {
  if (waiting_.size() >= max_waiting || waiting_bytes_ + request.payload.size() > max_waiting_bytes)
    return give(service_reply::error("starting", "the runtime has not read its disk yet"));
  waiting_bytes_ += request.payload.size();
  waiting_.push_back([this, give = std::move(give), payload = std::string{request.payload},
                      from = request.from ? std::optional{*request.from} : std::nullopt,
                      may = request.may ? std::optional{*request.may} : std::nullopt,
                      who = request.watcher] {
    ask({"state", payload, from ? &*from : nullptr, may ? &*may : nullptr, who}, give);
  });
}

void service_desk::state(const service_request& request, std::string_view text, answer give) {
  if (text.size() > max_request)
    return give(service_reply::error("too_big", "the request has " + std::to_string(text.size())
                                                    + " bytes, " + std::to_string(max_request)
                                                    + " are allowed"));
  if (!restored_)
    return wait_for_restore(request, std::move(give));
  json arguments;
  if (const auto wrong = read_object(text, depth, arguments); !wrong.empty())
    return give(bad(wrong));
  reader read{arguments};
  const auto op = read.text("op");
  auto group = read.text("group");
  if (!read.trouble.empty())
    return give(bad(read.trouble));
  const bool is_own = !arguments.contains("group");
  if (is_own && request.from)
    group = request.from->group;
  while (group.ends_with('/'))
    group.pop_back();
  if (!is_own && request.may && request.from && group != request.from->group
      && !request.may->may_send_group(group))
    return give(service_reply::error("not_permitted", "the state of " + group + "/ is not for "
                                                          + request.from->instance + ": it "
                                                          + request.may->describe_send()));
  if (!group.empty() && !(routes_ && routes_->groups.contains(group)))
    return give(bad("there is no group " + group));
  const auto now = port_.wall();
  if (const auto due = state_.next_expiry(); due && *due <= now)
    tick();
  if (op == "get")
    give(state_get(group, arguments));
  else if (op == "set")
    state_set(group, arguments, std::move(give));
  else if (op == "delete")
    state_delete(group, arguments, std::move(give));
  else if (op == "list")
    give(state_list(group, arguments));
  else if (op == "watch")
    give(state_watch(request, group, arguments));
  else if (op == "unwatch")
    give(state_unwatch(request, group, arguments));
  else
    give(bad("op must be get, set, delete, list, watch or unwatch"));
}

namespace {

/// The key of a request that needs one.
std::string key_of(reader& read) {
  auto key = read.text("key");
  if (key.empty())
    read.wrong("key", "a text that is not empty");
  else if (config::escape(key) != key)
    read.wrong("key", "without control characters");
  return key;
}

} // namespace

service_reply service_desk::state_get(const std::string& group, const json& arguments) const {
  reader read{arguments};
  const auto key = key_of(read);
  if (!read.trouble.empty())
    return bad(read.trouble);
  const auto now = port_.wall();
  if (const auto* found = state_.get(group, key, now))
    return {entry_text(key, *found, true, now), false};
  return {"{\"key\":" + json_string(key) + ",\"value\":null,\"version\":0}", false};
}

void service_desk::state_set(const std::string& group, const json& arguments, answer give) {
  reader read{arguments};
  const auto key = key_of(read);
  state_options how;
  how.if_version = read.number("if_version");
  how.ttl = read.duration("ttl");
  how.durable = read.flag("durable", false);
  const auto value = arguments.find("value");
  if (value == arguments.end())
    read.wrong("value", "there; to end a key, use delete");
  if (!read.trouble.empty())
    return give(bad(read.trouble));
  auto result = state_.set(group, key, value->dump(), how, port_.wall());
  if (!result.code.empty())
    return give(refused(result, group, key));
  auto payload = "{\"version\":" + std::to_string(result.version) + '}';
  commit(std::move(result), std::move(payload), std::move(give));
}

void service_desk::state_delete(const std::string& group, const json& arguments, answer give) {
  reader read{arguments};
  const auto key = key_of(read);
  const auto if_version = read.number("if_version");
  if (!read.trouble.empty())
    return give(bad(read.trouble));
  auto result = state_.erase(group, key, if_version, port_.wall());
  if (!result.code.empty())
    return give(refused(result, group, key));
  auto payload = std::string{"{\"deleted\":"} + (result.version > 0 ? "true" : "false")
                 + ",\"version\":" + std::to_string(result.version) + '}';
  commit(std::move(result), std::move(payload), std::move(give));
}

/// A conflict tells what is there, so that the next try needs no `get`.
service_reply service_desk::refused(const state_result& result, const std::string& group,
                                    const std::string& key) const {
  auto reply = service_reply::error(result.code, result.text);
  if (result.code != "conflict")
    return reply;
  reply.payload.resize(reply.payload.size() - 2);
  reply.payload += ",\"version\":" + std::to_string(result.version);
  const auto* found = state_.get(group, key, port_.wall());
  reply.payload += ",\"value\":" + (found ? found->value : "null") + "}}";
  return reply;
}

/// Answers once it is on disk, if it is to be there.
void service_desk::commit(state_result result, std::string payload, answer give) {
  if (result.keep.empty())
    return give({std::move(payload), false});
  port_.store(std::move(result.keep), [payload = std::move(payload),
                                       give = std::move(give)](const std::string& problem) {
    if (problem.empty())
      give({payload, false});
    else
      give(service_reply::error("store_unavailable",
                                "it is changed, but not on disk, and would be lost with the "
                                "runtime: "
                                    + problem));
  });
}

service_reply service_desk::state_list(const std::string& group, const json& arguments) const {
  reader read{arguments};
  const auto prefix = read.text("prefix");
  const auto after = read.text("after");
  const auto limit = std::min<std::uint64_t>(read.number("limit").value_or(default_page), max_page);
  const bool with_values = read.flag("values", true);
  if (!read.trouble.empty())
    return bad(read.trouble);
  const auto now = port_.wall();
  std::string list;
  bool more = false;
  if (const auto* in = state_.of(group)) {
    std::uint64_t count = 0;
    for (auto at = after < prefix ? in->lower_bound(prefix) : in->upper_bound(after);
         at != in->end() && at->first.starts_with(prefix); ++at) {
      if (at->second.expires != 0 && at->second.expires <= now)
        continue;
      auto text = entry_text(at->first, at->second, with_values, now);
      if (count == limit || (count > 0 && list.size() + text.size() > max_page_bytes)) {
        more = true;
        break;
      }
      ++count;
      list += (list.empty() ? "" : ",") + text;
    }
  }
  return {"{\"entries\":[" + list + "],\"more\":" + (more ? "true" : "false")
              + ",\"version\":" + std::to_string(state_.last_version()) + '}',
          false};
}

service_reply service_desk::state_watch(const service_request& request, const std::string& group,
                                        const json& arguments) {
  if (!request.from)
    return bad("only a bot can watch; list tells the version that has been reached");
  reader read{arguments};
  const auto prefix = read.text("prefix");
  if (!read.trouble.empty())
    return bad(read.trouble);
  auto reply = state_list(group, arguments);
  if (reply.failed)
    return reply;
  if (prefix.size() > state_.bounds().key)
    return service_reply::error("too_big", "the prefix is longer than any key may be");
  if (const auto wrong = state_.watch(request.watcher, group, prefix); !wrong.empty())
    return service_reply::error("full", wrong);
  return reply;
}

service_reply service_desk::state_unwatch(const service_request& request, const std::string& group,
                                          const json& arguments) {
  reader read{arguments};
  const auto prefix = read.text("prefix");
  if (!read.trouble.empty())
    return bad(read.trouble);
  const bool was_there = state_.unwatch(request.watcher, group, prefix);
  return {std::string{"{\"was_there\":"} + (was_there ? "true" : "false") + '}', false};
}

} // namespace troupe::messaging
