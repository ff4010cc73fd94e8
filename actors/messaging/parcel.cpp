#include "actors/messaging/parcel.hpp"

#include "messages/wire/bytes.hpp"

namespace troupe::messaging {

namespace {

std::string identity(std::string_view from, std::uint64_t incarnation, wire::lane in,
                     std::uint64_t sequence) {
  std::string key;
  key.reserve(from.size() + 16);
  wire::put(key, incarnation);
  wire::put(key, place_of(in, sequence));
  key += from;
  return key;
}

} // namespace

parcel::parcel(const passing& from)
    : handling{from}
    , frame{from.frame.empty() ? kept_frame{from.view} : from.frame}
    , in{from.view.in}
    , how{from.view.how}
    , reply{from.view.is(wire::reply)}
    , asks{from.asks()} {
  // nop
}

passing parcel::open() const {
  passing result{*this, {}, frame};
  // The hub has written it, or its store has checked it: it is whole.
  wire::decode(body(), result.view);
  return result;
}

std::string identity_of(const wire::message_view& of) {
  return identity(of.from, of.incarnation, of.in, of.sequence);
}

std::string identity_of(const wire::known_message& of) {
  return identity(of.from, of.incarnation, of.in, of.sequence);
}

std::string_view instance_of(std::string_view from) {
  const auto mark = from.find('#');
  return mark == from.npos ? from : from.substr(0, from.find('/', mark));
}

} // namespace troupe::messaging
