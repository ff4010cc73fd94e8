#include "runtime/import/process_compose.hpp"

#include "config/names.hpp"
#include "runtime/import/compose_service.hpp"
#include "runtime/import/source.hpp"
#include "runtime/import/words.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <unistd.h>

namespace troupe::importing {

namespace {

using source_json = nlohmann::json;

/// Carries over the keys of one process.
class process_importer {
public:
  process_importer(const json_source& from, std::string pointer, const source_json& process,
                   const std::map<std::string, std::string>& names, imported_bot& bot)
      : from_{from}
      , pointer_{std::move(pointer)}
      , process_{process}
      , names_{names}
      , bot_{bot} {}

  bool run() {
    const auto line = process_.is_object() ? text(process_, "command") : "";
    if (line.empty()) {
      bot_.lost(bot_.where, "command", "is not there, so there is nothing to run");
      return false;
    }
    bot_.set("command", command(line, "command"), at("command"));
    const auto directory = text(process_, "working_dir");
    bot_.set(
        "directory",
        literal(directory.empty() ? from_.directory() : absolute_in(from_.directory(), directory)),
        directory.empty() ? bot_.where : at("working_dir"));
    set_environment();
    set_dependencies();
    set_restart(object("availability"));
    set_stop(object("shutdown"));
    set_ready(object("readiness_probe"));
    set_rest();
    for (const auto& [key, value] : process_.items())
      if (!known_.contains(key) && !value.empty() && value != false)
        bot_.lost(at(key), key, "has no counterpart here");
    return true;
  }

private:
  place at(const std::string& key) const { return from_.at(config::pointer_to(pointer_, key)); }
  place at(const std::string& key, const std::string& inner) const {
    return from_.at(config::pointer_to(config::pointer_to(pointer_, key), inner));
  }

  std::string text(const source_json& of, const std::string& key, std::string usual = {}) {
    if (&of == &process_)
      known_.insert(key);
    const auto found = of.find(key);
    return found == of.end() ? usual : scalar_text(*found).value_or(usual);
  }
  long long count(const source_json& of, const std::string& key, long long usual) {
    return number(text(of, key)).value_or(usual);
  }
  std::string seconds(const source_json& of, const std::string& key, long long usual) {
    return duration_of(static_cast<double>(std::max(1LL, count(of, key, usual))));
  }

  source_json object(const std::string& key) {
    known_.insert(key);
    const auto found = process_.find(key);
    return found != process_.end() && found->is_object() ? *found : source_json::object();
  }

  /// What of `of` nobody has asked for.
  void lose_others(const source_json& of, const std::string& key,
                   std::initializer_list<std::string_view> known, const char* why) {
    for (const auto& [name, value] : of.items())
      if (std::ranges::find(known, name) == known.end() && !value.is_null() && value != false)
        bot_.lost(at(key, name), key + "." + name, why);
  }

  /// process-compose gives lines to bash, with `$X` and `${X}` put in before.
  json command(const std::string& line, const std::string& key) {
    if (!needs_shell(line))
      return shell_command(line);
    return json::array({"bash", "-c", interpolated(line, bot_, at(key), key)});
  }

  void set_environment() {
    known_.insert("environment");
    const auto env = process_.value("environment", source_json::array());
    for (const auto& one : env) {
      const auto variable = scalar_text(one).value_or("");
      const auto equals = variable.find('=');
      if (!env.is_array() || equals == std::string::npos)
        bot_.lost(at("environment"), "environment", "is no list of NAME=VALUE");
      else
        set_variable(bot_, variable.substr(0, equals),
                     interpolated(variable.substr(equals + 1), bot_, at("environment"),
                                  variable.substr(0, equals)),
                     at("environment"));
    }
    const auto file = absolute_in(from_.directory(), ".env");
    if (text(process_, "is_dotenv_disabled") != "true" && access(file.c_str(), F_OK) == 0)
      bot_.set("environment_file", literal(file), {file, 0});
  }

  void set_dependencies() {
    const auto waits = object("depends_on");
    for (const auto& [other, how] : waits.items()) {
      const auto found = names_.find(other);
      const auto until = how.is_object() ? text(how, "condition", "process_started") : "";
      if (found == names_.end()) {
        bot_.lost(at("depends_on", other), "depends_on", config::in_quotes(other) + " is not here");
        continue;
      }
      bot_.set_in("depends_on", found->second,
                  until.starts_with("process_completed")                       ? "completed"
                  : until == "process_healthy" || until == "process_log_ready" ? "ready"
                                                                               : "started",
                  at("depends_on", other));
      if (until == "process_completed")
        bot_.changed(at("depends_on", other), "depends_on",
                     "waits until " + found->second + " has ended well, not just ended");
    }
  }

