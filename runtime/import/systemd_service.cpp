#include "runtime/import/systemd_service.hpp"

#include "config/names.hpp"
#include "runtime/import/source.hpp"
#include "runtime/import/unit_words.hpp"
#include "runtime/import/words.hpp"
#include "runtime/os/environment.hpp"

#include <algorithm>
#include <cmath>
#include <pwd.h>
#include <set>
#include <unistd.h>

namespace troupe::importing {

namespace {

/// Exit codes that SuccessExitStatus may name.
const std::map<std::string, int, std::less<>> exit_names{
    {"SUCCESS", 0},      {"FAILURE", 1},      {"INVALIDARGUMENT", 2}, {"NOTIMPLEMENTED", 3},
    {"NOPERMISSION", 4}, {"NOTINSTALLED", 5}, {"NOTCONFIGURED", 6},   {"NOTRUNNING", 7},
    {"USAGE", 64},       {"DATAERR", 65},     {"NOINPUT", 66},        {"NOUSER", 67},
    {"NOHOST", 68},      {"UNAVAILABLE", 69}, {"SOFTWARE", 70},       {"OSERR", 71},
    {"OSFILE", 72},      {"CANTCREAT", 73},   {"IOERR", 74},          {"TEMPFAIL", 75},
    {"PROTOCOL", 76},    {"NOPERM", 77},      {"CONFIG", 78},
};

/// Carries over what stands in [Service].
class service_importer {
public:
  service_importer(const unit_file& unit, const std::string& path, imported_bot& bot)
      : unit_{unit}
      , bot_{bot}
      , manager_{manager_of(path)}
      , known_{specifiers_of(unit.name, path, manager_)} {}

  bool run() {
    set_environment();
    if (!set_command())
      return false;
    set_type();
    set_restarts();
    set_times();
    set_stop();
    set_account();
    set_limits();
    set_texts();
    return true;
  }

private:
  const unit_entry* service(std::string_view key) const { return unit_.find("Service", key); }

  /// The value with its specifiers replaced; nothing when it is bad or not there.
  std::optional<std::string> text(std::string_view key) {
    const auto* entry = service(key);
    return entry ? text_of(*entry) : std::nullopt;
  }
  std::optional<std::string> text_of(const unit_entry& entry) {
    auto result = with_specifiers(entry.value, known_);
    if (result)
      return *result;
    bot_.lost(entry.where, entry.key, result.error());
    return std::nullopt;
  }

  // -- what runs ----------------------------------------------------------------------------

  void set_environment() {
    const auto* file = set_environment_file();
    for (const auto* entry : unit_.all("Service", "Environment")) {
      const auto value = text_of(*entry);
      const auto words = value ? unit_words(*value) : std::nullopt;
      if (value && !words)
        bot_.lost(entry->where, entry->key, "a quote is left open");
      for (const auto& word : words.value_or(std::vector<std::string>{})) {
        const auto equals = word.find('=');
        if (equals == std::string::npos) {
          bot_.lost(entry->where, entry->key, config::in_quotes(word) + " is no assignment");
          continue;
        }
        const auto name = word.substr(0, equals);
        if (in_file_.contains(name)) {
          bot_.changed(entry->where, entry->key,
                       name + " is left to the environment_file, which wins at systemd");
          continue;
        }
        env_[name] = word.substr(equals + 1);
        set_variable(bot_, name, literal(env_[name]), entry->where);
      }
    }
    if (file && !env_.empty()) {
      std::string names;
      for (const auto& [name, value] : env_)
        names += (names.empty() ? "" : ", ") + name;
      bot_.changed(file->where, file->key,
                   "\"environment\" wins here; there the file does, should it set " + names,
                   "take out of \"environment\" what the file sets");
      env_.clear(); // what holds at the start goes into the command lines
    }
    auto passed = json::array();
    for (const auto* entry : unit_.all("Service", "PassEnvironment"))
      for (const auto& name : split(text_of(*entry).value_or(""), " \t")) {
        passed.push_back(name);
        bot_.places["pass_environment"] = entry->where;
      }
    if (!passed.empty())
      bot_.settings["pass_environment"] = std::move(passed);
  }

