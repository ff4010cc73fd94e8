// Plays the runtime: gives the keeper's socket (fd 3) to the test that listens at the
// path in argv[1] and ends when the test hangs up, with the code that it sent before.

#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char** argv) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (argc != 2 || std::strlen(argv[1]) >= sizeof(address.sun_path))
    return 2;
  std::strcpy(address.sun_path, argv[1]);
  const int line = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(line, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
    return 2;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  pid_t self = ::getpid();
  iovec data{&self, sizeof(self)};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  auto* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int keeper = 3;
  std::memcpy(CMSG_DATA(header), &keeper, sizeof(keeper));
  if (::sendmsg(line, &message, 0) != sizeof(self))
    return 2;
  ::close(keeper);
  char code = 0;
  for (char byte = 0; ::read(line, &byte, 1) == 1;)
    code = byte;
  return code;
}
