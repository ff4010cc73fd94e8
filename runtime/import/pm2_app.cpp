#include "runtime/import/pm2_app.hpp"

#include "config/names.hpp"
#include "runtime/import/words.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <thread>

namespace troupe::importing {

namespace {

using source_json = nlohmann::json;

/// What PM2 gives files of these endings to.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> interpreters{{
    {".js", "node"},
    {".cjs", "node"},
    {".mjs", "node"},
    {".ts", "ts-node"},
    {".py", "python3"},
    {".sh", "bash"},
    {".rb", "ruby"},
    {".php", "php"},
    {".pl", "perl"},
    {".coffee", "coffee"},
}};

/// Keys with nothing to carry over, and what to do instead.
struct lost_key {
  std::string_view key;
  const char* why;
  const char* advice;
};

constexpr const char* own_logs = "output is kept in the log files of the fleet, both streams "
                                 "together";
constexpr const char* node_only = "concerns PM2's own Node side";

constexpr lost_key lost_keys[] = {
    {"watch", "nothing is restarted when a file changes",
     "`troupe restart BOT` after a deployment"},
    {"ignore_watch", "nothing is restarted when a file changes", ""},
    {"watch_options", "nothing is restarted when a file changes", ""},
    {"watch_delay", "nothing is restarted when a file changes", ""},
    {"cron_restart", "there are no schedules", "let cron call `troupe restart BOT`"},
    {"cron", "there are no schedules", "let cron call `troupe restart BOT`"},
    {"out_file", own_logs, "`troupe logs BOT` shows it"},
    {"output", own_logs, "`troupe logs BOT` shows it"},
    {"out", own_logs, "`troupe logs BOT` shows it"},
    {"error_file", own_logs, "`troupe logs BOT` shows it"},
    {"error", own_logs, "`troupe logs BOT` shows it"},
    {"err", own_logs, "`troupe logs BOT` shows it"},
    {"err_file", own_logs, "`troupe logs BOT` shows it"},
    {"log", own_logs, "`troupe logs BOT` shows it"},
    {"log_file", own_logs, "`troupe logs BOT` shows it"},
    {"disable_logs", "output is always kept here", "\"log\" has max_size, keep and rate"},
    {"pid_file", "there are no pid files", "`troupe show BOT` has the pids"},
    {"pid", "there are no pid files", "`troupe show BOT` has the pids"},
    {"wait_ready", "process.send('ready') is Node's own channel, which is not opened here",
     "let the bot print a line or open a port and set \"ready\", or use NOTIFY_SOCKET"},
    {"shutdown_with_message", "process.send('shutdown') is Node's own channel",
     "handle the stop signal, or \"stop_command\""},
    {"listen_timeout", "belongs to wait_ready", "\"start_timeout\", together with \"ready\""},
    {"source_map_support", node_only, "--enable-source-maps is an option of node"},
    {"disable_source_map_support", node_only, ""},
    {"pmx", node_only, ""},
    {"automation", node_only, ""},
    {"trace", node_only, ""},
    {"disable_trace", node_only, ""},
    {"deep_monitoring", node_only, ""},
    {"vizion", "no repository is looked at", ""},
    {"versioning", "no repository is looked at", ""},
    {"post_update", "no repository is pulled", ""},
    {"port", "concerns `pm2 serve`", "set PORT in \"environment\""},
    {"filter_env", "no environment is inherited here", "\"pass_environment\" names what is"},
    {"env_file", "is not known how PM2 reads it", "set \"environment_file\""},
    {"append_env_to_name", "names do not depend on the profile", ""},
    {"container", "bots are processes of this machine", ""},
    {"dist", "bots are processes of this machine", ""},
    {"image_name", "bots are processes of this machine", ""},
    {"node_version", "no Node is installed by the fleet", "name the right node in \"command\""},
    {"fresh", "concerns `pm2 start`", ""},
};

/// Keys that mean what is so anyway.
constexpr std::string_view needless[] = {"force", "merge_logs", "combine_logs", "log_type"};

/// Carries over the keys of one app.
class app_importer {
public:
  app_importer(const json_source& from, std::string pointer, const source_json& app,
               const std::string& group, imported_fleet& fleet)
      : from_{from}
      , pointer_{std::move(pointer)}
      , app_{app}
      , fleet_{fleet}
      , bot_{fleet.add_bot(group, name_of(app), "app " + config::in_quotes(name_of(app)),
                           from.at(pointer_))} {}

