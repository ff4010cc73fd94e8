#pragma once

// One way of sending messages between processes, as thin as it can be: what the bench
// measures is what lies between two of these.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace talk {

struct transport {
  using receiver = std::function<void(std::string_view payload)>;

  virtual ~transport() = default;

  /// From now on this process gets what is sent to `channel`.
  virtual void listen(const std::string& channel) = 0;

  /// Sends; may be kept back until `flush` or until much has come together.
  virtual void send(const std::string& channel, std::string_view payload, bool urgent) = 0;

  virtual void flush() = 0;

  /// Sends one that is to be acknowledged once it is on disk; `acknowledged()` counts those.
  virtual void send_durable(const std::string& channel, std::string_view payload) = 0;
  virtual std::uint64_t acknowledged() const = 0;

  /// Calls `each` for what has come; waits for something at most so long. An echo may be sent
  /// from within it.
  virtual void receive(std::chrono::milliseconds wait, const receiver& each) = 0;
};

std::unique_ptr<transport> make_nats(const std::string& port);
std::unique_ptr<transport> make_redis(const std::string& path);
std::unique_ptr<transport> make_troupe(const std::string& ignored);

/// Two processes with a socketpair and nothing between them; `child` in the other one.
std::unique_ptr<transport> make_pair(int fd);

} // namespace talk
