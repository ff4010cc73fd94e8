// The limit of what goes from a pipe into a file: splice, which copies nothing into this process.
//
//   bare_splice FILE              stdin into FILE, until its end
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
  const int file = argc == 2 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
  if (file < 0) {
    fprintf(stderr, "usage: bare_splice FILE\n");
    return 2;
  }
  fcntl(STDIN_FILENO, F_SETPIPE_SZ, 1 << 20);
  for (;;) {
    const ssize_t moved = splice(STDIN_FILENO, NULL, file, NULL, 1 << 20, SPLICE_F_MOVE);
    if (moved == 0)
      return 0;
    if (moved < 0 && errno != EINTR) {
      fprintf(stderr, "bare_splice: %s\n", strerror(errno));
      return 1;
    }
  }
}
