// Ways of making the kernel unkind, which a script cannot do by itself:
//
//   faultbox --without=pidfd_open,clone3 COMMAND…   these system calls give ENOSYS
//   faultbox --take-pid=N COMMAND…                  a child with exactly this pid runs COMMAND
//
//   faultbox --hold-threads TID…                    these threads stand still, the others go on
//
// With --take-pid it prints «taken» when the child exists and «busy» when the pid is not free,
// and lives as long as the child. With --hold-threads it prints how many it holds, and lives until
// its stdin ends, which lets them go on, or until they are dead.

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <string>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

constexpr std::pair<const char*, long> known_calls[] = {
    {"pidfd_open", SYS_pidfd_open},
    {"pidfd_send_signal", SYS_pidfd_send_signal},
    {"clone3", SYS_clone3},
    {"close_range", SYS_close_range},
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "faultbox: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(70);
}

long call_named(const std::string& name) {
  for (const auto& [known, number] : known_calls)
    if (name == known)
      return number;
  errno = EINVAL;
  fail(name);
}

void forbid(const std::string& list) {
  std::vector<sock_filter> program{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offsetof(seccomp_data, nr)))};
  for (std::size_t begin = 0; begin < list.size();) {
    auto end = list.find(',', begin);
    end = end == std::string::npos ? list.size() : end;
    const auto number = static_cast<std::uint32_t>(call_named(list.substr(begin, end - begin)));
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
    begin = end + 1;
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  // Root needs no no_new_privs for this, and would hand it on to every bot.
  if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    fail("no_new_privs");
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    fail("seccomp");
}

void run_as(pid_t wanted, char** command) {
  clone_args how{};
  how.exit_signal = SIGCHLD;
  how.set_tid = reinterpret_cast<std::uint64_t>(&wanted);
  how.set_tid_size = 1;
  const auto child = static_cast<pid_t>(syscall(SYS_clone3, &how, sizeof how));
  if (child < 0) {
    if (errno != EEXIST)
      fail("clone3");
    std::puts("busy");
    std::exit(75);
  }
  if (child == 0) {
    execvp(command[0], command);
    fail(command[0]);
  }
  std::puts("taken");
  std::fflush(stdout);
  int status = 0;
  waitpid(child, &status, 0);
  std::exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/// Only a debugger can stop one thread and let the others run.
[[noreturn]] void hold_threads(char** ids) {
  std::vector<pid_t> held;
  for (; *ids != nullptr; ++ids)
    held.push_back(std::atoi(*ids));
  for (const auto thread : held)
    if (ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0
        || ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) != 0
        || waitpid(thread, nullptr, __WALL) != thread)
      fail("ptrace");
  std::printf("%zu\n", held.size());
  std::fflush(stdout);
  for (;;) {
    // A debugger has to take notice of a thread's death, else the process stays a zombie.
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 20) != 0)
      std::exit(0); // whatever was held goes on
    for (;;) {
      const auto ended = waitpid(-1, nullptr, __WALL | WNOHANG);
      if (ended < 0)
        std::exit(0);
      if (ended == 0)
        break;
    }
  }
}

} // namespace

int main(int argc, char** argv) {
  const std::string option = argc > 2 ? argv[1] : "";
  char** command = argv + 2;
  if (option.rfind("--take-pid=", 0) == 0)
    run_as(std::atoi(option.c_str() + std::strlen("--take-pid=")), command);
  if (option == "--hold-threads")
    hold_threads(command);
  if (option.rfind("--without=", 0) != 0) {
    std::fputs("faultbox --without=CALL,… COMMAND… | faultbox --take-pid=N COMMAND… |"
               " faultbox --hold-threads TID…\n",
               stderr);
    return 64;
  }
  forbid(option.substr(std::strlen("--without=")));
  execvp(command[0], command);
  fail(command[0]);
}