  /// The one that is carried over, if any; what it sets now is in `in_file_`.
  const unit_entry* set_environment_file() {
    const unit_entry* taken = nullptr;
    for (const auto* entry : unit_.all("Service", "EnvironmentFile")) {
      auto path = text_of(*entry).value_or("");
      const bool optional = path.starts_with('-');
      if (optional)
        path.erase(0, 1);
      const bool is_pattern = path.find_first_of("*?[") != std::string::npos;
      const bool there = access(path.c_str(), F_OK) == 0;
      if (is_pattern || taken) {
        bot_.lost(entry->where, entry->key,
                  is_pattern ? "a pattern names no file" : "a bot has one environment_file",
                  "put the variables into one file");
      } else if (optional && !there) {
        bot_.lost(entry->where, entry->key,
                  config::in_quotes(path)
                      + " is not there, and a bot does not start without its "
                        "environment_file",
                  "set \"environment_file\" when there is one");
      } else if (!path.empty()) {
        bot_.set("environment_file", literal(path), entry->where);
        if (optional)
          bot_.changed(entry->where, entry->key, "must be there when the bot starts");
        taken = entry;
        look_into(path, *entry);
      }
    }
    return taken;
  }

  void look_into(const std::string& path, const unit_entry& entry) {
    const auto text = read_source(path);
    if (!text) // said where "environment" is
      return;
    const auto lines = os::parse_environment_file(text->text);
    if (!lines)
      bot_.changed(entry.where, entry.key,
                   config::in_quotes(path)
                       + " is not as bots read it, and it does not start: " + lines.error(),
                   "lines are NAME=VALUE, quotes around the whole value");
    else
      for (const auto& [name, value] : *lines)
        in_file_.insert(name);
  }

  std::vector<exec_line> lines(std::string_view key) {
    std::vector<exec_line> result;
    for (const auto* entry : unit_.all("Service", key)) {
      auto commands = parse_exec(entry->value, known_);
      if (!commands) {
        bot_.lost(entry->where, entry->key, commands.error());
        continue;
      }
      for (auto& one : *commands) {
        if (one.privileged)
          bot_.changed(entry->where, entry->key,
                       "runs as the bot's user, without the privileges of "
                       "its prefix + or !");
        if (one.named)
          bot_.changed(entry->where, entry->key, "the program sees its own path as its name");
        result.push_back(std::move(one));
      }
    }
    return result;
  }

  /// Of lines that are there. Says what is not the same where a shell splits a variable.
  json command_of(std::string_view key, const std::vector<exec_line>& run) {
    const auto& entry = *service(key);
    for (const auto& name : split_by_shell(run, env_))
      if (name != "MAINPID") // a number
        bot_.changed(entry.where, entry.key,
                     "a shell splits $" + name
                         + " into words: quotes in its value mean nothing to it and stay, and "
                           "patterns such as * become names of files",
                     "where it has any, write its words into the command");
    return exec_command(run, env_);
  }

  bool set_command() {
    auto run = lines("ExecStart");
    if (run.empty()) {
      const bool said = service("ExecStart") != nullptr;
      if (!said)
        bot_.lost(bot_.where, "ExecStart", "is not there, so there is nothing to run");
      return false;
    }
    const auto* entry = service("ExecStart");
    if (run.size() == 1 && run.front().ignores_failure) {
      bot_.changed(entry->where, "ExecStart", "a failure counts, whatever its prefix - says",
                   "\"success_codes\" names exit codes that are none");
      run.front().ignores_failure = false;
    }
    by_shell_ = run.size() > 1;
    bot_.set("command", command_of("ExecStart", run), entry->where);
    if (const auto before = lines("ExecStartPre"); !before.empty())
      bot_.set("start_command",
               {{"command", command_of("ExecStartPre", before)},
                {"timeout", duration_of(limited(start_timeout(), 90))}},
               service("ExecStartPre")->where);
    if (const auto stop = lines("ExecStop"); !stop.empty())
      bot_.set("stop_command",
               {{"command", command_of("ExecStop", stop)},
                {"timeout", duration_of(limited(stop_timeout(), 90))}},
               service("ExecStop")->where);
    return true;
  }

  void set_type() {
    const auto* entry = service("Type");
    const auto type = unit_.value("Service", "Type");
    if (type == "notify" || type == "notify-reload") {
      bot_.set("ready", "notify", entry->where);
    } else if (type == "forking") {
      bot_.hold_back(entry->where, "Type",
                     "forking: the process that was started ends, and here that is the end of the "
                     "bot",
                     "give the program its option to stay in the foreground");
    } else if (type == "dbus") {
      bot_.changed(entry->where, "Type",
                   "dbus: nobody looks at the bus, so it is ready after "
                   "start_grace",
                   "\"ready\"");
    } else if (!type.empty() && type != "simple" && type != "exec" && type != "oneshot"
               && type != "idle") {
      bot_.lost(entry->where, "Type", config::in_quotes(type) + " is not known here");
    }
  }

