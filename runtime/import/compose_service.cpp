#include "runtime/import/compose_service.hpp"

#include "config/names.hpp"
#include "config/units.hpp"
#include "runtime/import/words.hpp"

#include <algorithm>
#include <cctype>
#include <set>

namespace troupe::importing {

namespace {

using source_json = nlohmann::json;

constexpr const char* no_container = "bots are processes of this machine, not containers";

/// Keys with something to say beyond that.
const std::map<std::string, std::pair<const char*, const char*>, std::less<>> lost_keys{
    {"image", {"no image is run: the program must be installed here", "see \"command\""}},
    {"build", {"nothing is built", "build it before, and see \"command\""}},
    {"ports",
     {"no ports are mapped: the bot opens its own", "look at the port that it listens on"}},
    {"expose", {"no ports are mapped", ""}},
    {"volumes", {"nothing is mounted: the bot sees this machine's files", "look at its paths"}},
    {"tmpfs", {"nothing is mounted", "TROUPE_BOT_DIR is a directory of its own"}},
    {"networks",
     {"all bots are on this machine's network", "names of services do not resolve: use "
                                                "127.0.0.1"}},
    {"links", {"all bots are on this machine's network", "use 127.0.0.1"}},
    {"secrets", {"secrets are not mounted", "put them into secrets/ and write \"${secret:NAME}\""}},
    {"configs", {"nothing is mounted", ""}},
    {"cpu_shares",
     {"has another scale here", "\"limits\": {\"cpu_weight\": 1 to 10000, usual 100}"}},
    {"tty", {"bots have no terminal", ""}},
    {"stdin_open", {"stdin is /dev/null", ""}},
    {"extends", {"is not followed", "`docker compose config --format json` resolves it"}},
    {"container_name", {"the bot is called as its service", ""}},
    {"develop", {"nothing is restarted when a file changes", ""}},
};

/// Carries over the keys of one service.
class service_importer {
public:
  service_importer(const json_source& from, std::string pointer, const source_json& service,
                   const std::map<std::string, std::string>& names, imported_bot& bot)
      : from_{from}
      , pointer_{std::move(pointer)}
      , service_{service}
      , names_{names}
      , bot_{bot} {}

  bool run() {
    if (!service_.is_object() || !set_command())
      return false;
    set_place();
    set_environment();
    set_dependencies();
    set_restart();
    set_stop();
    set_health();
    set_deploy();
    set_limits();
    set_rest();
    for (const auto& [key, value] : service_.items())
      if (!known_.contains(key) && !key.starts_with("x-") && !value.is_null()
          && !(value.is_structured() && value.empty()) && value != false)
        lose(key);
    return true;
  }

private:
  place at(const std::string& key) const { return from_.at(config::pointer_to(pointer_, key)); }
  place at(const std::string& key, const std::string& inner) const {
    return from_.at(config::pointer_to(config::pointer_to(pointer_, key), inner));
  }

  const source_json* take(const std::string& key) {
    const auto found = service_.find(key);
    if (found == service_.end() || found->is_null())
      return nullptr;
    known_.insert(key);
    return &*found;
  }

  std::string expanded(const std::string& text, const std::string& key) {
    return interpolated(text, bot_, at(key), key);
  }

  void lose(const std::string& key) {
    const auto found = lost_keys.find(key);
    bot_.lost(at(key), key, found == lost_keys.end() ? no_container : found->second.first,
              found == lost_keys.end() ? "" : found->second.second);
  }

  json words_of(const std::string& key) {
    auto result = json::array();
    const auto* value = take(key);
    if (value && value->is_array()) {
      for (const auto& word : *value)
        result.push_back(expanded(scalar_text(word).value_or(""), key));
    } else if (value && value->is_string()) {
      const auto words = split_words(value->get<std::string>());
      if (!words)
        bot_.lost(at(key), key, "a quote is left open");
      else
        for (const auto& word : *words)
          result.push_back(expanded(word, key));
    }
    return result;
  }

