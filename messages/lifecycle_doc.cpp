// Prints docs/lifecycle.md, so that the page says what the table says.

#include "messages/lifecycle.hpp"

#include <iostream>
#include <map>
#include <string>
#include <utility>

namespace troupe {

namespace {

constexpr auto introduction = R"(# The life of an instance

<!-- Made from messages/lifecycle.hpp by troupe-lifecycle-doc: change the table there, then
     run `troupe-lifecycle-doc > docs/lifecycle.md`. -->

Every instance of a bot is in one of twelve states. Whatever happens to it, an order, a timer or
the end of its process, becomes one event, and one table says what follows. A pair that is not in
the table is refused and logged: nothing moves.

Only changes of state are told, as events of the fleet (`troupe events`). What is merely
interesting, such as a crash loop or memory that ran out, is a cause and stands in WHY.
)";

constexpr auto how_ends_are_judged = R"(
The five `ended_…` events are judgements. What an end means depends on the bot's restart type,
its exit code, its budgets and on whether somebody asked for it: the same exit code 0 is
`ended_retry` for a permanent bot, `ended_completed` for a transient one and `ended_stopped`
after `troupe stop`.
)";

/// Changes of state only, each pair of states once, with all its events.
std::map<std::pair<state, state>, std::string> arrows() {
  std::map<std::pair<state, state>, std::string> result;
  for (const auto& row : transition_table) {
    if (row.from == row.to)
      continue;
    auto& label = result[{row.from, row.to}];
    label += (label.empty() ? "" : ", ") + std::string{to_string(row.on)};
  }
  return result;
}

void print_states(std::ostream& out) {
  out << "\n## States\n\n| state | meaning | has a process | counts as up |\n"
         "| --- | --- | --- | --- |\n";
  for (std::size_t i = 0; i < state_count; ++i) {
    const auto each = static_cast<state>(i);
    out << "| " << to_string(each) << " | " << describe(each) << " | "
        << (has_process(each) ? "yes" : "") << " | " << (counts_as_up(each) ? "yes" : "") << " |\n";
  }
}

void print_diagram(std::ostream& out) {
  out << "\n## Diagram\n\n```mermaid\nstateDiagram-v2\n  [*] --> defined\n";
  for (const auto& [ends, label] : arrows())
    out << "  " << to_string(ends.first) << " --> " << to_string(ends.second) << ": " << label
        << "\n";
  out << "```\n";
}

void print_events(std::ostream& out) {
  out << "\n## Events\n\n| event | meaning |\n| --- | --- |\n";
  for (std::size_t i = 0; i < event_count; ++i) {
    const auto each = static_cast<event>(i);
    out << "| " << to_string(each) << " | " << describe(each) << " |\n";
  }
  out << how_ends_are_judged;
}

void print_table(std::ostream& out) {
  out << "\n## Transitions\n\nRows whose two states are equal are heard and change nothing: asking "
         "for what is already so is\nno error.\n\n| in | on | goes to | and does |\n"
         "| --- | --- | --- | --- |\n";
  for (const auto& row : transition_table)
    out << "| " << to_string(row.from) << " | " << to_string(row.on) << " | " << to_string(row.to)
        << " | " << describe(row.act) << " |\n";
}

} // namespace

} // namespace troupe

int main() {
  std::cout << troupe::introduction;
  troupe::print_states(std::cout);
  troupe::print_diagram(std::cout);
  troupe::print_events(std::cout);
  troupe::print_table(std::cout);
  return std::cout.flush() ? 0 : 1;
}
