#include "runtime/doctor/probe.hpp"
#include "runtime/os/cgroup.hpp"
#include "runtime/os/files.hpp"

#include <cerrno>
#include <charconv>
#include <ctime>
#include <fcntl.h>
#include <linux/sched.h>
#include <sstream>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

namespace troupe::doctor {

namespace {

int errno_of(long result) {
  return result < 0 ? errno : 0;
}

int try_pidfd() {
  const os::unique_fd self{static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0))};
  return self ? errno_of(syscall(SYS_pidfd_send_signal, self.get(), 0, nullptr, 0)) : errno;
}

int try_clone3() {
  // A kernel that knows it finds the size too small; one that does not says ENOSYS.
  syscall(SYS_clone3, nullptr, 0);
  return errno == EINVAL ? 0 : errno;
}

int try_sealing() {
  const os::unique_fd fd{memfd_create("troupe-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  return fd ? errno_of(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
            : errno;
}

double seconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

/// The time at which this program was built, near enough: its file's.
std::int64_t build_time() {
  struct stat self {};
  return stat("/proc/self/exe", &self) == 0 ? self.st_mtime : 0;
}

void look_at_clocks(clock_facts& clock) {
  clock.now = time(nullptr);
  clock.built = build_time();
  timex state{};
  const int answer = adjtimex(&state);
  clock.known = answer >= 0;
  clock.synchronised = clock.known && answer != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
  const auto before = seconds_of(CLOCK_MONOTONIC);
  timespec pause{0, 2'000'000};
  nanosleep(&pause, nullptr);
  const auto after = seconds_of(CLOCK_MONOTONIC);
  clock.advances = after > before && seconds_of(CLOCK_BOOTTIME) + 0.001 >= after;
}

/// The value of hidepid= of the /proc that we see.
std::string hidepid_of(const std::string& mounts) {
  std::istringstream lines{mounts};
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" /proc ") == std::string::npos || line.find(" - proc ") == std::string::npos)
      continue;
    const auto at = line.find("hidepid=");
    result = at == std::string::npos
                 ? ""
                 : line.substr(at + 8, line.find_first_of(", ", at + 8) - at - 8);
  }
  return result;
}

std::uint64_t most_tasks(std::string group, const std::string& top) {
  auto least = unlimited;
  for (; group.size() >= top.size(); group.resize(group.rfind('/'))) {
    const auto text = os::read_file(group + "/pids.max", 64).value_or("max");
    std::uint64_t value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc{})
      least = std::min(least, value);
    if (group.rfind('/') == std::string::npos || group == top)
      break;
  }
  return least;
}

} // namespace

void look_at_kernel(host_facts& host) {
  host.calls["pidfd_open"] = try_pidfd();
  host.calls["clone3"] = try_clone3();
  // Nothing stands in this range.
  host.calls["close_range"] = errno_of(syscall(SYS_close_range, ~0U, ~0U, 0));
  int reaper = 0;
  host.calls["PR_SET_CHILD_SUBREAPER"] = errno_of(prctl(PR_GET_CHILD_SUBREAPER, &reaper, 0, 0, 0));
  host.calls["memfd sealing"] = try_sealing();
  char byte = 0;
  host.getrandom_error = errno_of(getrandom(&byte, 1, GRND_NONBLOCK));
  host.hidepid = hidepid_of(os::read_file("/proc/self/mountinfo", 4 * 1024 * 1024).value_or(""));
  look_at_clocks(host.clock);
}

void look_at_groups(host_facts& host) {
  auto& groups = host.groups;
  const auto mounts =
      os::cgroup2_mounts(os::read_file("/proc/self/mountinfo", 4 * 1024 * 1024).value_or(""));
  const auto own = os::own_cgroup(os::read_file("/proc/self/cgroup").value_or(""));
  groups.mounted = !mounts.empty();
  for (const auto& mount : mounts) {
    groups.mount = mount.path;
    const auto beneath = own ? os::shown_by(mount, *own) : std::nullopt;
    if (!beneath)
      continue;
    groups.shows_own = true;
    groups.own = *beneath == "/" ? mount.path : mount.path + *beneath;
    break;
  }
  if (!groups.shows_own)
    return;
  std::istringstream names{os::read_file(groups.own + "/cgroup.controllers", 4096).value_or("")};
  for (std::string name; names >> name;)
    groups.controllers.push_back(name);
  groups.most_tasks = most_tasks(groups.own, groups.mount);
  const auto tried = groups.own + "/troupe-doctor-" + std::to_string(getpid());
  if (mkdir(tried.c_str(), 0755) != 0) {
    groups.make_error = errno;
    return;
  }
  groups.kill = access((tried + "/cgroup.kill").c_str(), W_OK) == 0;
  groups.freeze = access((tried + "/cgroup.freeze").c_str(), W_OK) == 0;
  rmdir(tried.c_str());
}

} // namespace troupe::doctor
