#include "messages/lifecycle.hpp"

namespace troupe {

namespace {

struct word {
  std::string_view name;
  std::string_view meaning;
};

constexpr word states[] = {
    {"defined", "known, not asked to run"},
    {"waiting", "wanted; waits for dependencies, a start slot or a schedule"},
    {"starting", "the process exists, not ready yet"},
    {"running", "ready"},
    {"degraded", "up, but a liveness or resource check is failing, or stopped from outside"},
    {"paused", "frozen by request"},
    {"draining", "gets no new work, finishes what it has"},
    {"stopping", "asked to end; the kill timer runs"},
    {"stopped", "ended by request"},
    {"completed", "ended by itself and is not to run again"},
    {"backoff", "ended wrongly; a restart is scheduled"},
    {"failed", "given up: a budget was passed, or it can never start"},
};
static_assert(std::size(states) == state_count);

constexpr word events[] = {
    {"start", "somebody wants it up"},
    {"stop", "somebody wants it down"},
    {"recycle", "somebody wants another process of it"},
    {"spawned", "its process exists"},
    {"adopt", "its process was there before its proxy was"},
    {"ready", "its process lived for start_grace, or its check passed"},
    {"start_expired", "it was not ready within start_timeout"},
    {"hung", "it was silent for longer than its watchdog allows, or says so itself"},
    {"impaired", "a check fails, or it was stopped from outside"},
    {"recovered", "that is over"},
    {"pause", "somebody wants it frozen"},
    {"resume", "somebody wants it to go on"},
    {"drain", "somebody wants it down, and it can be told so over its link"},
    {"drained", "it has finished, or had the time for it"},
    {"ended_stopped", "its process ended as asked"},
    {"ended_again", "its process ended as asked, and another one is wanted"},
    {"ended_completed", "its process ended by itself and is not to run again"},
    {"ended_retry", "its process ended or could not start; it is tried again"},
    {"ended_failed", "the same, and a budget is passed or no restart can help"},
    {"due", "the pause before the next try is over"},
    {"reset", "somebody forgave its failures"},
};
static_assert(std::size(events) == event_count);

constexpr word actions[] = {
    {"none", ""},
    {"ask", "ask the supervisor to be admitted"},
    {"withdraw", "take that back; forget a scheduled try"},
    {"watch_start", "arm start_grace and start_timeout"},
    {"settle", "note that it is ready"},
    {"begin_drain", "thaw it, tell it to finish and to cancel what is open"},
    {"begin_stop", "thaw it, then climb the stop ladder"},
    {"schedule_retry", "arm the pause before the next try"},
    {"schedule_probe", "raise the alert, arm the slow probe"},
    {"freeze", "stop its processes where they are"},
    {"thaw", "let them go on"},
};

template <class Words, class Enum>
const word& word_of(const Words& words, Enum value) {
  static constexpr word unknown{"unknown", "not in the table"};
  const auto index = static_cast<std::size_t>(value);
  return index < std::size(words) ? words[index] : unknown;
}

} // namespace

std::string_view to_string(state x) {
  return word_of(states, x).name;
}
std::string_view to_string(event x) {
  return word_of(events, x).name;
}
std::string_view to_string(action x) {
  return word_of(actions, x).name;
}

std::string_view describe(state x) {
  return word_of(states, x).meaning;
}
std::string_view describe(event x) {
  return word_of(events, x).meaning;
}
std::string_view describe(action x) {
  return word_of(actions, x).meaning;
}

std::optional<state> state_from(std::string_view name) {
  for (std::size_t i = 0; i < state_count; ++i)
    if (states[i].name == name)
      return static_cast<state>(i);
  return std::nullopt;
}

} // namespace troupe
