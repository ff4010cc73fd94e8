// Whether one bot is started again.

#include "runtime/solo/restarts.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>

using namespace troupe;
using namespace troupe::solo;
using namespace std::chrono_literals;

namespace {

config::bot_spec spec_with(const restart_words& words) {
  config::bot_spec result;
  result.restart = config::restart_type::temporary;
  const auto wrong = apply(words, result);
  BOOST_REQUIRE_MESSAGE(!wrong, (wrong ? wrong->message : ""));
  return result;
}

refusal refused(const restart_words& words) {
  config::bot_spec spec;
  spec.restart = config::restart_type::temporary;
  const auto wrong = apply(words, spec);
  BOOST_REQUIRE(wrong.has_value());
  return *wrong;
}

run_end ended(int code, int signal = 0, std::chrono::nanoseconds uptime = 10s) {
  run_end result;
  result.status = {signal != 0 ? -1 : code, signal, false};
  result.was_ready = uptime >= 1s;
  result.uptime = uptime;
  return result;
}

bool again(restarts& judge, const run_end& end, monotonic now = 100s) {
  return judge.after(end, now, 0).again;
}

} // namespace

BOOST_AUTO_TEST_SUITE(solo_restarts)

BOOST_AUTO_TEST_CASE(words_of_the_command_line) {
  BOOST_TEST((spec_with({"always", {}, {}}).restart == config::restart_type::permanent));
  BOOST_TEST((spec_with({"transient", {}, {}}).restart == config::restart_type::transient));
  const auto spec = spec_with({"on_failure", 2min, 50});
  BOOST_TEST((spec.restart == config::restart_type::transient));
  BOOST_TEST((spec.delay.initial == 2min));
  BOOST_TEST((spec.delay.max == 2min));
  BOOST_TEST(spec.max_restarts.count == 50u);
  BOOST_TEST((spec.max_restarts.within == 10min));
  BOOST_TEST(spec.failed_starts == 51u);
  BOOST_TEST((spec_with({"always", 0s, {}}).delay.initial == 0s));
  BOOST_TEST((spec_with({"always", 1s, {}}).delay.max == 30s));
}

BOOST_AUTO_TEST_CASE(words_that_say_nothing_are_refused) {
  BOOST_TEST(refused({"alway", {}, {}}).hint == "did you mean \"always\"?");
  BOOST_TEST(refused({{}, 1s, {}}).message
             == "run: --delay says nothing where nothing is restarted");
  BOOST_TEST(refused({"never", {}, 3}).hint == "add --restart on_failure or --restart always");
  BOOST_TEST(refused({"always", {}, 0xffff'ffff}).message
             == "run: --max-restarts is at most 1000000");
}

BOOST_AUTO_TEST_CASE(the_policy_decides) {
  restarts never{spec_with({})};
  BOOST_TEST(!never.wanted());
  BOOST_TEST(!again(never, ended(1)));
  restarts on_failure{spec_with({"on_failure", {}, {}})};
  BOOST_TEST(again(on_failure, ended(1)));
  BOOST_TEST(again(on_failure, ended(0, SIGSEGV)));
  BOOST_TEST(!again(on_failure, ended(0)));
  BOOST_TEST(!again(on_failure, ended(125)));
  restarts always{spec_with({"always", {}, {}})};
  BOOST_TEST(again(always, ended(0)));
  BOOST_TEST(!again(always, ended(125)));
}

BOOST_AUTO_TEST_CASE(the_budget_is_the_number_that_was_given) {
  for (const std::uint32_t budget : {0u, 1u, 15u, 40u}) {
    // Whether they come up or not.
    for (const auto uptime : {2s, 0s}) {
      restarts judge{spec_with({"always", 0s, budget})};
      std::uint32_t count = 0;
      while (count <= 100 && again(judge, ended(1, 0, uptime)))
        ++count;
      BOOST_TEST(count == budget);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_pause_grows_and_is_told) {
  restarts judge{spec_with({"always", 1s, {}})};
  const auto first = judge.after(ended(1, 0, 0s), 100s, 0);
  BOOST_TEST((first.after == 1s));
  BOOST_TEST(first.reason == "restart 1 of 15");
  BOOST_TEST((judge.after(ended(1, 0, 0s), 101s, 0).after == 2s));
}

BOOST_AUTO_TEST_CASE(who_terminates_it_means_it_however_long_it_takes) {
  restarts judge{spec_with({"always", {}, {}})};
  judge.signalled(SIGTERM, 100s);
  BOOST_TEST(!again(judge, ended(1), 10000s));
}

BOOST_AUTO_TEST_CASE(an_interrupt_counts_for_its_stop_timeout) {
  for (const int signal : {SIGINT, SIGQUIT}) {
    restarts judge{spec_with({"always", {}, {}})};
    judge.signalled(signal, 100s);
    BOOST_TEST(!again(judge, ended(1), 110s));
    restarts survivor{spec_with({"always", {}, {}})};
    survivor.signalled(signal, 100s);
    BOOST_TEST(again(survivor, ended(1), 111s));
    restarts slow{spec_with({"always", {}, {}})};
    slow.signalled(signal, 100s);
    BOOST_TEST(!again(slow, ended(0, signal), 200s));
    restarts polite{spec_with({"always", {}, {}})};
    polite.signalled(signal, 100s);
    BOOST_TEST(!again(polite, ended(128 + signal), 200s));
  }
}

BOOST_AUTO_TEST_CASE(a_hangup_is_an_end_only_to_who_dies_of_it) {
  restarts judge{spec_with({"always", {}, {}})};
  judge.signalled(SIGHUP, 100s);
  BOOST_TEST(again(judge, ended(1), 100s));
  BOOST_TEST(!again(judge, ended(0, SIGHUP), 101s));
}

BOOST_AUTO_TEST_CASE(other_signals_mean_nothing) {
  restarts judge{spec_with({"always", {}, {}})};
  for (const int signal : {SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT, SIGTSTP})
    judge.signalled(signal, 100s);
  BOOST_TEST(again(judge, ended(0, SIGUSR1)));
  // Sent to the bot itself by somebody: we were not asked.
  BOOST_TEST(again(judge, ended(0, SIGTERM)));
  BOOST_TEST(again(judge, ended(0, SIGINT)));
}

BOOST_AUTO_TEST_CASE(a_start_that_failed_is_a_failure) {
  restarts judge{spec_with({"on_failure", {}, 1})};
  run_end end;
  end.spawned = false;
  BOOST_TEST(again(judge, end));
  const auto last = judge.after(end, 100s, 0);
  BOOST_TEST(!last.again);
  BOOST_TEST(last.reason == "more than 1 restarts within 10 min");
}

BOOST_AUTO_TEST_SUITE_END()
