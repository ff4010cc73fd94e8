#include "runtime/application.hpp"

#include "actors/admin.hpp"
#include "actors/loader.hpp"
#include "config/loader.hpp"
#include "runtime/announcing.hpp"
#include "runtime/blackbox/crash_files.hpp"
#include "runtime/blackbox/crash_handler.hpp"
#include "runtime/blackbox/log.hpp"
#include "runtime/link/hub_broker.hpp"
#include "runtime/link/listener.hpp"
#include "runtime/os/files.hpp"
#include "runtime/os/host.hpp"
#include "runtime/os/process_table.hpp"
#include "runtime/os/state_directory.hpp"
#include "runtime/reloading.hpp"
#include "runtime/shell/basp_unix.hpp"
#include "runtime/shell/listener.hpp"
#include "runtime/sockets/placed_socket.hpp"
#include "runtime/store/queue_store.hpp"
#include "runtime/store/sqlite_store.hpp"
#include "troupe_version.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <future>
#include <malloc.h>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace troupe {

namespace {

/// How long the store and the tree may take until the actors can say that they live.
constexpr std::chrono::minutes longest_start{5};

int fail(exit_code code, const std::string& message) {
  spdlog::critical("{}", message);
  return failure_code(code);
}

int inherited_keeper_fd() {
  const char* text = std::getenv("TROUPE_KEEPER_FD");
  const int fd = text ? std::atoi(text) : -1;
  return fd >= 0 && fcntl(fd, F_GETFD) >= 0 ? fd : -1;
}

/// What tells this run of the fleet from all others: the keeper's process. Never 0.
std::uint64_t run_number(pid_t keeper) {
  const auto process = os::read_process(keeper);
  const auto identity = os::read_file("/proc/sys/kernel/random/boot_id", 64).value_or("") + ' '
                        + std::to_string(keeper) + ' '
                        + std::to_string(process ? process->start_ticks : 0);
  std::uint64_t hash = 14695981039346656037u; // FNV-1a
  for (const unsigned char c : identity)
    hash = (hash ^ c) * 1099511628211u;
  return (hash >> 1) | 1; // SQLite's integers have a sign
}

/// A full disk does not take it now, but maybe later.
void write_pid(boost::asio::steady_timer& timer, const os::state_directory& state, bool first) {
  const auto problem = state.write_pid(getpid());
  if (problem.empty())
    return;
  if (first)
    spdlog::warn("{}; it is tried again", problem);
  timer.expires_after(std::chrono::seconds{2});
  timer.async_wait([&timer, &state](boost::system::error_code error) {
    if (!error)
      write_pid(timer, state, false);
  });
}

std::shared_ptr<journal_store> open_journal(const std::string& state_path) {
  store::options bounds;
  bounds.reserve = 1 << 20;
  return store::open_store(state_path + "/state.db", bounds);
}

/// Everything that is kept. What cannot be read now may be readable in a moment; if
/// not, the fleet runs all the same, under numbers that were surely never given.
journal_contents load_contents(journal_store& store, std::uint64_t run, bool first_epoch) {
  constexpr int tries = 20;
  for (int i = 0;; ++i) {
    auto kept = store.load(run);
    if (kept.unreadable.empty())
      return kept;
    spdlog::error("store: {}", kept.unreadable);
    if (i == tries) {
      const auto now = std::chrono::system_clock::now().time_since_epoch();
      kept.last_seq = kept.last_incarnation = static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(now).count());
      kept.fresh = first_epoch;
      return kept;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{500});
  }
}

/// The tree to run: on a fresh run what is on disk, after a death of the runtime
/// what was applied, never what is on disk by then.
config::expected<config::tree, std::vector<config::problem>>
choose_tree(const runtime_options& options, const journal_contents& kept, bool fresh) {
  if (!fresh && kept.applied)
    return config::tree_from_json(kept.applied->tree);
  return config::read_tree(options.tree, options.profile);
}

