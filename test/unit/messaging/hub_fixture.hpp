#pragma once

// A hub with a clock, links, a disk and bots of the test's own.

#include "actors/messaging/hub.hpp"
#include "messages/wire/bytes.hpp"
#include "messages/wire/frame.hpp"
#include "messages/wire/message.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace hub_tests {

using namespace troupe;
using namespace troupe::messaging;
using namespace std::chrono_literals;
using code = wire::outcome_code;
using json = nlohmann::json;

/// The world around a hub. What is asked of the disk is done in `run`, never at once.
struct fake_port : hub_port {
  monotonic clock{1000s};
  std::int64_t epoch_us = 1'790'000'000'000'000;
  std::map<link_id, std::string> written;
  std::map<link_id, std::size_t> waiting; ///< of links that take nothing
  std::set<link_id> stuck;
  std::set<link_id> closed;
  std::set<link_id> held;
  std::vector<notice> notices;
  std::deque<std::function<void()>> jobs;
  bool disk_works = true;
  bool disk_answers = true;
  bool disk_is_late = false; ///< it writes, and nobody hears of it in time

  // the disk
  std::map<std::uint64_t, stored_message> messages;
  std::vector<dead_letter> dead;
  std::set<std::pair<std::string, std::string>> subscriptions;
  std::vector<spilled> spill_file;
  std::size_t writes = 0, stores = 0;
  std::uint64_t last_row = 0;

  monotonic now() const override { return clock; }
  std::int64_t wall() const override { return epoch_us + clock.count() / 1000; }

  void write(link_id id, std::string_view bytes) override {
    ++writes;
    BOOST_REQUIRE(!closed.contains(id));
    written[id] += bytes;
    if (stuck.contains(id))
      waiting[id] += bytes.size();
  }
  std::size_t unsent(link_id id) const override {
    const auto at = waiting.find(id);
    return at == waiting.end() ? 0 : at->second;
  }
  void close(link_id id) override { closed.insert(id); }
  void hold(link_id id, bool on) override { on ? (void)held.insert(id) : (void)held.erase(id); }
  void tell(notice what) override { notices.push_back(std::move(what)); }

  void store(queue_batch_ptr batch, std::function<void(std::string)> done) override {
    ++stores;
    jobs.push_back([this, batch, done] {
      if (!disk_works)
        return done("the disk is full");
      for (const auto& each : batch->accepted) {
        BOOST_REQUIRE(!messages.contains(each.row));
        BOOST_REQUIRE_GT(each.row, last_row);
        last_row = each.row;
        messages[each.row] = each;
      }
      for (const auto& each : batch->changed)
        if (auto at = messages.find(each.row); at != messages.end()) {
          at->second.target = each.target;
          at->second.deliveries = each.deliveries;
        }
      for (const auto row : batch->finished)
        messages.erase(row);
      for (const auto& each : batch->dead) {
        last_row = std::max(last_row, each.row);
        messages.erase(each.row);
        dead.push_back(each);
      }
      for (const auto row : batch->purged)
        std::erase_if(dead, [row](const dead_letter& each) { return each.row == row; });
      for (const auto& each : batch->subscribed)
        subscriptions.emplace(each.instance, each.pattern);
      for (const auto& each : batch->unsubscribed)
        subscriptions.erase({each.instance, each.pattern});
      done(disk_is_late ? "the queue does not answer" : "");
    });
  }
  void spill(spill_batch_ptr batch, std::function<void(std::string)> done) override {
    jobs.push_back([this, batch, done] {
      if (!disk_works)
        return done("the disk is full");
      spill_file.insert(spill_file.end(), batch->begin(), batch->end());
      done("");
    });
  }
  void unspill(const std::string& mailbox, std::uint8_t lane, std::uint32_t count,
               std::uint64_t bytes, std::function<void(spill_list)> done) override {
    jobs.push_back([=, this] {
      spill_list out;
      std::uint64_t sum = 0;
      for (auto at = spill_file.begin();
           at != spill_file.end() && out.items.size() < count && sum < bytes;) {
        if (at->mailbox == mailbox && at->lane == lane) {
          sum += at->body.size();
          out.items.push_back(*at);
          at = spill_file.erase(at);
        } else {
          ++at;
        }
      }
      done(out);
    });
  }
  void drop_spilled(const std::string& mailbox) override {
    jobs.push_back([=, this] {
      std::erase_if(spill_file, [&](const spilled& each) { return each.mailbox == mailbox; });
    });
  }
  void dead_letters(dead_letter_query ask, std::function<void(dead_letter_list)> done) override {
    jobs.push_back([=, this] {
      dead_letter_list out;
      for (auto at = dead.rbegin(); at != dead.rend(); ++at)
        if ((ask.row == 0 || at->row == ask.row) && out.items.size() < ask.limit)
          out.items.push_back(*at);
      out.kept = dead.size();
      done(out);
    });
  }

