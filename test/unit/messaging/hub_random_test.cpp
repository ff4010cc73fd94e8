// Bots that send each other numbered messages while their links, their processes and the runtime
// end at any time. Every assured message whose sender lives is handled, no durable one is lost,
// and whatever is handled twice says so the second time. A failure names its seed.

#include "hub_fixture.hpp"

#include <random>

using namespace hub_tests;

namespace {

/// A client as the SDKs are: it keeps what has no outcome, and remembers what it got.
struct client {
  struct unanswered {
    std::string to, payload;
    wire::delivery how;
  };
  bot link;
  bool linked = false;
  bool alive = true;
  std::map<std::uint64_t, unanswered> unresolved;
  std::map<std::string, wire::known_message> got; ///< by identity
  std::vector<got_message> in_hand;               ///< being handled, of this link
  std::vector<std::string> late; ///< identities that were in hand when the link broke
  std::size_t read_until = 0;

  client(hub_fixture& in, const std::string& name, std::uint64_t process)
      : link{in, name, process} {
    // nop
  }
};

struct chaos : hub_fixture {
  std::mt19937 random;
  std::map<std::string, client> bots;
  std::map<std::string, std::uint64_t> processes;
  std::map<std::string, int> handled;        ///< how often, by payload
  std::map<std::string, std::string> sender; ///< of assured ones, whose life they depend on
  std::set<std::string> durable_ones;        ///< accepted
  std::uint64_t next_payload = 0;
  const std::vector<std::string> names{"m/a#0", "m/a#1", "m/b#0", "m/b#1", "m/c#0"};

  explicit chaos(unsigned seed)
      : random{seed} {
    config::bot_spec many;
    many.max_deliveries = 1'000'000;
    for (const auto* each : {"m/a", "m/b", "m/c"})
      spec(each, many);
    instance("m/a", 0);
    instance("m/a", 1);
    instance("m/b", 0);
    instance("m/b", 1);
    instance("m/c", 0);
    apply();
    restore();
    for (const auto& each : names)
      start(each);
  }

  std::uint32_t dice(std::uint32_t sides) { return random() % sides; }
  std::string id(const got_message& m) {
    return m.from + " " + std::to_string(m.head.incarnation) + " "
           + std::to_string(static_cast<int>(m.head.in)) + " " + std::to_string(m.head.sequence);
  }

  void start(const std::string& name) {
    const auto process = ++processes[name];
    bots.erase(name);
    bots.try_emplace(name, *this, name, process);
    set(name, state::running, process);
  }

  void connect(client& c) {
    auto h = c.link.hello();
    std::vector<wire::known_message> known;
    for (const auto& [key, each] : c.got)
      known.push_back(each);
    h.known = static_cast<std::uint32_t>(known.size());
    c.link.link(h);
    BOOST_REQUIRE_MESSAGE(c.link.bye.is_null(), c.link.bye.dump());
    c.linked = true;
    c.read_until = 0;
    if (!known.empty())
      c.link.known(known);
    for (const auto& [number, each] : c.unresolved)
      c.link.send(each.to, each.payload, {.how = each.how, .again = number});
    look(c);
  }

  void disconnect(client& c, bool tell_hub) {
    look(c);
    if (tell_hub)
      c.link.close();
    c.linked = false;
    for (const auto& each : c.in_hand)
      c.late.push_back(id(each));
    c.in_hand.clear();
  }

  /// Reads everything that has come.
  void look(client& c) {
    c.link.read();
    BOOST_REQUIRE_MESSAGE(c.link.bye.is_null(), c.link.bye.dump());
    for (const auto& each : c.link.outcomes)
      if (const auto at = c.unresolved.find(each.sequence); at != c.unresolved.end()) {
        if (each.code == code::accepted)
          durable_ones.insert(at->second.payload);
        else if (each.code != code::done) // nothing was promised any more
          sender.erase(at->second.payload);
        c.unresolved.erase(at);
      }
    c.link.outcomes.clear();
    for (; c.read_until < c.link.inbox.size(); ++c.read_until) {
      const auto& m = c.link.inbox[c.read_until];
      const auto key = id(m);
      if (const auto known = c.got.find(key); known != c.got.end()) {
        if (known->second.handled)
          c.link.done(m);
        continue; // else it is still in hand
      }
      auto& entry = c.got[key];
      entry.in = m.head.in;
      entry.incarnation = m.head.incarnation;
      entry.sequence = m.head.sequence;
      entry.from = m.from;
      // The handler begins: what was begun before must be marked.
      if (handled[m.payload]++ != 0)
        BOOST_REQUIRE_MESSAGE(m.again(), m.payload << " came again without saying so");
      c.in_hand.push_back(m);
    }
    c.link.credit_all();
    c.link.read();
  }

