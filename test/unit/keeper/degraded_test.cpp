#include "test/unit/keeper/fixture.hpp"

#include <cerrno>
#include <cstddef>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

using namespace keeper_test;

BOOST_AUTO_TEST_SUITE(degraded)

namespace {

/// As an old kernel would: these system calls do not exist.
void without_new_system_calls() {
  const auto refuse = static_cast<std::uint32_t>(SECCOMP_RET_ERRNO | ENOSYS);
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, refuse),
  };
  const sock_fprog program{sizeof rules / sizeof *rules, rules};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
      || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    _exit(1);
  }
}

} // namespace

BOOST_AUTO_TEST_CASE(an_old_kernel_costs_no_function) {
  keeper_process keeper{{{}, {}, without_new_system_calls}};
  auto runtime = keeper.next_greeted();
  const pid_t lives = runtime.start(make_request("lives#0", {"sleep", "1000"}));
  runtime.start(make_request("ends#0", {PROBE_BOT, "--exit", "3"}));
  BOOST_TEST(runtime.end_of("ends#0").exit.code == 3);
  runtime.send(release_request{{"ends#0", 1}});
  runtime.send(make_request("bad#0", {"/nonexistent"}));
  BOOST_TEST(runtime.expect<spawn_failed>("bad#0").error == ENOENT);

  auto output = make_pipe();
  auto probe = make_request("probe#0", {PROBE_BOT});
  probe.out = std::move(output.write);
  runtime.start(std::move(probe));
  BOOST_TEST(read_text(output.read.get()).find("fds=0 1 2 \n") != std::string::npos);

  runtime.kill();
  auto next = keeper.next_epoch();
  BOOST_TEST(next.greet().slots.at(0).pid == lives);
  next.send(signal_request{{"lives#0", 1}, SIGTERM, signal_scope::main});
  BOOST_TEST(next.end_of("lives#0").exit.signal == SIGTERM);
  next.end(0);
  BOOST_TEST(keeper.wait() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