  bool told(notice::kind what, const std::string& instance) const {
    return std::any_of(notices.begin(), notices.end(), [&](const notice& each) {
      return each.what == what && each.instance == instance;
    });
  }
  queue_contents contents() const {
    queue_contents all;
    all.last_row = last_row;
    for (const auto& [row, each] : messages)
      all.messages.push_back(each);
    for (const auto& [instance, pattern] : subscriptions)
      all.subscriptions.push_back({instance, pattern});
    return all;
  }
};

/// What a message says, in texts of its own.
struct got_message {
  wire::message_head head;
  std::string to, from, key, payload;

  bool again() const { return (head.flags & wire::again) != 0; }
};

struct hub_fixture;

/// A client that does nothing by itself.
struct bot {
  hub_fixture& world;
  std::string name;
  std::uint64_t incarnation = 1;
  link_id id = 0;
  std::array<std::uint64_t, wire::lanes> next{1, 1, 1, 1};
  wire::credits finished{};

  // what it has been told on this link
  std::vector<got_message> inbox;
  std::vector<wire::outcome> outcomes;
  wire::receipts receipt{};
  std::size_t receipts = 0;
  std::vector<json> results, orders;
  json welcome, bye;
  std::vector<std::string> pings, pongs;
  std::string unread;

  bot(hub_fixture& in, std::string as, std::uint64_t process = 1)
      : world{in}
      , name{std::move(as)}
      , incarnation{process} {
    // nop
  }

  link_hello hello() const;
  /// Links with a new connection.
  bot& link();
  bot& link(link_hello);
  void close();
  void write(std::string_view bytes);
  void read();
  bool gone() const;

  struct options {
    wire::lane in = wire::lane::normal;
    wire::delivery how = wire::delivery::fire;
    std::uint32_t ttl = 0;
    std::uint64_t request = 0;
    std::uint8_t flags = 0;
    std::uint64_t again = 0; ///< the number of an earlier one
    std::string key{}, from{};
  };
  /// Returns its number.
  std::uint64_t send(const std::string& to, const std::string& payload, const options&);
  std::uint64_t send(const std::string& to, const std::string& payload) {
    return send(to, payload, options{});
  }
  std::uint64_t assured(const std::string& to, const std::string& payload) {
    return send(to, payload, {.how = wire::delivery::assured});
  }
  std::uint64_t durable(const std::string& to, const std::string& payload) {
    return send(to, payload, {.how = wire::delivery::durable});
  }
  std::string encode(const std::string& to, const std::string& payload, const options&);
  void done(const got_message&, wire::done::result = wire::done::result::done);
  /// Says that it has handled this and all it got before in that lane.
  void credit(const got_message&);
  void credit_all();
  void control(wire::frame_type, const json&);
  void known(std::vector<wire::known_message>);

  std::vector<std::string> payloads() const {
    std::vector<std::string> all;
    for (const auto& each : inbox)
      all.push_back(each.payload);
    return all;
  }
  /// The outcome of that number, if there is one.
  std::optional<code> outcome(std::uint64_t sequence, wire::lane in = wire::lane::normal) const {
    for (auto at = outcomes.rbegin(); at != outcomes.rend(); ++at)
      if (at->sequence == sequence && at->in == in)
        return at->code;
    return {};
  }
};

