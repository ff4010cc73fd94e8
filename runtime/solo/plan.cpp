#include "runtime/solo/plan.hpp"

#include "config/document.hpp"
#include "config/expand.hpp"
#include "config/names.hpp"
#include "runtime/os/environment.hpp"
#include "runtime/os/preparation.hpp"
#include "runtime/os/users.hpp"

#include <algorithm>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace troupe::solo {

namespace {

using config::expected;
using config::unexpected;

constexpr std::string_view directory_variable = "TROUPE_BOT_DIR=";

mode_t current_umask() {
  const auto result = umask(0);
  umask(result);
  return result;
}

std::vector<std::string> inherited_environment() {
  std::vector<std::string> result;
  for (char** it = environ; it && *it; ++it)
    result.emplace_back(*it);
  return result;
}

/// Names of what is inherited; a user of its own has a home and a name of its own.
std::vector<std::string> inherited_names(bool other_user) {
  std::vector<std::string> result;
  for (const auto& one : inherited_environment()) {
    auto name = one.substr(0, one.find('='));
    if (!other_user || (name != "HOME" && name != "USER"))
      result.push_back(std::move(name));
  }
  return result;
}

expected<os::spawn_request, std::string> prepare_bot(const plan& what, const std::string& tree,
                                                     const state_ptr& state,
                                                     std::uint64_t incarnation) {
  config::expand_context context;
  context.bot = what.name;
  context.env = os::real_environment;
  context.secret = [&](const std::string& secret) {
    return os::read_secret(tree, os::real_environment, secret);
  };
  auto spec = what.spec;
  os::spawn_request result;
  for (std::size_t i = 0; i < spec.command.size(); ++i) {
    auto word = config::expand(spec.command[i], context);
    if (!word)
      return unexpected{"command[" + std::to_string(i) + "]: " + word.error()};
    result.argv.push_back(std::move(*word));
  }
  if (result.argv.empty() || result.argv.front().empty())
    return unexpected{std::string{"command: it is empty"}};
  auto directory = config::expand(spec.directory, context);
  if (!directory)
    return unexpected{"directory: " + directory.error()};
  result.directory = std::move(*directory);
  os::users accounts;
  const auto who = accounts.find(spec.user, spec.group);
  if (!who)
    return unexpected{who.error()};
  result.uid = who->uid;
  result.gid = who->gid;
  result.groups = who->groups;
  std::string own;
  if (state) {
    const auto instance = config::join_instance(what.name, 0);
    own = state->bot_directory(instance);
    if (auto wrong = state->make_bot_directory(instance, who->owner, who->owner_group);
        !wrong.empty())
      return unexpected{std::move(wrong)};
  }
  spec.pass_environment = inherited_names(spec.user.has_value());
  auto environment = os::make_environment(
      {spec, context, os::real_environment, *who, incarnation, own, result.directory});
  if (!environment)
    return unexpected{environment.error()};
  if (!state)
    std::erase(*environment, directory_variable);
  result.environment = std::move(*environment);
  result.umask = static_cast<mode_t>(spec.umask);
  result.limits = os::make_limits(spec.limits);
  result.nice = spec.nice;
  result.oom_score_adj = spec.oom_score_adj;
  result.no_new_privs = spec.no_new_privs;
  return result;
}

/// Keys that only a fleet acts on.
constexpr std::string_view fleet_keys[] = {
    "balance",  "depends_on",    "drain_timeout",  "flatten_timeout", "kill_mode",
    "log",      "mailbox",       "max_deliveries", "may_send",        "may_subscribe",
    "on_crash", "on_hang",       "ready",          "replicas",        "retry_failed",
    "settings", "start_command", "start_timeout",  "stop_command",    "stop_signal",
    "watchdog"};
constexpr std::string_view cgroup_limits[] = {"memory", "memory_high", "tasks", "cpu_weight",
                                              "cpu"};

/// The key that a leaf of the settings belongs to, if alone it has no effect.
std::string idle_key(const config::origin& leaf) {
  const auto tokens = config::pointer_tokens(leaf.pointer);
  if (tokens.empty() || leaf.where == config::scope::built_in)
    return {};
  const auto& key = tokens.front();
  if (key == "replicas")
    return leaf.value == 1 ? "" : key;
  if (std::ranges::find(fleet_keys, key) != std::end(fleet_keys))
    return key;
  if (key == "limits" && tokens.size() > 1
      && std::ranges::find(cgroup_limits, tokens[1]) != std::end(cgroup_limits))
    return key + "/" + tokens[1];
  return {};
}

void warn_of_idle_keys(bot_file& file, const std::vector<config::origin>& leaves) {
  auto& warnings = file.loaded.warnings;
  const auto known = warnings.size();
  for (const auto& leaf : leaves) {
    const auto key = idle_key(leaf);
    const auto says = [&](const config::problem& one) {
      const auto pointer = "/" + key;
      return one.pointer == pointer || one.pointer.starts_with(pointer + "/");
    };
    if (key.empty() || std::ranges::any_of(warnings, says))
      continue;
    config::problem what;
    what.file = leaf.file;
    what.line = leaf.line;
    what.column = leaf.column;
    what.pointer = "/" + key;
    what.message = config::in_quotes(key) + " has no effect: the bot runs alone, without a fleet";
    what.level = config::severity::warning;
    warnings.push_back(std::move(what));
  }
  if (warnings.size() != known)
    config::sort_problems(warnings);
}

} // namespace

