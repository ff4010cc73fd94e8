// A bot that hears ticks, answers what the last price was, and warns when it jumps.

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <troupe/bot.hpp>

namespace {

troupe::bot::client bot;

void on_signal(int) {
  bot.stop();
}

} // namespace

int main() {
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);

  std::map<std::string, double> prices;

  bot.subscribe("ticks.*", [&](const troupe::bot::message& tick) {
    const auto symbol = std::string{tick.topic().substr(sizeof "ticks." - 1)};
    const auto price = std::strtod(std::string{tick.payload()}.c_str(), nullptr);
    auto& last = prices[symbol];
    if (last > 0 && std::fabs(price / last - 1) > 0.05)
      bot.publish("alerts." + symbol, "jump", {.lane = troupe::bot::lane::urgent});
    last = price;
  });

  bot.on_request([&](const troupe::bot::message& ask) {
    return std::to_string(prices.at(std::string{ask.payload()})); // what it throws is a reply too
  });

  bot.on_drain([&](troupe::bot::milliseconds) {
    bot.status("drained with " + std::to_string(prices.size()) + " prices");
    return true;
  });

  if (!bot.managed())
    std::puts("no runtime: nobody will send ticks; end with Ctrl-C");
  std::fflush(stdout);
  bot.ready();
  return bot.run();
}
