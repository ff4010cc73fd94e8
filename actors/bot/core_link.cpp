// The link: connecting, frames, heartbeats. The mutex is held throughout.

#include "actors/bot/core.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <unistd.h>

namespace troupe::bot::detail {

namespace {

using namespace std::chrono_literals;
using wire::frame_type;

constexpr std::size_t input_size = 64u << 10;
constexpr int reads_at_once = 8;
constexpr instant frame_time = 30s;
constexpr unsigned most_pings = 3;
/// A link that held so long begins a new count of tries.
constexpr instant held = 1s;
constexpr std::size_t most_events = 8192;
constexpr std::size_t most_pressed = 1024;
constexpr std::size_t remembered_outcomes = 1024;

/// At once, then after 50 ms, doubled up to 2 s.
instant pause(unsigned tries) {
  return tries == 0 ? instant{0} : std::min<instant>(50ms * (1 << std::min(tries - 1, 6u)), 2s);
}

bool comes_back(std::string_view reason) {
  return reason == "bad_frame" || reason == "bad_order" || reason == "too_slow"
         || reason == "already_linked";
}

/// KNOWN frames that keep within what may come before the WELCOME.
void append_known(std::string& out, const std::vector<wire::known_message>& list) {
  constexpr std::size_t most = wire::max_early_frame - 64;
  constexpr std::size_t entry = 19; // and its name
  std::vector<wire::known_message> part;
  std::size_t bytes = 0;
  for (const auto& each : list) {
    if (bytes + entry + each.from.size() > most) {
      wire::append_frame(out, part);
      part.clear();
      bytes = 0;
    }
    bytes += entry + each.from.size();
    part.push_back(each);
  }
  wire::append_frame(out, part);
}

} // namespace

void core::input::make_room(std::size_t count) {
  if (begin == end)
    begin = end = 0;
  if (capacity - end >= count && capacity > 0)
    return;
  const auto size = end - begin;
  const auto wanted = std::max(input_size, size + count);
  if (wanted > capacity || capacity > input_size) {
    std::unique_ptr<char[]> larger{new char[wanted]};
    if (size > 0)
      std::memcpy(larger.get(), bytes.get() + begin, size);
    bytes = std::move(larger);
    capacity = wanted;
  } else {
    std::memmove(bytes.get(), bytes.get() + begin, size);
  }
  begin = 0;
  end = size;
}

void core::input::clear() {
  bytes.reset();
  capacity = begin = end = 0;
}

void core::service() {
  if (!managed_ || stage_ == stage::closed)
    return;
  if (stage_ == stage::down && now() >= retry_at_)
    connect();
  write();
  read();
  tick();
}

void core::connect() {
  const int fd = machine_->connect(who_.link);
  if (fd < 0) {
    retry_at_ = now() + std::max<instant>(pause(++tries_), 50ms);
    return;
  }
  fd_ = fd;
  greet();
}

void core::greet() {
  stage_ = stage::greeting;
  ++link_;
  heard_ = now();
  pings_ = 0;
  partial_since_ = instant{-1};
  inbox_.open(link_);
  greeting words;
  words.who = &who_;
  words.drains =
      drain_ || message_ || request_ || !subscriptions_.all().empty() || !actors_.empty();
  words.flattens = flatten_ != nullptr;
  words.next = outbox_.next();
  const auto known = identities_.list(lost_at_);
  words.known = known.size();
  wire::append_frame(outbox_.control(), frame_type::hello, hello(words));
  append_known(outbox_.control(), known);
  write();
  interest();
}

void core::write() {
  full_at_ = 0;
  while (fd_ >= 0 && outbox_.unsent() > 0) {
    std::array<iovec, 3> parts;
    msghdr head{};
    head.msg_iov = parts.data();
    head.msg_iovlen = outbox_.parts(parts);
    const auto size = ::sendmsg(fd_, &head, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size >= 0) {
      outbox_.wrote(static_cast<std::size_t>(size));
      continue;
    }
    if (errno == EINTR)
      continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      full_at_ = outbox_.unsent();
      if (polling_ && !polling_out_)
        wake(); // it has to wait for room, too
      break;
    }
    const int problem = errno;
    read(true); // there may be a BYE that says why
    if (fd_ >= 0)
      lost(std::strerror(problem));
    return;
  }
  interest();
}

