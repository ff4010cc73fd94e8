#pragma once

#include "runtime/os/unique_fd.hpp"

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::os {

inline constexpr std::size_t tail_bytes = 4096;
inline constexpr std::size_t tail_lines = 20;

/// The last lines that end in `text`: at most `tail_lines` and `tail_bytes`.
std::string last_lines(std::string_view text);

/// Reads the output pipes of all bots and keeps the end of each. Reading happens in the
/// threads that run the io_context, a bounded piece at a time; every method may be called
/// from any thread. What comes when nobody reads any more waits in the pipe, as always.
class output_tail {
public:
  explicit output_tail(boost::asio::io_context& io);
  ~output_tail();
  output_tail(const output_tail&) = delete;
  output_tail& operator=(const output_tail&) = delete;

  /// Takes the read end of a pipe and makes it non-blocking.
  void add(const std::string& instance, std::uint64_t incarnation, unique_fd pipe);

  /// The end of the output, with what is in the pipe now but was not read yet. A
  /// grandchild that still holds the pipe does not delay it.
  std::string tail(const std::string& instance, std::uint64_t incarnation);

  /// Calls `found` once for each of these patterns (RE2), with the first line that matches,
  /// be it one that is kept already. In a thread of the io_context.
  void watch(const std::string& instance, std::uint64_t incarnation,
             std::vector<std::string> patterns,
             std::function<void(const std::string& pattern, const std::string& line)> found);

  /// Forgets the output and closes the pipe.
  void remove(const std::string& instance, std::uint64_t incarnation);

private:
  struct state;
  std::shared_ptr<state> state_;
};

} // namespace troupe::os
