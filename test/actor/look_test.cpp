// Looks at instances and at the machine, each by an actor that comes and goes.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

struct looking : stage {
  template <class Answer, class... Question>
  Answer ask(const Question&... question) {
    caf::scoped_actor self{system(), true};
    auto response = self->request(all().launcher, std::chrono::seconds{30}, question...);
    settle();
    Answer result;
    response.receive([&](Answer& x) { result = std::move(x); },
                     [&](caf::error& e) { BOOST_ERROR(system().render(e)); });
    return result;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(looks, looking)

BOOST_AUTO_TEST_CASE(the_launcher_has_somebody_look) {
  auto fleet = fleet_builder{}
                   .bot("a",
                        [](auto& x) {
                          x.environment = {{"X", "1"}};
                          x.limits.open_files = 7;
                        })
                   .build();
  run(fleet);
  advance(2s);
  const launch what{"a#0", record("a#0").incarnation, fleet->bots.at("a")->instances[0]};
  // More of them than there may be at a time: each is gone when it has answered.
  for (int i = 0; i < 20; ++i) {
    const auto found = ask<environment_report>(environ_atom_v, what);
    BOOST_TEST(found.trouble == "");
    BOOST_TEST(found.pid == record("a#0").pid);
    BOOST_REQUIRE(found.variables.size() == 1u);
    BOOST_TEST(found.variables[0].value == "1");
  }
  const auto limits = ask<limits_report>(limits_atom_v, launches{what});
  BOOST_TEST(*limits.of.at("a#0").at(0).limit == 7);
  auto machine = ask<figures>(figures_atom_v).of;
  BOOST_TEST(machine["slots"] == 1);
  BOOST_TEST(machine.contains("starts_queued"));
  BOOST_TEST(machine["restart_tokens"] == 50);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_SUITE_END()