  void run() {
    if (!set_command()) {
      bot_.lost(bot_.where, "script", "is not there, so there is nothing to run");
      fleet_.drop_bot(std::string{bot_.name});
      return;
    }
    set_directory();
    set_environment();
    set_instances();
    set_restarts();
    set_stop();
    set_rest();
    for (const auto& one : lost_keys)
      if (const auto* value = take(one.key); value && !is_off(*value))
        bot_.lost(at(one.key), std::string{one.key}, one.why, with_name(one.advice));
    for (const auto key : needless)
      take(key);
    for (const auto& [key, value] : app_.items())
      if (!known_.contains(key))
        bot_.lost(at(key), key, "is no key of an app that is known here");
  }

private:
  static std::string name_of(const source_json& app) {
    for (const char* key : {"name", "script"})
      if (const auto found = app.find(key); found != app.end())
        if (const auto text = scalar_text(*found); text && !text->empty())
          return std::string_view{key} == "name" ? *text
                                                 : std::filesystem::path{*text}.stem().string();
    return "app";
  }

  static bool is_off(const source_json& value) {
    return value.is_null() || value == false || (value.is_structured() && value.empty());
  }

  std::string with_name(std::string advice) const {
    for (auto at = advice.find("BOT"); at != std::string::npos; at = advice.find("BOT", at + 1))
      if (at + 3 == advice.size() || !std::isalnum(static_cast<unsigned char>(advice[at + 3])))
        advice.replace(at, 3, bot_.name);
    return advice;
  }

  place at(std::string_view key) const { return from_.at(config::pointer_to(pointer_, key)); }

  const source_json* take(std::string_view key) {
    const auto found = app_.find(key);
    if (found == app_.end())
      return nullptr;
    known_.insert(std::string{key});
    return &*found;
  }
  const source_json* take_one(std::initializer_list<std::string_view> keys, std::string& which) {
    const source_json* result = nullptr;
    for (const auto key : keys)
      if (const auto* found = take(key); found && !result) {
        result = found;
        which = key;
      }
    return result;
  }

  std::optional<std::string> text(std::initializer_list<std::string_view> keys,
                                  std::string& which) {
    const auto* value = take_one(keys, which);
    if (!value || value->is_null())
      return std::nullopt;
    auto result = scalar_text(*value);
    if (!result)
      bot_.lost(at(which), which, "is no text");
    return result;
  }

  /// Words of an array or of one string.
  std::vector<std::string> words(std::initializer_list<std::string_view> keys) {
    std::string which;
    const auto* value = take_one(keys, which);
    std::vector<std::string> result;
    if (!value || value->is_null())
      return result;
    if (value->is_array()) {
      for (const auto& one : *value)
        result.push_back(scalar_text(one).value_or(""));
    } else if (const auto line = scalar_text(*value)) {
      if (const auto split = split_words(*line))
        result = *split;
      else
        bot_.lost(at(which), which, "a quote is left open");
    }
    return result;
  }

  /// Milliseconds as a number, or «10s», «1h» as PM2 reads them: seconds.
  std::optional<double> seconds(std::string_view key) {
    const auto* value = take(key);
    if (!value || value->is_null())
      return std::nullopt;
    const auto text = scalar_text(*value).value_or("");
    const auto digits = text.find_first_not_of("0123456789.");
    const auto unit = digits == std::string::npos ? std::string{} : lower(text.substr(digits));
    double factor = 1e-3;
    if (unit == "s")
      factor = 1;
    else if (unit == "m")
      factor = 60;
    else if (unit == "h")
      factor = 3600;
    else if (!unit.empty() && unit != "ms")
      factor = 0;
    if (digits == 0 || text.empty() || factor == 0) {
      bot_.lost(at(key), std::string{key}, config::in_quotes(text) + " is no time");
      return std::nullopt;
    }
    return std::strtod(text.c_str(), nullptr) * factor;
  }

  std::optional<long long> count(std::string_view key) {
    const auto* value = take(key);
    if (!value || value->is_null())
      return std::nullopt;
    const auto result = number(scalar_text(*value).value_or(""));
    if (!result)
      bot_.lost(at(key), std::string{key}, "is no whole number");
    return result;
  }

  std::optional<bool> flag(std::string_view key) {
    const auto* value = take(key);
    return value ? boolean(scalar_text(*value).value_or("")) : std::nullopt;
  }