struct hub_fixture {
  fake_port port;
  hub_options options;
  std::optional<hub> core;
  std::map<std::string, route> routes;
  link_id last_link = 0;

  hub_fixture() {
    options.fleet = "test";
    core.emplace(port, options);
  }

  /// A new runtime: the links end, the disk stays.
  void restart(bool read = true) {
    port.jobs.clear();
    ++options.epoch;
    core.emplace(port, options);
    if (read)
      core->restore(port.contents());
    apply();
  }
  void restore() { core->restore(port.contents()); }

  /// One instance of a bot in the table, as it is to be.
  route& instance(const std::string& bot, std::uint32_t index, state now = state::running,
                  std::uint64_t incarnation = 1) {
    route r;
    r.bot = bot;
    r.index = index;
    r.instance = bot + "#" + std::to_string(index);
    const auto slash = bot.rfind('/');
    r.group = slash == bot.npos ? "" : bot.substr(0, slash);
    r.now = now;
    r.wanted = true;
    r.incarnation = incarnation;
    if (const auto at = specs.find(bot); at != specs.end())
      r.spec = at->second;
    else
      r.spec = spec(bot, {});
    return routes[r.instance] = r;
  }
  config::bot_spec_ptr spec(const std::string& bot, config::bot_spec what) {
    if (!what.may_send)
      what.may_send = std::vector<std::string>{"/", "topic:>"};
    auto made = std::make_shared<const config::bot_spec>(std::move(what));
    specs[bot] = made;
    for (auto& [name, each] : routes)
      if (each.bot == bot)
        each.spec = made;
    return made;
  }
  void apply() {
    auto table = std::make_shared<routing_table>();
    table->fleet = "test";
    table->version = ++version;
    std::map<std::string, std::shared_ptr<pool>> pools;
    std::map<std::string, std::vector<std::string>> groups;
    for (const auto& [name, each] : routes) {
      auto shared = std::make_shared<const route>(each);
      table->instances[name] = shared;
      auto& in = pools[each.bot];
      if (!in) {
        in = std::make_shared<pool>();
        in->balance = each.spec->balance;
        for (auto group = each.group;; group.resize(group.rfind('/'))) {
          groups[group].push_back(each.bot);
          if (group.find('/') == group.npos) {
            if (!group.empty())
              groups[""].push_back(each.bot);
            break;
          }
        }
      }
      in->members.push_back(shared);
    }
    for (const auto& [name, each] : pools)
      table->bots[name] = each;
    for (const auto& [name, each] : groups)
      table->groups[name] = std::make_shared<const std::vector<std::string>>(each);
    core->set_routes(table);
  }
  void set(const std::string& name, state now, std::uint64_t incarnation = 0) {
    routes.at(name).now = now;
    if (incarnation != 0)
      routes.at(name).incarnation = incarnation;
    apply();
  }

  /// What was asked of the disk is done.
  void run() {
    while (!port.jobs.empty() && port.disk_answers) {
      auto job = std::move(port.jobs.front());
      port.jobs.pop_front();
      job();
    }
  }
  /// Time passes, and whoever wants to be woken is.
  void pass(monotonic time) {
    const auto end = port.clock + time;
    int rounds = 0;
    for (auto next = core->next_tick(); next && *next <= end; next = core->next_tick()) {
      BOOST_REQUIRE_LT(++rounds, 100'000);
      port.clock = std::max(port.clock, *next);
      core->tick();
      run();
    }
    port.clock = end;
    run();
  }
  /// The kernel takes everything.
  void take(link_id id) {
    port.waiting.erase(id);
    core->on_sent(id);
  }
  double count(const std::string& name) const { return core->counts().of.at(name); }

  std::map<std::string, config::bot_spec_ptr> specs;
  std::uint64_t version = 0;
};

} // namespace hub_tests
