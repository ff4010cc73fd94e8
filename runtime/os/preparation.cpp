#include "runtime/os/preparation.hpp"

#include "config/names.hpp"
#include "runtime/os/files.hpp"
#include "runtime/os/notify.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/resource.h>

namespace troupe::os {

namespace {

/// Our own oom_score_adj; nobody changes it while we run.
int own_oom_score() {
  static const int score = [] {
    return std::atoi(read_file("/proc/self/oom_score_adj", 16).value_or("0").c_str());
  }();
  return score;
}

} // namespace

const std::array<own_limit, 7> own_limits{{
    {"open_files", RLIMIT_NOFILE, &config::limits_spec::open_files},
    {"processes", RLIMIT_NPROC, &config::limits_spec::processes},
    {"file_size", RLIMIT_FSIZE, &config::limits_spec::file_size},
    {"core_size", RLIMIT_CORE, &config::limits_spec::core_size},
    {"locked_memory", RLIMIT_MEMLOCK, &config::limits_spec::locked_memory},
    {"stack", RLIMIT_STACK, &config::limits_spec::stack},
    {"address_space", RLIMIT_AS, &config::limits_spec::address_space},
}};

std::vector<std::pair<int, rlimit>> make_limits(const config::limits_spec& x) {
  std::vector<std::pair<int, rlimit>> result;
  for (const auto& each : own_limits)
    if (const auto& value = x.*each.value)
      result.push_back({each.which, rlimit{*value, *value}});
  return result;
}

namespace {

std::string_view text_in_blob(std::string_view blob, std::string_view name) {
  while (!blob.empty()) {
    const auto word = blob.substr(0, blob.find(' '));
    blob.remove_prefix(std::min(blob.size(), word.size() + 1));
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=')
      return word.substr(name.size() + 1);
  }
  return {};
}

template <class T>
std::optional<T> number_in_blob(std::string_view blob, std::string_view name) {
  const auto text = text_in_blob(blob, name);
  const auto* end = text.data() + text.size();
  T value{};
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && rest == end ? std::optional{value} : std::nullopt;
}

} // namespace

config::expected<config::expand_context, std::string>
start_context(const std::string& instance, const std::string& tree,
              const environment_lookup& original) {
  const auto name = config::split_instance(instance);
  if (!name || !name->index)
    return config::unexpected{"\"" + instance + "\" is no name of an instance"};
  config::expand_context result;
  result.bot = name->bot;
  result.index = *name->index;
  result.env = original;
  result.secret = [tree, &original](const std::string& secret) {
    return read_secret(tree, original, secret);
  };
  return result;
}

config::expected<prepared, std::string> prepare(const preparation& x, const state_directory& state,
                                                const cgroup_tree& groups, const std::string& tree,
                                                const environment_lookup& original,
                                                users& accounts) {
  const auto& what = x.what;
  const auto& spec = *what.spec;
  const auto found = start_context(what.instance, tree, original);
  if (!found)
    return config::unexpected{found.error()};
  const auto& context = *found;

  prepared result;
  auto& request = result.request;
  request.instance = slot_name(what.instance, x.as);
  request.incarnation = what.incarnation;
  const auto key = x.as == job::bot     ? std::string{"command"}
                   : x.as == job::check ? std::string{"ready.exec"}
                                        : std::string{to_string(x.as)};
  for (std::size_t i = 0; i < spec.command.size(); ++i) {
    auto argument = config::expand(spec.command[i], context);
    if (!argument)
      return config::unexpected{key + "[" + std::to_string(i) + "]: " + argument.error()};
    request.argv.push_back(std::move(*argument));
  }
  if (request.argv.empty() || request.argv.front().empty())
    return config::unexpected{key + ": it is empty"};
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
  environment_request variables{spec,
                                context,
                                original,
                                *who,
                                what.incarnation,
                                state.bot_directory(what.instance),
                                request.directory,
                                x.variables,
                                {}};
  const bool notifies = uses_notify(spec);
  const auto socket = notify_path(state.path(), what.instance, what.incarnation);
  if (x.as == job::bot) {
    auto token = make_link_key();
    if (!token)
      return config::unexpected{std::move(token.error())};
    result.link = {*token, who->owner};
    variables.more["TROUPE_LINK"] = link_path(state);
    variables.more["TROUPE_TOKEN"] = to_text(*token);
    variables.without.insert("TROUPE_HOOK"); // the runtime may itself be run by a hook
  } else {
    // One process has one link, and a hook is not that process.
    variables.without.insert({"TROUPE_LINK", "TROUPE_TOKEN"});
    variables.more["TROUPE_HOOK"] = to_string(x.as);
  }
  // Those of a supervisor above us, handed down by pass_environment, are not for the bot.
  variables.without.insert("WATCHDOG_PID");
  if (notifies)
    variables.more["NOTIFY_SOCKET"] = socket;
  if (notifies && spec.watchdog)
    variables.more["WATCHDOG_USEC"] = std::to_string(
        std::chrono::duration_cast<std::chrono::microseconds>(*spec.watchdog).count());
  auto environment = make_environment(variables);
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

  if (notifies) {
    auto made = make_notify_socket(socket, who->owner, who->owner_group);
    if (!made)
      return config::unexpected{made.error()};
    result.notify = std::move(*made);
    request.keep.emplace_back(::fcntl(result.notify.get(), F_DUPFD_CLOEXEC, 3));
    if (!request.keep.back()) {
      ::unlink(socket.c_str());
      return config::unexpected{sentence("make", "its notify socket", errno)};
    }
  }

  // Last, so that no other failure leaves one behind.
  if (groups.usable()) {
    auto group = groups.create(request.instance, what.incarnation, spec.limits);
    if (!group) {
      if (notifies)
        ::unlink(socket.c_str());
      return config::unexpected{group.error()};
    }
    result.group = std::move(*group);
    request.cgroup_fd = result.group.fd();
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  request.blob = make_blob(std::chrono::duration_cast<std::chrono::microseconds>(now).count(), spec,
                           result.link);
  return result;
}

std::string link_path(const state_directory& state) {
  return state.path() + "/link.sock";
}

std::string make_blob(std::int64_t started, const config::bot_spec& spec,
                      const std::optional<owned_key>& link) {
  const auto& log = spec.log;
  auto result =
      "started=" + std::to_string(started) + " settings=" + std::to_string(spec.fingerprint)
      + " log.max_size=" + std::to_string(log.max_size) + " log.keep=" + std::to_string(log.keep);
  if (log.timestamps)
    result += " log.timestamps=1";
  if (log.format == config::log_spec::line_format::json)
    result += " log.json=1";
  if (log.rate)
    result += " log.rate=" + std::to_string(*log.rate);
  if (link)
    result += " link.key=" + to_text(link->key) + " link.uid=" + std::to_string(link->uid);
  return result;
}

bool uses_notify(const config::bot_spec& spec) {
  return spec.ready.how == config::ready_spec::kind::notify || spec.watchdog;
}

std::int64_t started_from_blob(std::string_view blob) {
  return number_in_blob<std::int64_t>(blob, "started").value_or(0);
}

std::uint64_t settings_from_blob(std::string_view blob) {
  return number_in_blob<std::uint64_t>(blob, "settings").value_or(0);
}

std::optional<owned_key> link_from_blob(std::string_view blob) {
  const auto key = link_key_from(text_in_blob(blob, "link.key"));
  const auto uid = number_in_blob<uid_t>(blob, "link.uid");
  return key && uid ? std::optional{owned_key{*key, *uid}} : std::nullopt;
}

config::log_spec log_from_blob(std::string_view blob) {
  config::log_spec result;
  result.max_size = number_in_blob<std::uint64_t>(blob, "log.max_size").value_or(result.max_size);
  result.keep = number_in_blob<std::uint32_t>(blob, "log.keep").value_or(result.keep);
  result.timestamps = number_in_blob<int>(blob, "log.timestamps").value_or(0) == 1;
  if (number_in_blob<int>(blob, "log.json").value_or(0) == 1)
    result.format = config::log_spec::line_format::json;
  result.rate = number_in_blob<std::uint64_t>(blob, "log.rate");
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
