#include "runtime/logs/index.hpp"

#include <cerrno>
#include <sys/types.h>
#include <unistd.h>

namespace troupe::logs {

namespace {

void put(char* to, std::uint64_t value) {
  for (int i = 0; i < 8; ++i)
    to[i] = static_cast<char>(value >> (8 * i));
}

std::uint64_t get(const char* from) {
  std::uint64_t result = 0;
  for (int i = 7; i >= 0; --i)
    result = result << 8 | static_cast<unsigned char>(from[i]);
  return result;
}

} // namespace

std::array<char, index_record_size> encode(const index_record& x) {
  std::array<char, index_record_size> result;
  put(result.data(), x.offset);
  put(result.data() + 8, static_cast<std::uint64_t>(x.time));
  put(result.data() + 16, x.incarnation);
  return result;
}

std::optional<index_record> decode_index_record(std::string_view bytes) {
  if (bytes.size() < index_record_size)
    return std::nullopt;
  return index_record{get(bytes.data()), static_cast<std::int64_t>(get(bytes.data() + 8)),
                      get(bytes.data() + 16)};
}

std::optional<std::vector<index_record>> read_index(int fd) {
  std::vector<index_record> result;
  std::array<char, 256 * index_record_size> buffer;
  for (off_t at = 0;;) {
    const auto count = ::pread(fd, buffer.data(), buffer.size(), at);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return std::nullopt;
    std::string_view bytes{buffer.data(), static_cast<std::size_t>(count)};
    for (; const auto record = decode_index_record(bytes); bytes.remove_prefix(index_record_size))
      result.push_back(*record);
    const auto whole = static_cast<off_t>(count) - static_cast<off_t>(bytes.size());
    if (whole == 0)
      return result;
    at += whole;
  }
}

} // namespace troupe::logs
