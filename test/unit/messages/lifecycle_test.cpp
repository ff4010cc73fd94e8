// Every pair of the table, written down a second time in another form: what each
// state hears, and where that leads. Then what must hold for any row.

#include "messages/lifecycle.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <set>
#include <string>

using namespace troupe;

namespace {

using enum state;
using ev = event;

struct outcome {
  state to;
  action act = action::none;

  bool operator==(const outcome&) const = default;
};

using expectations = std::map<event, outcome>;

expectations ends_of_a_process() {
  return {{ev::ended_completed, {completed}},
          {ev::ended_retry, {backoff, action::schedule_retry}},
          {ev::ended_failed, {failed, action::schedule_probe}}};
}

/// What is heard and changes nothing.
expectations stays(state where, std::initializer_list<event> events) {
  expectations result;
  for (auto each : events)
    result[each] = {where};
  return result;
}

expectations operator+(expectations a, const expectations& b) {
  for (const auto& [what, then] : b)
    BOOST_REQUIRE_MESSAGE(a.emplace(what, then).second, "expected twice: " << to_string(what));
  return a;
}

const outcome goes_up{waiting, action::ask};
const outcome goes_down{stopping, action::begin_stop};
const outcome leaves_queue{stopped, action::withdraw};
const outcome is_found{starting, action::watch_start};

std::map<state, expectations> all_expectations() {
  const expectations wanted_again{{ev::start, goes_up}, {ev::recycle, goes_up}};
  const expectations told_to_end{{ev::stop, goes_down}, {ev::recycle, goes_down}};
  const expectations ended_as_asked{{ev::ended_stopped, {stopped}}, {ev::ended_again, goes_up}};
  std::map<state, expectations> result;
  result[defined] =
      wanted_again + stays(defined, {ev::stop, ev::reset}) + expectations{{ev::adopt, is_found}};
  result[waiting] = stays(waiting, {ev::start, ev::recycle, ev::reset}) + ends_of_a_process()
                    + expectations{{ev::stop, leaves_queue},
                                   {ev::spawned, {starting, action::watch_start}},
                                   {ev::adopt, is_found}};
  result[starting] = stays(starting, {ev::start, ev::reset, ev::impaired, ev::recovered})
                     + told_to_end + ends_of_a_process()
                     + expectations{{ev::ready, {running, action::settle}},
                                    {ev::start_expired, goes_down},
                                    {ev::hung, goes_down}};
  result[running] = stays(running, {ev::start, ev::reset, ev::recovered, ev::resume}) + told_to_end
                    + ends_of_a_process()
                    + expectations{{ev::impaired, {degraded}},
                                   {ev::hung, goes_down},
                                   {ev::pause, {paused, action::freeze}},
                                   {ev::drain, {draining, action::begin_drain}}};
  result[degraded] = stays(degraded, {ev::start, ev::reset, ev::impaired}) + told_to_end
                     + ends_of_a_process()
                     + expectations{{ev::recovered, {running}},
                                    {ev::hung, goes_down},
                                    {ev::pause, {paused, action::freeze}},
                                    {ev::resume, {degraded, action::thaw}},
                                    {ev::drain, {draining, action::begin_drain}}};
  result[paused] =
      stays(paused, {ev::start, ev::pause, ev::reset, ev::impaired, ev::recovered, ev::hung})
      + told_to_end + ends_of_a_process()
      + expectations{{ev::resume, {running, action::thaw}},
                     {ev::drain, {draining, action::begin_drain}}};
  result[draining] = stays(draining, {ev::drain, ev::start, ev::stop, ev::recycle, ev::reset,
                                      ev::impaired, ev::recovered})
                     + ended_as_asked
                     + expectations{{ev::drained, goes_down},
                                    {ev::hung, goes_down},
                                    {ev::ended_retry, {backoff, action::schedule_retry}},
                                    {ev::ended_failed, {failed, action::schedule_probe}}};
  result[stopping] = stays(stopping, {ev::start, ev::stop, ev::recycle, ev::reset, ev::impaired,
                                      ev::recovered, ev::hung})
                     + ended_as_asked
                     + expectations{{ev::ended_retry, {backoff, action::schedule_retry}},
                                    {ev::ended_failed, {failed, action::schedule_probe}}};
  result[stopped] = wanted_again + stays(stopped, {ev::stop, ev::reset, ev::ended_stopped})
                    + expectations{{ev::adopt, is_found}, {ev::spawned, goes_down}};
  result[completed] = wanted_again + stays(completed, {ev::reset})
                      + expectations{{ev::adopt, is_found}, {ev::stop, {stopped}}};
  for (auto down : {backoff, failed})
    result[down] = wanted_again
                   + expectations{{ev::due, goes_up},
                                  {ev::reset, goes_up},
                                  {ev::stop, leaves_queue},
                                  {ev::adopt, is_found}};
  return result;
}

template <class F>
void for_each_pair(F what) {
  for (std::size_t s = 0; s < state_count; ++s)
    for (std::size_t e = 0; e < event_count; ++e)
      what(static_cast<state>(s), static_cast<event>(e));
}

bool says_end(event e) {
  return e == ev::ended_stopped || e == ev::ended_again || e == ev::ended_completed
         || e == ev::ended_retry || e == ev::ended_failed;
}

} // namespace

