// What the ledger and the config actor tell becomes routing tables for the hub.

#include "actors/switchboard.hpp"
#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using messaging::routes_ptr;

namespace {

/// Keeps the tables that it gets.
struct kept {
  std::vector<routes_ptr> tables;
};

hub_actor::behavior_type stub_hub(hub_actor::pointer self, std::shared_ptr<kept> all) {
  self->set_default_handler(caf::drop);
  return {
      [](wire_atom, const services_ptr&) {},
      [all](apply_atom, const routes_ptr& x) { all->tables.push_back(x); },
      [](link_atom, const new_link&) {},
      [](ask_atom, const std::string&, std::uint64_t, messaging::link_order, std::uint32_t) {},
      [](const hub_request&) { return std::string{}; },
      [](figures_atom) { return figures{}; },
      [](stop_atom) {},
      [](tick_atom, std::uint64_t) {},
  };
}

/// A fleet with a switchboard beside the services that the guardian makes.
struct exchange {
  stage world;
  std::shared_ptr<kept> got = std::make_shared<kept>();
  services all;
  std::vector<caf::actor> made; ///< no guardian ends these

  ~exchange() {
    all = {};
    for (const auto& each : std::exchange(made, {}))
      caf::anon_send_exit(each, caf::exit_reason::kill);
    world.settle();
  }

  void begin(const config::spec_ptr& fleet) {
    world.run(fleet);
    all = world.all();
    all.hub = make_hub();
    all.switchboard = make_switchboard();
    hand_out();
  }
  hub_actor make_hub() {
    got->tables.clear();
    return keep(world.system().spawn(stub_hub, got));
  }
  switchboard_actor make_switchboard() { return keep(world.system().spawn(switchboard)); }
  template <class Handle>
  Handle keep(const Handle& fresh) {
    made.push_back(caf::actor_cast<caf::actor>(fresh));
    return fresh;
  }

  /// As the guardian does: the ledger first.
  void hand_out() {
    const auto given = std::make_shared<const services>(all);
    caf::anon_send(all.ledger, wire_atom_v, given);
    caf::anon_send(all.switchboard, wire_atom_v, given);
    caf::anon_send(all.config, wire_atom_v, given);
  }

