#pragma once

#include "runtime/keeper/channel.hpp"
#include "runtime/keeper/child.hpp"
#include "runtime/keeper/children.hpp"
#include "runtime/keeper/fd_store.hpp"
#include "runtime/keeper/options.hpp"
#include "runtime/keeper/slots.hpp"

namespace troupe::keeper {

/// The keeper: one thread, one epoll, no decisions. It starts what it is asked to start, keeps
/// what ended until it is released, and tells the runtime of the moment.
///
/// Nothing here waits: not for an exec, not for a process to end, not for the runtime to read.
/// What the runtime does not take yet is a flag on a slot, and at most one answer is under way:
/// the next request is read when that has been sent. So a runtime that stops reading costs
/// nothing, and one that is gone is told to the next one.
class main_loop {
public:
  /// Takes over the process: signals, limits, fds. False after saying why.
  bool open(const options& given);
  /// Runs until the runtime has ended for good; returns the exit code.
  int run();

private:
  /// What an epoll event is about.
  enum class event_source : uint32_t { signals, channel, runtime, bot, status };

  /// How far the answer to hello is.
  enum class greeting : uint8_t { waiting, slots, fds, ready, done };

  struct runtime_process {
    pid_t pid = -1;
    int pidfd = -1;
    int channel = -1;
    int status_pipe = -1;
    uint64_t started_ns = 0;
    uint64_t silent_ns = 0;       ///< silence that was really waited through
    uint64_t silent_since_ns = 0; ///< until when that is counted
    uint64_t silent_cpu_ns = 0;   ///< CPU time it had used when that began
    bool wants_cpu = false;       ///< whenever that was looked at since
    greeting at = greeting::waiting;
    uint32_t told = 0;     ///< position in the table or in the fd store
    uint32_t interest = 0; ///< epoll events asked for
    bool ping_due = false;
    bool stop_due = false;
    bool reload_due = false;
    bool clogged = false; ///< the last datagram did not fit
    bool deaf = false;    ///< it has closed its end; what it has sent is still to be read
  };

  /// Work that a signal asks for and that costs a look at every child: not more often than that
  /// it takes a tenth of the time.
  struct paced {
    uint64_t at = 0;    ///< when it is due; 0: not at all
    uint64_t after = 0; ///< not before

    void ask(uint64_t now) { at = now > after ? now : after; }
    bool due(uint64_t now) const { return at != 0 && now >= at; }
    void done(uint64_t started);
  };

  struct answer {
    alignas(8) unsigned char bytes[sizeof(key_message) + 64];
    size_t size;
    int fd; ///< the store's, or -1
  };

  // main_loop.cpp
  bool take_signals();
  static uint64_t make_tag(event_source what, const slot* bot);
  bool watch(int fd, uint32_t events, event_source what, const slot* bot = nullptr);
  void unwatch(int& fd);
  void dispatch(uint64_t tag, uint32_t events);
  void read_signals();
  void stop_asked(int signal);
  int wait_time() const;
  void tick();

  // runtime_process.cpp
  void launch_runtime();
  void runtime_ended();
  void cannot_start(int error);
  void restart_later(const char* what_happened);
  void check_silence();
  bool starved() const;
  void heard();
  uint64_t ping_period() const { return options_.silence_ns / 3; }

  // bots.cpp
  void watch_bot(slot& bot);
  void status_readable(slot& bot);
  void look_for_exit(slot& bot);
  void find_stopped();
  void reap_strays();
  void look_at_all();

  // requests.cpp
  static constexpr uint32_t requests_a_turn = 32;
  void read_requests(uint32_t most);
  void handle(datagram& in);
  void spawn(datagram& in);
  void signal_slot(const signal_message& asked);
  void release(const key_message& asked);
  void store(const key_message& asked, datagram& in);
  void fetch(const key_message& asked);
  void refuse(const datagram& in, int error);
  template <class Message>
  void answer_with(const Message& message, int fd = -1);

  // reports.cpp
  void send_reports();
  bool send_next();
  bool tell_slot(slot& bot);
  bool send_datagram(const void* bytes, size_t size, const int* fds = nullptr, uint32_t count = 0);
  bool send_slot(const slot& bot);
  void update_interest();

  // ending.cpp
  int end(int code);

  options options_;
  child_defaults defaults_{};
  slot_table slots_;
  fd_store fds_;
  child_list children_;
  runtime_process runtime_;
  datagram inbox_;
  answer answer_{};
  int epoll_ = -1;
  int signals_ = -1;
  uint64_t now_ = 0;
  uint64_t epoch_ = 0;
  uint64_t restart_at_ = 0;   ///< 0: none planned
  uint64_t force_end_at_ = 0; ///< 0: never
  paced strays_;
  bool child_ended_ = false; ///< since the last search for strays began
  paced stop_states_;
  paced exits_; ///< only where the kernel has no pidfds
  uint32_t fast_deaths_ = 0;
  uint32_t without_pidfd_ = 0;
  int stop_signal_ = 0;
  uint32_t stops_asked_ = 0;
  int exit_code_ = -1; ///< the runtime has ended for good
};

} // namespace troupe::keeper