/// Unless `all` is wanted, what is in the socket waits there while handlers have something to do:
/// between two batches of them a little is read, for what is urgent in it.
void core::read(bool all) {
  for (int i = 0; i < reads_at_once && fd_ >= 0; ++i) {
    if (in_.capacity - in_.end < input_size / 2)
      in_.make_room(input_size / 2);
    const auto room = in_.capacity - in_.end;
    const auto size = ::recv(fd_, in_.bytes.get() + in_.end, room, MSG_DONTWAIT);
    if (size < 0) {
      if (errno == EINTR)
        continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        lost(std::strerror(errno));
      return;
    }
    if (size == 0) {
      lost("the runtime has closed the connection");
      return;
    }
    heard_ = now();
    pings_ = 0;
    in_.end += static_cast<std::size_t>(size);
    const auto link = link_;
    while (fd_ >= 0 && link == link_) {
      const auto frame = wire::parse_frame({in_.bytes.get() + in_.begin, in_.end - in_.begin});
      if (frame.what == wire::parsed_frame::kind::partial) {
        if (in_.begin == in_.end)
          partial_since_ = instant{-1};
        else if (partial_since_ < instant{0})
          partial_since_ = heard_;
        if (frame.missing > in_.capacity - in_.end)
          in_.make_room(frame.missing);
        break;
      }
      if (frame.what == wire::parsed_frame::kind::broken) {
        reject("bad_frame", frame.problem);
        return;
      }
      if (const char* problem = take(frame)) {
        reject(std::exchange(reason_, "bad_frame"), problem);
        return;
      }
      if (fd_ < 0 || link != link_)
        return;
      in_.begin += frame.consumed;
      partial_since_ = instant{-1};
    }
    if (static_cast<std::size_t>(size) < room || (!all && !inbox_.empty()))
      return;
  }
}

const char* core::bad_order(const char* problem) {
  reason_ = "bad_order";
  return problem;
}

const char* core::take(const wire::parsed_frame& frame) {
  if (frame.type == frame_type::bye)
    return take_farewell(frame.body);
  if ((frame.type == frame_type::welcome) != (stage_ == stage::greeting))
    return bad_order("a frame that may not come now");
  switch (frame.type) {
  case frame_type::welcome:
    return take_welcome(frame.body);
  case frame_type::ping:
    if (frame.body.size() != 8)
      return "a ping has 8 bytes";
    wire::append_frame(outbox_.control(), frame_type::pong, frame.body);
    return nullptr;
  case frame_type::pong:
    return nullptr;
  case frame_type::message:
    return take_message(frame.body);
  case frame_type::receipt:
    return take_receipt(frame.body);
  case frame_type::outcome:
    return take_outcomes(frame.body);
  case frame_type::result:
    return take_result(frame.body);
  case frame_type::order:
    return take_order(frame.body);
  default:
    return bad_order("a frame that a runtime does not send");
  }
}

const char* core::take_welcome(std::string_view body) {
  const auto words = read_welcome(body);
  if (!words)
    return "a WELCOME that is none";
  stage_ = stage::up;
  up_since_ = now();
  heartbeat_ = words->heartbeat;
  fleet_ = words->fleet;
  if (config_.settings != words->config.settings || config_.labels != words->config.labels)
    told_settings_ = link_ == 1; // the first ones are no change
  config_ = words->config;
  zstd_ = words->zstd;
  for (const auto& [pattern, each] : subscriptions_.all())
    call_subscribe(pattern, each.durable);
  if (ready_)
    tell(tell_body("ready"));
  if (!status_.empty())
    tell(status_body(status_));
  if (!known_.empty())
    wire::append_frame(outbox_.control(), std::exchange(known_, {}));
  outbox_.open(
      {words->window_messages, words->window_bytes, static_cast<std::size_t>(words->unresolved)},
      words->zstd);
  if (link_changed_)
    events_.push_back([handler = link_changed_] { (*handler)(true, {}); });
  if (!watches_.empty())
    events_.push_back([this] { watch_again(); });
  return nullptr;
}

