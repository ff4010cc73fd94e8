#pragma once

// The commands that are run beside a bot: hooks, and the check of `ready.exec`. Each is a
// process of the keeper like the bot itself, and so has the bot's user, limits and
// environment, and outlives the runtime.

#include "actors/seams.hpp"
#include "runtime/os/jobs.hpp"
#include "runtime/os/keeper_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace troupe::os {

/// What can be done to the slot of a task. Called in the io_context's thread; must not call
/// back.
struct task_slots {
  virtual ~task_slots() = default;

  /// One of `confirmed` and `failed` follows, then `ended`.
  virtual void start(const launch& what, job as, std::map<std::string, std::string> variables) = 0;
  /// Kills all of it, whatever it has come to.
  virtual void kill(const slot_key& task) = 0;
  /// Whether something of it lives beside its main process.
  virtual bool has_strays(const slot_key& task) = 0;
  virtual std::string output(const slot_key& task) = 0;
  virtual void release(const slot_key& task) = 0;
};

/// How a task ended.
struct task_end {
  bool ok = false;
  std::string text; ///< «on_crash exited with code 1 after 0.2 s: no such order»
  std::string gist; ///< the same without what differs from one time to the next
};

/// Of the io_context's thread alone.
class task_runner {
public:
  using done = std::function<void(const task_end&)>;

  /// Tasks of one kind under way over the whole fleet; the others wait for their turn.
  static constexpr std::size_t most_at_once = 128;
  /// How long a task of an earlier runtime waits until somebody asks for it.
  static constexpr std::chrono::seconds unclaimed_time{60};

  task_runner(boost::asio::io_context& io, task_slots& slots,
              std::chrono::milliseconds unclaimed = unclaimed_time,
              std::size_t most = most_at_once);

  /// Runs the command of that kind; calls `then` once. One that is there already is joined,
  /// and its end is told to the last who asked. The time limit is the spec's; hooks have it
  /// with the time that they wait for their turn.
  void run(const launch& what, job as, std::map<std::string, std::string> variables, done then);

  /// Ends the task; `then` is called if `tell`.
  void cancel(const std::string& instance, std::uint64_t incarnation, job as, bool tell);

  /// A new incarnation is about to come: what would stop the one before must not stop it.
  void make_way(const std::string& instance, std::uint64_t incarnation);

  /// A task that an earlier runtime has left; `started` in Unix microseconds.
  void adopt(const slot_key& task, std::int64_t started, bool confirmed,
             const std::optional<troupe::exited>& end);

  /// What became of a slot.
  void confirmed(const slot_key& task);
  void failed(const slot_key& task, const std::string& reason);
  void ended(const slot_key& task, const troupe::exited& end);

private:
  using clock = std::chrono::steady_clock;
  enum class phase : std::uint8_t { waiting, starting, running, ended };

  struct task {
    explicit task(boost::asio::io_context& io)
        : timer(io) {}

    launch what;
    job as = job::check;
    std::map<std::string, std::string> variables;
    done then;
    boost::asio::steady_timer timer;
    phase at = phase::waiting;
    bool adopted = false; // nobody has asked for it yet
    bool told = false;
    std::string killed; // why, for the text
    std::int64_t started = 0;
    std::optional<troupe::exited> end;
    clock::time_point due{};      // of its time limit
    clock::time_point patience{}; // until then what it left is waited for
    int pause = 1;                // milliseconds, of the next look
  };
  using task_ptr = std::shared_ptr<task>;

  task_ptr find(const slot_key& key);
  bool has_place(const slot_key& key, const task& x) const;
  void pump();
  void watch_time(const slot_key& key, const task_ptr& x);
  void out_of_time(const slot_key& key, const task_ptr& x);
  void kill(const slot_key& key, const task_ptr& x, const std::string& why);
  void end_strays(const slot_key& key, const task_ptr& x);
  void tell(const slot_key& key, const task_ptr& x, task_end result);
  task_end describe(const slot_key& key, const task& x);
  void remove(const slot_key& key);

  boost::asio::io_context& io_;
  task_slots& slots_;
  std::chrono::milliseconds unclaimed_;
  std::size_t most_;
  std::map<job, std::size_t> running_; // all but those that wait
  std::map<slot_key, task_ptr> tasks_;
  std::deque<slot_key> waiting_;
};

} // namespace troupe::os
