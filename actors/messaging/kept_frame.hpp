#pragma once

// The MESSAGE frame of a message that is kept, as it will be written: made once, however long it
// waits and for however many. The hub's thread alone has it, so counting needs no atomics.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace troupe::messaging {

class kept_frame {
public:
  kept_frame() = default;
  /// Copies a whole frame.
  explicit kept_frame(std::string_view frame) {
    what_ = static_cast<head*>(::operator new(sizeof(head) + frame.size()));
    *what_ = {1, static_cast<std::uint32_t>(frame.size())};
    std::memcpy(what_ + 1, frame.data(), frame.size());
  }
  kept_frame(const kept_frame& other)
      : what_{other.what_} {
    if (what_)
      ++what_->users;
  }
  kept_frame(kept_frame&& other) noexcept
      : what_{std::exchange(other.what_, nullptr)} {
    // nop
  }
  kept_frame& operator=(kept_frame other) noexcept {
    std::swap(what_, other.what_);
    return *this;
  }
  ~kept_frame() {
    if (what_ && --what_->users == 0)
      ::operator delete(what_);
  }

  bool empty() const { return !what_; }
  std::string_view bytes() const {
    return what_ ? std::string_view{reinterpret_cast<const char*>(what_ + 1), what_->size}
                 : std::string_view{};
  }
  /// Without head and checksum.
  std::string_view body() const {
    return what_ ? bytes().substr(head_size, what_->size - head_size - tail_size)
                 : std::string_view{};
  }

private:
  static constexpr std::size_t head_size = 5;
  static constexpr std::size_t tail_size = 4;
  struct head {
    std::uint32_t users;
    std::uint32_t size;
  };
  head* what_ = nullptr;
};

} // namespace troupe::messaging
