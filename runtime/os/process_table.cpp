#include "runtime/os/process_table.hpp"

#include "runtime/os/files.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <dirent.h>
#include <poll.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unordered_set>

namespace troupe::os {

namespace {

constexpr std::size_t largest_list = 16 * 1024 * 1024;
// The kernel bounds an environment at a quarter of the stack's limit.
constexpr std::size_t largest_environment = 1024 * 1024;

std::string proc(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + '/' + file;
}

// The numbers of a line, one after the other.
class numbers {
public:
  explicit numbers(std::string_view text)
      : text_(text) {}

  template <class T>
  bool next(T& value) {
    const auto begin = text_.find_first_not_of(" \n");
    if (begin == std::string_view::npos)
      return false;
    text_.remove_prefix(begin);
    const auto result = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (result.ec != std::errc{})
      return false;
    text_.remove_prefix(static_cast<std::size_t>(result.ptr - text_.data()));
    return true;
  }

  bool skip(int count) {
    std::int64_t ignored = 0;
    for (int i = 0; i < count; ++i)
      if (!next(ignored))
        return false;
    return true;
  }

private:
  std::string_view text_;
};

} // namespace

std::optional<process> parse_stat(std::string_view text) {
  const auto open = text.find(" (");
  const auto close = text.rfind(") ");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open
      || close + 3 >= text.size())
    return std::nullopt;
  process x;
  numbers first{text.substr(0, open)};
  x.state = text[close + 2];
  numbers rest{text.substr(close + 3)};
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  std::int64_t pages = 0;
  // Fields 4..6, then 14 (utime), 15 (stime), 22 (starttime), 24 (rss).
  if (!first.next(x.pid) || !rest.next(x.parent) || !rest.next(x.group) || !rest.next(x.session)
      || !rest.skip(7))
    return std::nullopt;
  if (!rest.next(user) || !rest.next(system) || !rest.skip(6) || !rest.next(x.start_ticks)
      || !rest.skip(1) || !rest.next(pages))
    return std::nullopt;
  static const auto page_size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  x.cpu_ticks = user + system;
  x.resident = pages > 0 ? static_cast<std::uint64_t>(pages) * page_size : 0;
  return x;
}

std::optional<process> read_process(pid_t pid) {
  const auto text = read_file(proc(pid, "stat"), 4096);
  return text ? parse_stat(*text) : std::nullopt;
}

bool short_of_means(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM;
}

std::optional<std::vector<process>> all_processes() {
  DIR* entries = ::opendir("/proc");
  if (!entries)
    return std::nullopt;
  std::optional<std::vector<process>> result{std::in_place};
  while (const auto* entry = ::readdir(entries)) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
      continue;
    errno = 0;
    if (const auto x = read_process(std::atoi(entry->d_name))) {
      result->push_back(*x);
    } else if (short_of_means(errno)) {
      result.reset();
      break;
    }
  }
  ::closedir(entries);
  return result;
}

std::optional<std::vector<pid_t>> children_of(pid_t pid) {
  const auto file = proc(pid, "task/") + std::to_string(pid) + "/children";
  auto text = read_file(file, largest_list);
  // The kernel skips some when others go while it lists them: only what it says twice
  // is the whole list.
  for (int i = 0; text && i < 16; ++i) {
    auto again = read_file(file, largest_list);
    const bool same = again == text;
    text = std::move(again);
    if (same)
      break;
  }
  if (!text)
    return std::nullopt;
  std::vector<pid_t> result;
  numbers list{*text};
  for (pid_t child = 0; list.next(child);)
    result.push_back(child);
  return result;
}

namespace {

// As long as it lives, this thread has the rights of the owner of a process to look at it:
// root without CAP_SYS_PTRACE (a container) has not. Changes nothing for others than root.
class rights_of_owner {
public:
  explicit rights_of_owner(pid_t pid) {
    struct stat owner {};
    if (::geteuid() != 0 || ::stat(proc(pid, "").c_str(), &owner) != 0 || owner.st_uid == 0)
      return;
    // The kernel forgets these two when a thread changes its rights. The first is of the whole
    // process: another thread may be doing the same, so only what it was at first counts.
    static const int at_first = ::prctl(PR_GET_DUMPABLE);
    dumpable_ = at_first;
    ::prctl(PR_GET_PDEATHSIG, &death_signal_);
    ::setfsgid(owner.st_gid);
    ::setfsuid(owner.st_uid);
    borrowed_ = true;
  }
  ~rights_of_owner() {
    if (!borrowed_)
      return;
    const int error = errno;
    ::setfsuid(::geteuid());
    ::setfsgid(::getegid());
    if (dumpable_ == 1)
      ::prctl(PR_SET_DUMPABLE, 1);
    if (death_signal_ != 0)
      ::prctl(PR_SET_PDEATHSIG, death_signal_);
    errno = error;
  }
  rights_of_owner(const rights_of_owner&) = delete;
  rights_of_owner& operator=(const rights_of_owner&) = delete;

private:
  bool borrowed_ = false;
  int dumpable_ = 0;
  int death_signal_ = 0;
};

bool denied(int error) {
  return error == EACCES || error == EPERM;
}

std::optional<std::string> read_environment(pid_t pid) {
  auto text = read_file(proc(pid, "environ"), largest_environment);
  if (!text && denied(errno)) {
    const rights_of_owner rights{pid};
    text = read_file(proc(pid, "environ"), largest_environment);
  }
  return text;
}

// In the middle of an exec a process seems to have no environment; then look again. A
// thread of the kernel never has one, nor any memory.
std::optional<std::string> environment_of(pid_t pid) {
  auto text = read_environment(pid);
  for (int i = 0; i < 4 && text && text->empty(); ++i) {
    const auto memory = read_file(proc(pid, "statm"), 256);
    if (!memory || memory->starts_with("0 "))
      break;
    ::poll(nullptr, 0, 1);
    text = read_environment(pid);
  }
  return text;
}

} // namespace