  void finish_one(client& c) {
    if (c.linked && !c.in_hand.empty()) {
      const auto which = dice(static_cast<std::uint32_t>(c.in_hand.size()));
      const auto m = c.in_hand[which];
      c.in_hand.erase(c.in_hand.begin() + which);
      c.got[id(m)].handled = true;
      c.link.done(m);
    } else if (!c.late.empty()) {
      const auto key = c.late.back();
      c.late.pop_back();
      c.got[key].handled = true;
      if (c.linked)
        c.link.known({c.got[key]});
    }
  }

  void send(client& c, const std::string& name) {
    static const char* const targets[] = {"m/a#0", "m/a", "m/b#1", "m/b", "m/c#0", "m/c"};
    if (c.unresolved.size() > 100)
      return;
    const auto how = dice(2) ? wire::delivery::assured : wire::delivery::durable;
    const auto payload = std::to_string(++next_payload);
    const std::string to = targets[dice(6)];
    if (how == wire::delivery::assured)
      sender[payload] = name;
    const auto number = c.link.next[2];
    c.unresolved[number] = {to, payload, how};
    if (c.linked)
      c.link.send(to, payload, {.how = how});
    else
      ++c.link.next[2]; // kept until there is a link
  }

  void step() {
    const auto& name = names[dice(static_cast<std::uint32_t>(names.size()))];
    auto& c = bots.at(name);
    const auto what = dice(1000);
    if (what < 400) {
      send(c, name);
    } else if (what < 750) {
      finish_one(c);
    } else if (what < 850) {
      if (c.linked)
        look(c);
      else
        connect(c);
    } else if (what < 900) {
      run();
    } else if (what < 960) {
      if (c.linked)
        disconnect(c, true);
    } else if (what < 985) {
      // It dies, and the table learns it before or after the link ends.
      if (dice(2) && c.linked)
        disconnect(c, true);
      set(name, state::backoff);
      if (c.linked)
        disconnect(c, true);
      std::erase_if(sender, [&](const auto& each) { return each.second == name; });
      start(name);
    } else if (what < 992) {
      pass(std::chrono::milliseconds{dice(3000)});
    } else if (what < 995) {
      for (auto& [other, each] : bots)
        if (each.linked)
          disconnect(each, false);
      restart();
    }
  }

  /// Everything calms down, and is handled.
  void settle() {
    for (int round = 0; round < 400; ++round) {
      run();
      for (auto& [name, c] : bots) {
        if (!c.linked)
          connect(c);
        look(c);
        for (int i = 0; i < 50; ++i)
          finish_one(c);
      }
      pass(100ms);
    }
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(hub_random)

BOOST_AUTO_TEST_CASE(nothing_is_lost_and_nothing_comes_twice_unmarked) {
  for (unsigned seed = 1; seed <= 25; ++seed)
    BOOST_TEST_CONTEXT("seed " << seed) {
      chaos world{seed};
      for (int i = 0; i < 3000; ++i)
        world.step();
      world.settle();
      for (const auto& [payload, name] : world.sender)
        BOOST_REQUIRE_MESSAGE(world.handled[payload] != 0, "assured " << payload << " is lost");
      for (const auto& payload : world.durable_ones)
        BOOST_REQUIRE_MESSAGE(world.handled[payload] != 0, "durable " << payload << " is lost");
      for (const auto& [name, c] : world.bots)
        BOOST_REQUIRE_MESSAGE(c.unresolved.empty(), name << " waits for outcomes");
      // It was not too quiet to say anything.
      BOOST_REQUIRE_GT(world.next_payload, 800u);
      BOOST_REQUIRE_GT(world.processes.at("m/a#0"), 2u);
      BOOST_REQUIRE(std::any_of(world.handled.begin(), world.handled.end(),
                                [](const auto& each) { return each.second > 1; }));
      BOOST_REQUIRE(world.port.messages.empty());
      BOOST_REQUIRE_EQUAL(world.count("mailbox_bytes"), 0);
    }
}

BOOST_AUTO_TEST_SUITE_END()
