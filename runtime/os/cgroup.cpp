#include "runtime/os/cgroup.hpp"

#include "runtime/os/files.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <utility>

namespace troupe::os {

namespace {

constexpr int open_directory = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
constexpr const char* our_controllers[] = {"cpu", "memory", "pids"};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> result;
  while (!text.empty()) {
    const auto end = text.find(separator);
    if (end != 0)
      result.push_back(text.substr(0, end));
    if (end == std::string_view::npos)
      break;
    text.remove_prefix(end + 1);
  }
  return result;
}

// mountinfo writes a space as \040 and the like.
std::string unescape(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int code = 0;
    if (text[i] == '\\' && i + 3 < text.size()
        && std::from_chars(&text[i + 1], &text[i + 4], code, 8).ptr == &text[i + 4]) {
      result += static_cast<char>(code);
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

// The number after `key` in a file of lines «key number».
std::optional<std::uint64_t> value_of(std::string_view text, std::string_view key) {
  for (const auto line : split(text, '\n')) {
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ')
      continue;
    std::uint64_t value = 0;
    const auto* begin = line.data() + key.size() + 1;
    if (std::from_chars(begin, line.data() + line.size(), value).ec == std::errc{})
      return value;
  }
  return std::nullopt;
}

// What has gone meanwhile has nothing in it; anything else says nothing.
bool gone(int error) {
  return error == ENOENT || error == ENODEV;
}

// Calls `f` for the name of each directory below `fd`; false when they cannot be known.
template <class F>
bool each_child(int fd, F f) {
  unique_fd copy{::openat(fd, ".", open_directory)};
  if (!copy)
    return gone(errno);
  DIR* entries = ::fdopendir(copy.get());
  if (!entries)
    return false;
  static_cast<void>(copy.release());
  while (const auto* entry = ::readdir(entries))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
      f(std::string{entry->d_name});
  ::closedir(entries);
  return true;
}

bool collect(int fd, std::vector<pid_t>& result, int depth) {
  const auto text = read_file(fd, "cgroup.procs", 4 * 1024 * 1024);
  // A threaded group shows its processes in the one above.
  if (!text && !gone(errno) && errno != EOPNOTSUPP)
    return false;
  for (const auto line : split(text ? std::string_view{*text} : std::string_view{}, '\n')) {
    pid_t pid = 0;
    std::from_chars(line.data(), line.data() + line.size(), pid);
    if (pid > 0)
      result.push_back(pid);
  }
  bool complete = true;
  const auto descend = [&](const std::string& name) {
    const unique_fd child{::openat(fd, name.c_str(), open_directory)};
    if (!(child ? collect(child.get(), result, depth + 1) : gone(errno)))
      complete = false;
  };
  return (depth >= 16 || each_child(fd, descend)) && complete;
}

// A bot may have made groups of its own below.
void remove_below(int fd, int depth) {
  if (depth < 16)
    each_child(fd, [&](const std::string& name) {
      {
        const unique_fd child{::openat(fd, name.c_str(), open_directory)};
        if (child)
          remove_below(child.get(), depth + 1);
      }
      ::unlinkat(fd, name.c_str(), AT_REMOVEDIR);
    });
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

std::string join(const std::string& a, const std::string& b) {
  return b == "/" || b.empty() ? a : b.front() == '/' ? a + b : a + '/' + b;
}

} // namespace

std::vector<cgroup_mount> cgroup2_mounts(std::string_view mountinfo) {
  std::vector<cgroup_mount> result;
  for (const auto line : split(mountinfo, '\n')) {
    // 36 35 98:0 ROOT PATH options … - TYPE source options
    const auto dash = line.find(" - ");
    if (dash == std::string_view::npos || !line.substr(dash + 3).starts_with("cgroup2 "))
      continue;
    const auto fields = split(line.substr(0, dash), ' ');
    if (fields.size() >= 5)
      result.push_back({unescape(fields[4]), unescape(fields[3])});
  }
  return result;
}

std::optional<std::string> shown_by(const cgroup_mount& mount, const std::string& group) {
  std::string beneath = group;
  if (mount.root != "/") {
    if (group != mount.root && !group.starts_with(mount.root + '/'))
      return std::nullopt;
    beneath = group.size() > mount.root.size() ? group.substr(mount.root.size()) : "/";
  }
  if (beneath.find("/..") != std::string::npos)
    return std::nullopt;
  return beneath;
}

std::optional<std::string> own_cgroup(std::string_view text) {
  for (const auto line : split(text, '\n'))
    if (line.starts_with("0::/"))
      return std::string{line.substr(3)};
  return std::nullopt;
}

// -- one group ---------------------------------------------------------------------

int cgroup::kill() const {
  return write_file(fd_.get(), "cgroup.kill", "1");
}

int cgroup::freeze(bool on) const {
  return write_file(fd_.get(), "cgroup.freeze", on ? "1" : "0");
}

bool cgroup::populated() const {
  const auto text = read_file(fd_.get(), "cgroup.events", 4096);
  return text ? value_of(*text, "populated").value_or(1) != 0 : !gone(errno);
}

std::optional<std::vector<pid_t>> cgroup::processes() const {
  std::vector<pid_t> result;
  if (!collect(fd_.get(), result, 0))
    return std::nullopt;
  return result;
}

int cgroup::signal(int signal, pid_t spared) const {
  constexpr std::size_t at_once = 64; // so many fds
  auto pids = processes();
  if (!pids)
    return errno;
  std::erase(*pids, spared);
  int result = 0;
  for (std::size_t begin = 0; begin < pids->size(); begin += at_once) {
    std::vector<std::pair<pid_t, unique_fd>> some;
    for (auto i = begin; i < std::min(begin + at_once, pids->size()); ++i) {
      unique_fd handle{static_cast<int>(::syscall(SYS_pidfd_open, (*pids)[i], 0))};
      // Without pidfds there is a gap of microseconds between look and kill.
      if (handle || errno == ENOSYS || errno == EPERM)
        some.emplace_back((*pids)[i], std::move(handle));
      else if (errno != ESRCH)
        result = errno;
    }
    // Whoever is listed still is the one that was opened, or the handle knows better.
    auto listed = processes();
    if (!listed)
      return errno;
    std::sort(listed->begin(), listed->end());
    for (const auto& [pid, handle] : some) {
      if (!std::binary_search(listed->begin(), listed->end(), pid))
        continue;
      const auto sent = handle ? ::syscall(SYS_pidfd_send_signal, handle.get(), signal, nullptr, 0)
                               : static_cast<long>(::kill(pid, signal));
      if (sent != 0 && errno != ESRCH)
        result = errno;
    }
  }
  return result;
}

std::optional<std::uint64_t> cgroup::cpu_time() const {
  const auto text = read_file(fd_.get(), "cpu.stat", 4096);
  return text ? value_of(*text, "usage_usec") : std::nullopt;
}

std::optional<std::uint64_t> cgroup::memory() const {
  const auto text = read_file(fd_.get(), "memory.current", 64);
  std::uint64_t value = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{})
    return std::nullopt;
  return value;
}

bool cgroup::out_of_memory() const {
  const auto text = read_file(fd_.get(), "memory.events", 4096);
  return text && value_of(*text, "oom_kill").value_or(0) > 0;
}

// -- the fleet's part of the tree ----------------------------------------------------

cgroup_tree cgroup_tree::of_this_process(const std::string& name, const std::vector<pid_t>& leaf) {
  cgroup_tree none;
  const auto mounts = read_file("/proc/self/mountinfo", 4 * 1024 * 1024);
  const auto found = mounts ? cgroup2_mounts(*mounts) : std::vector<cgroup_mount>{};
  if (found.empty())
    none.report_ = "no cgroup2 is mounted";
  const auto text = read_file("/proc/self/cgroup", 64 * 1024);
  const auto own = text ? own_cgroup(*text) : std::nullopt;
  for (const auto& mount : found) {
    const auto beneath = own ? shown_by(mount, *own) : std::nullopt;
    auto tree = beneath ? cgroup_tree{{mount.path, *beneath, name, leaf}} : cgroup_tree{};
    if (tree.usable())
      return tree;
    if (none.report_.empty())
      none.report_ = beneath
                         ? tree.report_
                         : "cgroup2 at " + mount.path + " does not show the runtime's own group";
  }
  return none;
}

cgroup_tree::cgroup_tree(const setup& x) {
  // A runtime that was started again begins in the leaf that the one before made.
  const auto leaf_name = x.name + ".runtime";
  const bool in_leaf = x.own.ends_with('/' + leaf_name);
  const auto base = join(x.mount, in_leaf ? parent_of(x.own) : x.own);
  path_ = base + '/' + x.name;
  if (::mkdir(path_.c_str(), 0755) != 0 && errno != EEXIST) {
    report_ = "no cgroups: " + sentence("mkdir", path_, errno);
    return;
  }
  unique_fd fd{::open(path_.c_str(), open_directory)};
  if (!fd) {
    report_ = "no cgroups: " + sentence("open", path_, errno);
    return;
  }
  const auto available = read_file(base + "/cgroup.controllers", 4096).value_or("");
  std::vector<std::string> wanted;
  for (const auto* name : our_controllers)
    for (const auto found : split(available, ' '))
      if (found.substr(0, found.find('\n')) == name)
        wanted.emplace_back(name);
  std::string missing;
  if (!wanted.empty() && !enable(base, wanted, x.leaf, base + '/' + leaf_name))
    missing = "; other processes in " + base + " keep its controllers from being used";
  for (const auto* name : our_controllers)
    if (!has(name))
      missing += std::string{missing.empty() ? "; missing controllers: " : ", "} + name;
  fd_ = std::move(fd);
  report_ = "cgroup2 at " + path_ + missing;
  if (!missing.empty())
    report_ += " (limits that need them are not enforced)";
}

bool cgroup_tree::enable(const std::string& base, std::vector<std::string> wanted,
                         const std::vector<pid_t>& leaf, const std::string& leaf_path) {
  bool moved = false;
  bool busy = false;
  for (const auto& name : wanted) {
    const auto switch_on = [&] {
      return write_file(AT_FDCWD, base + "/cgroup.subtree_control", '+' + name);
    };
    int error = switch_on();
    if (error == EBUSY && !moved) {
      moved = true;
      if (::mkdir(leaf_path.c_str(), 0755) == 0 || errno == EEXIST)
        for (const auto pid : leaf)
          write_file(AT_FDCWD, leaf_path + "/cgroup.procs", std::to_string(pid));
      error = switch_on();
    }
    busy = busy || error == EBUSY;
    if (error == 0 && write_file(AT_FDCWD, path_ + "/cgroup.subtree_control", '+' + name) == 0)
      controllers_.push_back(name);
  }
  return !busy;
}

bool cgroup_tree::has(std::string_view controller) const {
  return std::find(controllers_.begin(), controllers_.end(), controller) != controllers_.end();
}

std::string cgroup_tree::child_name(std::string_view instance, std::uint64_t incarnation) {
  std::string result{instance};
  std::replace(result.begin(), result.end(), '/', ':');
  return result + '@' + std::to_string(incarnation);
}

namespace {

/// A limit that the kernel enforces on a group.
struct group_limit {
  const char* key; ///< in a bot's file
  const char* controller;
  const char* file;
  std::optional<std::string> value; ///< none: not limited
  const char* unlimited;
};

std::vector<group_limit> group_limits(const config::limits_spec& x) {
  const auto number = [](const std::optional<std::uint64_t>& value) {
    return value ? std::optional{std::to_string(*value)} : std::nullopt;
  };
  std::optional<std::string> cores;
  if (x.cpu)
    cores = std::to_string(std::max(1000l, std::lround(*x.cpu * 100'000))) + " 100000";
  return {{"memory", "memory", "memory.max", number(x.memory), "max"},
          {"memory_high", "memory", "memory.high", number(x.memory_high), "max"},
          {"tasks", "pids", "pids.max", number(x.tasks), "max"},
          {"cpu_weight", "cpu", "cpu.weight", number(x.cpu_weight), "100"},
          {"cpu", "cpu", "cpu.max", std::move(cores), "max 100000"}};
}

} // namespace

std::vector<std::pair<std::string, std::string>>
cgroup_tree::adjust(const cgroup& group, const config::limits_spec* before,
                    const config::limits_spec& now) const {
  std::vector<std::pair<std::string, std::string>> problems;
  const auto old = before ? group_limits(*before) : std::vector<group_limit>{};
  const auto wanted = group_limits(now);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& each = wanted[i];
    if ((before && each.value == old[i].value) || !has(each.controller))
      continue;
    if (const int error = write_file(group.fd(), each.file, each.value.value_or(each.unlimited)))
      problems.emplace_back(each.key, sentence("write", each.file, error));
  }
  return problems;
}

config::expected<cgroup, std::string> cgroup_tree::create(std::string_view instance,
                                                          std::uint64_t incarnation,
                                                          const config::limits_spec& limits) const {
  const auto name = child_name(instance, incarnation);
  const auto fail = [&](const char* step, const std::string& file, int error) {
    return config::unexpected{sentence(step, path_ + '/' + name + file, error)};
  };
  if (::mkdirat(fd_.get(), name.c_str(), 0755) != 0 && errno != EEXIST)
    return fail("mkdir", "", errno);
  unique_fd fd{::openat(fd_.get(), name.c_str(), open_directory)};
  if (!fd)
    return fail("open", "", errno);
  std::string failed;
  int error = 0;
  const auto set = [&](const char* controller, const char* file, const std::string& value) {
    if (error != 0 || !has(controller))
      return;
    error = write_file(fd.get(), file, value);
    // Older kernels lack some files; a limit that was asked for is another matter.
    if (error == ENOENT && std::strcmp(file, "memory.oom.group") == 0)
      error = 0;
    if (error != 0)
      failed = file;
  };
  set("memory", "memory.oom.group", "1");
  for (const auto& each : group_limits(limits))
    if (each.value)
      set(each.controller, each.file, *each.value);
  if (error != 0) {
    ::unlinkat(fd_.get(), name.c_str(), AT_REMOVEDIR);
    return fail("write", '/' + failed, error);
  }
  return cgroup{std::move(fd)};
}

cgroup cgroup_tree::open(std::string_view instance, std::uint64_t incarnation) const {
  return open_child(child_name(instance, incarnation));
}

cgroup cgroup_tree::open_child(const std::string& name) const {
  return cgroup{unique_fd{::openat(fd_.get(), name.c_str(), open_directory)}};
}

int cgroup_tree::remove(std::string_view instance, std::uint64_t incarnation) const {
  return remove_child(child_name(instance, incarnation));
}

int cgroup_tree::remove_child(const std::string& name) const {
  if (::unlinkat(fd_.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT)
    return 0;
  const int error = errno;
  if (const auto child = open_child(name)) {
    remove_below(child.fd(), 0);
    if (::unlinkat(fd_.get(), name.c_str(), AT_REMOVEDIR) == 0)
      return 0;
  }
  return error;
}

std::vector<std::string> cgroup_tree::children() const {
  std::vector<std::string> result;
  each_child(fd_.get(), [&](std::string name) { result.push_back(std::move(name)); });
  return result;
}

std::size_t kill_and_remove_tree(const std::string& path, int milliseconds) {
  const cgroup group{unique_fd{::open(path.c_str(), open_directory)}};
  if (!group)
    return 0;
  const auto found = group.processes().value_or(std::vector<pid_t>{}).size();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{milliseconds};
  while (group.populated()) {
    // Older kernels have no cgroup.kill; a fork may slip past single kills, so again.
    if (group.kill() != 0)
      group.signal(SIGKILL);
    if (std::chrono::steady_clock::now() >= deadline)
      return found;
    ::poll(nullptr, 0, 2);
  }
  remove_below(group.fd(), 0);
  ::rmdir(path.c_str());
  return found;
}

} // namespace troupe::os
