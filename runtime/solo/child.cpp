#include "runtime/solo/child.hpp"

#include "runtime/keeper/child.hpp"
#include "runtime/keeper/steps.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace troupe::solo {

namespace {

namespace flag = keeper::spawn_flag;

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  result.reserve(words.size() + 1);
  for (const auto& word : words)
    result.push_back(const_cast<char*>(word.c_str())); // exec does not write
  result.push_back(nullptr);
  return result;
}

/// The request as the keeper's steps take it.
struct unpacked {
  explicit unpacked(const os::spawn_request& from)
      : arguments{pointers(from.argv)}
      , environment{pointers(from.environment)} {
    for (const auto& [which, value] : from.limits)
      limits.push_back({static_cast<std::uint32_t>(which), 0, value.rlim_cur, value.rlim_max});
    asked.flags = (from.uid ? flag::uid : 0) | (from.gid ? flag::gid : 0)
                  | (from.groups ? flag::groups : 0) | (from.nice ? flag::nice : 0)
                  | (from.oom_score_adj ? flag::oom_score_adj : 0)
                  | (from.no_new_privs ? flag::no_new_privs : 0)
                  | (from.directory.empty() ? 0 : flag::directory);
    asked.uid = from.uid.value_or(0);
    asked.gid = from.gid.value_or(0);
    asked.nice = from.nice.value_or(0);
    asked.oom_score_adj = from.oom_score_adj.value_or(0);
    asked.umask = from.umask;
    asked.limit_count = static_cast<std::uint32_t>(limits.size());
    what.request = &asked;
    what.arguments = arguments.data();
    what.environment = environment.data();
    what.directory = from.directory.c_str();
    what.limits = limits.data();
    if (from.groups) {
      groups.assign(from.groups->begin(), from.groups->end());
      asked.group_count = static_cast<std::uint32_t>(groups.size());
      what.groups = groups.data();
    }
  }

  keeper::spawn_message asked{};
  keeper::launch what;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  std::vector<keeper::limit_entry> limits;
  std::vector<std::uint32_t> groups;
};

/// Who started us may have addressed fds or a watchdog to our pid; they are the bot's. For a
/// child, before exec; `room` holds what the environment then points to.
void readdress(std::vector<char*>& environment, pid_t parent, char (&room)[2][32]) {
  constexpr const char* names[] = {"LISTEN_PID=", "WATCHDOG_PID="};
  for (char*& one : environment)
    for (int i = 0; one && i < 2; ++i) {
      const auto length = std::strlen(names[i]);
      if (std::strncmp(one, names[i], length) != 0 || std::atoi(one + length) != parent)
        continue;
      std::snprintf(room[i], sizeof room[i], "%s%d", names[i], getpid());
      one = room[i];
      break;
    }
}

} // namespace

config::expected<child, start_failure> start(const os::spawn_request& request,
                                             const signal_line& signals) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return config::unexpected{start_failure{os::spawn_step::pipe, errno}};
  child made;
  made.status = above_stdio(os::unique_fd{ends[0]});
  const auto told = above_stdio(os::unique_fd{ends[1]});
  if (!made.status || !told)
    return config::unexpected{start_failure{os::spawn_step::pipe, errno}};
  if (pipe2(ends, O_CLOEXEC) != 0)
    return config::unexpected{start_failure{os::spawn_step::pipe, errno}};
  const auto gate = above_stdio(os::unique_fd{ends[0]});
  made.held = above_stdio(os::unique_fd{ends[1]});
  if (!gate || !made.held)
    return config::unexpected{start_failure{os::spawn_step::pipe, errno}};
  unpacked all{request};
  rlimit open_files{};
  getrlimit(RLIMIT_NOFILE, &open_files);
  const auto parent = getpid();
  made.pid = fork();
  if (made.pid < 0)
    return config::unexpected{start_failure{os::spawn_step::fork, errno}};
  if (made.pid == 0) {
    close(made.held.get());
    char nothing = 0;
    while (read(gate.get(), &nothing, 1) < 0 && errno == EINTR) {
      // nop
    }
    signals.restore_child_handler();
    char room[2][32];
    readdress(all.environment, parent, room);
    keeper::become_program(all.what, open_files, signals.original_mask(), parent, told.get());
  }
  return made;
}

start_failure outcome_of(const os::unique_fd& status) {
  keeper::step_record record{};
  if (read(status.get(), &record, sizeof record) == sizeof record)
    return {record.step, record.error};
  return {};
}

} // namespace troupe::solo