  // -- ends and restarts ----------------------------------------------------------------------

  bool oneshot() const { return unit_.value("Service", "Type") == "oneshot"; }

  void set_restarts() {
    const auto* entry = service("Restart");
    const auto when = entry ? entry->value : std::string{"no"};
    const auto where = entry ? entry->where : bot_.where;
    if (when == "no")
      bot_.set("restart", "temporary", where);
    else if (when == "always" || when == "on-success")
      bot_.set("restart", "permanent", where);
    else
      bot_.set("restart", "transient", where);
    if (when == "on-success")
      bot_.changed(where, "Restart", "on-success: here it is restarted after a failure too");
    else if (when == "on-abnormal" || when == "on-abort" || when == "on-watchdog")
      bot_.changed(where, "Restart", when + ": here every failure restarts it");
    else if (when != "no" && when != "always" && when != "on-failure")
      bot_.lost(where, "Restart", config::in_quotes(when) + " is not known here");
    if (const auto* codes = service("SuccessExitStatus"))
      bot_.set("success_codes", exit_codes("SuccessExitStatus", {0}), codes->where);
    if (const auto* codes = service("RestartPreventExitStatus"))
      if (auto list = exit_codes("RestartPreventExitStatus", {}); !list.empty())
        bot_.set("no_restart_codes", std::move(list), codes->where);
    set_delay();
    set_budget(when != "no");
  }

  json exit_codes(std::string_view key, std::set<int> codes) {
    for (const auto* entry : unit_.all("Service", key))
      for (const auto& word : split(entry->value, " \t")) {
        const auto named = exit_names.find(word);
        const auto value = number(word);
        if (named != exit_names.end())
          codes.insert(named->second);
        else if (value && *value >= 0 && *value < 256)
          codes.insert(static_cast<int>(*value));
        else
          bot_.lost(entry->where, entry->key,
                    signal_of(word)
                        ? "a death by " + word + " that was not asked for is a failure"
                        : config::in_quotes(word) + " is no exit code that is known here");
      }
    return json(codes);
  }

  void set_delay() {
    const auto* entry = service("RestartSec");
    const auto first = entry ? seconds("RestartSec") : std::nullopt;
    if (!first || *first < 0)
      return;
    const auto steps = number(unit_.value("Service", "RestartSteps")).value_or(0);
    const double most = seconds("RestartMaxDelaySec").value_or(0);
    const bool grows = steps > 0 && *first > 0 && most > *first;
    // An even pause has no jitter at systemd.
    auto delay = json::object();
    delay["initial"] = duration_of(*first);
    delay["factor"] =
        grows ? std::round(std::pow(most / *first, 1.0 / static_cast<double>(steps)) * 100) / 100
              : 1.0;
    delay["max"] = duration_of(grows ? most : *first);
    delay["jitter"] = 0;
    bot_.set("delay", std::move(delay), entry->where);
  }

  void set_budget(bool restarts) {
    const unit_entry* interval = nullptr;
    const unit_entry* burst = nullptr;
    for (const auto* section : {"Service", "Unit"}) {
      for (const auto* key : {"StartLimitInterval", "StartLimitIntervalSec"})
        if (const auto* found = unit_.find(section, key))
          interval = found;
      if (const auto* found = unit_.find(section, "StartLimitBurst"))
        burst = found;
    }
    if (!restarts || (!interval && !burst))
      return;
    const auto within = interval ? unit_seconds(interval->value) : std::optional{10.0};
    const auto count = burst ? number(burst->value) : std::optional{5LL};
    const auto where = interval ? interval->where : burst->where;
    if (!within || !count) {
      bot_.lost(where, "StartLimit", "is no number or time");
      return;
    }
    const bool unlimited = *within == 0 || *count <= 0;
    if (unlimited) {
      bot_.set("max_restarts", {{"count", 1'000'000}, {"within", "10m"}}, where);
      bot_.set("failed_starts", 1'000'000, where);
    } else {
      bot_.set("max_restarts",
               {{"count", std::min(*count, 1'000'000LL)},
                {"within", duration_of(*within < 0 ? 86400.0 : *within)}},
               where);
    }
  }

  // -- times ----------------------------------------------------------------------------------

