#pragma once

// A runtime as far as admin.sock sees it: the real listener, gate and admin actor,
// real threads, stub services. Lives in the test's process.

#include "runtime/shell/basp_unix.hpp"
#include "runtime/shell/listener.hpp"
#include "runtime/sockets/bind.hpp"
#include "stubs.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace troupe::test {

/// A state directory that goes with the test.
struct scratch {
  std::string path;

  scratch() {
    char name[] = "/tmp/troupe-shell-XXXXXX";
    path = mkdtemp(name);
  }
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string socket() const { return path + "/admin.sock"; }
};

inline auto bind_admin(const std::string& path) {
  return sockets::bind_socket(path, 0600, 128);
}

/// What answers requests: the real admin actor, or one of the test's own.
using admin_maker = std::function<shell::admin_handle(caf::actor_system&)>;

struct fake_runtime {
  struct settings : caf::actor_system_config {
    settings() { shell::configure_caf(*this, shell::side::runtime); }
  };

  settings config;
  caf::actor_system system{config};
  shell::basp_gate gate{system};
  std::shared_ptr<commands::session_registry> sessions =
      std::make_shared<commands::session_registry>();
  world_ptr w = std::make_shared<world>();
  shell::admin_handle admin;
  services_ptr all;
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work =
      boost::asio::make_work_guard(io);
  std::unique_ptr<shell::admin_listener> listener;
  std::thread thread;

  struct options {
    std::size_t bots = 3;
    admin_maker make = nullptr;
    std::chrono::milliseconds hello_timeout{5000};
    os::unique_fd socket{}; ///< a listening one, in place of a new one
  };

  explicit fake_runtime(const std::string& path)
      : fake_runtime(path, options{}) {}

  fake_runtime(const std::string& path, options given) {
    if (given.make) {
      admin = given.make(system);
    } else {
      w->spec = make_fleet({make_bot("market/feed", given.bots), make_bot("flaky")});
      fill_records(*w);
      all = spawn_services(system, w, sessions);
      admin = caf::actor_cast<shell::admin_handle>(all->admin);
    }
    if (!given.socket) {
      auto bound = bind_admin(path);
      if (!bound)
        throw std::runtime_error(bound.error());
      given.socket = std::move(*bound);
    }
    shell::admin_listener::options how;
    how.fleet = [] { return std::string{"demo fleet"}; };
    how.sessions = sessions;
    how.hello_timeout = given.hello_timeout;
    how.hand_over = [this](os::unique_fd fd, std::function<void()> on_end) {
      gate.serve(std::move(fd), admin, std::move(on_end));
    };
    listener = std::make_unique<shell::admin_listener>(io, std::move(how));
    listener->listen(std::move(given.socket));
    thread = std::thread{[this] { io.run(); }};
  }

  ~fake_runtime() {
    boost::asio::post(io, [this] { listener->stop(); });
    work.reset();
    thread.join();
    const auto end = [](const auto& actor) {
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    };
    end(admin);
    if (all) {
      end(all->journal);
      end(all->ledger);
      end(all->launcher);
      end(all->config);
      end(all->root);
      end(all->guardian);
    }
    admin = nullptr;
    all = nullptr;
  }
};

/// A plain connection, for saying what no client would say.
struct raw_connection {
  os::unique_fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};

  explicit raw_connection(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      fd.reset();
    // A test that hangs says nothing.
    const timeval limit{20, 0};
    if (fd)
      setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }

  bool say(std::string_view text) const {
    return send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL)
           == static_cast<ssize_t>(text.size());
  }

  /// All until the other side closes; «timeout» when it does not.
  std::string hear_all() const {
    std::string result;
    char buffer[4096];
    for (;;) {
      const auto got = recv(fd.get(), buffer, sizeof buffer, 0);
      if (got > 0)
        result.append(buffer, static_cast<std::size_t>(got));
      else if (got == 0 || errno == ECONNRESET)
        return result;
      else if (errno != EINTR)
        return result + "timeout";
    }
  }

  std::string hear_line() const {
    std::string result;
    char c = 0;
    while (recv(fd.get(), &c, 1, 0) == 1 && c != '\n')
      result += c;
    return result;
  }
};

/// Waits until `done`, without asking all the time; false after 20 s.
template <class F>
bool eventually(F done) {
  for (int i = 0; i < 4000; ++i) {
    if (done())
      return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return false;
}

} // namespace troupe::test
