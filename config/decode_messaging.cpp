// The keys of a bot that are about its link and its messages.

#include "config/decode_messaging.hpp"

#include "config/addresses.hpp"
#include "config/document.hpp"
#include "config/names.hpp"

#include <algorithm>

namespace troupe::config {

namespace {

using nlohmann::json;

constexpr std::uint64_t smallest_mailbox = 4 << 10;
constexpr std::uint64_t largest_mailbox = 64ull << 30;
constexpr std::uint64_t largest_spill = 1ull << 40;
constexpr std::chrono::hours longest_step{24};

void read_size(const object_reader& in, const char* key, std::uint64_t least, std::uint64_t most,
               const char* expected, std::uint64_t& out) {
  std::uint64_t value = 0;
  if (!in.size(key, value))
    return;
  if (value < least || value > most)
    in.wrong(key, in_quotes(key) + (value < least ? " is too small" : " is too large"), expected);
  else
    out = value;
}

void read_mailbox(const object_reader& in, mailbox_spec& out) {
  in.integer("messages", out.messages);
  read_size(in, "bytes", smallest_mailbox, largest_mailbox, "a size from \"4KiB\" to \"64GiB\"",
            out.bytes);
  in.word("overflow",
          {{"reject", overflow::reject},
           {"drop_oldest", overflow::drop_oldest},
           {"drop_newest", overflow::drop_newest},
           {"spill", overflow::spill}},
          out.when_full);
  read_size(in, "spill", smallest_mailbox, largest_spill, "a size from \"4KiB\" to \"1TiB\"",
            out.spill);
}

void read_step(const object_reader& in, const char* key, duration& out) {
  duration value{};
  if (!in.time(key, value))
    return;
  if (value > longest_step)
    in.wrong(key, in_quotes(key) + " is too long", "at most \"24h\"; 0 leaves the step out");
  else
    out = value;
}

// What people write who mean a group.
std::string hint_for(const std::string& entry) {
  if (entry.starts_with("topic:"))
    return "in a pattern '*' stands for one word and a last '>' for one or more";
  if (entry.starts_with("runtime/"))
    return "the services of the runtime need no permission";
  if (entry == "*")
    return "for the whole fleet write \"/\"";
  if (entry.ends_with("/*"))
    return "for everything in the group write " + in_quotes(entry.substr(0, entry.size() - 1));
  return {};
}

using list = std::optional<std::vector<std::string>>;

void read_may_send(const object_reader& in, list& out) {
  const auto* member = in.find("may_send", json::value_t::array);
  if (!member)
    return;
  auto& result = out.emplace();
  for (std::size_t index = 0; index < member->size(); ++index) {
    if (!(*member)[index].is_string())
      continue;
    auto entry = (*member)[index].get<std::string>();
    if (read_permission(entry).kind == permission_kind::invalid)
      in.report()(
          {pointer_to(in.at("may_send"), index), false, in_quotes(entry) + " is nothing to send to",
           "\"group/bot\" or \"group/\" from the root, or a \"topic:\" pattern", hint_for(entry)});
    else
      result.push_back(std::move(entry));
  }
}

void read_may_subscribe(const object_reader& in, list& out) {
  constexpr std::string_view prefix = "topic:";
  const auto* member = in.find("may_subscribe", json::value_t::array);
  if (!member)
    return;
  auto& result = out.emplace();
  for (std::size_t index = 0; index < member->size(); ++index) {
    if (!(*member)[index].is_string())
      continue;
    auto entry = (*member)[index].get<std::string>();
    if (entry.starts_with(prefix))
      entry.erase(0, prefix.size());
    if (!valid_topic_pattern(entry))
      in.report()(
          {pointer_to(in.at("may_subscribe"), index), false,
           in_quotes(entry) + " is no pattern of topics",
           "a pattern such as \"ticks.*\", or \">\" for all",
           "words of A-Z, a-z, 0-9, '_' and '-' between dots; '*' stands for one word and a "
           "last '>' for one or more"});
    else
      result.push_back(std::move(entry));
  }
}

std::size_t depth_of(const json& value) {
  std::size_t deepest = 0;
  if (value.is_structured())
    for (const auto& member : value)
      deepest = std::max(deepest, depth_of(member)); // documents are at most 64 deep
  return value.is_structured() ? deepest + 1 : 0;
}

} // namespace

std::string settings_problem(const json& settings) {
  if (depth_of(settings) > max_settings_depth)
    return "\"settings\" is nested too deep";
  if (settings.dump(-1, ' ', false, json::error_handler_t::replace).size() > max_settings)
    return "\"settings\" is too large";
  return {};
}

void read_messaging(const object_reader& in, bot_spec& out) {
  read_mailbox(in.inner("mailbox"), out.mailbox);
  in.word("balance",
          {{"least_loaded", balance_mode::least_loaded},
           {"round_robin", balance_mode::round_robin},
           {"consistent_hash", balance_mode::consistent_hash},
           {"two_choices", balance_mode::two_choices}},
          out.balance);
  read_may_send(in, out.may_send);
  read_may_subscribe(in, out.may_subscribe);
  in.integer("max_deliveries", out.max_deliveries);
  read_step(in, "drain_timeout", out.drain_timeout);
  read_step(in, "flatten_timeout", out.flatten_timeout);
  in.word("on_hang", {{"report", hang_action::report}, {"restart", hang_action::restart}},
          out.on_hang);
  if (const auto* settings = in.find("settings", json::value_t::object)) {
    if (auto why = settings_problem(*settings); !why.empty())
      in.wrong("settings", std::move(why), "at most 48 KiB of JSON, at most 12 levels deep",
               "more than that belongs into a file of the bot's own");
    else
      out.settings = settings->dump(-1, ' ', false, json::error_handler_t::replace);
  }
}

} // namespace troupe::config
