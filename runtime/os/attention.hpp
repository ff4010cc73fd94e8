#pragma once

// What a bot lets us know while it runs: over its notify socket, by its output, and by the
// check that makes it ready.

#include "actors/seams.hpp"
#include "runtime/logs/collector.hpp"
#include "runtime/os/checks.hpp"
#include "runtime/os/tasks.hpp"
#include "runtime/os/unique_fd.hpp"
#include "runtime/os/workers.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace troupe::os {

/// Whether a process is of an incarnation; `gone`: it ended already.
enum class kinship : std::uint8_t { yes, no, gone };

/// Of the io_context's thread alone, but for what says otherwise.
class attention {
public:
  /// What it needs of the host, called in the io_context's thread.
  struct surroundings {
    std::function<void(process_event)> tell;
    std::function<kinship(const slot_key&, pid_t)> look_at;
    std::function<std::optional<std::string>(const std::string& name)> environment;
    std::string state; ///< path of the state directory
  };

  /// Files that are looked at, and names that are resolved, at a time. Whoever hangs holds one.
  static constexpr std::size_t most_hands = 8;
  /// Threads that close what bots have sent along.
  static constexpr std::size_t most_closers = 4;

  attention(boost::asio::io_context& io, logs::collector& output, task_runner& tasks,
            surroundings around);
  ~attention();

  /// The lines that are looked for in a bot's output.
  static std::vector<std::string> patterns_of(const config::bot_spec& spec);

  /// Who is to be told of a line that was found, in any thread.
  std::function<void(const std::string& pattern, const std::string& line)>
  listener(const slot_key& of);

  /// A process is about to be started whose output is looked through for `patterns_of` its spec,
  /// by a `listener`, from the first byte on. From any thread.
  void expect(const launch& what);

  /// The process exists: its notices are told from now on, those of before too. The socket is
  /// taken, if there is one. Does nothing when `what` is null and nobody has called `attend`.
  void begin(const slot_key& of, const config::bot_spec_ptr& what, pid_t pid, unique_fd& socket);

  /// As the seam's: for a process that is there (`pid` > 0) or about to be.
  void attend(const launch& what, pid_t pid, unique_fd& socket, bool check_ready);

  /// Others wait for other lines of it from now on. From any thread.
  void adjust(const launch& what);

  /// The process has ended: what it said last is told, and nothing more.
  void end(const slot_key& of);

  /// Ends the check only: the process is about to be killed.
  void stop_check(const slot_key& of);

  /// Nothing is to be known of it any more, and its socket is removed if it `has_socket`. From
  /// any thread.
  void forget(const slot_key& of, bool has_socket);

  /// What it last said as STATUS=. From any thread.
  std::string says(const slot_key& of);

private:
  struct bot;
  using bot_ptr = std::shared_ptr<bot>;

  bot_ptr find(const slot_key& of);
  bot_ptr find_or_make(const slot_key& of, const config::bot_spec_ptr& spec);
  void printed(const slot_key& of, const std::string& pattern);
  void open(const slot_key& of, const bot_ptr& x, unique_fd& socket);
  void tell_known(const slot_key& of, bot& x);
  void start_check(const slot_key& of, const bot_ptr& x);
  std::shared_ptr<probe> probe_of(const slot_key& of, bot& x);
  void ready(const slot_key& of, bot& x, const std::string& how);
  void tell(const slot_key& of, notice::kind what, std::string text = {},
            std::chrono::microseconds time = {});

  // attention_notify.cpp
  void watch_socket(const slot_key& of, const bot_ptr& x);
  enum class reading : std::uint8_t { done, more, fds };
  reading read_socket(const slot_key& of, bot& x, int most);
  void drop_fds(const slot_key& of, const bot_ptr& x);
  bool may_say(const slot_key& of, bot& x, pid_t sender, uid_t uid);
  void hear(const slot_key& of, bot& x, const std::string& text);
  void hear_watchdog(const slot_key& of, bot& x, std::string_view value);
  void extend(const slot_key& of, bot& x, std::chrono::microseconds by);
  void remark(const slot_key& of, std::uint32_t& done, std::uint32_t which, std::string text);

  boost::asio::io_context& io_;
  logs::collector& output_;
  task_runner& tasks_;
  surroundings around_;
  workers hands_;
  workers closers_;
  checks checks_;
  std::map<slot_key, bot_ptr> bots_;
  std::mutex mutex_; // guards says_
  std::map<slot_key, std::string> says_;
};

} // namespace troupe::os
