#pragma once

// The real `process_host`: what the launcher asks for becomes cgroups, pipes,
// directories and datagrams to the keeper; what the keeper tells becomes events.
//
// A slot may also hold a task beside a bot (jobs.hpp): whoever uses the seam sees no such
// slot, but its results.
//
// Several threads meet here. The launcher's calls the seam's methods. The one that runs the
// io_context reads the keeper's socket. One of our own prepares starts, which may hang on a
// dead mount. Output is read and written by the two of the collector. One mutex guards the
// table and the line to the keeper; no callback is called with it held.
//
// Signals are sent from here and not through the keeper: the pid of a slot is pinned,
// as process or as zombie, until this host itself says `release`.

#include "actors/seams.hpp"
#include "runtime/logs/collector.hpp"
#include "runtime/os/attention.hpp"
#include "runtime/os/cgroup.hpp"
#include "runtime/os/jobs.hpp"
#include "runtime/os/keeper_client.hpp"
#include "runtime/os/link_keys.hpp"
#include "runtime/os/process_table.hpp"
#include "runtime/os/state_directory.hpp"
#include "runtime/os/tasks.hpp"
#include "runtime/os/users.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace troupe::os {

struct host_options {
  environment_lookup original = real_environment; ///< the environment of `troupe run`
  std::string tree;                               ///< the config tree, for its secrets
  bool cgroups = true;                            ///< false: as on a machine without them
  std::chrono::milliseconds unclaimed = task_runner::unclaimed_time; ///< see there
};

class keeper_host final : public process_host {
public:
  /// `keeper` is the socket that the keeper gave (TROUPE_KEEPER_FD). The io_context must
  /// not be run any more when the host is destroyed.
  keeper_host(boost::asio::io_context& io, unique_fd keeper, state_directory state,
              host_options options);
  ~keeper_host() override;

  /// Greets the keeper, takes over all that it has and finds out about cgroups. Called
  /// once, before the io_context runs. Returns an empty string or what went wrong; when the
  /// keeper is dead, all of the fleet has been ended.
  std::string connect(std::chrono::milliseconds limit = std::chrono::seconds{10});

  /// The keeper was told to end the fleet; `hurry` when it was told twice. Called in the
  /// io_context's thread, as are the next four. To be set before connect().
  void on_stop(std::function<void(bool hurry)> f) { on_stop_ = std::move(f); }
  void on_reload(std::function<void()> f) { on_reload_ = std::move(f); }

  /// The keeper asks whether the runtime lives; whoever can say so calls `prove_life`
  /// (from any thread). When this is not set the host itself answers. May be set at any time.
  void on_ping(std::function<void()> f);
  void prove_life();

  /// The keeper is dead. By then all bots were killed; the runtime has nothing left to do
  /// but to end.
  void on_keeper_gone(std::function<void()> f) { on_keeper_gone_ = std::move(f); }

  /// A sentence for the log about something that nobody waits for.
  void on_trouble(std::function<void(const std::string&)> f) { on_trouble_ = std::move(f); }

  /// Bytes that all logs together may have.
  void set_log_space(std::uint64_t bytes) { output_.set_space(bytes); }

  /// Writes what was read of the output and reads no more; what is in the pipes stays there.
  void close_logs() { output_.close(); }

  /// Where `${secret:…}` is read from now on.
  void set_tree(std::string tree);

  /// Removes the fleet's control groups, and ends what should still be in them: for the
  /// end of the fleet, when there is no bot any more.
  void remove_groups();

  /// Lets the keeper hold `fd` for later lives of the runtime. The caller keeps its own.
  void store_fd(const std::string& name, int fd);

  /// What an earlier life stored under that name, once; nothing if it did not.
  unique_fd fetch_fd(const std::string& name);

  /// Which process may link as what.
  const link_keys& keys() const { return keys_; }

  /// The number of this life, 1 for the first.
  std::uint64_t epoch() const { return epoch_; }
  pid_t keeper_pid() const { return keeper_pid_; }

  // -- process_host ------------------------------------------------------------------

  void on_event(std::function<void(process_event)>) override;
  std::vector<slot_info> adoptable() override;
  void spawn(const launch&) override;
  void attend(const launch&, bool check_ready) override;
  void run_hook(const launch&, hook) override;
  std::string signal(const std::string& instance, std::uint64_t incarnation, int signal,
                     bool all) override;
  std::size_t strays(const std::string& instance, std::uint64_t incarnation) override;
  std::size_t sweep(const std::string& instance, std::uint64_t incarnation, bool main_too) override;
  std::string freeze(const std::string& instance, std::uint64_t incarnation, bool on) override;
  std::string adjust(const launch& what) override;
  void release(const std::string& instance, std::uint64_t incarnation) override;
  std::string tail(const std::string& instance, std::uint64_t incarnation) override;
  std::optional<usage> sample(const std::string& instance, std::uint64_t incarnation) override;
  std::string isolation() override;
  environment_report environment(const launch&) override;
  limits_report limits(const std::vector<launch>&) override;
  figures machine() override;

private:
  using clock = std::chrono::steady_clock;

  struct fd_to_store {
    std::string name;
    unique_fd fd;
  };
  using request = std::variant<spawn_request, signal_request, release_request, pong, fd_to_store>;

