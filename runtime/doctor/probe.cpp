#include "runtime/doctor/probe.hpp"

#include "runtime/os/files.hpp"
#include "troupe_version.hpp"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace troupe::doctor {

namespace {

limit limit_of(__rlimit_resource which) {
  rlimit found{};
  if (getrlimit(which, &found) != 0)
    return {};
  return {found.rlim_cur == RLIM_INFINITY ? unlimited : found.rlim_cur,
          found.rlim_max == RLIM_INFINITY ? unlimited : found.rlim_max};
}

std::uint64_t number_in(const std::string& path) {
  const auto text = os::read_file(path, 64).value_or("");
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Bytes after «NAME:» in /proc/meminfo.
std::uint64_t memory_at(const std::string& meminfo, const char* name) {
  const auto at = meminfo.find(name);
  if (at == std::string::npos)
    return 0;
  const auto digit = meminfo.find_first_of("0123456789", at);
  if (digit == std::string::npos)
    return 0;
  std::uint64_t value = 0;
  std::from_chars(&meminfo[digit], meminfo.data() + meminfo.size(), value);
  return value * 1024;
}

} // namespace

host_facts look_at_host(const probe_options& options) {
  host_facts host;
  host.uid = geteuid();
  host.version = version;
  look_at_limits(host);
  look_at_kernel(host);
  look_at_groups(host);
  look_at_state(host, options);
  look_at_tree(host, options);
  look_at_service(host, options);
  return host;
}

void look_at_limits(host_facts& host) {
  host.open_files = limit_of(RLIMIT_NOFILE);
  host.processes = limit_of(RLIMIT_NPROC);
  host.core = limit_of(RLIMIT_CORE);
  host.core_pattern = os::read_file("/proc/sys/kernel/core_pattern", 256).value_or("");
  while (host.core_pattern.ends_with('\n'))
    host.core_pattern.pop_back();
  host.pid_max = number_in("/proc/sys/kernel/pid_max");
  host.threads_max = number_in("/proc/sys/kernel/threads-max");
  host.inotify_watches = number_in("/proc/sys/fs/inotify/max_user_watches");
  host.inotify_instances = number_in("/proc/sys/fs/inotify/max_user_instances");
  if (const auto text = os::read_file("/proc/sys/vm/overcommit_memory", 16))
    host.overcommit = std::atoi(text->c_str());
  host.panic_on_oom = number_in("/proc/sys/vm/panic_on_oom") != 0;
  host.oom_score_adj =
      std::atoi(os::read_file("/proc/self/oom_score_adj", 16).value_or("0").c_str());
  const auto meminfo = os::read_file("/proc/meminfo").value_or("");
  host.memory_total = memory_at(meminfo, "MemTotal:");
  host.memory_available = memory_at(meminfo, "MemAvailable:");
  host.swap_total = memory_at(meminfo, "SwapTotal:");
}

place look_at(const std::string& path) {
  place result;
  result.path = path;
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    result.error = errno;
    return result;
  }
  result.directory = S_ISDIR(info.st_mode);
  result.owner = info.st_uid;
  result.mode = info.st_mode & 07777;
  return result;
}

std::optional<std::string> output_of(const std::vector<std::string>& command) {
  constexpr std::chrono::seconds patience{3};
  constexpr std::size_t most = 64 * 1024;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return std::nullopt;
  const os::unique_fd reading{ends[0]};
  os::unique_fd writing{ends[1]};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> argv;
  for (const auto& word : command)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawnp(&child, argv.front(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  writing.reset();
  if (error != 0)
    return std::nullopt;
  std::string result;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  bool ended = false;
  while (!ended && result.size() < most) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd one{reading.get(), POLLIN, 0};
    if (left.count() <= 0 || poll(&one, 1, static_cast<int>(left.count())) <= 0)
      break;
    char text[4096];
    const auto size = read(reading.get(), text, sizeof text);
    ended = size <= 0;
    result.append(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  }
  if (!ended)
    kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return std::nullopt;
  return result;
}

} // namespace troupe::doctor