plan plan_program(std::vector<std::string> command, state_ptr state) {
  plan result;
  const auto leaf = std::filesystem::path{command.front()}.filename().string();
  result.name = config::suggest_name(leaf);
  if (result.name.empty())
    result.name = "bot";
  result.spec.command = std::move(command);
  result.spec.restart = config::restart_type::temporary;
  result.prepare = [words = result.spec.command, name = result.name, mask = current_umask(),
                    state](std::uint64_t) -> expected<os::spawn_request, std::string> {
    os::spawn_request request;
    request.argv = words;
    request.environment = inherited_environment();
    request.umask = mask;
    if (state) {
      const auto instance = config::join_instance(name, 0);
      if (auto wrong = state->make_bot_directory(instance, geteuid(), getegid()); !wrong.empty())
        return unexpected{std::move(wrong)};
      std::erase_if(request.environment,
                    [](const auto& one) { return one.starts_with(directory_variable); });
      request.environment.push_back(std::string{directory_variable}
                                    + state->bot_directory(instance));
    }
    return request;
  };
  return result;
}

bot_file read_bot_file(const std::string& path) {
  bot_file result;
  auto tree = config::read_bot_file(path);
  if (!tree) {
    result.loaded.errors = tree.error();
    return result;
  }
  result.source = std::move(*tree);
  config::load_options alone;
  alone.alone = true;
  result.loaded = config::load(result.source, alone);
  if (!result.loaded.spec)
    return result;
  result.name = result.loaded.spec->bots.begin()->first;
  if (const auto leaves = result.loaded.origins->explain(result.name))
    warn_of_idle_keys(result, *leaves);
  return result;
}

plan plan_bot(const bot_file& file, state_ptr state) {
  plan result;
  result.name = file.name;
  result.spec = *file.loaded.spec->bots.at(file.name)->instances.front();
  const auto leaves = file.loaded.origins->explain(file.name);
  const auto written = [&](std::string_view pointer) {
    return leaves && std::ranges::any_of(*leaves, [&](const config::origin& leaf) {
             return leaf.pointer == pointer && leaf.where != config::scope::built_in
                    && !leaf.value.is_null();
           });
  };
  if (!written("/umask"))
    result.spec.umask = current_umask();
  if (!written("/no_new_privs"))
    result.spec.no_new_privs = false;
  if (!written("/restart"))
    result.spec.restart = config::restart_type::temporary;
  result.prepare = [what = plan{result.name, result.spec, {}}, tree = file.source.root,
                    state](std::uint64_t incarnation) {
    return prepare_bot(what, tree, state, incarnation);
  };
  return result;
}

} // namespace troupe::solo
