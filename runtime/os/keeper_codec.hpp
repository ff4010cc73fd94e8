#pragma once

#include "runtime/os/keeper_client.hpp"

#include <cstddef>

namespace troupe::os {

/// The key in the form in which it travels; a name that is too long is cut.
keeper::key to_key(const std::string& name, std::uint64_t incarnation);

/// A request in the form in which it travels.
struct packed_spawn {
  keeper::spawn_message head =
      keeper::make_message<keeper::spawn_message>(keeper::message_kind::spawn);
  std::string payload;
  unique_fd payload_file;
  std::vector<int> fds;
};

/// Never fails: what keeps a request from travelling is said in its sender_error, and comes back
/// from the keeper as the answer.
packed_spawn pack(const spawn_request& from);

/// Largest datagram that the keeper sends.
inline constexpr std::size_t largest_datagram = sizeof(keeper::slot_message) + keeper::max_blob;

/// Reads a datagram of the keeper; takes the fds it needs. nullopt when it makes no sense, or is
/// of a kind that only a newer keeper knows.
std::optional<keeper_event> decode(const unsigned char* bytes, std::size_t size,
                                   std::vector<unique_fd>& fds);

} // namespace troupe::os
