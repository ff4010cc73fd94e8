#pragma once

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <functional>
#include <memory>

namespace troupe::os {

/// A few threads for what may hang: a look at a file, a name that is resolved. A thread is
/// made when there is something to do and ends when there is nothing more. One that hangs
/// is left behind when this goes: nothing of ours is touched by it any more.
class workers {
public:
  /// What is to be done then, in the io_context's thread; may be empty.
  using done = std::function<void()>;

  /// At most `most` things are done at a time; the others wait in order.
  workers(boost::asio::io_context& io, std::size_t most);
  ~workers();
  workers(const workers&) = delete;
  workers& operator=(const workers&) = delete;

  /// Calls `work` in a thread; it may own only what may outlive this. False when no thread
  /// can be had. May be called from any thread.
  bool run(std::function<done()> work);

private:
  struct state;
  std::shared_ptr<state> state_;
  std::size_t most_;
};

} // namespace troupe::os