/// The part of the runtime that lives in the io_context's thread, and its thread.
class io_thread {
public:
  explicit io_thread(boost::asio::io_context& io)
      : io_{io}
      , work_{boost::asio::make_work_guard(io)}
      , thread_{[this] {
        pthread_setname_np(pthread_self(), "io");
        io_.run();
      }} {
    // nop
  }

  ~io_thread() { stop(); }

  void stop() {
    work_.reset();
    io_.stop();
    if (thread_.joinable())
      thread_.join();
  }

private:
  boost::asio::io_context& io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

/// The way to the guardian; what comes before it is there waits.
class guardian_line {
public:
  void stop(bool hurry) {
    const std::lock_guard lock{mutex_};
    asked_ = true;
    hurry_ = hurry_ || hurry;
    if (guardian_)
      pass_on();
  }

  /// `announce` is called when the end is ordered, once.
  void connect(const guardian_actor& guardian, std::function<void()> announce) {
    const std::lock_guard lock{mutex_};
    guardian_ = guardian;
    announce_ = std::move(announce);
    if (asked_)
      pass_on();
  }

private:
  void pass_on() {
    if (const auto announce = std::exchange(announce_, nullptr))
      announce();
    caf::anon_send(guardian_, stop_atom_v, std::string{"the keeper was told to end"}, hurry_);
  }

  std::mutex mutex_;
  guardian_actor guardian_;
  std::function<void()> announce_;
  bool asked_ = false;
  bool hurry_ = false;
};

void log_problems(const std::vector<config::problem>& problems) {
  for (const auto& each : problems)
    spdlog::error("{}", config::render(each, nullptr, false));
}

/// What operators have set may not fit a tree that was edited while nothing ran: without it the
/// fleet runs, with it no bot would.
candidate_ptr candidate_of(const config::tree& tree, const journal_contents& kept) {
  auto result = make_candidate(tree, kept.overrides);
  if (result->loaded.spec || kept.overrides.empty())
    return result;
  auto plain = make_candidate(tree, {});
  if (!plain->loaded.spec)
    return result;
  log_problems(result->loaded.errors);
  spdlog::critical("what operators have set does not fit the tree, and is left out; `troupe config "
                   "versions` lists what there was, set again what is still wanted");
  return plain;
}

} // namespace

int failure_code(exit_code code) {
  const char* epoch = std::getenv("TROUPE_EPOCH");
  const bool later = epoch && std::atoll(epoch) > 1;
  const bool final = code == exit_code::usage || code == exit_code::config_invalid
                     || code == exit_code::already_running;
  return later && final ? guardian_state::beyond_help : static_cast<int>(code);
}

