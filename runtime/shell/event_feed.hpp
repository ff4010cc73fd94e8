#pragma once

#include "messages/admin.hpp"
#include "runtime/os/unique_fd.hpp"
#include "runtime/shell/client.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace troupe::shell {

/// The events of one bot, heard by a thread that has the client to itself from `run` on,
/// beside one that does something else.
class event_feed {
public:
  event_feed(client& runtime, std::string bot);
  ~event_feed();
  event_feed(const event_feed&) = delete;
  event_feed& operator=(const event_feed&) = delete;

  /// Finds out where the sequence of events stands. What is wrong, if anything.
  std::optional<refusal> begin();
  /// Starts the thread.
  void run();

  /// Readable when there are events, or trouble.
  int fd() const { return wake_.get(); }
  /// The events, each as one line of JSON, that came since the last call.
  std::vector<std::string> take();
  /// Why there will be no more.
  std::optional<refusal> trouble();

private:
  void listen();
  std::optional<refusal> look(std::uint32_t wait_ms, std::vector<std::string>& lines);

  client& runtime_;
  std::string bot_;
  std::uint64_t after_ = 0;
  os::unique_fd wake_;
  std::atomic<bool> over_{false};
  std::mutex mutex_;
  std::vector<std::string> lines_; ///< guarded by `mutex_`
  std::optional<refusal> trouble_; ///< guarded by `mutex_`
  std::thread thread_;
};

} // namespace troupe::shell
