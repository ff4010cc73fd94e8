// Stands in for the runtime: hands its line to the keeper to the test that listens at the given
// path, then ends as the test says. It does nothing on its own, so the test is the runtime.
#include "test/unit/keeper/control.hpp"

#include <cstdlib>
#include <cstring>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 2) {
    return 7;
  }
  const int control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
  if (connect(control, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return 0; // the test is over
  }
  introduction self{};
  self.pid = getpid();
  self.epoch = std::strtoull(std::getenv("TROUPE_EPOCH"), nullptr, 10);
  self.keeper_pid = std::atoi(std::getenv("TROUPE_KEEPER_PID"));
  const int line = std::atoi(std::getenv("TROUPE_KEEPER_FD"));
  self.line = line;
  self.session = getsid(0);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  self.soft_files = files.rlim_cur;
  self.hard_files = files.rlim_max;
  struct stat input {};
  struct stat null {};
  fstat(STDIN_FILENO, &input);
  stat("/dev/null", &null);
  self.input_is_null = input.st_rdev == null.st_rdev ? 1 : 0;

  iovec part{&self, sizeof self};
  alignas(cmsghdr) unsigned char rights[CMSG_SPACE(sizeof line)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = rights;
  message.msg_controllen = sizeof rights;
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof line);
  std::memcpy(CMSG_DATA(head), &line, sizeof line);
  if (sendmsg(control, &message, MSG_NOSIGNAL) < 0) {
    return 0;
  }
  close(line);
  int code = 0;
  if (recv(control, &code, sizeof code, 0) != sizeof code) {
    return 0;
  }
  volatile bool spins = code == spin_order;
  while (spins) {
  }
  return code;
}