  const messaging::routing_table& table() {
    BOOST_REQUIRE(!got->tables.empty());
    return *got->tables.back();
  }
  std::string how(const std::string& instance) {
    const auto* found = table().instances.get(instance);
    return found ? std::string{to_string((*found)->now)} + ' '
                       + std::to_string((*found)->incarnation) + ((*found)->wanted ? " wanted" : "")
                 : "none";
  }
  /// What differs between the table and what the ledger says.
  std::string differences() {
    std::string result;
    std::size_t count = 0;
    const auto view = world.view();
    for (const auto& each : view->records) {
      ++count;
      const auto said = std::string{to_string(each.now)} + ' ' + std::to_string(each.incarnation)
                        + (each.wanted ? " wanted" : "");
      if (how(each.name) != said)
        result += each.name + " is " + said + ", not " + how(each.name) + '\n';
    }
    if (table().instances.size() != count)
      result += "other instances\n";
    return result;
  }
};

fleet_builder some_fleet() {
  fleet_builder result;
  result.bot("a", {}, 3).bot("g/b").bot("g/h/c");
  return result;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_hub_learns_what_is_there_and_each_change) {
  exchange x;
  x.begin(some_fleet().build());
  x.world.advance(10ms);
  BOOST_TEST(x.got->tables.size() == 1u);
  BOOST_TEST(x.table().fleet == "test");
  BOOST_TEST(x.table().instances.size() == 5u);
  BOOST_TEST(x.differences() == "");
  x.world.advance(5s);
  BOOST_TEST(x.how("a#1").find("running") == 0u);
  BOOST_TEST(x.differences() == "");
  const auto before = x.how("a#1");
  x.world.host.end("a#1");
  x.world.advance(5s);
  BOOST_TEST(x.how("a#1") != before); // another incarnation
  BOOST_TEST(x.how("a#1").find("running") == 0u);
  BOOST_TEST(x.differences() == "");
  x.world.operate(verb::stop, {"g/b#0"});
  x.world.advance(5s);
  BOOST_TEST(x.how("g/b#0").find("stopped") == 0u);
  BOOST_TEST(x.differences() == "");
}

BOOST_AUTO_TEST_CASE(changes_that_come_together_are_one_table) {
  exchange x;
  fleet_builder fleet;
  fleet.bot("a", {}, 200);
  x.begin(fleet.build());
  x.world.advance(5s);
  const auto before = x.got->tables.size();
  std::vector<std::string> all;
  for (int i = 0; i < 200; ++i)
    all.push_back("a#" + std::to_string(i));
  x.world.operate(verb::pause, all);
  x.world.advance(100ms);
  BOOST_TEST(x.how("a#199").find("paused") == 0u);
  BOOST_TEST(x.got->tables.size() - before <= 3u);
  // And nothing that does not matter is one.
  const auto then = x.got->tables.size();
  x.world.advance(60s);
  BOOST_TEST(x.got->tables.size() == then);
}

BOOST_AUTO_TEST_CASE(an_instance_that_the_config_drops_leaves) {
  exchange x;
  x.begin(some_fleet().build());
  x.world.advance(5s);
  // What the config actor would say after a change of the tree.
  const auto less = some_fleet().without("g/h/c").build();
  caf::anon_send(x.all.switchboard, apply_atom_v, less, std::uint64_t{9});
  x.world.advance(3ms);
  BOOST_TEST(x.table().version == 9u);
  BOOST_TEST(x.table().instances.size() == 5u);
  BOOST_REQUIRE(x.table().instances.contains("g/h/c#0"));
  BOOST_TEST((*x.table().instances.get("g/h/c#0"))->leaving);
  x.world.apply(less);
  x.world.advance(5s);
  BOOST_TEST(x.how("g/h/c#0") == "none");
  BOOST_TEST(!x.table().groups.contains("g/h"));
}

BOOST_AUTO_TEST_CASE(a_new_switchboard_or_hub_gets_it_all) {
  exchange x;
  x.begin(some_fleet().build());
  x.world.advance(5s);
  // A new switchboard asks; the hub gets a table that says the same.
  caf::anon_send_exit(x.all.switchboard, caf::exit_reason::unhandled_exception);
  x.world.host.end("a#0");
  x.world.advance(10ms);
  x.all.switchboard = x.make_switchboard();
  x.hand_out();
  x.world.advance(5s);
  BOOST_TEST(x.differences() == "");
  // A new hub is told at once.
  x.all.hub = x.make_hub();
  x.hand_out();
  x.world.settle();
  BOOST_REQUIRE(x.got->tables.size() >= 1u);
  BOOST_TEST(x.differences() == "");
  // A new ledger knows what was committed, and hears the rest.
  x.world.host.end("a#1");
  x.world.break_actor(x.all.ledger);
  x.world.settle();
  x.all.ledger = x.world.all().ledger;
  x.all.config = x.world.all().config;
  x.all.root = x.world.all().root;
  x.hand_out();
  x.world.advance(10s);
  BOOST_TEST(x.how("a#1").find("running") == 0u);
  BOOST_TEST(x.differences() == "");
}

BOOST_AUTO_TEST_CASE(no_table_before_both_have_spoken) {
  exchange x;
  x.world.run(some_fleet().build());
  x.all = x.world.all();
  x.all.hub = x.make_hub();
  x.all.switchboard = x.make_switchboard();
  // Only the config actor speaks: nobody would be there.
  caf::anon_send(x.all.switchboard, apply_atom_v, some_fleet().build(), std::uint64_t{1});
  x.world.advance(1s);
  BOOST_TEST(x.got->tables.empty());
  x.hand_out();
  x.world.advance(10ms);
  BOOST_TEST(x.got->tables.size() == 1u);
  BOOST_TEST(x.how("a#0").find("none") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(in_any_order_the_table_ends_up_right) {
  const auto first = first_seed();
  for (std::size_t round = 0; round < rounds(20); ++round) {
    const auto seed = first + static_cast<std::uint32_t>(round);
    BOOST_TEST_CONTEXT("TROUPE_SEED=" << seed) {
      exchange x;
      std::minstd_rand random{seed};
      x.world.random_order(seed);
      x.begin(some_fleet().build());
      for (int i = 0; i < 30; ++i) {
        const auto instance = "a#" + std::to_string(random() % 3);
        switch (random() % 5) {
        case 0:
          x.world.order(verb::restart, {instance});
          break;
        case 1:
          x.world.order(verb::stop, {instance});
          break;
        case 2:
          x.world.order(verb::start, {instance});
          break;
        case 3:
          caf::anon_send_exit(x.all.switchboard, caf::exit_reason::unhandled_exception);
          x.all.switchboard = x.make_switchboard();
          x.hand_out();
          break;
        default:
          x.world.advance(std::chrono::milliseconds{random() % 3000});
        }
        x.world.step(random() % 20);
      }
      x.world.settle();
      x.world.advance(100ms);
      BOOST_TEST(x.differences() == "");
    }
  }
}
