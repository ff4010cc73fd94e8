#include "runtime/import/systemd_service.hpp"

#include "config/names.hpp"
#include "runtime/import/source.hpp"
#include "runtime/import/systemd_part.hpp"
#include "runtime/import/unit_exec.hpp"
#include "runtime/import/words.hpp"
#include "runtime/os/environment.hpp"

#include <map>
#include <set>
#include <unistd.h>

namespace troupe::importing {

namespace {

/// Carries over what stands in [Service].
class service_importer : service_part {
public:
  using service_part::service_part;

  bool run() {
    set_environment();
    if (!set_command())
      return false;
    set_type();
    set_ends(*this, by_shell_);
    set_process(*this);
    set_texts();
    return true;
  }

private:
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
    // Those that systemd sets itself, such as MAINPID and TERM, are one plain word.
    const bool has_others = service("EnvironmentFile") || service("PassEnvironment");
    for (const auto& name : split_by_shell(run, env_))
      if (has_others && name != "MAINPID")
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
