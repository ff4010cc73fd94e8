#include "actors/updating/changes.hpp"

#include <utility>

namespace troupe {

namespace {

bool same_start(const config::bot_spec& a, const config::bot_spec& b) {
  return a.start_command == b.start_command && a.ready == b.ready && a.start_grace == b.start_grace
         && a.start_timeout == b.start_timeout;
}

} // namespace

bool out_of_date(std::uint64_t settings, const config::bot_spec& spec) {
  return settings != 0 && spec.fingerprint != 0 && settings != spec.fingerprint;
}

std::string describe_change(const config::bot_spec* from, const config::bot_spec& to) {
  std::string keys;
  const auto compare = [&](const char* key, auto config::bot_spec::*member) {
    if (from && from->*member != to.*member)
      keys += (keys.empty() ? ": " : ", ") + std::string{key};
  };
  compare("command", &config::bot_spec::command);
  compare("directory", &config::bot_spec::directory);
  compare("user", &config::bot_spec::user);
  compare("group", &config::bot_spec::group);
  compare("umask", &config::bot_spec::umask);
  compare("environment", &config::bot_spec::environment);
  compare("environment_file", &config::bot_spec::environment_file);
  compare("pass_environment", &config::bot_spec::pass_environment);
  compare("watchdog", &config::bot_spec::watchdog);
  compare("nice", &config::bot_spec::nice);
  compare("oom_score_adj", &config::bot_spec::oom_score_adj);
  compare("no_new_privs", &config::bot_spec::no_new_privs);
  compare("start_command", &config::bot_spec::start_command);
  compare("ready", &config::bot_spec::ready);
  compare("start_grace", &config::bot_spec::start_grace);
  compare("start_timeout", &config::bot_spec::start_timeout);
  compare("limits", &config::bot_spec::limits);
  return "its config has changed" + keys;
}

bool deserves_new_try(const config::bot_spec& from, const config::bot_spec& to) {
  return from.fingerprint != to.fingerprint || !same_start(from, to) || from.limits != to.limits;
}

config::bot_spec_ptr in_force(const config::bot_spec_ptr& running,
                              const config::bot_spec_ptr& fresh) {
  if (same_start(*running, *fresh))
    return fresh;
  auto result = std::make_shared<config::bot_spec>(*fresh);
  result->start_command = running->start_command;
  result->ready = running->ready;
  result->start_grace = running->start_grace;
  result->start_timeout = running->start_timeout;
  return result;
}

bool reaches_process(const config::bot_spec& from, const config::bot_spec& to) {
  return from.limits != to.limits || from.log != to.log || from.awaited_output != to.awaited_output;
}

} // namespace troupe
