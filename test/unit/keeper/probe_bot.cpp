// A bot that tells what it was born with, or leaves a mess on order. Built without sanitizers:
// those would change what it is asked to tell.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

std::string open_fds() {
  std::string result;
  DIR* directory = opendir("/proc/self/fd");
  for (int fd = 0; fd < 1024; ++fd) {
    if (fd != dirfd(directory) && fcntl(fd, F_GETFD) >= 0) {
      result += std::to_string(fd) + " ";
    }
  }
  closedir(directory);
  return result;
}

std::string status_line(const char* name) {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  char line[256];
  std::string result;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, name, std::strlen(name)) == 0) {
      result = line + std::strlen(name) + 2;
      result.pop_back();
    }
  }
  std::fclose(file);
  return result;
}

std::string oom_score_adj() {
  char text[16] = {};
  const int file = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
  const auto size = read(file, text, sizeof text - 1);
  close(file);
  return std::string(text, size > 0 ? static_cast<std::size_t>(size) - 1 : 0);
}

void tell_self(int argc, char** argv) {
  std::printf("fds=%s\n", open_fds().c_str());
  for (const char* name : {"SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd", "NoNewPrivs"}) {
    std::printf("%s=%s\n", name, status_line(name).c_str());
  }
  std::printf("session=%d\n", getsid(0) == getpid() && getpgrp() == getpid());
  int death = 0;
  prctl(PR_GET_PDEATHSIG, &death);
  std::printf("death_signal=%d\n", death);
  const mode_t mask = umask(0);
  std::printf("umask=%03o\n", mask);
  std::printf("nice=%d\n", getpriority(PRIO_PROCESS, 0));
  std::printf("oom=%s\n", oom_score_adj().c_str());
  std::printf("ids=%d %d %d %d\n", getuid(), geteuid(), getgid(), getegid());
  gid_t groups[64];
  const int count = getgroups(64, groups);
  std::printf("groups=");
  for (int i = 0; i < count; ++i) {
    std::printf("%d ", groups[i]);
  }
  std::printf("\n");
  for (const int resource : {RLIMIT_NOFILE, RLIMIT_CORE}) {
    rlimit limit{};
    getrlimit(static_cast<__rlimit_resource>(resource), &limit);
    std::printf("limit%d=%llu %llu\n", resource, static_cast<unsigned long long>(limit.rlim_cur),
                static_cast<unsigned long long>(limit.rlim_max));
  }
  char directory[4096];
  std::printf("directory=%s\n", getcwd(directory, sizeof directory));
  for (int i = 0; i < argc; ++i) {
    std::printf("argument=%s\n", argv[i]);
  }
  for (char** it = environ; *it != nullptr; ++it) {
    std::printf("environment=%s\n", *it);
  }
}

/// Children that nobody waits for: whoever adopts them has to.
void leave_orphans(int count) {
  for (int i = 0; i < count; ++i) {
    if (fork() == 0) {
      _exit(0);
    }
  }
}

/// A process that escapes from the session and the group; prints its pid.
void leave_stray() {
  int escaped[2];
  if (pipe(escaped) != 0) {
    _exit(1);
  }
  const pid_t stray = fork();
  if (stray == 0) {
    setsid();
    close(escaped[0]);
    close(escaped[1]);
    for (;;) {
      pause();
    }
  }
  char none = 0;
  close(escaped[1]);
  if (read(escaped[0], &none, 1) == 0) {
    std::printf("stray=%d\n", stray);
  }
}

} // namespace

int main(int argc, char** argv) {
  const std::string order = argc > 1 ? argv[1] : "";
  if (order == "--orphans") {
    leave_orphans(std::atoi(argv[2]));
  } else if (order == "--stray") {
    leave_stray();
    std::fflush(stdout);
    for (;;) {
      pause();
    }
  } else if (order == "--exit") {
    return std::atoi(argv[2]);
  } else if (order == "--count") {
    std::size_t bytes = 0;
    for (int i = 2; i < argc; ++i) {
      bytes += std::strlen(argv[i]);
    }
    std::printf("%d %zu\n", argc - 2, bytes);
  } else {
    tell_self(argc, argv);
  }
  return 0;
}
