#pragma once

// Frames of the link protocol (docs/link-protocol.md), no CAF, no I/O. Nothing is
// allocated for what a peer claims before its size is checked.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::wire {

/// Newest and oldest version of the protocol that this side speaks.
inline constexpr std::uint32_t newest_version = 1;
inline constexpr std::uint32_t oldest_version = 1;

/// Largest `size` of a frame, and of one before the WELCOME.
inline constexpr std::uint32_t max_frame = 1u << 20;
inline constexpr std::uint32_t max_early_frame = 16u << 10;

/// Bytes that a frame has beside its body.
inline constexpr std::size_t frame_overhead = 9;

/// Largest JSON body, and how deep it may be.
inline constexpr std::size_t max_json = 64u << 10;
inline constexpr int max_json_depth = 16;

enum class frame_type : std::uint8_t {
  hello = 1,
  welcome = 2,
  bye = 3,
  ping = 4,
  pong = 5,
  call = 6,
  result = 7,
  tell = 8,
  order = 9,
  message = 16,
  receipt = 17,
  outcome = 18,
  done = 19,
  credit = 20,
  known = 21,
};

/// «HELLO»; «type 77» for what is none.
std::string to_string(frame_type);

/// What stands at the front of a stream's bytes.
struct parsed_frame {
  enum class kind : std::uint8_t {
    partial, ///< not whole yet; `missing` bytes more are needed at least
    whole,
    broken, ///< the connection is of no use any more; `problem` says why
  };
  kind what = kind::partial;
  frame_type type = frame_type::ping;
  std::string_view body; ///< into the bytes that were given
  std::size_t consumed = 0;
  std::size_t missing = 0;
  const char* problem = "";
};

/// Looks at the frame that `bytes` begin with. `largest` bounds its `size`.
parsed_frame parse_frame(std::string_view bytes, std::uint32_t largest = max_frame);

/// Appends a whole frame.
void append_frame(std::string& out, frame_type, std::string_view body);

/// For bodies that are written in place: reserves the head, returns where the frame begins …
std::size_t begin_frame(std::string& out, frame_type);

/// … and completes it with size and checksum.
void end_frame(std::string& out, std::size_t begin);

/// Fills in the checksum of the frame that begins there. Returns the size of the whole.
std::size_t sum_frame(char* frame);

} // namespace troupe::wire
