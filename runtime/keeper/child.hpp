#pragma once

#include "runtime/keeper/launch.hpp"

#include <sys/resource.h>
#include <sys/types.h>

namespace troupe::keeper {

/// What the child writes into its status pipe when a step fails; exec writes nothing.
struct step_record {
  spawn_step step;
  int32_t error;
};
static_assert(sizeof(step_record) == 8);

/// What every child gets from the keeper.
struct child_defaults {
  int dev_null;
  rlimit open_files; ///< RLIMIT_NOFILE as the keeper found it
};

/// A process on its way to exec, or (pid -1) the step that failed.
struct started_child {
  pid_t pid = -1;
  int pidfd = -1;
  int status_pipe = -1; ///< non-blocking; a step_record, or end of file once exec has happened
  step_record failed{};
};

/// Starts a bot. Never waits for it.
started_child start_bot(const launch& what, const child_defaults& defaults);

/// Starts the runtime in a session of its own with its end of the channel as runtime_fd.
started_child start_runtime(char** command, int channel, uint64_t epoch,
                            const child_defaults& defaults);

/// Reads the status pipe: 1 a record, 0 end of file, -1 nothing yet.
int read_status(int status_pipe, step_record& record);

} // namespace troupe::keeper