  bool set_command() {
    std::string which;
    take("name");
    const auto script = text({"script"}, which);
    std::string interpreter_key;
    const auto interpreter = text({"interpreter", "exec_interpreter"}, interpreter_key);
    const auto before = words({"interpreter_args", "node_args"});
    const auto after = words({"args"});
    if (!script || script->empty())
      return false;
    const std::filesystem::path path{*script};
    auto command = json::array();
    auto program = interpreter.value_or("");
    const auto extension = path.extension().string();
    if (program.empty())
      for (const auto& [ending, name] : interpreters)
        if (extension == ending)
          program = name;
    std::vector<std::string> first{*script};
    if (program == "none")
      program.clear();
    // «script: "npm start"» is a line for PM2.
    if (program.empty() && script->find(' ') != std::string::npos)
      if (const auto split = split_words(*script))
        first = *split;
    // Without a slash it would be searched in PATH, where PM2 looks only when there is no such
    // file.
    if (std::error_code ignored; program.empty() && first.front().find('/') == std::string::npos
                                 && std::filesystem::exists(directory() / first.front(), ignored))
      first.front().insert(0, "./");
    if (!program.empty()) {
      command.push_back(literal(program));
      for (const auto& word : before)
        command.push_back(literal(word));
    } else if (!before.empty()) {
      bot_.lost(at("interpreter_args"), "interpreter_args",
                "there is no interpreter to give them to");
    }
    for (const auto& word : first)
      command.push_back(literal(word));
    for (const auto& word : after)
      command.push_back(literal(word));
    bot_.set("command", std::move(command), at("script"));
    if (!interpreter && program == "python3")
      bot_.changed(at("script"), "interpreter", "is python3 here, PM2 takes python");
    return true;
  }

  std::filesystem::path directory() {
    std::string which;
    return absolute_in(from_.directory(), text({"cwd"}, which).value_or("."));
  }

  void set_directory() {
    std::string which;
    const bool said = text({"cwd"}, which).has_value();
    bot_.set("directory", literal(directory().string()), said ? at("cwd") : bot_.where);
  }

  void set_environment() {
    if (const auto* env = take("env"); env && env->is_object())
      for (const auto& [name, value] : env->items())
        variable(name, value, config::pointer_to(config::pointer_to(pointer_, "env"), name));
    else if (env && env->is_array())
      bot_.lost(at("env"), "env", "is no object");
    for (const auto& [key, members] : app_.items()) {
      if (!key.starts_with("env_") || key == "env_file" || !members.is_object())
        continue;
      known_.insert(key);
      auto settings = json::object();
      for (const auto& [name, value] : members.items())
        if (const auto text = scalar_text(value); text && valid_variable(name)) {
          settings[name] = literal(*text);
          warn_of_secret(bot_, name, *text,
                         from_.at(config::pointer_to(config::pointer_to(pointer_, key), name)));
        } else if (!value.is_null()) {
          bot_.lost(at(key), name, "is no text");
        }
      if (!settings.empty())
        fleet_.set_in_profile(key.substr(4), bot_.name, "environment", std::move(settings));
    }
    fleet_.once(bot_.where, "environment",
                "PM2 passes the whole environment of the shell on; here a bot gets PATH, HOME, "
                "USER, LANG, TZ and what its settings say",
                "name others in \"pass_environment\"");
  }

  void variable(const std::string& name, const source_json& value, const std::string& pointer) {
    if (const auto text = scalar_text(value))
      set_variable(bot_, name, literal(*text), from_.at(pointer));
    else if (!value.is_null())
      set_variable(bot_, name, literal(value.dump()), from_.at(pointer));
  }

  void set_instances() {
    long long count = 1;
    if (const auto* value = take("instances"); value && !value->is_null()) {
      const auto text = scalar_text(*value).value_or("");
      const auto wanted = text == "max" ? std::optional{0LL} : number(text);
      const auto processors =
          std::max(1LL, static_cast<long long>(std::thread::hardware_concurrency()));
      count = wanted ? *wanted : 1;
      if (!wanted)
        bot_.lost(at("instances"), "instances", config::in_quotes(text) + " is no number");
      if (count <= 0) {
        count = std::max(1LL, processors + count);
        bot_.changed(at("instances"), "instances",
                     "goes by the number of processors at PM2; this machine makes it "
                         + std::to_string(count));
      }
      if (count > 1)
        bot_.set("replicas", count, at("instances"));
    }
    std::string which;
    const auto name = text({"instance_var"}, which);
    if (count > 1 || name)
      set_variable(bot_, name.value_or("NODE_APP_INSTANCE"), "${bot.index}", at("instances"));
    if (const auto counted = text({"increment_var"}, which))
      count_up(*counted, count);
    const auto mode = lower(text({"exec_mode"}, which).value_or("fork"));
    if (mode.starts_with("cluster"))
      bot_.lost(at("exec_mode"), "exec_mode",
                "Node's cluster shares one port among its workers; here each instance is a process "
                "of its own",
                "give each its port (such as \"${bot.index}\" in an argument), or listen with "
                "reusePort");
  }