const char* core::take_farewell(std::string_view body) {
  const auto words = read_farewell(body);
  if (!words)
    return "a BYE that is none";
  const auto said = words->text.empty() ? words->reason : words->reason + ": " + words->text;
  if (!comes_back(words->reason)) {
    close_for_good(*words);
    return nullptr;
  }
  lost(said);
  if (words->reason == "already_linked")
    retry_at_ = now() + 100ms;
  return nullptr;
}

const char* core::take_message(std::string_view body) {
  auto each = inbox_.blank();
  if (const char* problem = each->read(body))
    return problem;
  constexpr const char* too_many = "more messages than the window allows";
  const auto& head = each->head;
  if (head.how != wire::delivery::fire) {
    if (auto* known = identities_.find(head)) {
      if (known->handled) {
        dones_.push_back({head.tag, wire::done::result::done});
      } else { // it is being handled: the new tag is the one to answer
        known->link = link_;
        known->tag = head.tag;
      }
      return inbox_.pass(head.in, body.size()) ? nullptr : bad_order(too_many);
    }
    identities_.add(head, link_, now());
  }
  if (head.to.size() > who_.instance.size() + 1 && head.to.starts_with(who_.instance)
      && head.to[who_.instance.size()] == '/')
    each->actor = head.to.substr(who_.instance.size() + 1);
  if (head.is(wire::reply)) {
    const auto* waiting = requests_.find(head.request);
    if (waiting && waiting->into) { // somebody waits: no handler is needed
      if (!inbox_.pass(head.in, body.size()))
        return bad_order(too_many);
      each->link = 0; // it is counted already
      finish(*requests_.take(head.request), read_reply(*each));
      complete(*each, wire::done::result::done);
      return nullptr;
    }
  }
  return inbox_.put(std::move(each)) ? nullptr : bad_order(too_many);
}

const char* core::take_receipt(std::string_view body) {
  wire::receipts read;
  if (const char* problem = wire::decode(body, read))
    return problem;
  return outbox_.receipt(read) ? nullptr : bad_order("a receipt for what was never sent");
}

const char* core::take_outcomes(std::string_view body) {
  std::vector<wire::outcome> list;
  if (const char* problem = wire::decode(body, list))
    return problem;
  for (const auto& each : list)
    settle(each);
  return nullptr;
}

void core::settle(const wire::outcome& each) {
  const auto which = static_cast<code>(each.code);
  const bool rejected = each.code >= wire::outcome_code::no_such_address;
  const bool kept = outbox_.resolve(each.in, each.sequence);
  const auto request = requests_.id_of(each.in, each.sequence);
  if (kept) {
    outcomes_remembered_.emplace_back(
        each.sequence * wire::lanes + static_cast<std::uint64_t>(each.in), which);
    if (outcomes_remembered_.size() > remembered_outcomes)
      outcomes_remembered_.pop_front();
  }
  if (request != 0 && rejected) {
    answer said;
    said.code = which;
    said.payload = each.text;
    finish(*requests_.take(request), std::move(said));
  }
  if (kept || (rejected && request == 0))
    note({which, to_public(each.in), each.sequence, each.text});
}

/// For `on_outcome`.
void core::note(outcome each) {
  if (!outcome_)
    return;
  outcomes_.push_back(std::move(each));
  if (outcomes_.size() > most_events)
    outcomes_.pop_front();
}

const char* core::take_result(std::string_view body) {
  const auto read = read_result(body);
  if (!read)
    return "a RESULT that is none";
  const auto found = calls_.find(read->id);
  if (found == calls_.end())
    return nullptr;
  if (!read->ok)
    note({read->problem, lane::normal, 0, found->second + ": " + read->text});
  calls_.erase(found);
  return nullptr;
}