  bool set_command() {
    auto command = words_of("entrypoint");
    const auto more = words_of("command");
    const bool by_image = command.empty() && service_.contains("image") && !more.empty();
    for (const auto& word : more)
      command.push_back(word);
    if (command.empty()) {
      const bool image = service_.contains("image") || service_.contains("build");
      bot_.lost(bot_.where, "command",
                image ? "is not there: what runs stands in the image only, so it is not imported"
                      : "is not there, so there is nothing to run",
                image
                    ? "`docker inspect --format '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' "
                      "IMAGE` shows it; write it as \"command\""
                    : "");
      return false;
    }
    if (by_image)
      bot_.changed(at("command"), "command", "an entrypoint of the image would stand before it",
                   "`docker inspect --format '{{json .Config.Entrypoint}}' IMAGE` shows it");
    bot_.set("command", std::move(command),
             at(service_.contains("command") ? "command" : "entrypoint"));
    return true;
  }

  void set_place() {
    const auto* directory = take("working_dir");
    const auto text = directory ? scalar_text(*directory).value_or(".") : ".";
    bot_.set("directory",
             text.starts_with('$') ? expanded(text, "working_dir")
                                   : literal(absolute_in(from_.directory(), text)),
             directory ? at("working_dir") : bot_.where);
    if (const auto* user = take("user")) {
      const auto account = scalar_text(*user).value_or("$");
      const auto colon = account.find(':');
      const auto set = [&](const char* key, const std::string& value) {
        if (!value.empty())
          set_account_of(bot_, key, value, at("user"));
      };
      if (account.find('$') != std::string::npos) {
        bot_.hold_back(at("user"), "user", not_as_account, "set \"user\"");
      } else {
        set("user", account.substr(0, colon));
        if (colon != std::string::npos)
          set("group", account.substr(colon + 1));
      }
    }
  }

  void set_environment() {
    auto passed = json::array();
    if (const auto* env = take("environment")) {
      if (env->is_object()) {
        for (const auto& [name, value] : env->items())
          if (value.is_null())
            passed.push_back(name);
          else
            variable(name, scalar_text(value).value_or(value.dump()), at("environment", name));
      } else if (env->is_array()) {
        for (const auto& one : *env) {
          const auto text = scalar_text(one).value_or("");
          const auto equals = text.find('=');
          if (equals == std::string::npos)
            passed.push_back(text);
          else
            variable(text.substr(0, equals), text.substr(equals + 1), at("environment"));
        }
      }
    }
    if (!passed.empty())
      bot_.set("pass_environment", std::move(passed), at("environment"));
    const auto* files = take("env_file");
    if (!files)
      return;
    const auto list = files->is_array() ? *files : source_json::array({*files});
    bool first = true;
    for (const auto& one : list) {
      const auto path = one.is_object() ? one.value("path", "") : scalar_text(one).value_or("");
      if (path.empty())
        continue;
      if (first)
        bot_.set("environment_file", literal(absolute_in(from_.directory(), path)), at("env_file"));
      else
        bot_.lost(at("env_file"), "env_file",
                  config::in_quotes(path) + " is one too many: a bot has one environment_file",
                  "put them into one file");
      if (first && one.is_object() && !one.value("required", true))
        bot_.changed(at("env_file"), "env_file", "must be there when the bot starts");
      first = false;
    }
  }

  void variable(const std::string& name, const std::string& value, const place& from) {
    set_variable(bot_, name, interpolated(value, bot_, from, name), from);
  }

  void set_dependencies() {
    const auto* waits = take("depends_on");
    if (!waits)
      return;
    auto result = json::object();
    const auto add = [&](const std::string& service, const std::string& until) {
      const auto found = names_.find(service);
      if (found == names_.end())
        bot_.lost(at("depends_on"), "depends_on",
                  config::in_quotes(service) + " is no service here");
      else
        result[found->second] = until;
    };
    if (waits->is_array())
      for (const auto& one : *waits)
        add(scalar_text(one).value_or(""), "started");
    if (waits->is_object())
      for (const auto& [service, how] : waits->items()) {
        const auto condition = how.is_object() ? how.value("condition", "service_started")
                                               : std::string{"service_started"};
        add(service, condition == "service_healthy"                  ? "ready"
                     : condition == "service_completed_successfully" ? "completed"
                                                                     : "started");
        if (how.is_object() && how.value("restart", false))
          bot_.lost(at("depends_on", service), "depends_on." + service + ".restart",
                    "a bot is not restarted with what it depends on",
                    "put both into one folder with \"strategy\": \"rest_for_one\"");
      }
    if (!result.empty())
      bot_.set("depends_on", std::move(result), at("depends_on"));
  }

