#include "runtime/shell/basp_unix.hpp"

#include <caf/io/basp/header.hpp>

namespace troupe::shell {

namespace {

template <class T>
T big_endian(const unsigned char* data) {
  T result = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    result = static_cast<T>(result << 8 | data[i]);
  return result;
}

} // namespace

static_assert(basp_header_bytes == caf::io::basp::header_size);

basp_frame read_basp_header(const unsigned char* data) {
  return {data[0], data[3], big_endian<std::uint32_t>(data + 4),
          big_endian<std::uint64_t>(data + 24)};
}

bool basp_guard::pass(const basp_frame& frame) {
  using caf::io::basp::message_type;
  const auto operation = static_cast<message_type>(frame.operation);
  if (operation == message_type::client_handshake) {
    shaken_ = true;
    return frame.payload > 0 && frame.payload <= max_handshake;
  }
  if (!shaken_)
    return false;
  switch (operation) {
  case message_type::direct_message:
    return frame.flags == 0 && frame.receiver == admin_ && frame.payload > 0
           && frame.payload <= max_payload;
  case message_type::monitor_message:
    return frame.receiver == admin_ && frame.payload > 0 && frame.payload <= max_handshake;
  case message_type::down_message:
    return frame.payload <= max_handshake;
  case message_type::heartbeat:
    return frame.payload == 0;
  default:
    return false;
  }
}

} // namespace troupe::shell
