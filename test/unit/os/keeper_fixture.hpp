#pragma once

#include "runtime/os/cgroup.hpp"
#include "runtime/os/host.hpp"
#include "runtime/os/process_table.hpp"
#include "test/unit/os/temporary.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace troupe::test {

/// A real keeper whose runtime is this test.
struct keeper_fixture : temporary {
  explicit keeper_fixture(bool with_cgroups = true)
      : cgroups(with_cgroups) {
    std::filesystem::permissions(path, std::filesystem::perms{0711}); // bots pass through it
    const auto address_path = path + "/courier.sock";
    listener.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, address_path.c_str());
    BOOST_REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address))
                  == 0);
    BOOST_REQUIRE(::listen(listener.get(), 4) == 0);
    keeper = ::fork();
    if (keeper == 0) {
      ::execl(KEEPER_BINARY, KEEPER_BINARY, "--", COURIER_BINARY, address_path.c_str(), nullptr);
      ::_exit(127);
    }
    begin_epoch();
  }

  ~keeper_fixture() {
    end_epoch();
    line.reset(); // the courier ends with 0, and so does the keeper
    if (keeper > 0)
      ::waitpid(keeper, nullptr, 0);
    os::kill_and_remove_tree(tree_path, 1000);
  }

  /// Takes the socket that the courier of a new epoch brings, and makes a host of it.
  void begin_epoch() {
    pollfd ready{listener.get(), POLLIN, 0};
    BOOST_REQUIRE(::poll(&ready, 1, 20'000) == 1);
    line.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    iovec data{&courier, sizeof(courier)};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    BOOST_REQUIRE(::recvmsg(line.get(), &message, MSG_CMSG_CLOEXEC) == sizeof(courier));
    int socket = -1;
    std::memcpy(&socket, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(socket));
    auto state = os::state_directory::open(path);
    BOOST_REQUIRE(state.has_value());
    io = std::make_unique<boost::asio::io_context>(1);
    host = std::make_unique<os::keeper_host>(
        *io, os::unique_fd{socket}, std::move(*state),
        os::host_options{os::real_environment, path + "/tree", cgroups, unclaimed});
    host->on_stop([this](bool hurry) { note(hurry ? "hurry" : "stop"); });
    host->on_reload([this] { note("reload"); });
    host->on_trouble([this](const std::string& what) { note(what); });
    host->on_keeper_gone([this] { note("gone"); });
    BOOST_REQUIRE(host->connect() == "");
    listen();
    tree_path =
        os::cgroup_tree::of_this_process("troupe-" + os::state_directory::open(path)->hash(), {})
            .path();
    thread = std::thread{[this] {
      const auto work = boost::asio::make_work_guard(*io);
      io->run();
    }};
  }

  void listen() {
    host->on_event([this](process_event event) {
      const std::lock_guard lock{mutex};
      events.push_back(std::move(event));
      changed.notify_all();
    });
  }

  void end_epoch() {
    if (io)
      io->stop();
    if (thread.joinable())
      thread.join();
    host.reset();
    io.reset();
  }

  /// Kills the «runtime»; returns when the keeper has started the next.
  void next_epoch(const std::function<void()>& in_the_gap = [] {}) {
    end_epoch();
    in_the_gap();
    ::kill(courier, SIGKILL);
    begin_epoch();
  }

  void note(const std::string& what) {
    const std::lock_guard lock{mutex};
    notes.push_back(what);
    changed.notify_all();
  }

  bool noted(const std::string& what) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, std::chrono::seconds{20}, [&] {
      return std::find(notes.begin(), notes.end(), what) != notes.end();
    });
  }

  /// The next event of this kind about this instance; others stay.
  template <class T>
  T wait_for(const std::string& instance) {
    return wait_for<T>(instance, [](const T&) { return true; });
  }

  /// The next notice of this kind about this instance.
  notice wait_notice(const std::string& instance, notice::kind kind) {
    return wait_for<notice>(instance, [&](const notice& x) { return x.what == kind; });
  }

  /// How many notices of this kind came and were not waited for.
  std::size_t notices(const std::string& instance, notice::kind kind) {
    const std::lock_guard lock{mutex};
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(), [&](const process_event& x) {
          const auto* y = std::get_if<notice>(&x);
          return y && y->instance == instance && y->what == kind;
        }));
  }

  template <class T, class Predicate>
  T wait_for(const std::string& instance, Predicate wanted) {
    std::unique_lock lock{mutex};
    T result;
    const bool found = changed.wait_for(lock, std::chrono::seconds{20}, [&] {
      for (auto i = events.begin(); i != events.end(); ++i)
        if (auto* x = std::get_if<T>(&*i); x && x->instance == instance && wanted(*x)) {
          result = std::move(*x);
          events.erase(i);
          return true;
        }
      return false;
    });
    BOOST_REQUIRE_MESSAGE(found, "no such event of " << instance);
    return result;
  }

  static std::shared_ptr<config::bot_spec> shell(const std::string& script) {
    auto spec = std::make_shared<config::bot_spec>();
    spec->command = {"/bin/sh", "-c", script};
    spec->directory = "/";
    return spec;
  }

  /// Starts `script` and waits until it runs.
  int start(const std::string& instance, std::uint64_t incarnation, const std::string& script) {
    host->spawn({instance, incarnation, shell(script)});
    return wait_for<spawned>(instance).pid;
  }

  /// Waits until the bot has written `text`.
  bool said(const std::string& instance, std::uint64_t incarnation, const std::string& text) {
    for (int i = 0; i < 10'000; ++i) {
      if (host->tail(instance, incarnation).find(text) != std::string::npos)
        return true;
      ::poll(nullptr, 0, 2);
    }
    return false;
  }

  /// Waits until `condition` holds.
  static bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 10'000; ++i) {
      if (condition())
        return true;
      ::poll(nullptr, 0, 2);
    }
    return false;
  }

  /// Processes beneath this state directory that live.
  std::size_t marked() const {
    std::size_t count = 0;
    const auto all = os::all_processes();
    BOOST_REQUIRE(all.has_value());
    for (const auto& x : *all)
      if (!x.dead())
        if (const auto where = os::variable_of(x.pid, "TROUPE_BOT_DIR"))
          count += where->starts_with(path + '/');
    return count;
  }

  void finish(const std::string& instance, std::uint64_t incarnation) {
    host->signal(instance, incarnation, SIGKILL, true);
    wait_for<exited>(instance);
    BOOST_TEST(eventually([&] { return host->sweep(instance, incarnation, true) == 0; }));
    host->release(instance, incarnation);
  }

  bool cgroups;
  std::chrono::milliseconds unclaimed = os::task_runner::unclaimed_time; ///< of the next epoch
  os::unique_fd listener;
  os::unique_fd line;
  pid_t keeper = 0;
  pid_t courier = 0;
  std::string tree_path;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<process_event> events;
  std::vector<std::string> notes;
  std::unique_ptr<boost::asio::io_context> io;
  std::unique_ptr<os::keeper_host> host;
  std::thread thread;
};

struct keeper_without_cgroups : keeper_fixture {
  keeper_without_cgroups()
      : keeper_fixture(false) {}
};

} // namespace troupe::test
