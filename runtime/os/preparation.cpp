#include "runtime/os/preparation.hpp"

#include "config/names.hpp"
#include "runtime/os/files.hpp"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/resource.h>

namespace troupe::os {

namespace {

constexpr std::string_view blob_prefix = "started=";

/// Our own oom_score_adj; nobody changes it while we run.
int own_oom_score() {
  static const int score = [] {
    return std::atoi(read_file("/proc/self/oom_score_adj", 16).value_or("0").c_str());
  }();
  return score;
}

std::vector<std::pair<int, rlimit>> make_limits(const config::limits_spec& x) {
  std::vector<std::pair<int, rlimit>> result;
  const auto add = [&](int which, const std::optional<std::uint64_t>& value) {
    if (value)
      result.push_back({which, rlimit{*value, *value}});
  };
  add(RLIMIT_NOFILE, x.open_files);
  add(RLIMIT_NPROC, x.processes);
  add(RLIMIT_FSIZE, x.file_size);
  add(RLIMIT_CORE, x.core_size);
  add(RLIMIT_MEMLOCK, x.locked_memory);
  add(RLIMIT_STACK, x.stack);
  add(RLIMIT_AS, x.address_space);
  return result;
}

} // namespace

config::expected<prepared, std::string> prepare(const launch& what, const state_directory& state,
                                                const cgroup_tree& groups, const std::string& tree,
                                                const environment_lookup& original,
                                                users& accounts) {
  const auto& spec = *what.spec;
  const auto name = config::split_instance(what.instance);
  if (!name || !name->index)
    return config::unexpected{"\"" + what.instance + "\" is no name of an instance"};
  config::expand_context context;
  context.bot = name->bot;
  context.index = *name->index;
  context.env = original;
  context.secret = [&](const std::string& secret) { return read_secret(tree, original, secret); };

  prepared result;
  auto& request = result.request;
  request.instance = what.instance;
  request.incarnation = what.incarnation;
  for (std::size_t i = 0; i < spec.command.size(); ++i) {
    auto argument = config::expand(spec.command[i], context);
    if (!argument)
      return config::unexpected{"command[" + std::to_string(i) + "]: " + argument.error()};
    request.argv.push_back(std::move(*argument));
  }
  if (request.argv.empty() || request.argv.front().empty())
    return config::unexpected{std::string{"command: it is empty"}};
  auto directory = config::expand(spec.directory, context);
  if (!directory)
    return config::unexpected{"directory: " + directory.error()};
  request.directory = std::move(*directory);

  auto who = accounts.find(spec.user, spec.group);
  if (!who)
    return config::unexpected{who.error()};
  request.uid = who->uid;
  request.gid = who->gid;
  request.groups = who->groups;
  if (auto problem = state.make_bot_directory(what.instance, who->owner, who->owner_group);
      !problem.empty())
    return config::unexpected{std::move(problem)};
  auto environment = make_environment({spec, context, original, *who, what.incarnation,
                                       state.bot_directory(what.instance), request.directory});
  if (!environment)
    return config::unexpected{environment.error()};
  request.environment = std::move(*environment);

  request.umask = spec.umask;
  request.limits = make_limits(spec.limits);
  request.nice = spec.nice;
  request.oom_score_adj = spec.oom_score_adj;
  // What protects the runtime from running out of memory is not for the bots.
  if (!request.oom_score_adj && own_oom_score() < 0)
    request.oom_score_adj = 0;
  request.no_new_privs = spec.no_new_privs;

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return config::unexpected{sentence("make", "a pipe for its output", errno)};
  result.output.reset(ends[0]);
  request.out.reset(ends[1]);
  request.err.reset(::fcntl(ends[1], F_DUPFD_CLOEXEC, 3));
  request.keep.emplace_back(::fcntl(ends[0], F_DUPFD_CLOEXEC, 3));
  if (!request.err || !request.keep.front())
    return config::unexpected{sentence("make", "a pipe for its output", errno)};

  // Last, so that no other failure leaves one behind.
  if (groups.usable()) {
    auto group = groups.create(what.instance, what.incarnation, spec.limits);
    if (!group)
      return config::unexpected{group.error()};
    result.group = std::move(*group);
    request.cgroup_fd = result.group.fd();
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  request.blob = make_blob(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
  return result;
}

std::string make_blob(std::int64_t started) {
  return std::string{blob_prefix} + std::to_string(started);
}

std::int64_t started_from_blob(std::string_view blob) {
  std::int64_t result = 0;
  if (blob.starts_with(blob_prefix))
    std::from_chars(blob.data() + blob_prefix.size(), blob.data() + blob.size(), result);
  return result;
}

std::string describe_failure(spawn_step step, int error, const config::bot_spec& spec,
                             const std::string& directory) {
  // Of a start that an earlier runtime ordered, neither is known.
  const auto command = spec.command.empty() ? std::string{"its command"} : spec.command.front();
  switch (step) {
  case spawn_step::directory:
    return sentence("chdir", directory.empty() ? "to its directory" : directory, error);
  case spawn_step::exec:
    if (error == ENOEXEC)
      return "exec " + command
             + ": Exec format error (neither a program for this machine nor a script that begins"
               " with #!)";
    return sentence("exec", command, error);
  case spawn_step::fork:
    return sentence("fork", "a process for it", error);
  case spawn_step::uid:
  case spawn_step::gid:
  case spawn_step::groups:
    return sentence(std::string{"become user "} + spec.user.value_or("-") + ", group",
                    spec.group.value_or("-"), error);
  case spawn_step::cgroup:
    return sentence("enter", "its cgroup", error);
  case spawn_step::limits:
    return sentence("set", "its limits (setrlimit)", error);
  case spawn_step::nice:
    return sentence("set", "nice " + std::to_string(spec.nice.value_or(0)), error);
  case spawn_step::oom_score:
    return sentence("set", "oom_score_adj " + std::to_string(spec.oom_score_adj.value_or(0)),
                    error);
  case spawn_step::slots:
    return sentence("keep", "one more process", error);
  default:
    return std::string{to_string(step)} + ": " + std::strerror(error);
  }
}

} // namespace troupe::os
