#pragma once

#include "runtime/keeper/launch.hpp"

#include <sys/resource.h>
#include <sys/types.h>

/// What a process does between its fork and its program. Only C headers and calls that are safe
/// after a fork: the keeper's bots and the one bot of `troupe run` take the same steps.
namespace troupe::keeper {

/// Writes a step_record into the pipe that exec closes, and ends the process.
[[noreturn]] void fail(int status_pipe, spawn_step step, int error);

/// Writes into a file that exists.
bool write_file(int directory, const char* path, const char* text);

/// Which signals are blocked, one bit each; the system call, because libc hides two of them.
void set_signal_mask(uint64_t mask);

/// execvp's search, but in the PATH of the new environment, and a file that is no program is an
/// error (ENOEXEC) instead of a script for some shell. Returns the errno.
int execute(char** arguments, char** environment);

/// Takes on priorities, umask, limits, user and directory as they are asked for, dies with
/// `parent` from then on, and becomes the program with just `mask` blocked. `open_files` is the
/// RLIMIT_NOFILE that holds unless a limit says otherwise.
[[noreturn]] void become_program(const launch& what, const rlimit& open_files, uint64_t mask,
                                 pid_t parent, int status_pipe);

} // namespace troupe::keeper
