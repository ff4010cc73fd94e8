#include "test/e2e/faultbot.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <fstream>
#include <grp.h>
#include <sched.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

extern char** environ;

namespace faultbot {

namespace {

std::string link_of(const std::string& path) {
  char target[4096];
  const auto length = readlink(path.c_str(), target, sizeof target);
  return length < 0 ? std::string{} : std::string(target, static_cast<std::size_t>(length));
}

std::string fds() {
  std::string result = "{";
  DIR* directory = opendir("/proc/self/fd");
  while (const dirent* entry = directory ? readdir(directory) : nullptr) {
    const std::string name = entry->d_name;
    if (name.front() == '.' || name == std::to_string(dirfd(directory)))
      continue;
    result += (result.size() > 1 ? "," : "") + quoted(name) + ":"
              + quoted(link_of("/proc/self/fd/" + name));
  }
  if (directory)
    closedir(directory);
  return result + "}";
}

std::string environment() {
  std::string result = "{";
  for (char** each = environ; *each; ++each) {
    const std::string pair = *each;
    const auto equals = pair.find('=');
    result += (result.size() > 1 ? "," : "") + quoted(pair.substr(0, equals)) + ":"
              + quoted(equals == std::string::npos ? "" : pair.substr(equals + 1));
  }
  return result + "}";
}

/// A line of /proc/self/status, e.g. `SigBlk`.
std::string status_line(const std::string& key) {
  std::ifstream file{"/proc/self/status"};
  for (std::string line; std::getline(file, line);)
    if (line.compare(0, key.size() + 1, key + ":") == 0) {
      const auto begin = line.find_first_not_of(" \t", key.size() + 1);
      return begin == std::string::npos ? "" : line.substr(begin);
    }
  return "";
}

std::string text_of(const char* path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string groups() {
  gid_t list[128];
  const int count = getgroups(128, list);
  std::string result = "[";
  for (int i = 0; i < count; ++i)
    result += (i ? "," : "") + std::to_string(list[i]);
  return result + "]";
}

std::string limits() {
  constexpr std::pair<const char*, __rlimit_resource> all[] = {
      {"open_files", RLIMIT_NOFILE}, {"processes", RLIMIT_NPROC},       {"file_size", RLIMIT_FSIZE},
      {"core_size", RLIMIT_CORE},    {"locked_memory", RLIMIT_MEMLOCK}, {"stack", RLIMIT_STACK},
      {"address_space", RLIMIT_AS},
  };
  std::string result = "{";
  for (const auto& [name, which] : all) {
    rlimit value{};
    getrlimit(which, &value);
    const auto number = [](rlim_t x) { return x == RLIM_INFINITY ? "null" : std::to_string(x); };
    result += (result.size() > 1 ? "," : "") + quoted(name) + ":[" + number(value.rlim_cur) + ","
              + number(value.rlim_max) + "]";
  }
  return result + "}";
}

} // namespace

bool dump_self(const std::string& file) {
  // The fds first: every file that is read below is one more.
  const auto open_fds = fds();
  const auto mask = umask(0);
  umask(mask);
  errno = 0;
  std::string text = "{\"fds\":" + open_fds;
  const auto add = [&](const char* name, const std::string& json) {
    text += ",\"" + std::string{name} + "\":" + json;
  };
  const auto add_number = [&](const char* name, long value) { add(name, std::to_string(value)); };
  add("environment", environment());
  add("blocked", quoted(status_line("SigBlk")));
  add("ignored", quoted(status_line("SigIgn")));
  add("caught", quoted(status_line("SigCgt")));
  add("pending", quoted(status_line("SigPnd")));
  add("groups", groups());
  add("limits", limits());
  add("directory", quoted(link_of("/proc/self/cwd")));
  add("cgroup", quoted(text_of("/proc/self/cgroup")));
  add("executable", quoted(link_of("/proc/self/exe")));
  add_number("oom_score_adj", std::atol(text_of("/proc/self/oom_score_adj").c_str()));
  add_number("uid", getuid());
  add_number("euid", geteuid());
  add_number("gid", getgid());
  add_number("egid", getegid());
  add_number("no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  add_number("umask", mask);
  add_number("nice", getpriority(PRIO_PROCESS, 0));
  add_number("pid", getpid());
  add_number("parent", getppid());
  add_number("group", getpgrp());
  add_number("session", getsid(0));
  text += "}\n";
  // Renamed into place: whoever sees the file sees all of it.
  const auto temporary = file + ".new";
  std::ofstream out{temporary};
  out << text;
  out.close();
  return !out.fail() && std::rename(temporary.c_str(), file.c_str()) == 0;
}

} // namespace faultbot