std::vector<std::pair<std::string, std::string>> variables_of(pid_t pid) {
  std::vector<std::pair<std::string, std::string>> result;
  const auto text = environment_of(pid).value_or("");
  for (std::string_view rest{text}; !rest.empty();) {
    const auto entry = rest.substr(0, rest.find('\0'));
    if (const auto equals = entry.find('='); equals != std::string_view::npos && equals > 0)
      result.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
  }
  return result;
}

std::optional<std::string> look_at(pid_t pid, const char* file) {
  auto text = read_file(proc(pid, file));
  if (!text && denied(errno)) {
    const rights_of_owner rights{pid};
    text = read_file(proc(pid, file));
  }
  return text;
}

std::optional<std::size_t> open_files_of(pid_t pid) {
  constexpr std::size_t enough = 1 << 20;
  const auto path = proc(pid, "fd");
  DIR* fds = ::opendir(path.c_str());
  if (!fds && denied(errno)) {
    const rights_of_owner rights{pid};
    fds = ::opendir(path.c_str());
  }
  if (!fds)
    return std::nullopt;
  std::size_t count = 0;
  while (count < enough && ::readdir(fds))
    ++count;
  ::closedir(fds);
  // Of our own, the one that was just looked through; and «.», «..».
  const std::size_t others = pid == ::getpid() ? 3 : 2;
  return count > others ? count - others : 0;
}

bool stat_of(pid_t pid, const std::string& file, struct stat& info) {
  const auto path = proc(pid, file.c_str());
  if (::stat(path.c_str(), &info) == 0)
    return true;
  if (!denied(errno))
    return false;
  const rights_of_owner rights{pid};
  return ::stat(path.c_str(), &info) == 0;
}

pid_t process_that_has_open(const struct stat& file, pid_t self) {
  for (const auto& x : all_processes().value_or(std::vector<process>{})) {
    DIR* fds = x.pid == self ? nullptr : ::opendir(proc(x.pid, "fd").c_str());
    if (!fds)
      continue;
    bool found = false;
    while (const auto* entry = ::readdir(fds)) {
      struct stat info {};
      found = found
              || (::fstatat(::dirfd(fds), entry->d_name, &info, 0) == 0
                  && info.st_dev == file.st_dev && info.st_ino == file.st_ino);
    }
    ::closedir(fds);
    if (found)
      return x.pid;
  }
  return 0;
}

std::optional<std::string> variable_of(pid_t pid, std::string_view name) {
  const auto text = environment_of(pid);
  if (!text)
    return std::nullopt;
  std::string_view rest{*text};
  while (!rest.empty()) {
    const auto entry = rest.substr(0, rest.find('\0'));
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
      return std::string{entry.substr(name.size() + 1)};
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
  }
  return std::nullopt;
}

std::uint64_t ticks_to_us(std::uint64_t ticks) {
  static const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return ticks * 1'000'000 / per_second;
}

int kill_exactly(const process& x, int signal) {
  const unique_fd handle{static_cast<int>(::syscall(SYS_pidfd_open, x.pid, 0))};
  // Without pidfds there is a gap of microseconds between look and kill.
  if (!handle && errno != ENOSYS && errno != EPERM)
    return errno;
  const auto now = read_process(x.pid);
  if (!now || now->start_ticks != x.start_ticks)
    return ESRCH;
  const int result =
      handle ? static_cast<int>(::syscall(SYS_pidfd_send_signal, handle.get(), signal, nullptr, 0))
             : ::kill(x.pid, signal);
  return result == 0 ? 0 : errno;
}

std::vector<process> with_descendants(const std::vector<process>& all,
                                      const std::function<bool(const process&)>& from) {
  std::vector<process> result;
  std::unordered_set<pid_t> chosen;
  for (const auto& x : all)
    if (from(x) && chosen.insert(x.pid).second)
      result.push_back(x);
  for (bool grown = !result.empty(); grown;) {
    grown = false;
    for (const auto& x : all)
      if (chosen.contains(x.parent) && chosen.insert(x.pid).second) {
        result.push_back(x);
        grown = true;
      }
  }
  return result;
}

} // namespace troupe::os
