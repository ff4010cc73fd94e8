#include "actors/bot/actors/link.hpp"

#include <spdlog/spdlog.h>

namespace troupe::bot {

namespace {

constexpr milliseconds room_timeout{1000};

send_options options_of(const outgoing& what) {
  send_options result;
  result.lane = what.in;
  result.delivery = what.how;
  result.content = what.kind;
  result.ttl = milliseconds{what.ttl};
  result.key = what.key;
  result.timeout = room_timeout;
  result.actor = what.from_actor;
  return result;
}

caf::error failure(const std::string& text) {
  return caf::make_error(caf::sec::runtime_error, text);
}

std::string words(code which, const std::string& text) {
  return text.empty() ? to_string(which) : to_string(which) + ": " + text;
}

letter letter_of(const message& what) {
  return {std::string{what.from()},
          std::string{what.to()},
          std::string{what.payload()},
          std::string{what.key()},
          what.lane(),
          what.content(),
          what.is_request(),
          what.redelivered()};
}

} // namespace

void link_state::init(client& client_of_process, const std::set<std::string>& names) {
  bot = &client_of_process;
  const link_actor me = self;
  const auto weak = caf::actor_cast<caf::weak_actor_ptr>(me);
  // Callbacks live as long as the client, and must not keep this actor alive.
  const auto tell = [weak](auto what, bool urgent) {
    const auto target = caf::actor_cast<link_actor>(weak.lock());
    if (!target)
      return false;
    if (urgent)
      caf::anon_send<caf::message_priority::high>(target, std::move(what));
    else
      caf::anon_send(target, std::move(what));
    return true;
  };
  for (const auto& each : names) {
    places[each];
    bot->host(each, [tell, each, client = bot](const message& what) {
      client->defer(what);
      if (!tell(incoming{each, what}, what.lane() == lane::urgent))
        client->failed(what, "it is ending");
    });
  }
  bot->on_outcome([tell](const outcome& what) { tell(settled{what}, false); });
}

// -- out -----------------------------------------------------------------------------------

caf::result<std::string> link_state::send(const outgoing& what) {
  const auto said = bot->send(what.to, what.payload, options_of(what));
  if (!said)
    return to_string(said.code);
  if (what.how == delivery::fire)
    return std::string{};
  auto promise = self->make_response_promise<std::string>();
  unsettled.insert_or_assign({said.lane, said.sequence}, promise);
  return promise;
}

void link_state::settle(const outcome& what) {
  const auto at = unsettled.find({what.lane, what.sequence});
  if (at == unsettled.end())
    return; // of a `fire` that was refused, or of somebody's who sends by the client itself
  at->second.deliver(what.good() ? std::string{} : words(what.code, what.text));
  unsettled.erase(at);
}

caf::result<std::string> link_state::ask(const outgoing& what, std::uint32_t wait) {
  const auto number = ++last_number;
  const auto weak = caf::actor_cast<caf::weak_actor_ptr>(link_actor{self});
  const auto said = bot->request(
      what.to, what.payload, milliseconds{wait},
      [weak, number](const answer& got) {
        if (const auto target = caf::actor_cast<link_actor>(weak.lock()))
          caf::anon_send(target, answered{number, got});
      },
      options_of(what));
  if (!said)
    return failure(to_string(said.code));
  auto promise = self->make_response_promise<std::string>();
  asked.emplace(number, promise);
  return promise;
}

void link_state::conclude(std::uint64_t number, const answer& what) {
  const auto at = asked.find(number);
  if (at == asked.end())
    return;
  if (what)
    at->second.deliver(what.payload);
  else
    at->second.deliver(failure(words(what.code, what.payload)));
  asked.erase(at);
}

// -- in ------------------------------------------------------------------------------------

void link_state::arrived(const std::string& who, const hosted_actor& actor) {
  auto& here = places[who];
  here.actor = actor;
  ++here.generation;
  for (const auto& each : std::exchange(here.waiting, {}))
    hand_over(here, each);
}

void link_state::left(const std::string& who) {
  auto& here = places[who];
  here.actor = nullptr;
  // What it was handling it never answers.
  for (const auto& [number, what] : std::exchange(here.with, {}))
    bot->failed(what, "the actor " + who + " has ended");
}

void link_state::deliver(const incoming& what) {
  const auto at = places.find(what.actor);
  if (at == places.end())
    return bot->failed(*what.what, "no such actor");
  auto& here = at->second;
  if (here.actor)
    return hand_over(here, *what.what);
  if (here.waiting.size() >= most_waiting)
    return bot->failed(*what.what, "too many wait for the actor " + what.actor);
  here.waiting.push_back(*what.what);
  if (here.waiting.size() == 1)
    self->delayed_send(self, waiting_time, tick_atom_v, ++here.generation);
}

// Nobody knows whether it ever comes back.
void link_state::give_up_waiting(std::uint64_t generation) {
  for (auto& [who, here] : places)
    if (!here.actor && here.generation == generation)
      for (const auto& each : std::exchange(here.waiting, {}))
        bot->failed(each, "the actor " + who + " does not run");
}

void link_state::hand_over(place& to, const message& what) {
  const auto number = ++last_number;
  to.with.emplace(number, what);
  const auto who = std::string{what.actor()};
  const auto good = [this, who, number](const std::string& reply) {
    ended(who, number, &reply, {});
  };
  const auto bad = [this, who, number](const caf::error& why) {
    ended(who, number, nullptr, self->system().render(why));
  };
  if (what.lane() == lane::urgent)
    self->request<caf::message_priority::high>(to.actor, caf::duration{handling_time},
                                               letter_of(what))
        .then(good, bad);
  else
    self->request(to.actor, handling_time, letter_of(what)).then(good, bad);
}

void link_state::ended(const std::string& who, std::uint64_t number, const std::string* reply,
                       const std::string& problem) {
  auto& with = places[who].with;
  const auto at = with.find(number);
  if (at == with.end())
    return; // its actor has ended meanwhile
  const auto what = at->second;
  with.erase(at);
  if (!reply)
    return bot->failed(what, problem);
  if (what.is_request())
    bot->reply(what, *reply);
  bot->done(what);
}

link_actor::behavior_type link(link_state::pointer self, client* bot, std::set<std::string> names) {
  auto* st = &self->state;
  self->set_default_handler(caf::drop);
  st->init(*bot, names);
  return {
      [st](const outgoing& what) { return st->send(what); },
      [st](ask_atom, const outgoing& what, std::uint32_t wait) { return st->ask(what, wait); },
      [st](link_atom, const std::string& who, const hosted_actor& actor) {
        st->arrived(who, actor);
      },
      [st](drop_atom, const std::string& who) { st->left(who); },
      [st](const incoming& what) { st->deliver(what); },
      [st](const settled& what) { st->settle(what.what); },
      [st](const answered& what) { st->conclude(what.number, what.what); },
      [st](tick_atom, std::uint64_t generation) { st->give_up_waiting(generation); },
  };
}

} // namespace troupe::bot
