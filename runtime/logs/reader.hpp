#pragma once

#include "runtime/logs/hand_over.hpp"
#include "runtime/logs/pace.hpp"
#include "runtime/logs/source.hpp"
#include "runtime/os/unique_fd.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::logs {

struct remark;
using source_ptr = std::shared_ptr<source>;

/// Reads all pipes, in rounds: each that has something is read once, and then there is a pause.
/// Those whose output somebody waits for, or who say much, have rounds of their own, every 20 ms or
/// without a pause; for the others see `pace`. One thread runs it.
class reader final : private sink {
public:
  reader(hand_over& blocks, std::function<void(const remark&)> on_remark);

  /// Until `stop`. Closes the hand-over at its end.
  void run();

  // -- from any thread -----------------------------------------------------------------

  /// Has `f` called by the thread of `run`, in order.
  void post(std::function<void()> f);
  void stop();

  /// Reads what is in the pipe now, for its tail; the thread of `run` goes on with it.
  std::string read_tail(const source_ptr& x);

  // -- from the thread of `run` ----------------------------------------------------------

  void attach(const source_ptr& x);
  /// Reads what is there and closes the pipe.
  void finish(const source_ptr& x);
  void change(const source_ptr& x, const config::log_spec& spec);
  void watch(const source_ptr& x, const std::vector<std::string>& patterns, pattern_found found);

private:
  void put(std::string_view bytes, std::size_t raw, bool line_start) override;
  bool need(std::size_t least);
  void submit();
  using clock = pace::clock;

  /// Pipes that have their rounds together.
  struct circle {
    os::unique_fd epoll;
    clock::time_point due{}; // before that nothing is read
  };
  bool wait();
  void read_prompt();
  void read_calm();
  std::size_t read_round(circle& x);
  circle& circle_of(const source& x) { return x.prompt ? prompt_ : calm_; }
  void place(source& x);
  bool run_posted();
  std::size_t read_once(source& x);
  std::size_t take_pending(source& x);
  void take(source& x, std::string_view text);
  void end_of(source& x);
  void detach(source& x);
  void resize_pipe(source& x, std::size_t count);
  void look();
  void look_at(source& x, std::int64_t now);
  bool tell_dropped(source& x, std::int64_t now);

  hand_over& blocks_;
  std::function<void(const remark&)> on_remark_;
  circle prompt_;
  circle calm_;
  os::unique_fd wake_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_; // guarded by it
  std::atomic<bool> stop_asked_{false};
  bool stopping_ = false; // as all below, of the thread alone
  std::map<source*, source_ptr> sources_;
  std::map<std::string, std::int64_t> told_at_; // instance → when drops were told of
  block_ptr block_;
  source* of_ = nullptr;  // whose output is put now
  std::int64_t time_ = 0; // when that was read
  std::unique_ptr<char[]> scratch_;
  std::size_t large_ = 0; // pipes that were enlarged
  std::size_t most_large_ = 0;
  pace pace_;              // of the calm
  bool hurried_ = false;   // much came from one of the prompt
  bool unsettled_ = false; // there is something to tell later
};

} // namespace troupe::logs
