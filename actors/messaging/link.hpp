#pragma once

// What is known of a link before the hub has it.

#include "messages/wire/message.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace troupe::messaging {

/// What a proxy orders of the process behind a link.
enum class link_order : std::uint8_t { drain, flatten };

/// An authenticated HELLO, its types and ranges checked by the listener.
struct link_hello {
  std::string instance;
  std::uint64_t incarnation = 0;
  std::uint32_t uid = 0;
  std::int32_t pid = 0;
  std::uint32_t version = 0; ///< the newest that both speak
  std::string client;        ///< «troupe-python 0.1.0», at most 64 printable bytes
  bool zstd = false;         ///< it can read compressed payloads
  bool drains = false;       ///< it has handlers for these orders
  bool flattens = false;
  bool takes_config = false;
  std::uint32_t window_messages = 256; ///< of each lane
  std::uint32_t window_bytes = 256u << 10;
  std::array<std::uint64_t, wire::lanes> next{1, 1, 1, 1};
  std::uint32_t known = 0;
};

} // namespace troupe::messaging
