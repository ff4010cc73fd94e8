#pragma once

// Little-endian numbers in byte strings.

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace troupe::wire {

static_assert(std::endian::native == std::endian::little,
              "numbers are copied as they lie in memory; a big-endian machine needs a swap here");

template <std::unsigned_integral T>
void put(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

template <std::unsigned_integral T>
T get(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// Reads from the front of a string; after the first read beyond its end every read gives
/// zeros, and `good()` is false.
class byte_reader {
public:
  explicit byte_reader(std::string_view bytes)
      : rest_{bytes} {
    // nop
  }

  template <std::unsigned_integral T>
  T take() {
    if (rest_.size() < sizeof(T)) {
      good_ = false;
      rest_ = {};
      return 0;
    }
    const auto value = get<T>(rest_.data());
    rest_.remove_prefix(sizeof(T));
    return value;
  }

  std::string_view take_text(std::size_t size) {
    if (rest_.size() < size) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const auto text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

  bool good() const { return good_; }

  /// Everything was read, and there was nothing missing.
  bool done() const { return good_ && rest_.empty(); }

private:
  std::string_view rest_;
  bool good_ = true;
};

} // namespace troupe::wire
