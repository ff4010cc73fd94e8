// The limit that no supervisor can beat: posix_spawn in a loop, and again for each child that ends.
//
//   bare_spawn COUNT PROGRAM
//
// Keeps no state but the pids, reads no file, opens no pipe. TERM ends the children, then itself.
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static pid_t spawn(char* program) {
  posix_spawnattr_t attributes;
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  char* argv[] = {program, NULL};
  pid_t pid = -1;
  const int error = posix_spawn(&pid, program, NULL, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  if (error) {
    fprintf(stderr, "bare_spawn: %s: %s\n", program, strerror(error));
    exit(1);
  }
  return pid;
}

static void stop_all(const pid_t* children, long count) {
  for (long i = 0; i < count; ++i)
    kill(children[i], SIGTERM);
  for (long i = 0; i < count; ++i)
    while (waitpid(children[i], NULL, 0) < 0 && errno == EINTR)
      ;
}

int main(int argc, char** argv) {
  char* end = NULL;
  const long count = argc == 3 ? strtol(argv[1], &end, 10) : -1;
  if (count < 0 || *end) {
    fprintf(stderr, "usage: bare_spawn COUNT PROGRAM\n");
    return 2;
  }
  pid_t* children = calloc(count ? (size_t)count : 1, sizeof *children);
  if (!children)
    return 1;
  // Signals wait in sigwait, so nothing is missed between two children.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, NULL);

  for (long i = 0; i < count; ++i)
    children[i] = spawn(argv[2]);
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal == SIGTERM)
      break;
    pid_t gone;
    while ((gone = waitpid(-1, NULL, WNOHANG)) > 0)
      for (long i = 0; i < count; ++i)
        if (children[i] == gone)
          children[i] = spawn(argv[2]);
  }
  stop_all(children, count);
  free(children);
  return 0;
}
