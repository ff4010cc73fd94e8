#include "runtime/import/supervisord_program.hpp"

#include "config/names.hpp"
#include "runtime/import/source.hpp"
#include "runtime/import/words.hpp"

#include <algorithm>
#include <cctype>
#include <set>

namespace troupe::importing {

namespace {

/// Carries over the keys of one [program:x].
class program_importer {
public:
  program_importer(const ini_section& section, const supervisord_file& file,
                   const std::string& group, imported_fleet& fleet)
      : section_{section}
      , file_{file}
      , fleet_{fleet}
      , program_{section.name.substr(section.name.find(':') + 1)}
      , bot_{fleet.add_bot(group, program_, "[" + section.name + "]", section.where)} {
    context_.values = {{"here", file.here},
                       {"host_node_name", file.host},
                       {"program_name", program_},
                       {"group_name", group.empty() ? program_ : group},
                       {"numprocs", "1"}};
    context_.env = file.env;
  }

  void run() {
    const auto* command = section_.find("command");
    if (!command) {
      bot_.lost(section_.where, "command",
                "the program has no command, so there is nothing to run");
      fleet_.drop_bot(bot_.name);
      return;
    }
    read_numbers();
    for (const auto& entry : section_.entries)
      if (&entry != section_.find(entry.key))
        bot_.lost(entry.where, entry.key, "is set again further down, and the last one holds");
    if (!set_what_runs(*command)) {
      fleet_.drop_bot(bot_.name);
      return;
    }
    set_restarts();
    set_stop();
    set_log();
    set_rest();
    for (const auto& entry : section_.entries)
      if (!known_.contains(entry.key))
        bot_.lost(entry.where, entry.key, "is no key of a program that is known here");
  }

private:
  const ini_entry* take(const std::string& key) {
    known_.insert(key);
    return section_.find(key);
  }

  /// The value of a key where the tree expands nothing; nothing when there is none or it is bad.
  std::optional<std::string> plain(const std::string& key) {
    const auto* entry = take(key);
    if (!entry)
      return std::nullopt;
    auto text = percent_expand(entry->value, context_, percent_use::plain);
    if (text)
      return *text;
    bot_.lost(entry->where, key, text.error());
    return std::nullopt;
  }

  template <class Read>
  auto read(const std::string& key, const Read& how, const char* what)
      -> decltype(how(std::string_view{})) {
    const auto text = plain(key);
    if (!text)
      return std::nullopt;
    auto value = how(*text);
    if (!value)
      bot_.lost(place_of(key), key, config::in_quotes(*text) + " is no " + what);
    return value;
  }

  place place_of(const std::string& key) const {
    const auto* entry = section_.find(key);
    return entry ? entry->where : section_.where;
  }

  void read_numbers() {
    count_ = std::max(1LL, read("numprocs", number, "number").value_or(1));
    first_ = read("numprocs_start", number, "number").value_or(0);
    if (count_ > 1)
      bot_.set("replicas", count_, place_of("numprocs"));
    context_.values["numprocs"] = std::to_string(count_);
    if (count_ == 1)
      context_.process_num = first_;
    known_.insert("process_name");
    if (const auto* name = section_.find("process_name")) {
      static const std::set<std::string, std::less<>> usual{
          "%(program_name)s", "%(program_name)s_%(process_num)d",
          "%(program_name)s_%(process_num)02d", "%(program_name)s-%(process_num)d",
          "%(program_name)s-%(process_num)02d"};
      if (!usual.contains(name->value))
        bot_.changed(name->where, "process_name",
                     "instances are called " + bot_.name + "#0, #1 … here");
    }
  }

  /// What holds placeholders: command, directory, environment.
  config::expected<json, std::string> placed(const percent_context& context, place* at) {
    json result = json::object();
    const auto fail = [&](const char* key, std::string why) {
      *at = place_of(key);
      return config::unexpected{std::string{key} + ": " + std::move(why)};
    };
    auto inner = context;
    if (const auto* entry = take("environment")) {
      auto variables = supervisord_environment(entry->value, context);
      if (!variables)
        return fail("environment", variables.error());
      for (const auto& [name, value] : *variables) {
        result["environment"][name] = value;
        inner.env[name] = value;
      }
    }
    const auto line = percent_expand(section_.find("command")->value, inner, percent_use::expanded);
    if (!line)
      return fail("command", line.error());
    const auto words = split_words(*line);
    if (!words || words->empty())
      return fail("command", words ? "is empty" : "a quote or backslash is left open");
    result["command"] = *words;
    auto directory = file_.directory;
    if (const auto* entry = take("directory")) {
      const auto text = percent_expand(entry->value, inner, percent_use::expanded);
      if (!text)
        return fail("directory", text.error());
      directory = *text;
    }
    if (directory.starts_with('~'))
      directory = "${env:HOME}" + directory.substr(1);
    if (!directory.empty())
      result["directory"] =
          directory.starts_with('$') ? directory : absolute_in(file_.here, directory);
    return result;
  }

