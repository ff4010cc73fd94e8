#include "hub_fixture.hpp"

namespace hub_tests {

link_hello bot::hello() const {
  link_hello h;
  h.instance = name;
  h.incarnation = incarnation;
  h.version = 1;
  h.client = "test 1";
  h.zstd = h.drains = h.flattens = h.takes_config = true;
  h.next = next;
  return h;
}

bot& bot::link() {
  return link(hello());
}

bot& bot::link(link_hello h) {
  id = ++world.last_link;
  finished = {};
  inbox.clear();
  outcomes.clear();
  results.clear();
  orders.clear();
  pings.clear();
  pongs.clear();
  unread.clear();
  receipt = {};
  receipts = 0;
  welcome = bye = nullptr;
  world.core->on_link(id, std::move(h));
  read();
  return *this;
}

void bot::close() {
  world.core->on_closed(id);
}

void bot::write(std::string_view bytes) {
  world.core->on_data(id, bytes);
}

bool bot::gone() const {
  return world.port.closed.contains(id);
}

void bot::read() {
  unread += world.port.written[id];
  world.port.written[id].clear();
  std::string_view rest = unread;
  while (!rest.empty()) {
    const auto frame = wire::parse_frame(rest);
    BOOST_REQUIRE(frame.what == wire::parsed_frame::kind::whole);
    rest.remove_prefix(frame.consumed);
    switch (frame.type) {
    case wire::frame_type::message: {
      wire::message_view v;
      BOOST_REQUIRE(!wire::decode(frame.body, v));
      inbox.push_back(
          {v, std::string{v.to}, std::string{v.from}, std::string{v.key}, std::string{v.payload}});
      break;
    }
    case wire::frame_type::outcome: {
      std::vector<wire::outcome> list;
      BOOST_REQUIRE(!wire::decode(frame.body, list));
      outcomes.insert(outcomes.end(), list.begin(), list.end());
      break;
    }
    case wire::frame_type::receipt:
      BOOST_REQUIRE(!wire::decode(frame.body, receipt));
      ++receipts;
      break;
    case wire::frame_type::welcome:
      welcome = json::parse(frame.body);
      break;
    case wire::frame_type::bye:
      bye = json::parse(frame.body);
      break;
    case wire::frame_type::result:
      results.push_back(json::parse(frame.body));
      break;
    case wire::frame_type::order:
      orders.push_back(json::parse(frame.body));
      break;
    case wire::frame_type::ping:
      pings.emplace_back(frame.body);
      break;
    case wire::frame_type::pong:
      pongs.emplace_back(frame.body);
      break;
    default:
      BOOST_FAIL("a runtime does not send " + to_string(frame.type));
    }
  }
  unread.clear();
}

std::string bot::encode(const std::string& to, const std::string& payload, const options& o) {
  wire::message_view v;
  v.in = o.in;
  v.how = o.how;
  v.ttl = o.ttl;
  v.request = o.request;
  v.flags = o.flags;
  v.kind = wire::content::text;
  v.incarnation = incarnation;
  v.length = static_cast<std::uint32_t>(payload.size());
  v.to = to;
  v.from = o.from;
  v.key = o.key;
  v.payload = payload;
  if (o.again != 0) {
    v.sequence = o.again;
    v.flags |= wire::again;
  } else {
    v.sequence = next[static_cast<std::size_t>(o.in)]++;
  }
  std::string out;
  append_frame(out, v);
  return out;
}

std::uint64_t bot::send(const std::string& to, const std::string& payload, const options& o) {
  write(encode(to, payload, o));
  return o.again != 0 ? o.again : next[static_cast<std::size_t>(o.in)] - 1;
}

void bot::done(const got_message& what, wire::done::result how) {
  std::string out;
  append_frame(out, std::vector<wire::done>{{what.head.tag, how}});
  write(out);
}

void bot::credit(const got_message& what) {
  auto& lane = finished[static_cast<std::size_t>(what.head.in)];
  ++lane.messages;
  lane.bytes += wire::message_head_size + what.to.size() + what.from.size() + what.key.size()
                + what.payload.size();
  std::string out;
  append_frame(out, finished);
  write(out);
}

void bot::credit_all() {
  finished = {};
  for (const auto& each : inbox) {
    auto& lane = finished[static_cast<std::size_t>(each.head.in)];
    ++lane.messages;
    lane.bytes += wire::message_head_size + each.to.size() + each.from.size() + each.key.size()
                  + each.payload.size();
  }
  std::string out;
  append_frame(out, finished);
  write(out);
}

void bot::control(wire::frame_type type, const json& what) {
  std::string out;
  wire::append_frame(out, type, what.dump());
  write(out);
}

void bot::known(std::vector<wire::known_message> list) {
  std::string out;
  append_frame(out, list);
  write(out);
}

} // namespace hub_tests
