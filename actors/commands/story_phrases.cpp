#include "actors/commands/story.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace troupe::commands {

namespace {

bool ended_wrongly(const transition& e) {
  return e.from != e.to && (e.to == state::backoff || e.to == state::failed);
}

/// A word of letters, digits and what else may stand in the name of an instance.
bool in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
         || std::string_view{"._-/#"}.find(c) != std::string_view::npos;
}

std::string retry_phrase(const own_events& events, std::size_t at, std::uint32_t of) {
  const auto& e = *events[at];
  if (!e.cause.starts_with("retry") && !e.cause.starts_with("probe"))
    return "started again: " + e.cause;
  std::string result = e.from == state::failed ? "probed" : "tried again";
  if (at > 0)
    result += " after " + short_time(e.time - events[at - 1]->time);
  if (e.from == state::backoff)
    if (const auto count = ends_in_a_row(events, at); count > 0)
      result += " (attempt " + std::to_string(count) + " of " + std::to_string(of) + ")";
  return result;
}

std::string first_words(const own_events& events, std::size_t at, std::uint32_t of) {
  const auto& e = *events[at];
  if (e.from == e.to) // a remark changes nothing
    return e.cause;
  switch (e.to) {
  case state::waiting:
    if (e.from == state::backoff || e.from == state::failed)
      return retry_phrase(events, at, of);
    if (e.from == state::stopping || e.from == state::draining)
      return "ended: " + e.cause;
    return e.cause == "autostart" ? "started with the fleet" : "started, " + e.cause;
  case state::starting:
    return e.cause;
  case state::running:
    if (e.from == state::starting)
      return "running, " + e.cause;
    return e.from == state::paused ? "resumed: " + e.cause : "running again: " + e.cause;
  case state::draining:
    return "asked over its link to finish: " + e.cause;
  case state::stopping:
    return (e.from == state::draining ? "then told to end: " : "told to end: ") + e.cause;
  case state::stopped:
    return (e.from == state::stopping || e.from == state::draining ? "ended: " : "stopped: ")
           + e.cause;
  case state::completed:
    return "completed: " + e.cause;
  case state::failed:
    return "given up: " + e.cause;
  case state::backoff:
    return e.cause;
  default:
    return std::string{troupe::to_string(e.to)} + ": " + e.cause;
  }
}

} // namespace

std::string short_time(std::int64_t micros) {
  const double s = static_cast<double>(std::max<std::int64_t>(micros, 0)) / 1e6;
  char text[48];
  if (s < 10)
    std::snprintf(text, sizeof text, "%.1f s", s);
  else if (s < 120)
    std::snprintf(text, sizeof text, "%.0f s", s);
  else if (s < 7200)
    std::snprintf(text, sizeof text, "%.0f min", s / 60);
  else if (s < 172'800)
    std::snprintf(text, sizeof text, "%.0f h", s / 3600);
  else
    std::snprintf(text, sizeof text, "%.0f days", s / 86400);
  return text;
}

std::vector<std::string> mentioned(std::string_view text, const std::string& except) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at < text.size();) {
    if (!in_name(text[at])) {
      ++at;
      continue;
    }
    const auto from = at;
    while (at < text.size() && in_name(text[at]))
      ++at;
    const auto word = text.substr(from, at - from);
    const auto sharp = word.find('#');
    if (sharp == std::string_view::npos || sharp == 0 || sharp + 1 == word.size())
      continue;
    const auto digits = word.find_first_not_of("0123456789", sharp + 1);
    std::string name{word.substr(0, digits)};
    if (name.back() != '#' && name != except && std::ranges::count(result, name) == 0)
      result.push_back(std::move(name));
  }
  return result;
}

std::size_t ends_in_a_row(const own_events& events, std::size_t at) {
  constexpr std::int64_t healthy = 60'000'000; // as the built-in reset_after
  std::size_t count = 0;
  std::int64_t ended = 0;
  for (std::size_t i = at + 1; i-- > 0;) {
    const auto& e = *events[i];
    if (ended_wrongly(e)) {
      ended = e.time;
      ++count;
    } else if (e.to == state::running && ended != 0 && ended - e.time >= healthy) {
      break;
    } else if (e.to == state::waiting && e.from != state::backoff && e.from != state::failed
               && e.from != state::stopping && e.from != state::draining) {
      break; // somebody started it
    }
  }
  return count;
}

std::size_t beginning(const own_events& events, std::size_t last) {
  for (std::size_t i = last + 1; i-- > 0;) {
    const auto& e = *events[i];
    if (e.from == e.to)
      continue;
    const bool still = i == last;
    const bool asked_before = e.from == state::stopping || e.from == state::draining;
    if (asked_before)
      continue;
    if (e.to == state::stopping || e.to == state::draining || e.to == state::backoff
        || e.to == state::failed || e.to == state::completed || e.to == state::stopped)
      return i;
    if (e.to == state::waiting && e.from != state::backoff && e.from != state::failed)
      return i;
    if (still && (e.to == state::degraded || e.to == state::paused))
      return i;
    if (e.to == state::starting && e.from != state::waiting)
      return i; // found running
  }
  return 0;
}

std::string phrase(const own_events& events, std::size_t& at, std::uint32_t of) {
  auto result = first_words(events, at, of);
  auto before = events[at++];
  if (before->from == before->to)
    return result;
  const auto follows = [&](state from) {
    return at < events.size() && events[at]->from == from && events[at]->to != from
           && before->to == from;
  };
  if (follows(state::stopping)) {
    if (events[at]->to == state::failed)
      return result + "; given up: " + events[at++]->cause;
    return result + "; ended: " + events[at++]->cause;
  }
  if (follows(state::waiting) && events[at]->to == state::starting) {
    const auto waited = events[at]->time - before->time;
    result += waited >= 1'000'000 ? ", waited " + short_time(waited) + ", " : "; ";
    result += events[at]->cause;
    before = events[at++];
  }
  if (follows(state::starting) && events[at]->to == state::running) {
    result += ", running " + short_time(events[at]->time - before->time) + " later";
    ++at;
  }
  return result;
}

} // namespace troupe::commands