  bool set_what_runs(const ini_entry& command) {
    known_.insert("command");
    bool each = false;
    for (const char* key : {"command", "directory", "environment"})
      if (const auto* entry = section_.find(key))
        each = each || needs_each_number(entry->value)
               || (first_ != 0 && count_ > 1 && uses_number(entry->value));
    auto context = context_;
    if (each && count_ > 1)
      context.process_num = first_;
    place at;
    const auto base = placed(context, &at);
    if (!base) {
      bot_.lost(at, section_.name, "is not imported: " + base.error());
      return false;
    }
    for (const auto& [key, value] : base->items()) {
      if (key == "environment")
        for (const auto& [name, text] : value.items())
          set_variable(bot_, name, text.get<std::string>(), place_of(key));
      else
        bot_.set(key, value, key == "command" ? command.where : place_of(key));
    }
    if (!base->contains("directory"))
      fleet_.once(section_.where, "directory",
                  "is not set: supervisord runs a program where it was started itself, a bot here "
                  "runs in the folder of its file",
                  "set \"directory\" where a bot needs one");
    // Where the number is written with zeros, or does not begin at 0, each instance has its own.
    for (long long i = 1; each && i < count_ && i < 10'000; ++i) {
      context.process_num = first_ + i;
      const auto own = placed(context, &at);
      if (!own)
        continue;
      auto different = json::object();
      for (const auto& [key, value] : own->items())
        if (value != (*base)[key])
          different[key] = value;
      if (!different.empty())
        bot_.set_in("instances", std::to_string(i), different, place_of("numprocs"));
    }
    return true;
  }

  void set_restarts() {
    const auto autostart = read("autostart", boolean, "true or false");
    if (autostart && !*autostart)
      bot_.set("autostart", false, place_of("autostart"));
    const auto when = lower(plain("autorestart").value_or("unexpected"));
    if (when == "unexpected")
      bot_.set("restart", "transient", place_of("autorestart"));
    else if (const auto always = boolean(when))
      bot_.set("restart", *always ? "permanent" : "temporary", place_of("autorestart"));
    else
      bot_.lost(place_of("autorestart"), "autorestart",
                config::in_quotes(when) + " is neither true, false nor unexpected");
    if (const auto codes = plain("exitcodes")) {
      auto list = json::array();
      for (const auto& word : split(*codes, ", \t\n"))
        if (const auto code = number(word); code && *code >= 0 && *code < 256)
          list.push_back(*code);
        else
          bot_.lost(place_of("exitcodes"), "exitcodes",
                    config::in_quotes(word) + " is no exit code");
      bot_.set("success_codes", std::move(list), place_of("exitcodes"));
    }
    if (const auto seconds = read("startsecs", number, "number of seconds"))
      bot_.set("start_grace", duration_of(static_cast<double>(*seconds)), place_of("startsecs"));
    if (const auto tries = read("startretries", number, "number"))
      bot_.set("failed_starts", std::clamp(*tries + 1, 1LL, 1'000'000LL), place_of("startretries"));
    fleet_.once(section_.where, "environment",
                "supervisord passes its whole environment on; here a bot gets PATH, HOME, USER, "
                "LANG, TZ and what its settings say",
                "name others in \"pass_environment\"");
  }

  void set_stop() {
    if (const auto signal = read("stopsignal", signal_of, "signal"))
      bot_.set("stop_signal", *signal, place_of("stopsignal"));
    if (const auto seconds = read("stopwaitsecs", number, "number of seconds"))
      bot_.set("stop_timeout", duration_of(static_cast<double>(*seconds)),
               place_of("stopwaitsecs"));
    if (read("stopasgroup", boolean, "true or false").value_or(false))
      bot_.set("kill_mode", "group", place_of("stopasgroup"));
    // What is left after stop_timeout is always killed here.
    if (const auto all = read("killasgroup", boolean, "true or false"); all && !*all)
      bot_.changed(place_of("killasgroup"), "killasgroup",
                   "what is left of a bot after stop_timeout is always killed, children too");
  }

