#pragma once

// What a bot says first on its link, and what it is told when that is not good; see
// docs/link-protocol.md, «Handshake». No I/O.

#include "actors/messaging/link.hpp"
#include "runtime/os/link_keys.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

namespace troupe::link {

/// Reasons of a BYE before the link exists.
struct refusal {
  std::string reason; ///< «bad_token», as on the wire
  std::string text;   ///< for people; holds nothing secret
};

/// A BYE frame. With `bad_version` it names the versions that this runtime speaks.
std::string bye_frame(const refusal&);

/// A HELLO whose types and ranges are right, and who it says it is.
struct claim {
  messaging::link_hello hello; ///< without uid and pid
  os::link_key key{};
};

/// Reads the body of a HELLO. Unknown members are passed over.
std::variant<claim, refusal> read_hello(std::string_view body);

/// Whether that process may link as what it says.
std::variant<messaging::link_hello, refusal> admit(const claim& x, const os::link_keys& keys,
                                                   uid_t uid, pid_t pid);

} // namespace troupe::link
