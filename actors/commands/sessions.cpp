#include "actors/commands/sessions.hpp"

#include <iterator>
#include <sys/random.h>
#include <utility>

namespace troupe::commands {

std::optional<std::uint64_t> session_registry::open(peer who) {
  std::lock_guard guard{mutex_};
  if (peers_.size() >= bound_)
    return std::nullopt;
  for (;;) {
    std::uint64_t session = 0;
    if (getrandom(&session, sizeof session, 0) != sizeof session)
      return std::nullopt;
    if (session != 0 && peers_.emplace(session, who).second)
      return session;
  }
}

void session_registry::close(std::uint64_t session) {
  std::lock_guard guard{mutex_};
  peers_.erase(session);
  for (auto i = rests_.begin(); i != rests_.end();) {
    const auto next = std::next(i);
    if (i->second.session == session)
      drop(i);
    i = next;
  }
}

std::optional<peer> session_registry::find(std::uint64_t session) const {
  std::lock_guard guard{mutex_};
  const auto found = peers_.find(session);
  if (found == peers_.end())
    return std::nullopt;
  return found->second;
}

std::size_t session_registry::size() const {
  std::lock_guard guard{mutex_};
  return peers_.size();
}

std::uint64_t session_registry::keep(std::uint64_t session, pending_rest rest) {
  std::lock_guard guard{mutex_};
  drop_old();
  if (!peers_.contains(session))
    return 0;
  while (!rests_.empty()
         && (rests_.size() >= max_rests || rest_bytes_ + rest.text.size() > max_rest_bytes))
    drop(rests_.begin());
  rest_bytes_ += rest.text.size();
  rests_[++last_cursor_] = {session, std::move(rest), std::chrono::steady_clock::now()};
  return last_cursor_;
}

std::optional<pending_rest> session_registry::take(std::uint64_t session, std::uint64_t cursor) {
  std::lock_guard guard{mutex_};
  drop_old();
  const auto found = rests_.find(cursor);
  if (found == rests_.end() || found->second.session != session)
    return std::nullopt;
  rest_bytes_ -= found->second.rest.text.size();
  auto result = std::move(found->second.rest);
  rests_.erase(found);
  return result;
}

std::size_t session_registry::rest_bytes() const {
  std::lock_guard guard{mutex_};
  return rest_bytes_;
}

void session_registry::drop(kept_rests::iterator which) {
  rest_bytes_ -= which->second.rest.text.size();
  rests_.erase(which);
}

/// Needs no timer: whoever asks for anything long comes by here.
void session_registry::drop_old() {
  const auto now = std::chrono::steady_clock::now();
  while (!rests_.empty() && rests_.begin()->second.since + rest_lifetime < now)
    drop(rests_.begin());
}

} // namespace troupe::commands
