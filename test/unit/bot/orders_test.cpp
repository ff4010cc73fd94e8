// What the runtime orders.

#include "fixture.hpp"

using namespace troupe;
using namespace troupe::test;

using strings = std::vector<std::string>;

namespace {

json drain(double within) {
  return {{"op", "drain"}, {"within_s", within}};
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(orders, fixture)

BOOST_AUTO_TEST_CASE(drained_is_told_when_what_came_is_handled) {
  bot->on_message([this](const bot::message& m) {
    heard.emplace_back(m.payload());
    machine->time += 1ms;
  });
  bot->on_drain([this](bot::milliseconds within) {
    heard.push_back("drain " + std::to_string(within.count()));
    return true;
  });
  link();
  for (std::uint64_t i = 1; i <= 3; ++i)
    runtime().send(incoming{i, std::to_string(i)});
  runtime().send(frame_type::order, drain(2.5));
  step();
  BOOST_TEST(heard.at(0) == "drain 2500");
  while (heard.size() < 4) {
    BOOST_TEST(!runtime().next(frame_type::tell));
    step();
  }
  BOOST_TEST(runtime().next(frame_type::tell)->object()
             == (json{{"op", "drained"}, {"ok", true}, {"text", ""}}));
  step();
  BOOST_TEST(!runtime().next(frame_type::tell));
}

BOOST_AUTO_TEST_CASE(without_a_handler_it_is_drained_when_it_is_idle) {
  hear();
  link();
  runtime().send(frame_type::order, drain(1));
  step();
  BOOST_TEST(runtime().next(frame_type::tell)->object()["op"] == "drained");
}

BOOST_AUTO_TEST_CASE(an_answer_may_come_later_or_be_a_failure) {
  bot->on_drain([](bot::milliseconds) { return false; });
  bot->on_flatten([](bot::milliseconds) -> bool { throw std::runtime_error{"exchange is away"}; });
  link();
  runtime().send(frame_type::order, drain(1));
  runtime().send(frame_type::order, {{"op", "flatten"}, {"within_s", 3}});
  step();
  BOOST_TEST(runtime().next(frame_type::tell)->object()
             == (json{{"op", "flattened"}, {"ok", false}, {"text", "exchange is away"}}));
  BOOST_TEST(!runtime().next(frame_type::tell));
  bot->drained();
  BOOST_TEST(runtime().next(frame_type::tell)->object()["op"] == "drained");
}

BOOST_AUTO_TEST_CASE(what_is_deferred_is_not_drained) {
  std::optional<bot::message> kept;
  bot->on_message([&](const bot::message& m) {
    if (bot->defer(m))
      kept = m;
  });
  link();
  runtime().send(incoming{1, "x"});
  runtime().send(frame_type::order, drain(1));
  step();
  BOOST_TEST(!runtime().next(frame_type::tell));
  bot->done(*kept);
  BOOST_TEST(runtime().next(frame_type::tell)->object()["op"] == "drained");
}

BOOST_AUTO_TEST_CASE(a_changed_config_is_handed_over) {
  bot->on_config([this](const bot::settings& now) {
    heard.push_back(std::to_string(now.version) + " " + now.settings);
  });
  link();
  BOOST_TEST(heard.empty());
  runtime().send(frame_type::order, {{"op", "config"},
                                     {"version", 8},
                                     {"labels", json::object()},
                                     {"settings", {{"symbol", "ETH"}}}});
  step();
  BOOST_TEST(heard == strings{R"(8 {"symbol":"ETH"})"});
  BOOST_TEST(bot->config().version == 8u);
  // One that changed while there was no link, too; the same one is no change.
  relink();
  runtime().welcome(
      {{"config",
        {{"version", 8}, {"labels", json::object()}, {"settings", {{"symbol", "ETH"}}}}}});
  step();
  BOOST_TEST(heard.size() == 1u);
  pass(5s);
  relink();
  runtime().welcome({{"config", {{"version", 9}}}});
  step();
  BOOST_TEST(heard.back() == "9 {}");
  // A version that changed others only is none.
  pass(5s);
  relink();
  runtime().welcome({{"config", {{"version", 10}}}});
  step();
  BOOST_TEST(heard.size() == 2u);
  BOOST_TEST(bot->config().version == 10u);
}

BOOST_AUTO_TEST_CASE(orders_of_a_newer_runtime_are_ignored) {
  link();
  runtime().send(frame_type::order, {{"op", "dance"}});
  step();
  BOOST_TEST(bot->linked());
}

BOOST_AUTO_TEST_CASE(what_a_bot_says_of_itself) {
  link();
  bot->status(std::string(300, 's') + "\xff");
  BOOST_TEST(runtime().next(frame_type::tell)->object()["text"] == std::string(256, 's'));
  bot->status("caf\xe9"); // Latin-1 is no UTF-8
  BOOST_TEST(runtime().next(frame_type::tell)->object()["text"] == "caf\xef\xbf\xbd");
  bot->stopping();
  BOOST_TEST(runtime().next(frame_type::tell)->object() == (json{{"op", "stopping"}}));
}

BOOST_AUTO_TEST_SUITE_END()
