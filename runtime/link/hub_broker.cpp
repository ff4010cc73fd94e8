#include "runtime/link/hub_broker.hpp"

#include "runtime/link/short_slice.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <system_error>
#include <utility>

namespace troupe::link {

using messaging::link_id;
using messaging::monotonic;

namespace {

// So often a link is filled anew within one turn when the other end reads as fast as we write;
// then the others have theirs.
constexpr int most_rounds = 16;

// Read of a link whose other end reads no more, for what it said last.
constexpr int last_reads = 256;

// Of the thread that all links share: it often has something to do and is soon done with it, and
// what it does somebody waits for. With the kernel's own slices it would wait for bots that flood.
constexpr std::chrono::microseconds slice{100};

// Links that wait for the first table; what is beyond is closed, and connects again.
constexpr std::size_t most_unheard = 16'384;

} // namespace

// -- life ----------------------------------------------------------------------------------

hub_broker_state::hub_broker_state(pointer owner)
    : self{owner} {
  // nop
}

hub_broker_state::~hub_broker_state() {
  for (auto& [id, each] : links)
    watched::retire(std::move(each.socket));
  if (timer)
    watched::retire(std::move(timer));
}

void hub_broker_state::init(hub_broker_options given) {
  options = std::move(given);
  input.resize(options.read_at_once);
  const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0)
    throw std::system_error{errno, std::generic_category(), "timerfd_create"};
  timer = std::make_unique<watched>(
      loop_of(self->system()), fd, [this] { on_timer(); }, [] {});
  timer->watch_reads(true);
  hub = std::make_unique<messaging::hub>(*this, options.hub);
  ask_for_slices_of(slice);
}

// -- turns ---------------------------------------------------------------------------------

void hub_broker_state::fail(const char* why) {
  spdlog::critical("hub failed: {}", why);
  self->quit(caf::make_error(caf::sec::runtime_error, std::string{why}));
  // In a call of the loop an actor does not notice that it has quit.
  self->send(self, tick_atom_v, std::uint64_t{0});
}

void hub_broker_state::settle() {
  for (int round = 0; !later.empty() || !hungry.empty(); ++round) {
    auto todo = std::exchange(later, {});
    for (auto& each : todo)
      each();
    auto filled = std::exchange(hungry, {});
    for (const auto id : filled) {
      auto* link = find(id);
      if (!link)
        continue;
      if (round < most_rounds) {
        link->filled = 0;
        hub->on_sent(id);
      } else {
        link->socket->watch_writes(true);
      }
    }
  }
}

