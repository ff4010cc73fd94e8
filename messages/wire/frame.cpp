#include "messages/wire/frame.hpp"

#include "messages/wire/bytes.hpp"

#include <isa-l/crc.h>

namespace troupe::wire {

namespace {

constexpr std::size_t head_size = 5;
constexpr std::uint32_t smallest_frame = 5;

std::uint32_t checksum(const char* bytes, std::size_t size) {
  return crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(bytes), size);
}

bool known(std::uint8_t type) {
  return (type >= 1 && type <= 9) || (type >= 16 && type <= 21);
}

} // namespace

std::string to_string(frame_type type) {
  static constexpr const char* control[] = {"",     "HELLO", "WELCOME", "BYE",  "PING",
                                            "PONG", "CALL",  "RESULT",  "TELL", "ORDER"};
  static constexpr const char* data[] = {"MESSAGE", "RECEIPT", "OUTCOME",
                                         "DONE",    "CREDIT",  "KNOWN"};
  const auto number = static_cast<std::uint8_t>(type);
  if (!known(number))
    return "type " + std::to_string(number);
  return number < 16 ? control[number] : data[number - 16];
}

parsed_frame parse_frame(std::string_view bytes, std::uint32_t largest) {
  parsed_frame result;
  if (bytes.size() < head_size) {
    result.missing = head_size - bytes.size();
    return result;
  }
  const auto broken = [&](const char* problem) {
    result.what = parsed_frame::kind::broken;
    result.problem = problem;
    return result;
  };
  const auto size = get<std::uint32_t>(bytes.data());
  if (size < smallest_frame)
    return broken("a frame has at least a type and a checksum");
  if (size > largest)
    return broken("the frame is larger than allowed");
  const auto type = get<std::uint8_t>(bytes.data() + 4);
  if (!known(type))
    return broken("there is no frame of that type");
  if (bytes.size() < 4 + std::size_t{size}) {
    result.missing = 4 + std::size_t{size} - bytes.size();
    return result;
  }
  if (get<std::uint32_t>(bytes.data() + size) != checksum(bytes.data(), size))
    return broken("the checksum of a frame is wrong");
  result.what = parsed_frame::kind::whole;
  result.type = static_cast<frame_type>(type);
  result.body = bytes.substr(head_size, size - smallest_frame);
  result.consumed = 4 + std::size_t{size};
  return result;
}

void append_frame(std::string& out, frame_type type, std::string_view body) {
  const auto begin = begin_frame(out, type);
  out += body;
  end_frame(out, begin);
}

std::size_t begin_frame(std::string& out, frame_type type) {
  const auto begin = out.size();
  put(out, std::uint32_t{0});
  put(out, static_cast<std::uint8_t>(type));
  return begin;
}

void end_frame(std::string& out, std::size_t begin) {
  const auto size = static_cast<std::uint32_t>(out.size() - begin); // 4 fewer, 4 more: the checksum
  std::memcpy(out.data() + begin, &size, sizeof size);
  put(out, checksum(out.data() + begin, size));
}

std::size_t sum_frame(char* frame) {
  const auto size = get<std::uint32_t>(frame);
  const auto sum = checksum(frame, size);
  std::memcpy(frame + size, &sum, sizeof sum);
  return size + sizeof sum;
}

} // namespace troupe::wire