  void set_restart() {
    const auto* when = take("restart");
    const auto text = when ? scalar_text(*when).value_or("no") : std::string{};
    const auto colon = text.find(':');
    const auto kind = text.substr(0, colon);
    if (!when) {
      if (!service_.contains("deploy") || !service_["deploy"].contains("restart_policy"))
        bot_.set("restart", "temporary", bot_.where);
    } else if (kind == "always" || kind == "unless-stopped") {
      bot_.set("restart", "permanent", at("restart"));
    } else if (kind == "on-failure") {
      bot_.set("restart", "transient", at("restart"));
      if (const auto most =
              colon == std::string::npos ? std::nullopt : number(text.substr(colon + 1)))
        bot_.set("failed_starts", std::max(1LL, *most), at("restart"));
    } else if (kind == "no" || kind == "false") {
      bot_.set("restart", "temporary", at("restart"));
    } else {
      bot_.lost(at("restart"), "restart", config::in_quotes(text) + " is not known");
    }
  }

  void time(const char* ours, const source_json& value, const place& from, const std::string& key) {
    const auto text = scalar_text(value).value_or("");
    if (const auto duration = config::parse_duration(text))
      bot_.set(ours, config::format_duration(*duration), from);
    else
      bot_.lost(from, key, config::in_quotes(text) + " is no time");
  }

  void set_stop() {
    if (const auto* signal = take("stop_signal")) {
      const auto name = signal_of(scalar_text(*signal).value_or(""));
      if (name)
        bot_.set("stop_signal", *name, at("stop_signal"));
      else
        bot_.lost(at("stop_signal"), "stop_signal", "is no signal");
    }
    if (const auto* period = take("stop_grace_period"))
      time("stop_timeout", *period, at("stop_grace_period"), "stop_grace_period");
  }

  void set_health() {
    const auto* check = take("healthcheck");
    if (!check || !check->is_object() || check->value("disable", false))
      return;
    const auto test = check->find("test");
    if (test == check->end())
      return;
    auto command = json::array();
    if (test->is_string()) {
      command = {"/bin/sh", "-c", expanded(test->get<std::string>(), "healthcheck")};
    } else if (test->is_array() && test->size() > 1 && (*test)[0] == "CMD-SHELL") {
      command = {"/bin/sh", "-c", expanded(scalar_text((*test)[1]).value_or(""), "healthcheck")};
    } else if (test->is_array() && test->size() > 1 && (*test)[0] == "CMD") {
      for (std::size_t i = 1; i < test->size(); ++i)
        command.push_back(expanded(scalar_text((*test)[i]).value_or(""), "healthcheck"));
    }
    if (command.empty())
      return;
    bot_.set("ready", {{"exec", std::move(command)}}, at("healthcheck"));
    for (const auto* key : {"interval", "timeout"})
      if (const auto found = check->find(key); found != check->end())
        if (const auto value = config::parse_duration(scalar_text(*found).value_or("")))
          bot_.set_in("ready", key, config::format_duration(*value), at("healthcheck", key));
    bot_.changed(at("healthcheck"), "healthcheck",
                 "is asked until it succeeds once, which makes the bot ready, and not after that",
                 "\"watchdog\" and \"on_hang\" look after a bot that runs");
    for (const auto* key : {"retries", "start_period", "start_interval"})
      if (check->contains(key))
        bot_.lost(at("healthcheck", key), std::string{"healthcheck."} + key,
                  "the check is repeated until start_timeout is over", "\"start_timeout\"");
  }

  void set_deploy() {
    for (const auto* key : {"scale", "deploy"})
      take(key);
    if (service_.contains("scale"))
      replicas(service_["scale"], at("scale"));
    const auto deploy = service_.find("deploy");
    if (deploy == service_.end() || !deploy->is_object())
      return;
    for (const auto& [key, value] : deploy->items()) {
      const auto where = at("deploy", key);
      if (key == "replicas") {
        replicas(value, where);
      } else if (key == "restart_policy" && value.is_object()) {
        restart_policy(value, where);
      } else if (key == "resources" && value.is_object()) {
        for (const auto& [kind, limits] : value.items())
          if (kind == "limits" && limits.is_object())
            for (const auto& [what, limit] : limits.items())
              set_limit(what, limit, where, "deploy.resources.limits." + what);
          else if (!limits.empty())
            bot_.lost(where, "deploy.resources." + kind, "nothing is reserved");
      } else if (key != "mode" || value != "replicated") {
        if (!value.empty() || value.is_number())
          bot_.lost(where, "deploy." + key, "is not known here",
                    key == "update_config" ? "\"update\"" : "");
      }
    }
  }