  std::optional<double> seconds(std::string_view key) {
    const auto* entry = service(key);
    if (!entry)
      return std::nullopt;
    const auto value = unit_seconds(entry->value);
    if (!value)
      bot_.lost(entry->where, entry->key, config::in_quotes(entry->value) + " is no time");
    return value;
  }
  std::optional<double> start_timeout() const {
    for (const auto* key : {"TimeoutStartSec", "TimeoutSec"})
      if (const auto* entry = service(key))
        return unit_seconds(entry->value);
    return std::nullopt;
  }
  std::optional<double> stop_timeout() const {
    for (const auto* key : {"TimeoutStopSec", "TimeoutSec"})
      if (const auto* entry = service(key))
        return unit_seconds(entry->value);
    return std::nullopt;
  }
  /// A time that must have an end.
  static double limited(std::optional<double> value, double usual) {
    return !value ? usual : *value <= 0 ? 86400 : *value;
  }

  void set_times() {
    const auto place_of = [&](const char* key) {
      const auto* entry = service(key);
      return entry ? entry->where : service("TimeoutSec")->where;
    };
    for (const auto* key : {"TimeoutStartSec", "TimeoutStopSec", "TimeoutSec"})
      seconds(key);
    if (const auto start = start_timeout())
      bot_.set("start_timeout", *start <= 0 ? json(0) : json(duration_of(*start)),
               place_of("TimeoutStartSec"));
    else if (oneshot())
      bot_.set("start_timeout", 0, bot_.where);
    // systemd waits 90 s where nothing is said.
    const auto stop = stop_timeout();
    bot_.set("stop_timeout", duration_of(limited(stop, 90)),
             stop ? place_of("TimeoutStopSec") : bot_.where);
    if (stop && *stop <= 0)
      bot_.changed(place_of("TimeoutStopSec"), "TimeoutStopSec",
                   "no stop takes longer than 24h here");
    if (const auto silence = seconds("WatchdogSec"); silence && *silence > 0)
      bot_.set("watchdog", duration_of(*silence), service("WatchdogSec")->where);
  }

  void set_stop() {
    const auto* entry = service("KillMode");
    const auto mode = entry ? entry->value : std::string{"control-group"};
    const auto where = entry ? entry->where : bot_.where;
    // A shell between them does not pass the signal on.
    bot_.set("kill_mode", mode == "control-group" || by_shell_ ? "group" : "process", where);
    if (mode == "process" || mode == "none")
      bot_.changed(where, "KillMode",
                   mode
                       + ": what is left of a bot after stop_timeout is always "
                         "killed",
                   "what is to live on must be a bot of its own");
    if (const auto* signal = service("KillSignal")) {
      if (const auto name = signal_of(signal->value))
        bot_.set("stop_signal", *name, signal->where);
      else
        bot_.lost(signal->where, "KillSignal", config::in_quotes(signal->value) + " is no signal");
    }
  }

  // -- the process ----------------------------------------------------------------------------

  void set_account() {
    for (const auto& [key, ours] : {std::pair{"User", "user"}, std::pair{"Group", "group"}})
      if (const auto account = text(key))
        set_account_of(bot_, ours, *account, service(key)->where);
      else if (service(key))
        bot_.hold_back(service(key)->where, key, not_as_account);
    if (const auto* dynamic = service("DynamicUser");
        dynamic && boolean(dynamic->value).value_or(false) && !service("User"))
      bot_.hold_back(dynamic->where, "DynamicUser",
                     "users are not made up: it would run as the user of the runtime",
                     "`useradd --system NAME`, then \"user\": \"NAME\"");
    if (manager_.of_user && manager_.uid != geteuid()) {
      bot_.set("user", manager_.name, bot_.where);
      bot_.changed(bot_.where, "User", "is a unit of " + manager_.name + ", as whom it runs here");
    }
    if (const auto mask = text("UMask"))
      bot_.set("umask", *mask, service("UMask")->where);
    auto directory =
        text("WorkingDirectory").value_or(manager_.of_user ? manager_.home : std::string{"/"});
    const auto where =
        service("WorkingDirectory") ? service("WorkingDirectory")->where : bot_.where;
    if (directory.starts_with('-')) {
      directory.erase(0, 1);
      bot_.changed(where, "WorkingDirectory", "must be there when the bot starts");
    }
    if (directory.starts_with('~'))
      directory = home();
    if (directory.empty()) {
      bot_.lost(where, "WorkingDirectory", "is a home, and the account is not known here",
                "\"directory\"");
      directory = "/";
    }
    bot_.set("directory", literal(directory), where);
    if (const auto* nice = service("Nice"))
      set_number("nice", *nice);
    if (const auto* score = service("OOMScoreAdjust"))
      set_number("oom_score_adj", *score);
    if (const auto* flag = service("NoNewPrivileges"))
      if (const auto value = boolean(flag->value))
        bot_.set("no_new_privs", *value, flag->where);
  }

