// The table of OTP: restart type, exit and strategy decide what becomes of the one
// that ended and of its siblings.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

enum class fate { stays, restarts, completes, fails };

const char* to_string(fate x) {
  const char* names[] = {"stays", "restarts", "completes", "fails"};
  return names[static_cast<int>(x)];
}

struct row {
  config::restart_type type;
  exit_status how;
  fate culprit;
  bool concerns_siblings;
};

constexpr exit_status code_0{0, 0, false}, code_1{1, 0, false}, by_term{-1, 15, false};

using enum config::restart_type;
const row table[] = {
    {permanent, code_0, fate::restarts, true},   {permanent, code_1, fate::restarts, true},
    {permanent, by_term, fate::restarts, true},  {transient, code_0, fate::completes, false},
    {transient, code_1, fate::restarts, true},   {transient, by_term, fate::restarts, true},
    {temporary, code_0, fate::completes, false}, {temporary, code_1, fate::fails, false},
    {temporary, by_term, fate::fails, false},
};

fate fate_of(stage& world, const std::string& instance, std::uint64_t before) {
  const auto now = world.record(instance);
  if (now.now == state::completed)
    return fate::completes;
  if (now.now == state::failed)
    return fate::fails;
  BOOST_TEST(to_string(now.now) == "running");
  return now.incarnation == before ? fate::stays : fate::restarts;
}

void check(config::strategy how) {
  for (const auto& [type, status, expected, concerns] : table)
    BOOST_TEST_CONTEXT("restart type " << static_cast<int>(type) << ", " << to_string(status)) {
      stage world;
      const auto with = [&, &restart = type](auto& spec) { spec.restart = restart; };
      world.run(fleet_builder{}
                    .group("g", how)
                    .bot("g/a", with)
                    .bot("g/b", with)
                    .bot("g/c", with)
                    .bot("other")
                    .build());
      world.advance(2s);
      std::map<std::string, std::uint64_t> before;
      for (const auto* each : {"g/a#0", "g/b#0", "g/c#0", "other#0"})
        before[each] = world.record(each).incarnation;
      world.host.end("g/b#0", status);
      world.advance(5s);
      const auto of = [&](const std::string& instance) {
        return to_string(fate_of(world, instance, before[instance]));
      };
      const bool all = concerns && how == config::strategy::one_for_all;
      const bool rest = concerns && how == config::strategy::rest_for_one;
      BOOST_TEST(of("g/b#0") == to_string(expected));
      BOOST_TEST(of("g/a#0") == to_string(all ? fate::restarts : fate::stays));
      BOOST_TEST(of("g/c#0") == to_string(all || rest ? fate::restarts : fate::stays));
      BOOST_TEST(of("other#0") == "stays");
      BOOST_TEST(world.problems() == "");
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(one_for_one) {
  check(config::strategy::one_for_one);
}

BOOST_AUTO_TEST_CASE(one_for_all) {
  check(config::strategy::one_for_all);
}

BOOST_AUTO_TEST_CASE(rest_for_one) {
  check(config::strategy::rest_for_one);
}

BOOST_FIXTURE_TEST_CASE(a_code_that_forbids_restarts_fails_at_once, stage) {
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  host.end("a#0", {125, 0, false});
  advance(2h);
  BOOST_TEST(to_string(state_of("a#0")) == "failed");
  BOOST_TEST(host.spawns("a#0") == 1u);
  BOOST_TEST(problems() == "");
}