const char* core::take_order(std::string_view body) {
  auto read = read_order(body);
  if (!read)
    return "an ORDER that is none";
  switch (read->what) {
  case order::kind::drain:
    drain_asked_ = {read->within, true, false, false, {}};
    break;
  case order::kind::flatten:
    flatten_asked_ = {read->within, true, false, false, {}};
    break;
  case order::kind::config:
    config_ = std::move(read->config);
    told_settings_ = false;
    break;
  case order::kind::pressure:
    if (!read->on)
      pressed_.erase(read->to);
    else if (pressed_.size() < most_pressed)
      pressed_.insert(std::move(read->to));
    break;
  case order::kind::unknown: // of a newer runtime
    break;
  }
  return nullptr;
}

void core::tell(const std::string& body) {
  if (stage_ != stage::up)
    return;
  wire::append_frame(outbox_.control(), frame_type::tell, body);
  push();
}

void core::call_subscribe(const std::string& pattern, bool durable) {
  calls_[++call_] = pattern;
  wire::append_frame(outbox_.control(), frame_type::call, subscribe_body(call_, pattern, durable));
}

void core::tick() {
  const auto at = now();
  for (auto& each : requests_.take_late(at)) {
    answer said;
    said.code = code::timed_out;
    finish(std::move(each), std::move(said));
  }
  if (fd_ < 0)
    return;
  if (partial_since_ >= instant{0} && at - partial_since_ >= frame_time) {
    reject("too_slow", "a frame was not completed within 30 s");
    return;
  }
  if (stage_ != stage::up || at - heard_ < heartbeat_ * (pings_ + 1))
    return;
  if (pings_ >= most_pings) {
    lost("the runtime has not answered three heartbeats");
    return;
  }
  ++pings_;
  wire::append_frame(outbox_.control(), frame_type::ping, {"troupe\0", 8});
  write();
}

instant core::next_due() const {
  if (!managed_ || stage_ == stage::closed)
    return instant::max();
  auto result = requests_.next().value_or(instant::max());
  if (stage_ == stage::down)
    return std::min(result, retry_at_);
  if (partial_since_ >= instant{0})
    result = std::min(result, partial_since_ + frame_time);
  if (stage_ == stage::up)
    result = std::min(result, heard_ + heartbeat_ * (pings_ + 1));
  return result;
}

void core::reject(std::string_view reason, std::string_view problem) {
  // Beside what is half written a BYE would be noise; then the end of the connection has to do.
  if (outbox_.unsent() == 0) {
    wire::append_frame(outbox_.control(), frame_type::bye, farewell_body(reason, problem));
    std::array<iovec, 3> parts;
    outbox_.parts(parts);
    ::send(fd_, parts[0].iov_base, parts[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  lost(std::string{"the runtime has broken the protocol: "}.append(problem));
}

void core::lost(std::string why) {
  ::close(fd_);
  fd_ = -1;
  if (polling_)
    wake(); // it waits for the old one
  const bool was_up = stage_ == stage::up;
  stage_ = stage::down;
  outbox_.close();
  in_.clear();
  dones_.clear(); // what is handled is in KNOWN
  known_.clear();
  pressed_.clear();
  calls_.clear();
  const auto at = now();
  if (was_up)
    lost_at_ = at;
  if (was_up && at - up_since_ >= held)
    tries_ = 0;
  retry_at_ = at + pause(tries_++);
  if (was_up && link_changed_)
    events_.push_back([handler = link_changed_, why = std::move(why)] { (*handler)(false, why); });
}

void core::close_for_good(farewell words) {
  closed_ = std::move(words);
  lost(closed_.reason);
  stage_ = stage::closed;
  for (auto& each : requests_.take_all()) {
    answer said;
    said.code = code::closed;
    finish(std::move(each), std::move(said));
  }
  for (const auto& each : outbox_.abandon())
    note({code::closed, to_public(each.in), each.sequence, closed_.reason});
  changed_.notify_all();
}

} // namespace troupe::bot::detail