  /// That of User=; without one, that of the manager.
  std::string home() {
    const auto user = text("User").value_or("");
    if (user.empty())
      return manager_.home;
    const auto id = number(user);
    const auto* account = id ? getpwuid(static_cast<uid_t>(*id)) : getpwnam(user.c_str());
    return account ? account->pw_dir : "";
  }

  void set_number(const char* ours, const unit_entry& entry) {
    if (const auto value = number(entry.value))
      bot_.set(ours, *value, entry.where);
    else
      bot_.lost(entry.where, entry.key, config::in_quotes(entry.value) + " is no number");
  }

  void set_limits() {
    static const std::pair<const char*, std::pair<const char*, bool>> limits[] = {
        {"LimitNOFILE", {"open_files", false}},
        {"LimitNPROC", {"processes", false}},
        {"LimitFSIZE", {"file_size", true}},
        {"LimitCORE", {"core_size", true}},
        {"LimitMEMLOCK", {"locked_memory", true}},
        {"LimitSTACK", {"stack", true}},
        {"LimitAS", {"address_space", true}},
        {"MemoryLimit", {"memory", true}},
        {"MemoryMax", {"memory", true}},
        {"MemoryHigh", {"memory_high", true}},
        {"TasksMax", {"tasks", false}},
    };
    for (const auto& [key, ours] : limits) {
      const auto* entry = service(key);
      if (!entry)
        continue;
      auto value = entry->value;
      if (const auto colon = value.find(':'); colon != std::string::npos) {
        bot_.changed(entry->where, key, "soft and hard limit are one here: the hard one");
        value.erase(0, colon + 1);
      }
      const auto size = bytes(value);
      if (value == "infinity") {
        if (std::string_view{key}.starts_with("Limit"))
          bot_.changed(entry->where, key,
                       "infinity: without a limit of its own it has that of the "
                       "runtime");
      } else if (!size) {
        bot_.lost(entry->where, key,
                  value.ends_with('%') ? "a share of the machine is not known here"
                                       : config::in_quotes(value) + " is no number",
                  std::string{"\"limits\": {\""} + ours.first + "\": …}");
      } else {
        bot_.set_in("limits", ours.first, ours.second ? json(size_of(*size)) : json(*size),
                    entry->where);
      }
    }
    if (const auto* weight = service("CPUWeight")) {
      if (const auto value = number(weight->value))
        bot_.set_in("limits", "cpu_weight", *value, weight->where);
      else
        bot_.lost(weight->where, "CPUWeight",
                  config::in_quotes(weight->value) + " is not known here");
    }
    if (const auto* quota = service("CPUQuota")) {
      const double share = std::strtod(quota->value.c_str(), nullptr) / 100;
      if (quota->value.ends_with('%') && share > 0)
        bot_.set_in("limits", "cpu", share, quota->where);
      else
        bot_.lost(quota->where, "CPUQuota", config::in_quotes(quota->value) + " is no percentage");
    }
  }

  void set_texts() {
    if (const auto* entry = unit_.find("Unit", "Description"))
      if (const auto words = text_of(*entry))
        bot_.set("description", *words, entry->where);
    for (const auto* entry : unit_.all("Unit", "Documentation"))
      bot_.comments.push_back("See " + entry->value);
    if (!unit_.all("Service", "RemainAfterExit").empty() && oneshot()
        && boolean(unit_.value("Service", "RemainAfterExit")).value_or(false))
      bot_.comments.emplace_back("RemainAfterExit: it is «completed» when it has ended well.");
  }

  const unit_file& unit_;
  imported_bot& bot_;
  unit_manager manager_;
  specifiers known_;
  std::set<std::string> in_file_;
  bool by_shell_ = false; ///< several commands, which a shell runs one after the other
  std::map<std::string, std::string> env_; ///< what command lines may be filled in with
};

} // namespace

imported_bot* import_service(const unit_file& unit, const std::string& path,
                             imported_fleet& fleet) {
  const auto stem = unit.name.substr(0, unit.name.rfind('.'));
  const place where{path, 0};
  auto& bot = fleet.add_bot("", stem, unit.name, where);
  const bool runs = service_importer{unit, path, bot}.run();
  if (runs)
    remark_on_lost_keys(unit, bot);
  if (!runs) {
    fleet.drop_bot(std::string{bot.name});
    return nullptr;
  }
  fleet.once(where, "NoNewPrivileges",
             "is on for every bot unless it says otherwise; at systemd it is off",
             "\"no_new_privs\": false where a bot needs sudo or other set-uid programs");
  return &bot;
}

} // namespace troupe::importing
