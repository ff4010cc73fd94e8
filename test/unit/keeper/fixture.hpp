#pragma once

#include "runtime/os/keeper_client.hpp"
#include "test/unit/keeper/control.hpp"

#include <boost/test/unit_test.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace keeper_test {

using namespace troupe::os;

/// Waits until the fd is readable; false when that takes longer than any healthy machine needs.
bool wait_readable(int fd);
/// Reads until end of file, or until `until` has been seen.
std::string read_text(int fd, const std::string& until = "");

struct pipe_ends {
  unique_fd read;
  unique_fd write;
};
pipe_ends make_pipe();

/// A directory of its own, removed at the end.
class scratch {
public:
  scratch();
  ~scratch();
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text, mode_t mode) const;

private:
  std::string directory_;
};

/// Holds a spawn before its exec, as a dead mount would: entering the cgroup behind fd() waits
/// until open_once().
class spawn_gate {
public:
  spawn_gate();
  int fd() const { return directory_fd_.get(); }
  /// Lets those through that wait now.
  void open_once() const;

private:
  scratch directory_;
  unique_fd directory_fd_;
};

/// One epoch: the test holds the runtime's line to the keeper.
class epoch {
public:
  epoch(unique_fd control, unique_fd line, const introduction& about);

  keeper_client client;
  introduction about;
  bool answer_pings = true;

  /// The next event of this kind; those of other kinds wait until they are asked for.
  template <class Event>
  Event expect() {
    return std::get<Event>(
        next([](const keeper_event& e) { return std::holds_alternative<Event>(e); }));
  }
  /// The next event about this instance of this kind.
  template <class Event>
  Event expect(const std::string& instance) {
    return std::get<Event>(next([&instance](const keeper_event& e) {
      const auto* it = std::get_if<Event>(&e);
      return it != nullptr && it->instance == instance;
    }));
  }
  keeper_event next(const std::function<bool(const keeper_event&)>& wanted);
  /// Takes an event that has come already and not been asked for.
  std::optional<keeper_event> poll_event();

  /// Sends, waiting for room when there is none.
  template <class Request>
  void send(const Request& request) {
    while (!client.send(request)) {
      BOOST_REQUIRE(!client.closed());
      make_room();
    }
  }
  /// hello, then everything up to ready.
  struct table {
    std::vector<slot> slots;
    std::vector<stored_fd> fds;
    ready end;
  };
  table greet();

  /// Starts it, closes our ends of its fds, and waits until it runs.
  pid_t start(spawn_request request);
  exited end_of(const std::string& instance) { return expect<exited>(instance); }

  /// The runtime ends with this code, or does what an order of control.hpp says.
  void end(int code);
  /// The runtime is killed, and the line closed as its death would close it.
  void kill();
  /// The keeper has closed the line.
  void wait_closed();

private:
  void make_room();
  void pull();

  unique_fd control_;
  std::deque<keeper_event> waiting_;
};

/// Runs the real keeper with fake_runtime as its runtime.
class keeper_process {
public:
  struct settings {
    std::vector<std::string> options; ///< of the keeper
    std::vector<std::string> prefix;  ///< a command that runs the keeper
    std::function<void()> before_exec;
  };
  keeper_process()
      : keeper_process(settings{}) {}
  explicit keeper_process(const settings& how);
  ~keeper_process();
  keeper_process(const keeper_process&) = delete;
  keeper_process& operator=(const keeper_process&) = delete;

  /// The next life of the runtime.
  epoch next_epoch();
  /// The next life of the runtime, greeted.
  epoch next_greeted();

  /// Waits until there is another life of the runtime (true), or the keeper has ended.
  bool starts_another() const;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// Its exit code; -signal when a signal ended it.
  int wait();

private:
  scratch directory_;
  unique_fd listener_;
  pid_t pid_ = -1;
};

spawn_request make_request(const std::string& instance, std::vector<std::string> argv,
                           std::uint64_t incarnation = 1);

/// Watches a process that is not our child.
class watched_process {
public:
  explicit watched_process(pid_t pid);
  bool wait_gone() const { return wait_readable(pidfd_.get()); }
  bool has_gone() const;

private:
  unique_fd pidfd_;
};

/// States of the children of a process, a letter each, without those of `except`.
std::string child_states(pid_t parent, const std::vector<pid_t>& except = {});
std::vector<pid_t> children_of(pid_t parent);
/// The state of a process as /proc tells it, '-' when there is none.
char state_of(pid_t pid);

/// Waits until the condition holds; false when that takes too long.
bool eventually(const std::function<bool()>& condition);

bool is_root();

} // namespace keeper_test