  void replicas(const source_json& value, const place& where) {
    const auto count = number(scalar_text(value).value_or(""));
    if (count && *count == 0) {
      bot_.set("autostart", false, where);
      bot_.changed(where, "replicas", "is 0: the bot is there, but does not start with the fleet");
    } else if (count && *count > 1) {
      bot_.set("replicas", *count, where);
    }
  }

  void restart_policy(const source_json& policy, const place& where) {
    const auto condition = policy.value("condition", "any");
    bot_.set("restart",
             condition == "none"         ? "temporary"
             : condition == "on-failure" ? "transient"
                                         : "permanent",
             where);
    const auto delay = policy.find("delay");
    if (delay != policy.end())
      if (const auto value = config::parse_duration(scalar_text(*delay).value_or(""))) {
        const auto text = config::format_duration(*value);
        bot_.set("delay", {{"initial", text}, {"factor", 1}, {"max", text}, {"jitter", 0}}, where);
      }
    const auto most = policy.find("max_attempts");
    const auto window = policy.find("window");
    const auto count =
        most == policy.end() ? std::nullopt : number(scalar_text(*most).value_or(""));
    if (count && *count > 0) {
      const auto time = window == policy.end()
                            ? config::parse_duration("10m")
                            : config::parse_duration(scalar_text(*window).value_or("10m"));
      bot_.set("max_restarts",
               {{"count", *count},
                {"within", time && time->count() > 0 ? config::format_duration(*time) : "10m"}},
               where);
    }
  }

  void set_limit(const std::string& what, const source_json& value, const place& where,
                 const std::string& key) {
    const auto text = scalar_text(value).value_or("");
    if (what == "memory" || what == "memory_high") {
      const auto size = bytes(text);
      if (size && *size > 0)
        bot_.set_in("limits", what, size_of(*size), where);
      else if (!size)
        bot_.lost(where, key, config::in_quotes(text) + " is no size");
    } else if (what == "cpus") {
      const double cores = std::strtod(text.c_str(), nullptr);
      if (cores > 0)
        bot_.set_in("limits", "cpu", cores, where);
    } else if (what == "pids") {
      if (const auto count = number(text); count && *count > 0)
        bot_.set_in("limits", "tasks", *count, where);
    } else {
      bot_.lost(where, key, "is not known here");
    }
  }

  void set_limits() {
    for (const auto& [key, what] : {std::pair{"mem_limit", "memory"},
                                    {"cpus", "cpus"},
                                    {"pids_limit", "pids"},
                                    {"mem_reservation", "reservation"}})
      if (const auto* value = take(key))
        set_limit(what, *value, at(key), key);
    const auto* limits = take("ulimits");
    if (!limits || !limits->is_object())
      return;
    static const std::map<std::string, std::pair<const char*, bool>> ours{
        {"nofile", {"open_files", false}},    {"nproc", {"processes", false}},
        {"fsize", {"file_size", true}},       {"core", {"core_size", true}},
        {"memlock", {"locked_memory", true}}, {"stack", {"stack", true}},
        {"as", {"address_space", true}},
    };
    for (const auto& [name, value] : limits->items()) {
      const auto where = at("ulimits", name);
      const auto found = ours.find(name);
      const auto text = scalar_text(value.is_object() ? value.value("hard", source_json{}) : value);
      const auto limit = text ? number(*text) : std::nullopt;
      if (found == ours.end() || !limit)
        bot_.lost(where, "ulimits." + name,
                  found == ours.end() ? "is not known here" : "is no number");
      else if (*limit >= 0)
        bot_.set_in("limits", found->second.first,
                    found->second.second ? json(size_of(static_cast<unsigned long long>(*limit)))
                                         : json(*limit),
                    where);
    }
  }

