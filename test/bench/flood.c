// A bot that writes lines of 100 bytes, each with its number.
//
//   flood BYTES GO DONE           so many bytes as fast as it can, 64 KiB at a time
//   flood drip GO                 ten lines a second, one at a time, for ever
//
// Waits until something comes out of the FIFO GO; makes the file DONE when all is written, and then
// sleeps.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { line = 100, lines = 655 }; // as many as fit into 64 KiB

static char block[line * lines];

static void fail(const char* what) {
  fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void number(char* at, unsigned long long value) {
  for (int i = 11; i-- > 0; value /= 10)
    at[i] = (char)('0' + value % 10);
}

static void put(const char* from, size_t length) {
  while (length > 0) {
    const ssize_t done = write(STDOUT_FILENO, from, length);
    if (done < 0 && errno != EINTR)
      fail("write");
    if (done > 0) {
      from += done;
      length -= (size_t)done;
    }
  }
}

static void wait_for(const char* fifo) {
  const int fd = open(fifo, O_RDONLY | O_CLOEXEC);
  char byte;
  if (fd < 0)
    fail(fifo);
  // Nothing is read when the other side only closes it.
  while (read(fd, &byte, 1) < 0 && errno == EINTR)
    ;
  close(fd);
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: flood BYTES GO DONE | flood drip GO\n");
    return 2;
  }
  memset(block, 'x', sizeof block);
  for (int i = 0; i < lines; ++i) {
    block[i * line + 11] = ' ';
    block[i * line + line - 1] = '\n';
  }
  wait_for(argv[2]);
  if (strcmp(argv[1], "drip") == 0) {
    // Not all at the same moment.
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    next.tv_nsec = (long)(getpid() % 100) * 1000000;
    next.tv_sec += 1;
    for (unsigned long long i = 0;; ++i) {
      while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR)
        ;
      number(block, i);
      put(block, line);
      next.tv_nsec += 100000000;
      if (next.tv_nsec >= 1000000000) {
        next.tv_nsec -= 1000000000;
        ++next.tv_sec;
      }
    }
  }
  const unsigned long long all = strtoull(argv[1], NULL, 10) / line;
  for (unsigned long long sent = 0; sent < all;) {
    int count = 0;
    for (; count < lines && sent < all; ++count, ++sent)
      number(block + count * line, sent);
    put(block, (size_t)count * line);
  }
  const int done = open(argc > 3 ? argv[3] : "/dev/null", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (done < 0)
    fail(argv[3]);
  close(done);
  for (;;)
    pause();
}