  void count_up(const std::string& name, long long count) {
    const auto env = bot_.settings.value("environment", json::object());
    const auto first = env.contains(name) ? number(env[name].get<std::string>()) : std::nullopt;
    if (!first || *first > std::numeric_limits<long long>::max() - count) {
      bot_.lost(at("increment_var"), "increment_var",
                config::in_quotes(name) + " is no number in \"env\"");
      return;
    }
    for (long long i = 1; i < count && i < 10'000; ++i)
      bot_.set_in("instances", std::to_string(i),
                  {{"environment", {{name, std::to_string(*first + i)}}}}, at("increment_var"));
  }

  void set_restarts() {
    const bool again = flag("autorestart").value_or(true);
    if (!again)
      bot_.set("restart", "temporary", at("autorestart"));
    if (const auto* codes = take("stop_exit_codes"); codes && again) {
      auto list = json::array();
      for (const auto& code : codes->is_array() ? *codes : source_json::array({*codes}))
        if (const auto value = number(scalar_text(code).value_or("")))
          list.push_back(*value);
      bot_.set("restart", "transient", at("stop_exit_codes"));
      bot_.set("success_codes", std::move(list), at("stop_exit_codes"));
    }
    if (const auto time = seconds("min_uptime"))
      bot_.set("start_grace", duration_of(*time), at("min_uptime"));
    if (const auto most = count("max_restarts"))
      bot_.set("failed_starts", std::clamp(*most, 1LL, 1'000'000LL), at("max_restarts"));
    if (const auto fixed = seconds("restart_delay"); fixed && *fixed > 0) {
      const auto text = duration_of(*fixed);
      bot_.set("delay", {{"initial", text}, {"factor", 1}, {"max", text}, {"jitter", 0}},
               at("restart_delay"));
    }
    if (const auto growing = seconds("exp_backoff_restart_delay"); growing && *growing > 0)
      bot_.set("delay",
               {{"initial", duration_of(*growing)},
                {"factor", 1.5},
                {"max", duration_of(std::max(*growing, 15.0))},
                {"reset_after", "30s"}},
               at("exp_backoff_restart_delay"));
  }

  void set_stop() {
    // PM2 asks with SIGINT, and the whole tree of processes.
    std::string which;
    const auto signal = text({"kill_signal", "stop_signal"}, which);
    const auto known = signal ? signal_of(*signal) : std::optional<std::string>{"INT"};
    if (known)
      bot_.set("stop_signal", *known, signal ? at(which) : bot_.where);
    else
      bot_.lost(at(which), which, config::in_quotes(*signal) + " is no signal");
    bot_.set("kill_mode", flag("treekill").value_or(true) ? "group" : "process",
             app_.contains("treekill") ? at("treekill") : bot_.where);
    bot_.set("stop_timeout", duration_of(seconds("kill_timeout").value_or(1.6)),
             app_.contains("kill_timeout") ? at("kill_timeout") : bot_.where);
    take("kill_retry_time");
  }

  void set_rest() {
    std::string which;
    take("namespace");
    if (const auto* memory = take("max_memory_restart"); memory && !memory->is_null()) {
      const auto size = bytes(scalar_text(*memory).value_or(""));
      if (size) {
        bot_.set_in("limits", "memory", size_of(*size), at("max_memory_restart"));
        bot_.changed(at("max_memory_restart"), "max_memory_restart",
                     "PM2 looks every 30 s and restarts what is larger; here it is a hard limit, "
                     "over which the kernel kills the bot, and then it is restarted");
      } else {
        bot_.lost(at("max_memory_restart"), "max_memory_restart", "is no size");
      }
    }
    for (const auto& [keys, ours] : {std::pair{std::array{"uid", "user"}, "user"},
                                     std::pair{std::array{"gid", "group"}, "group"}}) {
      which.clear();
      if (const auto account = text({keys[0], keys[1]}, which))
        set_account_of(bot_, ours, *account, at(which));
      else if (!which.empty() && !app_.at(which).is_null())
        bot_.hold_back(at(which), which, not_as_account, std::string{"set \""} + ours + "\"");
    }
    if (const auto start = flag("autostart"); start && !*start)
      bot_.set("autostart", false, at("autostart"));
    if (flag("time").value_or(false))
      bot_.set_in("log", "timestamps", true, at("time"));
    if (const auto format = text({"log_date_format"}, which)) {
      bot_.set_in("log", "timestamps", true, at("log_date_format"));
      bot_.changed(at("log_date_format"), "log_date_format", "times are always RFC 3339 in UTC");
    }
    if (const auto description = text({"description"}, which))
      bot_.set("description", *description, at("description"));
  }

  const json_source& from_;
  std::string pointer_;
  const source_json& app_;
  imported_fleet& fleet_;
  imported_bot& bot_;
  std::set<std::string, std::less<>> known_;
};

} // namespace

void import_pm2_app(const json_source& from, const std::string& pointer, const nlohmann::json& app,
                    const std::string& group, imported_fleet& fleet) {
  app_importer{from, pointer, app, group, fleet}.run();
}

} // namespace troupe::importing