void hub_broker_state::arm() {
  auto next = hub->next_tick();
  if (!lingering.empty() && (!next || lingering.front().first < *next))
    next = lingering.front().first;
  // One that comes too early costs a look; none has to be put off.
  if (!next || (armed.count() != 0 && armed <= *next))
    return;
  const auto at = std::max(*next, monotonic{1});
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(at.count() / 1'000'000'000);
  when.it_value.tv_nsec = static_cast<long>(at.count() % 1'000'000'000);
  if (::timerfd_settime(timer->fd(), TFD_TIMER_ABSTIME, &when, nullptr) == 0)
    armed = at;
}

void hub_broker_state::on_timer() {
  std::uint64_t times = 0;
  if (::read(timer->fd(), &times, sizeof times) != sizeof times)
    return;
  armed = {};
  look();
}

void hub_broker_state::tick() {
  load_queue();
  look();
}

/// Everything that is due.
void hub_broker_state::look() {
  turn([this] {
    close_late();
    hub->tick();
  });
}

monotonic hub_broker_state::now() const {
  return std::chrono::steady_clock::now().time_since_epoch();
}

std::int64_t hub_broker_state::wall() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// -- what the actor is told ----------------------------------------------------------------

void hub_broker_state::take(const new_link& x) {
  // Without a table the hub knows of nobody who may send or get anything. Bots are faster than
  // that after the death of a runtime: they wait unheard.
  if (!routed) {
    if (unheard.size() < most_unheard)
      unheard.push_back(x);
    return;
  }
  const int fd = x.take();
  if (fd < 0)
    return;
  const int bytes = static_cast<int>(options.send_buffer);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  const auto id = ++last_link;
  auto& link = links[id];
  link.socket = std::make_unique<watched>(
      loop_of(self->system()), fd, [this, id] { on_readable(id); },
      [this, id] { on_writable(id); });
  link.socket->watch_reads(true);
  turn([&] {
    hub->on_link(id, x.hello);
    if (!x.read.empty())
      hub->on_data(id, x.read);
  });
}

void hub_broker_state::set_routes(const messaging::routes_ptr& x) {
  turn([&] { hub->set_routes(x); });
  if (!x || std::exchange(routed, true))
    return;
  for (const auto& each : std::exchange(unheard, {}))
    take(each);
}

void hub_broker_state::order(const std::string& instance, std::uint64_t incarnation,
                             messaging::link_order which, std::uint32_t within_ms) {
  turn([&] { hub->order(instance, incarnation, which, std::chrono::milliseconds{within_ms}); });
}

caf::result<std::string> hub_broker_state::ask(const hub_request& x) {
  auto promise = self->make_response_promise<std::string>();
  turn([&] {
    hub->ask(x.operation, x.arguments,
             [promise](std::string answer) mutable { promise.deliver(std::move(answer)); });
  });
  return promise;
}

figures hub_broker_state::counts() const {
  auto result = hub->counts();
  double unsent = 0;
  for (const auto& [id, each] : links)
    unsent += static_cast<double>(each.waiting());
  result.set("unsent_bytes", unsent);
  return result;
}

void hub_broker_state::stop() {
  turn([this] { hub->stop(); });
}

// -- the sockets ---------------------------------------------------------------------------

hub_broker_state::wire_end* hub_broker_state::find(link_id id) {
  const auto found = links.find(id);
  return found == links.end() ? nullptr : &found->second;
}

void hub_broker_state::on_readable(link_id id) {
  turn([&] { receive(id); });
}

/// Reads once. False when there was nothing to read, or there is no such link any more.
bool hub_broker_state::receive(link_id id) {
  auto* link = find(id);
  if (!link)
    return false;
  const auto got = ::recv(link->socket->fd(), input.data(), input.size(), MSG_DONTWAIT);
  if (got > 0) {
    if (!link->closing)
      hub->on_data(id, {input.data(), static_cast<std::size_t>(got)});
    return true;
  }
  if (got < 0 && errno == EINTR)
    return true;
  if (got == 0 || errno != EAGAIN)
    lost(id);
  return false;
}

/// Returns how much the kernel took.
std::size_t hub_broker_state::send(link_id id, wire_end& link, std::string_view bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const auto took = ::send(link.socket->fd(), bytes.data() + sent, bytes.size() - sent,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (took > 0) {
      sent += static_cast<std::size_t>(took);
      continue;
    }
    if (took < 0 && errno == EINTR)
      continue;
    if (took < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM)
      give_up(id);
    break;
  }
  return sent;
}

/// The other end reads no more. What it said before is still heard.
void hub_broker_state::give_up(link_id id) {
  auto* link = find(id);
  link->broken = true;
  link->socket->watch_writes(false);
  later.push_back([this, id] {
    for (int i = 0; i < last_reads && receive(id); ++i)
      ;
    lost(id);
  });
}

void hub_broker_state::write(link_id id, std::string_view bytes) {
  auto* link = find(id);
  if (!link || link->closing || link->broken)
    return;
  link->filled += bytes.size();
  if (link->waiting() == 0)
    bytes.remove_prefix(send(id, *link, bytes));
  if (link->broken)
    return;
  if (!bytes.empty()) {
    link->rest.append(bytes);
    link->socket->watch_writes(true);
  } else if (link->filled >= options.hub.unsent / 2) {
    // The hub may hold back more. What is less it has written to the end.
    hungry.push_back(id);
  }
}

void hub_broker_state::on_writable(link_id id) {
  auto* link = find(id);
  if (!link)
    return;
  turn([&] {
    const auto sent = send(id, *link, std::string_view{link->rest}.substr(link->gone));
    if (link->broken)
      return;
    link->gone += sent;
    if (link->waiting() == 0) {
      link->rest = {};
      link->gone = 0;
      link->socket->watch_writes(false);
      if (link->closing)
        return drop(id);
    } else if (link->gone > link->rest.size() / 2) {
      link->rest.erase(0, std::exchange(link->gone, 0));
    }
    link->filled = link->waiting();
    if (!link->closing)
      hub->on_sent(id);
  });
}

std::size_t hub_broker_state::unsent(link_id id) const {
  const auto found = links.find(id);
  return found == links.end() ? 0 : found->second.waiting();
}

void hub_broker_state::hold(link_id id, bool on) {
  if (auto* link = find(id); link && !link->closing)
    link->socket->watch_reads(!on);
}

/// The connection is gone; the hub hears of it unless it has closed it itself.
void hub_broker_state::lost(link_id id) {
  const auto* link = find(id);
  if (!link)
    return;
  const bool known = !link->closing;
  drop(id);
  if (known)
    hub->on_closed(id);
}

void hub_broker_state::drop(link_id id) {
  const auto found = links.find(id);
  if (found == links.end())
    return;
  // With something unread the other side would learn of a reset and not of its end.
  const int fd = found->second.socket->fd();
  for (int i = 0; i<last_reads&& ::recv(fd, input.data(), input.size(), MSG_DONTWAIT)> 0; ++i)
    ;
  watched::retire(std::move(found->second.socket));
  links.erase(found);
}

void hub_broker_state::close(link_id id) {
  auto* link = find(id);
  if (!link || std::exchange(link->closing, true))
    return;
  if (link->waiting() == 0) {
    later.push_back([this, id] { drop(id); });
    return;
  }
  link->socket->watch_reads(false);
  lingering.emplace_back(now() + options.linger, id);
}

void hub_broker_state::close_late() {
  const auto time = now();
  for (; !lingering.empty() && lingering.front().first <= time; lingering.pop_front())
    drop(lingering.front().second);
}

// -- the actor -----------------------------------------------------------------------------

namespace {

hub_actor::behavior_type hub_broker(hub_broker_state::pointer self,
                                    const hub_broker_options& options) {
  auto* st = &self->state;
  self->set_default_handler(caf::drop);
  st->init(options);
  return {
      [st](wire_atom, const services_ptr& x) { st->wire(x); },
      [st](apply_atom, const messaging::routes_ptr& x) { st->set_routes(x); },
      [st](link_atom, const new_link& x) { st->take(x); },
      [st](ask_atom, const std::string& instance, std::uint64_t incarnation,
           messaging::link_order which,
           std::uint32_t within_ms) { st->order(instance, incarnation, which, within_ms); },
      [st](const hub_request& x) { return st->ask(x); },
      [st](figures_atom) { return st->counts(); },
      [st](stop_atom) { st->stop(); },
      [st](tick_atom, std::uint64_t) { st->tick(); },
  };
}

} // namespace

hub_actor make_hub(caf::actor_system& system, hub_broker_options options) {
  return system.middleman().spawn_broker(hub_broker, std::move(options));
}

} // namespace troupe::link
