// The fuzz target of the link protocol's decoder: whatever a peer sends is taken apart without
// harm, and what is taken as whole and right is the same after being written and read again.
#include "messages/wire/compression.hpp"
#include "messages/wire/frame.hpp"
#include "messages/wire/message.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

using namespace troupe::wire;

void require(bool holds, const char* what) {
  if (holds)
    return;
  std::fprintf(stderr, "fuzz_wire: %s\n", what);
  std::abort();
}

/// The body of the frame that `encoded` is.
std::string_view body_of(std::string_view encoded) {
  const auto frame = parse_frame(encoded, max_frame);
  require(frame.what == parsed_frame::kind::whole, "what is written can be read");
  require(frame.consumed == encoded.size(), "and is one frame");
  return frame.body;
}

template <class T>
void take_list(std::string_view body) {
  T value;
  if (decode(body, value))
    return;
  std::string encoded;
  append_frame(encoded, value);
  if (encoded.empty())
    return; // an empty list is not written
  require(body_of(encoded) == body, "a list is the same after a round trip");
}

void take_message(std::string_view body) {
  message_view message;
  if (const char* problem = decode(body, message)) {
    require(*problem != '\0', "an error has words");
    return;
  }
  if (message.is(compressed))
    if (const auto payload = decompress(message.payload, message.length))
      require(payload->size() == message.length, "a payload is as long as it says");
  if (body.size() + frame_overhead > max_frame)
    return;
  std::string encoded;
  append_frame(encoded, message);
  require(body_of(encoded) == body, "a message is the same after a round trip");
}

void take(const parsed_frame& frame) {
  switch (frame.type) {
  case frame_type::message:
    return take_message(frame.body);
  case frame_type::receipt:
    return take_list<receipts>(frame.body);
  case frame_type::credit:
    return take_list<credits>(frame.body);
  case frame_type::outcome:
    return take_list<std::vector<outcome>>(frame.body);
  case frame_type::done:
    return take_list<std::vector<done>>(frame.body);
  case frame_type::known:
    return take_list<std::vector<known_message>>(frame.body);
  default:
    require(!to_string(frame.type).empty(), "a type has a name");
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  // As a stream …
  while (!rest.empty()) {
    const auto frame = parse_frame(rest, max_frame);
    if (frame.what == parsed_frame::kind::partial)
      require(frame.missing > 0 && frame.missing <= max_frame + 4, "what is missing is bounded");
    if (frame.what != parsed_frame::kind::whole)
      break;
    require(frame.consumed <= rest.size() && frame.consumed >= frame_overhead,
            "no more than there is");
    take(frame);
    rest.remove_prefix(frame.consumed);
  }
  // … and, for no fuzzer guesses a checksum, as the body of a frame whose type is the first byte.
  if (size > 0) {
    parsed_frame frame;
    frame.type = static_cast<frame_type>(data[0]);
    frame.body = std::string_view{reinterpret_cast<const char*>(data) + 1, size - 1};
    take(frame);
  }
  return 0;
}
