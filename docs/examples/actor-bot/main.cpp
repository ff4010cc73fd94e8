// A custom bot with a supervision tree of its own: two actors in one process, which others reach
// as `desk#0/pricer` and `desk#0/ledger`. Run by hand, without a runtime, it does the same.

#include <csignal>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <troupe/actors.hpp>

using namespace troupe::bot;

namespace {

struct pricer_state {
  std::map<std::string, double> prices{{"BTC", 64000.0}, {"ETH", 3100.0}};
};

/// Answers what a symbol costs. «crash» shows what a supervisor is for.
hosted_actor::behavior_type pricer(hosted_actor::stateful_pointer<pricer_state> self) {
  return {
      [self](const letter& what) -> caf::result<std::string> {
        if (what.payload == "crash")
          throw std::runtime_error{"asked to crash"};
        const auto at = self->state.prices.find(what.payload);
        if (at == self->state.prices.end())
          return caf::make_error(caf::sec::invalid_argument, "no such symbol");
        return std::to_string(at->second);
      },
  };
}

struct ledger_state {
  std::size_t trades = 0;
};

/// Counts trades; says how many there are.
hosted_actor::behavior_type ledger(hosted_actor::stateful_pointer<ledger_state> self) {
  return {
      [self](const letter& what) {
        if (!what.request)
          ++self->state.trades;
        return std::to_string(self->state.trades);
      },
  };
}

client* running = nullptr;

} // namespace

int main() {
  caf::actor_system_config config;
  configure(config);
  caf::actor_system system{config};
  client bot;
  running = &bot;
  std::signal(SIGTERM, [](int) { running->stop(); });

  hosted_fleet fleet{system, bot};
  fleet.actor("ledger", [](caf::actor_system& in) { return in.spawn(ledger); });
  actor_options after_ledger;
  after_ledger.after = {"ledger"};
  fleet.actor(
      "pricer", [](caf::actor_system& in) { return in.spawn(pricer); }, after_ledger);
  fleet.start();

  bot.ready();
  std::puts(bot.managed() ? "desk is there" : "desk works alone");
  std::fflush(stdout);
  const int code = bot.run();
  fleet.stop(std::chrono::seconds{5});
  return code;
}