  void set_log() {
    std::optional<unsigned long long> size;
    std::optional<long long> keep;
    for (const std::string stream : {"stdout", "stderr"}) {
      const auto file = stream + "_logfile";
      const auto* entry = take(file);
      const auto name = entry ? lower(entry->value) : "auto";
      if (entry && name != "auto")
        bot_.lost(entry->where, file,
                  name == "none" || name == "off"
                      ? "output is always kept here"
                      : "output is kept in the log files of the fleet, both streams together",
                  "`troupe logs " + bot_.name + "` shows it");
      if (const auto value = read(file + "_maxbytes", bytes, "size")) {
        if (*value == 0)
          bot_.lost(place_of(file + "_maxbytes"), file + "_maxbytes",
                    "log files are always rotated here", "\"log\" has max_size and keep");
        else if (!size || *value > *size)
          size = value;
        if (size)
          bot_.set_in("log", "max_size", size_of(*size), place_of(file + "_maxbytes"));
      }
      if (const auto value = read(file + "_backups", number, "number")) {
        keep = std::clamp(std::max(*value, keep.value_or(0)), 0LL, 1000LL);
        bot_.set_in("log", "keep", *keep, place_of(file + "_backups"));
      }
      lose(stream + "_capture_maxbytes",
           "there is no capture mode: bots say what they have to say as messages",
           "docs/messages.md");
      lose(stream + "_events_enabled", "output makes no events here", "`troupe logs -f` follows it",
           true);
      lose(stream + "_syslog", "output does not go to syslog", "pipe `troupe logs -f` into logger",
           true);
    }
    // Both streams are in one log anyway.
    read("redirect_stderr", boolean, "true or false");
  }

  void lose(const std::string& key, std::string why, std::string advice, bool if_true = false) {
    const auto* entry = take(key);
    if (entry && !(if_true && !boolean(entry->value).value_or(true)) && entry->value != "0")
      bot_.lost(entry->where, key, std::move(why), std::move(advice));
  }

  void set_rest() {
    if (const auto user = plain("user"))
      set_account_of(bot_, "user", *user, place_of("user"));
    else if (section_.find("user"))
      bot_.hold_back(place_of("user"), "user", not_as_account, "set \"user\"");
    if (const auto mask = plain("umask"))
      bot_.set("umask", *mask, place_of("umask"));
    read("priority", number, "number");
    lose("serverurl", "there is no SUPERVISOR_SERVER_URL", "TROUPE_LINK leads to the runtime");
  }

  const ini_section& section_;
  const supervisord_file& file_;
  imported_fleet& fleet_;
  std::string program_;
  imported_bot& bot_;
  percent_context context_;
  std::set<std::string> known_;
  long long count_ = 1;
  long long first_ = 0;
};

} // namespace

config::expected<std::map<std::string, std::string>, std::string>
supervisord_environment(std::string_view text, const percent_context& context) {
  const auto expanded = percent_expand(text, context, percent_use::expanded);
  if (!expanded)
    return config::unexpected{expanded.error()};
  std::map<std::string, std::string> result;
  std::string_view rest = trimmed(*expanded);
  while (!rest.empty()) {
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos)
      return config::unexpected{std::string{"is no list of NAME=\"value\""}};
    const std::string name{trimmed(rest.substr(0, equals))};
    rest = trimmed(rest.substr(equals + 1));
    std::size_t end = 0;
    std::string value;
    if (!rest.empty() && (rest.front() == '"' || rest.front() == '\'')) {
      end = rest.find(rest.front(), 1);
      if (end == std::string_view::npos)
        return config::unexpected{"a quote is left open after " + config::in_quotes(name)};
      value = rest.substr(1, end - 1);
      ++end;
    } else {
      // A placeholder may hold what ends a word.
      while (end < rest.size() && rest[end] != ',' && rest[end] != '\n')
        ++end;
      value = trimmed(rest.substr(0, end));
    }
    result[name] = value;
    rest = trimmed(rest.substr(std::min(end, rest.size())));
    if (rest.starts_with(','))
      rest = trimmed(rest.substr(1));
    else if (!rest.empty() && end < rest.size() && rest.find('=') == std::string_view::npos)
      return config::unexpected{"there is more than a value after " + config::in_quotes(name)};
  }
  return result;
}

long long priority_of(const ini_section& section) {
  const auto* entry = section.find("priority");
  return entry ? number(entry->value).value_or(999) : 999;
}

void import_program(const ini_section& section, const supervisord_file& file,
                    const std::string& group, imported_fleet& fleet) {
  program_importer{section, file, group, fleet}.run();
}

} // namespace troupe::importing