int run_runtime(const runtime_options& options, blackbox::event_ring& ring) {
  // One arena for all threads but the allocator's own: memory is counted per bot here.
  mallopt(M_ARENA_MAX, 2);

  auto state = os::state_directory::open(options.state);
  if (!state)
    return fail(exit_code::usage, state.error());
  const auto home = os::state_directory::open(options.state); // the other one becomes the host's
  if (!home)
    return fail(exit_code::usage, home.error());
  const auto state_path = state->path();
  const int keeper_fd = inherited_keeper_fd();
  if (keeper_fd < 0)
    return fail(exit_code::usage, "troupe-runtime is started by troupe-keeper: use `troupe run`");

  const os::unique_fd directory{::open(state_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  blackbox::report_crashes(directory.get(), ring);
  boost::asio::io_context io{1};
  boost::asio::steady_timer pid_timer{io};
  write_pid(pid_timer, *home, true);
  os::host_options host_options;
  host_options.tree = options.tree;
  auto host = std::make_shared<os::keeper_host>(io, os::unique_fd{keeper_fd}, std::move(*state),
                                                std::move(host_options));
  std::promise<int> end;
  auto ended = end.get_future();
  auto end_once = [&end, done = std::make_shared<std::atomic_flag>()](int code) {
    if (!done->test_and_set())
      end.set_value(code);
  };
  auto to_guardian = std::make_shared<guardian_line>();
  host->on_stop([to_guardian](bool hurry) { to_guardian->stop(hurry); });
  const auto reloads = std::make_shared<reloading>();
  host->on_reload([reloads] { reloads->hang_up(); });
  host->on_trouble([](const std::string& what) { spdlog::warn("{}", what); });
  host->on_keeper_gone([] {
    spdlog::critical("the keeper is dead; all bots were ended");
    blackbox::finish(std::chrono::milliseconds{200});
    _exit(1);
  });
  if (auto problem = host->connect(); !problem.empty())
    return fail(exit_code::failed, problem);
  const auto manager = find_manager(host->keeper_pid());
  const auto vouch = [host, manager] {
    host->prove_life();
    if (manager->wants_life())
      manager->say("WATCHDOG=1");
  };
  // No actor can say yet that it lives; what hangs for long is to be killed all the same.
  host->on_ping([vouch, until = std::chrono::steady_clock::now() + longest_start] {
    if (std::chrono::steady_clock::now() < until)
      vouch();
  });
  if (auto news = blackbox::report_of_the_dead(state_path, host->fetch_fd("events").get());
      !news.empty())
    spdlog::error("{}", news);
  if (ring.fd() >= 0)
    host->store_fd("events", ring.fd());
  blackbox::make_room_for_report(state_path);
  io_thread thread{io};

  std::shared_ptr<journal_store> store = open_journal(state_path);
  auto kept = std::make_shared<journal_contents>(
      load_contents(*store, run_number(host->keeper_pid()), host->epoch() <= 1));
  const bool fresh = kept->fresh;
  if (!kept->notice.empty())
    spdlog::warn("store: {}", kept->notice);
  const auto tree = choose_tree(options, *kept, fresh);
  if (!tree) {
    log_problems(tree.error());
    return failure_code(exit_code::config_invalid);
  }
  const auto applied = candidate_of(*tree, *kept);
  const auto& loaded = applied->loaded;
  if (!loaded.spec) {
    log_problems(applied->unread);
    log_problems(loaded.errors);
    return failure_code(exit_code::config_invalid);
  }
  host->set_tree(tree->root);
  host->set_log_space(loaded.spec->runtime.log_space);

  caf::actor_system_config caf_config;
  shell::configure_caf(caf_config, shell::side::runtime);
  caf_config.add_message_types<caf::id_block::troupe_actors>();
  auto system = std::make_unique<caf::actor_system>(caf_config);
  auto sessions = std::make_shared<commands::session_registry>();
  shell::basp_gate gate{*system};

  // The admin actor of the moment; it may be replaced while shells connect.
  auto current = std::make_shared<std::atomic<std::shared_ptr<const services>>>();
  shell::admin_listener::options listening;
  listening.fleet = [name = loaded.spec->name] { return name; };
  listening.sessions = sessions;
  listening.log = [](const std::string& line) { spdlog::warn("{}", line); };
  listening.hand_over = [&gate, current](os::unique_fd fd, std::function<void()> on_end) {
    gate.serve(std::move(fd), caf::actor_cast<shell::admin_handle>(current->load()->admin),
               std::move(on_end));
  };
  shell::admin_listener admins{io, std::move(listening)};
  const auto placing_of = [&](const std::string& name, mode_t mode,
                              std::function<void(os::unique_fd)> listen) {
    sockets::placed_socket::options placing;
    placing.name = name;
    placing.path = state_path + '/' + name + ".sock";
    placing.mode = mode;
    placing.socket = host->fetch_fd(name);
    placing.place = host->fetch_fd(name + ".place");
    placing.keep = [host](const std::string& stored, int fd) { host->store_fd(stored, fd); };
    placing.alarm = [](const std::string& line) { spdlog::error("{}", line); };
    placing.listen = std::move(listen);
    return placing;
  };
  sockets::placed_socket admin_socket{
      io, placing_of("admin", 0600, [&admins](os::unique_fd fd) { admins.listen(std::move(fd)); })};

  link::link_listener::options linking;
  linking.keys = {host, &host->keys()};
  linking.log = [](const std::string& line) { spdlog::warn("{}", line); };
  linking.remark = [current](notice x) {
    if (const auto now = current->load())
      caf::anon_send(now->launcher, std::move(x));
  };
  linking.hand_over = [current](os::unique_fd fd, messaging::link_hello hello, std::string read) {
    const auto now = current->load();
    const auto owned = std::make_shared<os::unique_fd>(std::move(fd));
    if (now && now->hub)
      caf::anon_send(now->hub, link_atom_v, new_link{std::move(hello), std::move(read), [owned] {
                                                       return owned->release();
                                                     }});
  };
  link::link_listener links{io, std::move(linking)};
  sockets::placed_socket link_socket{
      io, placing_of("link", 0666, [&links](os::unique_fd fd) { links.listen(std::move(fd)); })};

  guardian_args args;
  args.host = host;
  args.store = store;
  args.contents = kept;
  args.config = config_args_for(applied, *kept);
  args.tree = std::make_shared<tree_on_disk>(options.tree, options.profile);
  args.make_admin = [sessions](caf::actor_system& sys) {
    return sys.spawn(troupe::make_admin, sessions);
  };
  link::hub_broker_options hub_options;
  hub_options.hub.epoch = host->epoch();
  hub_options.hub.fleet = loaded.spec->name;
  hub_options.hub.memory = loaded.spec->runtime.mailbox_space;
  messaging::queue_bounds queue_bounds;
  queue_bounds.bytes = loaded.spec->runtime.queue_space;
  args.make_hub = [hub_options](caf::actor_system& sys) {
    return link::make_hub(sys, hub_options);
  };
  args.queue_store = store::open_queue(state_path + "/queue.db", queue_bounds);
  args.on_end = end_once;
  args.on_stop = [host] { ::kill(host->keeper_pid(), SIGTERM); };
  args.on_alive = vouch;
  std::promise<void> wired;
  auto somebody_there = wired.get_future();
  args.on_services = [current, &wired, first = true](const services_ptr& now) mutable {
    current->store(now);
    if (std::exchange(first, false))
      wired.set_value();
  };
  spdlog::info("runtime {} runs fleet {} (epoch {}); isolation: {}", version, loaded.spec->name,
               host->epoch(), host->isolation());
  const guardian_actor guardian = system->spawn(troupe::guardian, std::move(args));
  caf::actor_cast<caf::actor>(guardian)->attach_functor(
      [end_once] { end_once(guardian_state::beyond_help); });
  // A shell that has waited for us is served at once, by the admin actor that is there.
  somebody_there.wait();
  host->on_ping([guardian] { caf::anon_send(guardian, alive_atom_v); });
  to_guardian->connect(guardian,
                       [manager, fleet = loaded.spec] { manager->say(stopping_lines(*fleet)); });
  std::promise<void> listening_now;
  auto reachable = listening_now.get_future();
  boost::asio::post(io, [&] {
    admin_socket.start();
    link_socket.start();
    listening_now.set_value();
  });
  if (*manager) {
    reachable.wait();
    await_applied(*system, *current, ended);
    manager->say("READY=1\n" + status_line(*loaded.spec, host->epoch()));
  }
  reloads->start(*system, current, manager, options.tree);
  const int code = ended.get();
  reloads->stop();
  thread.stop();
  // 1: not all ended in time; whatever is left is ended here. Any other code is no end of
  // the fleet.
  if (code == 0 || code == 1)
    host->remove_groups();
  host->close_logs();
  spdlog::info("runtime ends with {}", code);
  ring.end();
  blackbox::finish();
  // ~actor_system waits for every actor: one that hangs must not hang us. What had to
  // reach the disk has.
  _exit(code);
}

} // namespace troupe
