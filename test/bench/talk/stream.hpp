#pragma once

// A stream socket with buffers on both sides.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace talk {

class stream {
public:
  explicit stream(int fd);
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  ~stream();

  static int connect_tcp(std::uint16_t port);
  static int connect_unix(const std::string& path);

  int fd() const { return fd_; }

  /// Appends to what goes out; sends once 64 KiB have come together.
  void write(std::string_view);
  void flush();

  /// What has come and was not consumed.
  std::string_view input() const { return std::string_view{in_}.substr(taken_); }
  void consume(std::size_t);
  /// Reads what is there, or waits for it. Ends the process when the other side is gone.
  void read(std::chrono::milliseconds wait);

private:
  int fd_;
  std::string out_;
  std::string in_;
  std::size_t taken_ = 0;
};

[[noreturn]] void die(const std::string& what);

} // namespace talk
