#pragma once

// The MESSAGE frame of a message that is kept, as it will be written: made once, however long it
// waits and for however many. The hub's thread alone has it, so counting needs no atomics.

#include "messages/wire/frame.hpp"
#include "messages/wire/message.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

namespace troupe::messaging {

class kept_frame {
public:
  kept_frame() = default;
  explicit kept_frame(const wire::message_view& of) {
    const auto size = wire::frame_size(of);
    what_ = static_cast<head*>(::operator new(sizeof(head) + size));
    *what_ = {1, static_cast<std::uint32_t>(size), false};
    wire::write_frame(bytes(), of);
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
  std::size_t size() const { return what_ ? what_->size : 0; }
  /// To be written. Its checksum is made here, for the first who wants it: that of bytes that were
  /// stored just before takes longer.
  std::string_view whole() const {
    if (what_ && !std::exchange(what_->summed, true))
      wire::sum_frame(bytes());
    return {what_ ? bytes() : nullptr, size()};
  }
  /// Without head and checksum.
  std::string_view body() const {
    return what_ ? std::string_view{bytes() + head_size, what_->size - wire::frame_overhead}
                 : std::string_view{};
  }

private:
  static constexpr std::size_t head_size = 5;
  struct head {
    std::uint32_t users;
    std::uint32_t size;
    bool summed;
  };
  char* bytes() const { return reinterpret_cast<char*>(what_ + 1); }

  head* what_ = nullptr;
};

} // namespace troupe::messaging
