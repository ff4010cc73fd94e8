// send, publish, request, queues, links, topics.

#include "messages/base64.hpp"
#include "runtime/shell/render.hpp"

#include <algorithm>
#include <array>

namespace troupe::shell {

namespace {

constexpr std::array lanes{"urgent", "high", "normal", "low"};

/// A count for a table: nothing for 0.
std::string some(const json& row, const char* key) {
  const auto text = text_at(row, key);
  return text == "0" ? "" : text;
}

std::string size_at(const json& row, const char* key) {
  const double value = number_at(row, key);
  return value <= 0 ? "" : human_size(static_cast<std::uint64_t>(value));
}

const json& member(const json& row, const char* key) {
  static const json none;
  const auto found = row.is_object() ? row.find(key) : row.end();
  return row.is_object() && found != row.end() ? *found : none;
}

double sum_of_lanes(const json& by_lane) {
  double result = 0;
  for (const auto* lane : lanes)
    result += number_at(by_lane, lane);
  return result;
}

std::string whole(double value) {
  return std::to_string(static_cast<std::uint64_t>(std::max(0.0, value)));
}

/// «a, b and 3 more».
std::string names(const json& list, double count) {
  std::string result;
  for (const auto& one : list)
    if (one.is_string())
      result += (result.empty() ? "" : ", ") + escape(one.get_ref<const std::string&>());
  if (const auto more = count - static_cast<double>(list.size()); more > 0 && !result.empty())
    result += " and " + whole(more) + " more";
  return result;
}

std::string raw_payload(const json& row) {
  const auto text = member(row, "payload");
  if (text.is_string())
    return text.get<std::string>();
  const auto coded = member(row, "payload_base64");
  if (coded.is_string())
    if (auto bytes = from_base64(coded.get<std::string>()))
      return *bytes;
  // A tap has hexadecimal digits: they say enough to people.
  const auto hex = member(row, "payload_hex");
  return hex.is_string() ? hex.get<std::string>() : "";
}

/// Of text, lines and tabs stay.
std::string escape_lines(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of("\n\t"), text.size());
    result += escape(text.substr(0, end));
    if (end < text.size())
      result += text[end];
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

} // namespace

std::string payload_text(const json& row) {
  const auto payload = raw_payload(row);
  auto result = escape(payload);
  const bool hex = row.is_object() && row.contains("payload_hex");
  const auto shown = static_cast<double>(hex ? payload.size() / 2 : payload.size());
  if (text_at(row, "cut") == "true" || number_at(row, "length") > shown)
    result += "…";
  return result;
}

std::string render_sent(const json& document, const terminal& on) {
  const auto outcome = text_at(document, "outcome");
  const double receivers = number_at(document, "receivers");
  const auto by = names(list_at(document, "by"), receivers);
  std::string result;
  if (outcome == "waiting")
    result = painted("waiting", tone::busy, on)
             + ": it is on its way, and its end is not known in time; `troupe trace` shows more";
  else if (text_at(document, "command") == "publish" && receivers == 0)
    result = "accepted: nobody has subscribed to " + text_at(document, "topic");
  else
    result = painted(outcome, tone::good, on) + (outcome == "done" ? " by " : " for ")
             + (by.empty() ? count_of(static_cast<std::size_t>(receivers), "receiver") : by);
  if (const auto trace = text_at(document, "trace"); !trace.empty())
    result += painted("  trace " + trace, tone::faint, on);
  result += "\n";
  if (const auto notice = text_at(document, "notice"); !notice.empty())
    result += "notice: " + notice + "\n";
  return result;
}

std::string render_reply(const json& document) {
  auto result = escape_lines(raw_payload(document));
  if (result.empty() || result.back() != '\n')
    result += '\n';
  return result;
}

std::string render_queues(const json& document, const terminal& on) {
  table rows{{"NAME", "URGENT", "HIGH", "NORMAL", "LOW", "SIZE", "UNDER WAY", "UNRESOLVED",
              "SPILLED", "DROPPED", "REJECTED", "OLDEST", "PRESSURE", "LINK"},
             {5, 6, 7, 8, 9, 10, 11}};
  for (const auto& one : list_at(document, "mailboxes")) {
    const auto& waiting = member(one, "waiting");
    const double oldest = number_at(one, "oldest_s", -1);
    const bool linked = text_at(one, "linked") == "true";
    rows.add({{text_at(one, "instance")},
              {text_at(waiting, "urgent")},
              {text_at(waiting, "high")},
              {text_at(waiting, "normal")},
              {text_at(waiting, "low")},
              {size_at(one, "waiting_bytes")},
              {some(one, "under_way")},
              {some(one, "unresolved")},
              {some(one, "spilled")},
              {some(one, "dropped"), tone::bad},
              {some(one, "rejected"), tone::bad},
              {oldest < 0 ? "" : human_delay(oldest)},
              {text_at(one, "pressure") == "true" ? "yes" : "", tone::busy},
              {linked ? "" : "not linked", tone::faint}});
  }
  auto result = rows.text(on);
  const double limit = number_at(document, "limit_bytes");
  result += count_of(static_cast<std::size_t>(number_at(document, "messages")), "message")
            + " in all mailboxes, "
            + human_size(static_cast<std::uint64_t>(number_at(document, "bytes")));
  if (limit > 0)
    result += " of " + human_size(static_cast<std::uint64_t>(limit));
  return result + "\n";
}

std::string render_links(const json& document, const terminal& on) {
  table rows{{"NAME", "PID", "SINCE", "CLIENT", "IN", "IN SIZE", "OUT", "OUT SIZE", "UNSENT",
              "UNDER WAY", "HEARD", "NOTE"},
             {1, 2, 5, 7, 8, 9}};
  const auto& links = list_at(document, "links");
  for (const auto& one : links) {
    const double heard = number_at(one, "heard_s", -1);
    const bool silent = text_at(one, "silent") == "true";
    const auto under_way = sum_of_lanes(member(one, "under_way"));
    rows.add({{text_at(one, "instance")},
              {text_at(one, "pid")},
              {text_at(one, "since")},
              {text_at(one, "client")},
              {text_at(one, "messages_in")},
              {size_at(one, "bytes_in")},
              {text_at(one, "messages_out")},
              {size_at(one, "bytes_out")},
              {size_at(one, "unsent_bytes")},
              {under_way > 0 ? whole(under_way) : ""},
              {heard < 0 ? "" : human_delay(heard) + " ago"},
              {silent ? "does not answer" : "", tone::bad}});
  }
  auto result = links.empty() ? "" : rows.text(on);
  const auto& without = list_at(document, "unlinked");
  result += count_of(links.size(), "link");
  if (!without.empty()) {
    auto shown = json::array();
    for (std::size_t i = 0; i < std::min<std::size_t>(without.size(), 10); ++i)
      shown.push_back(without[i]);
    result += "; running without one: " + names(shown, static_cast<double>(without.size()));
  }
  return result + "\n";
}

std::string render_topics(const json& document, const terminal& on) {
  const auto& all = list_at(document, "subscriptions");
  table rows{{"PATTERN", "COUNT", "DURABLE", "MESSAGES", "SUBSCRIBERS"}, {3, 2}};
  for (const auto& one : all)
    rows.add({{text_at(one, "pattern")},
              {text_at(one, "count")},
              {some(one, "durable")},
              {text_at(one, "messages")},
              {names(list_at(one, "subscribers"), number_at(one, "count"))}});
  auto result = all.empty() ? "nobody has subscribed to that\n" : rows.text(on);
  if (text_at(document, "more") == "true")
    result += "there are more: name a pattern\n";
  if (const double published = number_at(document, "published", -1); published >= 0)
    result += count_of(static_cast<std::size_t>(published), "message")
              + " published since this runtime began\n";
  return result;
}

std::string messaging_text(const json& instance) {
  const auto& link = member(instance, "link");
  const auto& mailbox = member(instance, "mailbox");
  std::string result;
  if (link.is_object())
    result = "linked with " + text_at(link, "client") + " since " + text_at(link, "since");
  if (const double waiting = sum_of_lanes(member(mailbox, "waiting")); waiting > 0)
    result += (result.empty() ? "" : "; ") + count_of(static_cast<std::size_t>(waiting), "message")
              + " waiting";
  return result;
}

} // namespace troupe::shell