  void set_restart(const source_json& how) {
    const auto when = text(how, "restart", "no");
    bot_.set("restart",
             when == "always"       ? "permanent"
             : when == "on_failure" ? "transient"
                                    : "temporary",
             at("availability"));
    if (when == "exit_on_failure")
      bot_.lost(at("availability", "restart"), "restart", "a failure does not end the whole fleet");
    if (const auto most = count(how, "max_restarts", 0); most > 0)
      bot_.set("max_restarts", {{"count", std::min(most, 1'000'000LL)}, {"within", "1d"}},
               at("availability", "max_restarts"));
    const auto pause = seconds(how, "backoff_seconds", 1);
    bot_.set("delay", {{"initial", pause}, {"factor", 1}, {"max", pause}, {"jitter", 0}},
             at("availability"));
    lose_others(how, "availability", {"restart", "max_restarts", "backoff_seconds"},
                "one bot does not end the whole fleet");
  }

  void set_stop(const source_json& how) {
    const auto time = seconds(how, "timeout_seconds", 10);
    bot_.set("stop_timeout", time, at("shutdown"));
    bot_.set("kill_mode", text(how, "parent_only") == "true" ? "process" : "group", at("shutdown"));
    if (const auto name = signal_of(text(how, "signal", "TERM")))
      bot_.set("stop_signal", *name, at("shutdown"));
    else
      bot_.lost(at("shutdown", "signal"), "signal", "is no signal");
    if (const auto line = text(how, "command"); !line.empty())
      bot_.set("stop_command", {{"command", command(line, "shutdown")}, {"timeout", time}},
               at("shutdown", "command"));
    lose_others(how, "shutdown", {"signal", "timeout_seconds", "parent_only", "command"},
                "is not known here");
  }

  void set_ready(const source_json& probe) {
    if (const auto line = text(process_, "ready_log_line"); !line.empty()) {
      std::string pattern;
      for (const char c : line)
        pattern += (std::strchr(R"(\.+*?()|[]{}^$)", c) ? "\\" : "") + std::string(1, c);
      bot_.set("ready", {{"output", pattern}}, at("ready_log_line"));
    }
    const auto exec = probe.value("exec", source_json::object());
    const auto http = probe.value("http_get", source_json::object());
    const auto key = std::string{"readiness_probe"};
    if (const auto line = exec.is_object() ? text(exec, "command") : ""; !line.empty())
      bot_.set("ready", {{"exec", command(line, key)}}, at(key));
    else if (http.is_object() && http.contains("port") && text(http, "scheme", "http") == "http")
      bot_.set("ready",
               {{"http", "http://" + text(http, "host", "127.0.0.1") + ":" + text(http, "port")
                             + text(http, "path", "/")}},
               at(key));
    else if (!probe.empty())
      return bot_.lost(at(key), key, "is neither a command nor http", "\"ready\"");
    if (probe.empty())
      return;
    bot_.set_in("ready", "interval", seconds(probe, "period_seconds", 10), at(key));
    bot_.set_in("ready", "timeout", seconds(probe, "timeout_seconds", 1), at(key));
    bot_.changed(at(key), key,
                 "is asked until it succeeds once, which makes the bot ready, and not after that",
                 "\"watchdog\" and \"on_hang\" look after a bot that runs");
    lose_others(probe, key, {"exec", "http_get", "period_seconds", "timeout_seconds"},
                "the check is repeated until start_timeout is over");
  }

  void set_rest() {
    if (const auto description = text(process_, "description"); !description.empty())
      bot_.set("description", description, at("description"));
    if (const auto replicas = number(text(process_, "replicas")); replicas && *replicas > 1) {
      bot_.set("replicas", *replicas, at("replicas"));
      set_variable(bot_, "PC_REPLICA_NUM", "${bot.index}", at("replicas"));
    }
    if (text(process_, "disabled") == "true")
      bot_.set("autostart", false, at("disabled"));
    if (text(process_, "is_daemon") == "true")
      bot_.hold_back(at("is_daemon"), "is_daemon",
                     "the process that was started ends, and here that is the end of the bot",
                     "give the program its option to stay in the foreground");
  }

  const json_source& from_;
  std::string pointer_;
  const source_json& process_;
  const std::map<std::string, std::string>& names_;
  imported_bot& bot_;
  std::set<std::string, std::less<>> known_;
};

} // namespace

bool import_process(const json_source& from, const std::string& pointer,
                    const nlohmann::json& process, const std::map<std::string, std::string>& names,
                    imported_bot& bot) {
  return process_importer{from, pointer, process, names, bot}.run();
}

} // namespace troupe::importing