  // What is known of one slot. Shared, so that the launcher can work on its cgroup while
  // the other thread goes on; `group` never changes.
  struct entry {
    bool preparing = false; // the keeper knows nothing of it; replaced when it is prepared
    pid_t pid = 0;
    std::int64_t started = 0;
    std::uint64_t settings = 0; // fingerprint of those it was started with
    std::optional<troupe::exited> end;
    int stopped_by = 0; // the signal, 0: it is not stopped
    cgroup group;
    config::bot_spec_ptr spec; // until the spawn is confirmed, for its error
    std::string directory;
    std::string remark;    // made when it is confirmed
    bool notifies = false; // it has a notify socket
    unique_fd notify;      // until it is attended; of the io_context's thread alone
    unique_fd output;      // adopted, and not read yet
    config::log_spec log;  // for that
    std::optional<config::limits_spec> limits; // that it has, as far as is known
    bool swept = false;                        // of the launcher's thread alone, as the next two
    std::uint64_t sampled_cpu = 0;
    clock::time_point sampled_at{};
  };
  using entry_ptr = std::shared_ptr<entry>;

  // host_line.cpp: the line to the keeper
  void post(request x);
  bool transmit(const request& x);
  void refuse(bad_request x);
  void trouble(const std::string& what, int error);
  void flush();
  void watch_readable();
  void watch_writable();
  void receive_some();
  void handle(keeper_event&& x, std::vector<process_event>& out);
  void hear_waiting();
  void apply(keeper_event&& x, std::vector<process_event>& out);
  void deliver(std::vector<process_event> events);
  void tell(process_event event);
  void keeper_gone();

  // host_output.cpp
  logs::collector_options output_options();
  void hear(const logs::remark& x);
  void read_output(const slot_key& key, entry& known, const config::bot_spec* spec);
  void read_all_outputs();

  // host.cpp: the table
  entry_ptr find(const slot_key& key);
  void adopt(slot&& x);
  void open_cgroups();
  void forget(const slot_key& key);
  void remember_end(const slot_key& key, const troupe::exited& end);
  std::int64_t wall_clock(std::uint64_t monotonic_ns) const;
  troupe::exited make_exited(const slot_key& key, const exit_info& x, const entry& known) const;

  // host_processes.cpp: what is done to processes
  struct target {
    slot_key key;
    entry_ptr known;
    pid_t pid = 0;
    bool ended = false;
    bool stopped = false;
  };
  enum class look { now, recent }; // at all of /proc
  target locate(const std::string& instance, std::uint64_t incarnation);
  void signal_unconfirmed(const target& to, int signal, bool all);
  bool belongs(const target& to, const process& x) const;
  std::optional<std::vector<process>> members(const target& to, look how);
  std::size_t sweep_slot(const std::string& name, std::uint64_t incarnation, bool main_too);
  std::size_t sweep_tasks(const std::string& instance, std::uint64_t incarnation);
  std::size_t sweep_group(const target& to, bool main_too, std::chrono::milliseconds patience);
  std::size_t sweep_processes(const target& to, bool main_too, std::chrono::milliseconds patience);
  const std::vector<process>& recent_processes();

  // host_adjust.cpp
  void catch_up_limits(const launch& what);
  std::vector<std::string> adjust_limits(const launch& what, const target& to,
                                         const std::optional<config::limits_spec>& before);

  // host_looks.cpp
  std::vector<limit_use> limits_of(const launch& what);

  // host_starts.cpp
  struct start {
    launch what;
    job as = job::bot;
    std::map<std::string, std::string> variables;
    entry_ptr place;    // in the table; another one there: the start was called off
    std::string remark; // of its start_command
  };
  void prepare_starts();
  void stop_preparing();
  bool call_off(const target& to);
  void not_started(const slot_key& key, std::string reason);
  void say_again(const slot_key& key, const entry& known);

  // host_tasks.cpp
  struct slots_of_tasks;
  std::unique_ptr<task_slots> make_task_slots();
  attention::surroundings surroundings();
  void run_start_command(const launch& what, const entry_ptr& place);
  std::map<std::string, std::string> hook_variables(const slot_key& bot, hook which);
  void cancel_tasks(const slot_key& bot, bool stop_too);
  kinship kin_of(const slot_key& key, pid_t pid);

  boost::asio::io_context& io_;
  state_directory state_;
  host_options options_;
  logs::collector output_;
  std::unique_ptr<task_slots> task_slots_;
  task_runner tasks_; // of the io_context's thread, as the next two
  attention attention_;
  link_keys keys_;
  std::vector<process_event>* sink_ = nullptr; // what is told goes here first
  users accounts_;                             // of the thread that prepares
  cgroup_tree groups_;
  std::string isolation_;
  pid_t keeper_pid_ = 0;
  std::uint64_t epoch_ = 0;
  std::function<void(bool)> on_stop_;
  std::function<void()> on_reload_;
  std::function<void()> on_keeper_gone_;
  std::function<void(const std::string&)> on_trouble_;

  std::mutex mutex_; // guards all below
  keeper_client client_;
  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer retry_;
  boost::asio::steady_timer unread_; // until what nobody attends is read all the same
  bool writing_ = false;
  bool gone_ = false;
  std::deque<request> queue_;
  std::map<slot_key, entry_ptr> table_;
  std::set<pid_t> mains_;
  std::map<std::string, unique_fd> stored_;
  std::function<void(process_event)> on_event_;
  std::function<void()> on_ping_;
  std::vector<process_event> undelivered_;
  std::deque<keeper_event> unheard_;                     // came before anybody listened
  std::deque<std::string> undead_;                       // cgroups that would not go
  std::deque<std::pair<slot_key, troupe::exited>> ends_; // of slots that are released
  std::deque<start> starts_;
  std::condition_variable starts_changed_;
  bool ending_ = false;
  std::thread preparer_;

  // Of the launcher's thread alone.
  std::vector<process> snapshot_;
  clock::time_point snapshot_at_{};
};

} // namespace troupe::os
