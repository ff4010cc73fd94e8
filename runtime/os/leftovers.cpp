#include "runtime/os/leftovers.hpp"

#include "runtime/os/cgroup.hpp"
#include "runtime/os/files.hpp"
#include "runtime/os/process_table.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <set>
#include <unistd.h>

namespace troupe::os {

namespace {

constexpr const char* cgroup_file = "/cgroup";

// This process and those it descends from: a bot's own shell may call us.
std::set<pid_t> ancestry() {
  std::set<pid_t> result;
  for (auto pid = ::getpid(); pid > 0 && result.insert(pid).second;) {
    const auto x = read_process(pid);
    pid = x ? x->parent : 0;
  }
  return result;
}

bool same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Whether the process means our directory by that path: a container may have another there.
bool shares(pid_t pid, const std::string& state_directory) {
  struct stat ours {};
  struct stat theirs {};
  if (::stat(state_directory.c_str(), &ours) == 0 && stat_of(pid, "root" + state_directory, theirs))
    return same(ours, theirs);
  // It is nowhere to be seen, by a process that has locked itself in or because it was deleted.
  return stat_of(::getpid(), "ns/mnt", ours) && stat_of(pid, "ns/mnt", theirs)
         && same(ours, theirs);
}

// Nothing when we cannot look now.
std::optional<std::vector<process>> marked(const std::string& state_directory) {
  const auto prefix = state_directory + "/bots/";
  const auto spared = ancestry();
  const auto all = all_processes();
  if (!all)
    return std::nullopt;
  std::vector<process> result;
  for (const auto& x : *all) {
    if (x.dead() || spared.contains(x.pid))
      continue;
    const auto directory = variable_of(x.pid, "TROUPE_BOT_DIR");
    if (directory && directory->starts_with(prefix) && shares(x.pid, state_directory))
      result.push_back(x);
  }
  return result;
}

} // namespace

std::string remember_cgroup(const std::string& state_directory, const std::string& cgroup) {
  const auto file = state_directory + cgroup_file;
  const auto temporary = file + ".new";
  const unique_fd fd{
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644)};
  if (!fd)
    return sentence("open", temporary, errno);
  if (::write(fd.get(), cgroup.data(), cgroup.size()) != static_cast<ssize_t>(cgroup.size()))
    return sentence("write", temporary, errno);
  if (::rename(temporary.c_str(), file.c_str()) != 0)
    return sentence("rename", file, errno);
  return {};
}

leftovers end_leftovers(const std::string& state_directory, std::chrono::milliseconds limit) {
  using clock = std::chrono::steady_clock;
  const auto deadline = clock::now() + limit;
  leftovers result;
  const auto cgroup = read_file(state_directory + cgroup_file, 4096).value_or("");
  // Whoever wrote into that file, nothing but a fleet's own group is ever killed.
  const auto slash = cgroup.rfind('/');
  if (slash != std::string::npos && cgroup.front() == '/'
      && cgroup.compare(slash + 1, 7, "troupe-") == 0) {
    result.ended = kill_and_remove_tree(cgroup, static_cast<int>(limit.count()));
    ::rmdir((cgroup + ".runtime").c_str()); // goes if it is empty
  }
  std::set<std::pair<pid_t, std::uint64_t>> counted;
  for (;;) {
    const auto found = marked(state_directory);
    result.alive = found ? found->size() : 1;
    if (result.alive == 0 || clock::now() >= deadline)
      break;
    for (const auto& x : found.value_or(std::vector<process>{})) {
      kill_exactly(x, SIGKILL);
      if (counted.emplace(x.pid, x.start_ticks).second)
        ++result.ended;
    }
    ::poll(nullptr, 0, 5);
  }
  return result;
}

} // namespace troupe::os
