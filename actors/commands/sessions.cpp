#include "actors/commands/sessions.hpp"

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

} // namespace troupe::commands