BOOST_AUTO_TEST_CASE(every_pair_leads_where_it_should_or_is_refused) {
  const auto expected = all_expectations();
  BOOST_REQUIRE_EQUAL(expected.size(), state_count);
  for_each_pair([&](state from, event on) {
    BOOST_TEST_CONTEXT(to_string(from) << " + " << to_string(on)) {
      const auto* row = find_transition(from, on);
      const auto at = expected.at(from).find(on);
      if (at == expected.at(from).end()) {
        BOOST_TEST(row == nullptr);
        return;
      }
      BOOST_REQUIRE(row != nullptr);
      BOOST_TEST((row->from == from && row->on == on));
      BOOST_TEST(to_string(row->to) == to_string(at->second.to));
      BOOST_TEST(to_string(row->act) == to_string(at->second.act));
    }
  });
}

BOOST_AUTO_TEST_CASE(actions_fit_the_state_that_they_lead_into) {
  const std::map<action, std::set<state>> fitting{
      {action::ask, {waiting}},
      {action::withdraw, {stopped}},
      {action::watch_start, {starting}},
      {action::settle, {running}},
      {action::begin_drain, {draining}},
      {action::begin_stop, {stopping}},
      {action::schedule_retry, {backoff}},
      {action::schedule_probe, {failed}},
      {action::freeze, {paused}},
      {action::thaw, {running, degraded}},
  };
  for (const auto& row : transition_table)
    BOOST_TEST_CONTEXT(to_string(row.from) << " + " << to_string(row.on)) {
      if (row.act != action::none)
        BOOST_TEST(fitting.at(row.act).contains(row.to));
      // Nobody enters these and does nothing about it.
      if (row.from != row.to
          && (row.to == waiting || row.to == starting || row.to == stopping || row.to == backoff
              || row.to == failed))
        BOOST_TEST((row.act != action::none));
    }
}

BOOST_AUTO_TEST_CASE(processes_come_and_go_only_by_events_that_say_so) {
  for (const auto& row : transition_table)
    BOOST_TEST_CONTEXT(to_string(row.from) << " + " << to_string(row.on)) {
      const bool had = has_process(row.from), has = has_process(row.to);
      if (!had && has)
        BOOST_TEST((row.on == ev::spawned || row.on == ev::adopt));
      if (had && !has)
        BOOST_TEST(says_end(row.on));
      // A start that failed before there was a process, or was taken back.
      if (says_end(row.on))
        BOOST_TEST((had || row.from == waiting || row.from == stopped));
      if (says_end(row.on))
        BOOST_TEST(!has);
    }
}

BOOST_AUTO_TEST_CASE(operators_are_heard_in_every_state) {
  for (std::size_t s = 0; s < state_count; ++s)
    for (auto order : {ev::start, ev::stop, ev::recycle, ev::reset})
      BOOST_TEST_CONTEXT(to_string(static_cast<state>(s)) << " + " << to_string(order)) {
        BOOST_TEST((find_transition(static_cast<state>(s), order) != nullptr));
      }
}

BOOST_AUTO_TEST_CASE(whatever_has_a_process_can_lose_it) {
  for (std::size_t s = 0; s < state_count; ++s) {
    const auto from = static_cast<state>(s);
    if (!has_process(from))
      continue;
    bool loses = false;
    for (const auto& row : transition_table)
      loses |= row.from == from && says_end(row.on);
    BOOST_TEST(loses, to_string(from));
  }
}

BOOST_AUTO_TEST_CASE(states_are_reachable_from_defined) {
  std::set<state> reached{defined};
  for (bool grew = true; std::exchange(grew, false);)
    for (const auto& row : transition_table)
      if (reached.contains(row.from))
        grew |= reached.insert(row.to).second;
  BOOST_TEST(reached.size() == state_count);
}

BOOST_AUTO_TEST_CASE(up_states_have_a_process) {
  const std::set<state> up{running, degraded, draining};
  std::set<state> ready{up};
  ready.insert(paused);
  for (std::size_t s = 0; s < state_count; ++s) {
    const auto each = static_cast<state>(s);
    BOOST_TEST(counts_as_up(each) == up.contains(each), to_string(each));
    BOOST_TEST(has_been_ready(each) == ready.contains(each), to_string(each));
    BOOST_TEST(has_process(each) == (ready.contains(each) || each == starting || each == stopping),
               to_string(each));
  }
}

BOOST_AUTO_TEST_CASE(names_are_unique_and_come_back) {
  std::set<std::string_view> names;
  for (std::size_t s = 0; s < state_count; ++s) {
    const auto each = static_cast<state>(s);
    BOOST_TEST(names.insert(to_string(each)).second);
    BOOST_TEST((state_from(to_string(each)) == each));
    BOOST_TEST(!describe(each).empty());
  }
  BOOST_TEST(!state_from("crashed").has_value());
  BOOST_TEST(!state_from("").has_value());
  BOOST_TEST(to_string(static_cast<state>(state_count)) == "unknown");
}

BOOST_AUTO_TEST_CASE(events_and_actions_have_names_and_meanings) {
  std::set<std::string_view> names;
  for (std::size_t e = 0; e < event_count; ++e) {
    BOOST_TEST(names.insert(to_string(static_cast<event>(e))).second);
    BOOST_TEST(!describe(static_cast<event>(e)).empty());
  }
  BOOST_TEST(to_string(event::reset) == "reset");
  BOOST_TEST(to_string(static_cast<event>(event_count)) == "unknown");
  names.clear();
  for (const auto& row : transition_table)
    names.insert(to_string(row.act));
  BOOST_TEST(names.size() == static_cast<std::size_t>(action::thaw) + 1);
  BOOST_TEST(!names.contains("unknown"));
}
