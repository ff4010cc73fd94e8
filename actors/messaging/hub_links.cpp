// A link begins, gives bytes, ends.

#include "actors/messaging/hub_impl.hpp"

#include <algorithm>

namespace troupe::messaging {

namespace {

std::string bye(std::string_view reason, const std::string& text) {
  json body{{"reason", reason}, {"text", text}};
  if (reason == "bad_version")
    body["versions"] = {wire::oldest_version, wire::newest_version};
  std::string out;
  wire::append_frame(out, wire::frame_type::bye,
                     body.dump(-1, ' ', false, json::error_handler_t::replace));
  return out;
}

} // namespace

void hub::impl::refuse_link(link_id id, std::string_view reason, const std::string& text) {
  port.write(id, bye(reason, text));
  port.close(id);
}

void hub::impl::on_link(link_id id, link_hello hello) {
  if (stopping)
    return refuse_link(id, "stopping", "the fleet is being ended");
  auto& who = peer_of(hello.instance);
  const auto* where = who.where.get();
  const auto newest = std::max(who.incarnation, where ? where->incarnation : 0);
  if (hello.incarnation < newest)
    return refuse_link(id, "old_incarnation", "there is a newer process of " + who.name);
  if (where && hello.incarnation == where->incarnation && !where->alive())
    return refuse_link(id, "old_incarnation", "this process of " + who.name + " has ended");
  if (who.linked() && who.link->hello.incarnation == hello.incarnation)
    return refuse_link(id, "already_linked", "this process has a link");
  if (who.link) {
    auto& old = *who.link;
    fail(old, "old_incarnation", "a newer process of " + who.name + " has linked");
    flush(old);
  }
  if (who.incarnation != hello.incarnation) {
    end_process(who);
    who.incarnation = hello.incarnation;
    who.removed = false; // the table is to come
  }
  if (hello.known > max_known)
    return refuse_link(id, "bad_hello", "it knows more than 4096 messages");
  if (!who.sent.link(hello.incarnation, hello.next))
    return refuse_link(id, "bad_hello", "its sequence numbers have gone backwards");

  auto fresh = std::make_unique<link_state>();
  auto& link = *fresh;
  link.id = id;
  link.owner = &who;
  link.since = port.wall();
  link.known_missing = hello.known;
  link.heard = link.progress = now;
  for (auto& each : link.windows)
    each.open(hello.window_messages, hello.window_bytes);
  link.hello = std::move(hello);
  links.emplace(id, std::move(fresh));
  who.link = &link;
  who.draining = false;
  welcome(link);
  notify(who, who.incarnation, notice::kind::linked, link.hello.client);
  if (link.known_missing == 0)
    settle_flights(who);
}

void hub::impl::welcome(link_state& to) {
  const auto config = config_of(*to.owner);
  to.last_config = config.dump();
  control(to, wire::frame_type::welcome,
          {{"version", to.hello.version},
           {"fleet", options.fleet},
           {"epoch", options.epoch},
           {"instance", to.owner->name},
           {"incarnation", to.hello.incarnation},
           {"features", json::array({"zstd"})},
           {"heartbeat_s", options.heartbeat.count()},
           {"window", {{"messages", window_messages}, {"bytes", window_bytes}}},
           {"unresolved", max_unresolved},
           {"config", config}});
  to.looked_at.set(clock, now + options.heartbeat, due::link, to.id);
}

/// Whatever of what is said next breaks the protocol ends the link.
void hub::impl::on_data(link_state& from, std::string_view bytes) {
  heard(from);
  from.in.bytes += bytes.size();
  count.bytes_in += bytes.size();
  bool whole = false;
  reading = &from;
  from.crowds = nullptr;
  while (!from.ending) {
    const bool begun = !from.input.empty();
    const auto frame = wire::parse_frame(begun ? std::string_view{from.input} : bytes);
    if (frame.what == wire::parsed_frame::kind::broken) {
      fail(from, "bad_frame", frame.problem);
      break;
    }
    if (frame.what == wire::parsed_frame::kind::partial) {
      // The buffer never has more than the one frame that was begun.
      const auto part = begun ? std::min(frame.missing, bytes.size()) : bytes.size();
      from.input.append(bytes.substr(0, part));
      bytes.remove_prefix(part);
      if (begun && part == frame.missing)
        continue;
      break;
    }
    whole = true;
    on_frame(from, frame);
    if (begun) {
      from.input.clear();
      if (from.input.capacity() > (64u << 10))
        from.input.shrink_to_fit();
    } else {
      bytes.remove_prefix(frame.consumed);
    }
    if (bytes.empty())
      break;
  }
  reading = nullptr;
  if (from.crowds && !from.ending)
    hold(from);
  if (from.input.empty()) {
    from.frame_since = {};
  } else if (whole || from.frame_since.count() == 0) {
    from.frame_since = now;
    from.looked_at.set(clock, now + frame_deadline, due::link, from.id);
  }
}

void hub::impl::on_frame(link_state& from, const wire::parsed_frame& frame) {
  using enum wire::frame_type;
  switch (frame.type) {
  case message:
    return on_message(from, frame.body);
  case done:
    return on_done(from, frame.body);
  case credit:
    return on_credit(from, frame.body);
  case known:
    return on_known(from, frame.body);
  case ping:
    if (frame.body.size() != 8)
      return fail(from, "bad_frame", "a PING has 8 bytes");
    from.pong = frame.body;
    touch(from);
    return;
  case pong:
    if (frame.body.size() != 8)
      return fail(from, "bad_frame", "a PONG has 8 bytes");
    return;
  case call:
    return on_call(from, frame.body);
  case tell:
    return on_tell(from, frame.body);
  case bye:
    return on_bye(from, frame.body);
  case hello:
    return fail(from, "bad_order", "a link has one HELLO");
  case welcome:
  case wire::frame_type::result:
  case wire::frame_type::order:
  case receipt:
  case outcome:
    return fail(from, "bad_order", to_string(frame.type) + " comes from the runtime only");
  }
}

void hub::impl::fail(link_state& of, std::string_view reason, std::string text) {
  if (of.ending)
    return;
  touch(of);
  ++count.links_failed;
  of.out += bye(reason, text);
  of.why = std::string{reason} + ": " + text;
  of.ending = true;
}

/// The connection is of no use any more; the process may live.
void hub::impl::forget(link_state& of) {
  auto& who = *of.owner;
  of.ending = true;
  of.touched = false;
  const auto at = links.find(of.id);
  gone.push_back(std::move(at->second));
  links.erase(at);
  if (who.link != &of)
    return;
  who.link = nullptr;
  who.unlinked = now;
  for (auto& each : who.flights)
    each.tag = 0; // it means nothing on the next link
  topics.unlink(who.id);
  std::erase_if(who.suspended, [](const auto& each) { return !each.second; });
  desk.unlink(who.id);
  notify(who, who.incarnation, notice::kind::unlinked,
         of.why.empty() ? "the connection ended" : of.why);
  if (has_ended(who))
    end_process(who);
  settle(who);
}

/// Everything that the process knows of earlier links is told: what it does not know of what was
/// under way goes to it again.
void hub::impl::settle_flights(peer& who) {
  std::deque<flight> before;
  before.swap(who.flights);
  who.flying = 0;
  std::vector<parcel> lost;
  for (auto& each : before) {
    if (each.over)
      continue;
    count_out(each.what);
    auto m = each.what.open();
    if (resolve(who, m, &each.what))
      continue;
    each.what.again = true;
    assign(m, nullptr);
    lost.push_back(std::move(each.what));
  }
  for (auto each = lost.rbegin(); each != lost.rend(); ++each)
    put_back(who, std::move(*each));
  redecide(parse_address(who.name).bot);
  touch(*who.link);
}

} // namespace troupe::messaging
