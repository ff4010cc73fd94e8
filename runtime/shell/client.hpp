#pragma once

// The client's side of admin.sock.

#include "config/result.hpp"
#include "messages/admin.hpp"
#include "runtime/shell/hello.hpp"

#include <chrono>
#include <memory>
#include <signal.h>
#include <string>

namespace troupe::shell {

/// A whole answer.
struct answer {
  int exit = 0;
  std::string document;
};

/// A conversation with the runtime of one state directory. Connects when it is first
/// needed, and again when the runtime was replaced. For one thread.
class client {
public:
  struct options {
    std::string state; ///< the state directory
    /// How long a runtime that is restarting is waited for.
    std::chrono::milliseconds patience{10'000};
    /// Signals that may interrupt a wait; null: none do.
    const sigset_t* interruptible = nullptr;
  };

  static constexpr std::chrono::seconds usual_timeout{40};

  explicit client(options);
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  /// Sends a command and waits for all of its answer. `repeatable` commands are sent
  /// again when the connection is lost meanwhile. The error says why there is no
  /// answer; its code is «interrupted» when a signal came.
  config::expected<answer, refusal> ask(const std::string& command, const std::string& arguments,
                                        bool repeatable,
                                        std::chrono::milliseconds timeout = usual_timeout);

  /// Connects unless connected; waits at most `patience` for a runtime that is
  /// restarting.
  config::expected<welcome, refusal> connect(std::chrono::milliseconds patience);
  bool connected() const;

  /// Waits until nobody listens at the socket any more. False: the time ran out.
  bool wait_until_gone(std::chrono::milliseconds limit);

  std::string socket_path() const;
  const std::string& state() const; ///< the state directory

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::shell
