#include "runtime/report/host_text.hpp"

#include "runtime/doctor/probe.hpp"
#include "runtime/os/files.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sstream>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace troupe::report {

namespace {

constexpr std::size_t log_bytes = 512 * 1024;

void section(std::string& to, const std::string& path) {
  to += "== " + path + "\n" + os::read_file(path).value_or(std::strerror(errno)) + "\n";
}

/// Lines of mountinfo that are about control groups.
std::string group_mounts() {
  std::istringstream lines{os::read_file("/proc/self/mountinfo", 4 * 1024 * 1024).value_or("")};
  std::string result;
  for (std::string line; std::getline(lines, line);)
    if (line.find(" - cgroup") != std::string::npos)
      result += line + "\n";
  return result;
}

void process(std::string& to, const char* who, pid_t pid) {
  const auto directory = "/proc/" + std::to_string(pid);
  to += std::string{"== the "} + who + "\n";
  for (const char* file : {"/status", "/limits", "/cgroup", "/oom_score_adj"})
    section(to, directory + file);
  std::error_code error;
  std::size_t open = 0;
  for (std::filesystem::directory_iterator it{directory + "/fd", error};
       !error && it != std::filesystem::directory_iterator{}; it.increment(error))
    ++open;
  to += "open descriptors: " + (error ? error.message() : std::to_string(open)) + "\n";
}

/// The unit that a process belongs to, «troupe.service»; empty: none.
std::string unit_of(pid_t pid) {
  const auto group = os::read_file("/proc/" + std::to_string(pid) + "/cgroup").value_or("");
  const auto end = group.find(".service");
  if (end == std::string::npos)
    return "";
  const auto begin = group.rfind('/', end);
  return group.substr(begin + 1, end + 8 - begin - 1);
}

} // namespace

std::string host_text(pid_t keeper, pid_t runtime) {
  std::string result;
  utsname name{};
  if (uname(&name) == 0)
    result += std::string{name.sysname} + " " + name.release + " " + name.version + " "
              + name.machine + ", " + std::to_string(sysconf(_SC_NPROCESSORS_ONLN))
              + " processors\n";
  for (const char* path :
       {"/etc/os-release", "/proc/uptime", "/proc/loadavg", "/proc/meminfo", "/proc/self/limits",
        "/proc/self/cgroup", "/proc/pressure/cpu", "/proc/pressure/memory", "/proc/pressure/io",
        "/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max", "/proc/sys/fs/file-nr"})
    section(result, path);
  result += "== control groups\n" + group_mounts();
  if (keeper > 0)
    process(result, "keeper", keeper);
  if (runtime > 0)
    process(result, "runtime", runtime);
  return result;
}

std::string log_tail(pid_t keeper, std::string& why) {
  if (keeper <= 0) {
    why = "no keeper runs";
    return "";
  }
  const auto stderr_of = "/proc/" + std::to_string(keeper) + "/fd/2";
  struct stat info {};
  if (stat(stderr_of.c_str(), &info) != 0) {
    why = os::sentence("look at", stderr_of, errno);
    return "";
  }
  if (S_ISREG(info.st_mode)) {
    const os::unique_fd fd{open(stderr_of.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    const auto begin = std::max<off_t>(0, info.st_size - static_cast<off_t>(log_bytes));
    std::string text(static_cast<std::size_t>(info.st_size - begin), '\0');
    const auto size = fd ? pread(fd.get(), text.data(), text.size(), begin) : -1;
    if (size < 0)
      why = os::sentence("read", stderr_of, errno);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
  }
  if (const auto unit = unit_of(keeper); !unit.empty())
    if (auto text = doctor::output_of(
            {"journalctl", "-u", unit, "-n", "300", "--no-pager", "-o", "short-iso"}))
      return *text;
  why = "it goes to no file, and systemd's journal has none of it";
  return "";
}

} // namespace troupe::report
