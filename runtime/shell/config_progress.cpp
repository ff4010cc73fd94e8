#include "runtime/shell/config_progress.hpp"

#include "messages/records.hpp"
#include "runtime/shell/local.hpp"
#include "runtime/shell/render.hpp"

#include <algorithm>

namespace troupe::shell {

namespace {

using std::chrono::milliseconds;
using clock_type = std::chrono::steady_clock;

/// No request waits longer in the runtime; what takes longer is asked again.
constexpr std::int64_t wait_slice_ms = 2000;

/// «12:00:01  version 8: market/trader 2 of 4 instances changed»
std::string event_line(const json& event, const terminal& on) {
  const auto time = text_at(event, "time");
  return painted(time.size() >= 19 ? time.substr(11, 8) : time, tone::faint, on) + "  "
         + text_at(event, "cause") + "\n";
}

} // namespace

std::optional<refusal> config_progress::begin() {
  const json arguments{{"targets", json::array({std::string{config_subject}})}, {"last", 1}};
  const auto got = runtime_.ask("events", arguments.dump(), true);
  if (!got)
    return got.error();
  const auto event = json::parse(got->document, nullptr, false);
  if (got->exit != 0)
    return read_refusal(event, got->exit);
  if (event.is_object())
    after_ = static_cast<std::uint64_t>(number_at(event, "seq"));
  return std::nullopt;
}

std::optional<refusal> config_progress::show_events(std::uint32_t wait_ms) {
  const json arguments{{"targets", json::array({std::string{config_subject}})},
                       {"after", after_},
                       {"wait_ms", wait_ms}};
  const auto got = runtime_.ask("events", arguments.dump(), true);
  if (!got)
    return got.error();
  if (got->exit != 0)
    return read_refusal(json::parse(got->document, nullptr, false), got->exit);
  std::string_view rest = got->document;
  std::string text;
  while (!rest.empty()) {
    const auto stop = std::min(rest.find('\n'), rest.size());
    const auto event = json::parse(rest.substr(0, stop), nullptr, false);
    rest.remove_prefix(std::min(stop + 1, rest.size()));
    if (!event.is_object())
      continue;
    after_ = std::max(after_, static_cast<std::uint64_t>(number_at(event, "seq")));
    text += event_line(event, on_);
  }
  if (!quiet_ && !print(text))
    return refusal{exit_code::failed, "interrupted", "", ""}; // that has been said
  return std::nullopt;
}

config::expected<std::optional<config_progress::end>, refusal>
config_progress::look(std::uint64_t version) {
  const auto got = runtime_.ask("config standing", "{}", true);
  if (!got)
    return config::unexpected{got.error()};
  const auto standing = json::parse(got->document, nullptr, false);
  if (got->exit != 0)
    return config::unexpected{read_refusal(standing, got->exit)};
  const auto now = static_cast<std::uint64_t>(number_at(standing, "version"));
  const auto state = text_at(standing, "state");
  // What came in its place is to be there as well.
  if (state == "updating")
    return std::optional<end>{};
  const auto number = "version " + std::to_string(version);
  if (now == version) {
    end result{true, state == "healthy", state, ""};
    if (const auto update = standing.find("update"); update != standing.end())
      result.text = text_at(*update, "failed");
    if (!result.healthy)
      result.text = number + " is " + state + (result.text.empty() ? "" : ": " + result.text);
    return std::optional{result};
  }
  end result{true, false, "unknown", ""};
  const auto list = runtime_.ask("config versions", R"({"last":1000})", true);
  if (!list)
    return config::unexpected{list.error()};
  const auto versions = json::parse(list->document, nullptr, false);
  std::string why;
  for (const auto& one : list_at(versions, "versions")) {
    if (number_at(one, "number") == static_cast<double>(version))
      result.state = text_at(one, "state");
    if (number_at(one, "number") == static_cast<double>(now))
      why = text_at(one, "reason");
  }
  result.healthy = result.state == "healthy";
  if (!result.healthy)
    result.text = number + " is " + result.state + ", version " + std::to_string(now)
                  + " is in force: " + why;
  return std::optional{result};
}

config::expected<config_progress::end, refusal> config_progress::follow(std::uint64_t version,
                                                                        milliseconds limit) {
  const auto deadline = clock_type::now() + limit;
  for (;;) {
    auto found = look(version);
    if (!found)
      return config::unexpected{found.error()};
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - clock_type::now());
    const bool over = found->has_value() || left.count() <= 0;
    // The last events are told too.
    const auto wait =
        over ? 0 : static_cast<std::uint32_t>(std::min<std::int64_t>(left.count(), wait_slice_ms));
    if (auto trouble = show_events(wait))
      return config::unexpected{std::move(*trouble)};
    if (found->has_value())
      return **found;
    if (over)
      return end{false, false, "updating",
                 "version " + std::to_string(version) + " is still being carried out"};
  }
}

} // namespace troupe::shell