  void set_rest() {
    if (const auto* score = take("oom_score_adj"))
      if (const auto value = number(scalar_text(*score).value_or("")))
        bot_.set("oom_score_adj", *value, at("oom_score_adj"));
    if (const auto* profiles = take("profiles"); profiles && !profiles->empty()) {
      bot_.set("autostart", false, at("profiles"));
      bot_.changed(at("profiles"), "profiles",
                   "the service starts with a profile only: here it does not start with the fleet",
                   "profiles/NAME.json with \"bots\": {\"" + bot_.name
                       + "\": {\"autostart\": true}}");
    }
    if (const auto* options = take("security_opt"); options && options->is_array())
      for (const auto& option : *options)
        if (!scalar_text(option).value_or("").starts_with("no-new-privileges"))
          bot_.lost(at("security_opt"), "security_opt", no_container);
    if (const auto* labels = take("labels")) {
      if (labels->is_object())
        for (const auto& [name, value] : labels->items())
          bot_.set_in("labels", name, scalar_text(value).value_or(""), at("labels", name));
      else if (labels->is_array())
        for (const auto& one : *labels) {
          const auto text = scalar_text(one).value_or("");
          const auto equals = text.find('=');
          bot_.set_in("labels", text.substr(0, equals),
                      equals == std::string::npos ? "" : text.substr(equals + 1), at("labels"));
        }
    }
    if (const auto* logging = take("logging"); logging && logging->is_object()) {
      const auto options = logging->value("options", source_json::object());
      for (const auto& [key, value] : options.items()) {
        const auto text = scalar_text(value).value_or("");
        if (const auto size = bytes(text); key == "max-size" && size && *size > 0)
          bot_.set_in("log", "max_size", size_of(*size), at("logging"));
        else if (const auto keep = number(text); key == "max-file" && keep && *keep > 0)
          bot_.set_in("log", "keep", *keep - 1, at("logging"));
        else
          bot_.lost(at("logging"), "logging.options." + key, "is not known here");
      }
      if (const auto driver = logging->value("driver", "json-file");
          driver != "json-file" && driver != "local")
        bot_.lost(at("logging"), "logging.driver", "output is kept in the log files of the fleet",
                  "`troupe logs " + bot_.name + "` shows it");
    }
  }

  const json_source& from_;
  std::string pointer_;
  const source_json& service_;
  const std::map<std::string, std::string>& names_;
  imported_bot& bot_;
  std::set<std::string> known_;
};

} // namespace

std::string interpolated(std::string_view text, imported_bot& bot, const place& from,
                         const std::string& key) {
  const auto is_name = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  std::string result;
  std::string plain;
  const auto placeholder = [&](std::string_view name) {
    result += literal(plain, true) + "${env:" + std::string{name} + "}";
    plain.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      plain += text[i];
    } else if (text[i + 1] == '$') {
      plain += '$';
      ++i;
    } else if (text[i + 1] == '{') {
      const auto close = text.find('}', i);
      const auto inner =
          text.substr(i + 2, close == std::string_view::npos ? close : close - i - 2);
      const auto end = std::ranges::find_if_not(inner, is_name) - inner.begin();
      const auto name = inner.substr(0, static_cast<std::size_t>(end));
      const auto rest = inner.substr(name.size());
      if (close == std::string_view::npos || name.empty()) {
        plain += text[i];
        continue;
      }
      const auto dash = rest.starts_with(":-") ? 2u : rest.starts_with("-") ? 1u : 0u;
      if (dash > 0) {
        plain += rest.substr(dash);
        bot.changed(from, key, "the default of " + std::string{name} + " is written in its place",
                    "\"${env:" + std::string{name} + "}\" takes it from the environment");
      } else {
        placeholder(name);
      }
      i = close;
    } else if (is_name(text[i + 1]) && !std::isdigit(static_cast<unsigned char>(text[i + 1]))) {
      std::size_t end = i + 1;
      while (end < text.size() && is_name(text[end]))
        ++end;
      placeholder(text.substr(i + 1, end - i - 1));
      i = end - 1;
    } else {
      plain += text[i];
    }
  }
  return result + literal(plain);
}

bool import_compose_service(const json_source& from, const std::string& pointer,
                            const nlohmann::json& service,
                            const std::map<std::string, std::string>& names, imported_bot& bot) {
  return service_importer{from, pointer, service, names, bot}.run();
}

} // namespace troupe::importing
