#include "config/decode.hpp"

#include "config/document.hpp"
#include "config/expand.hpp"
#include "config/names.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <regex>
#include <utility>

namespace troupe::config {

namespace {

using nlohmann::json;

/// Longest regular expression and path; std::regex needs time and stack by their length.
constexpr std::size_t max_pattern = 1000;
constexpr std::size_t max_path = 4096;

constexpr const char* duration_expected = "a duration such as \"250ms\", \"10s\" or \"1m30s\"";
constexpr const char* size_expected = "a size such as \"512KiB\" or \"64MiB\"";

/// Reads the members of one JSON object and knows where it stands.
class object_reader {
public:
  object_reader(const json& value, std::string pointer, const report_fn& report)
      : value_{value}
      , pointer_{std::move(pointer)}
      , report_{report} {}

  /// The member, unless it is missing or null.
  const json* find(const char* key) const {
    if (!value_.is_object())
      return nullptr;
    auto member = value_.find(key);
    return member == value_.end() || member->is_null() ? nullptr : &*member;
  }

  const json* find(const char* key, json::value_t type) const {
    const auto* member = find(key);
    return member && member->type() == type ? member : nullptr;
  }

  std::string at(const char* key) const { return pointer_to(pointer_, std::string_view{key}); }
  const report_fn& report() const { return report_; }

  void wrong(const char* key, std::string message, std::string expected,
             std::string hint = {}) const {
    report_({at(key), false, std::move(message), std::move(expected), std::move(hint)});
  }

  object_reader inner(const char* key) const {
    static const json nothing;
    const auto* member = find(key);
    return {member ? *member : nothing, at(key), report_};
  }

  template <class T>
  void integer(const char* key, T& out) const {
    const auto* member = find(key);
    if (!member || !member->is_number_integer())
      return;
    // What is beyond the type is reported here: the schema's check may have wrapped it round.
    if (member->is_number_unsigned()
        && member->get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
      wrong(key, in_quotes(key) + " is too large", "a smaller number");
      return;
    }
    auto value = member->get<std::int64_t>();
    if (std::in_range<T>(value))
      out = static_cast<T>(value);
  }

  void number(const char* key, double& out) const {
    if (const auto* member = find(key); member && member->is_number())
      out = member->get<double>();
  }

  void flag(const char* key, bool& out) const {
    if (const auto* member = find(key, json::value_t::boolean))
      out = member->get<bool>();
  }

  void text(const char* key, std::string& out) const {
    if (const auto* member = find(key, json::value_t::string))
      out = member->get<std::string>();
  }

  /// Whether there is one that can be read.
  bool time(const char* key, duration& out, bool zero_allowed = true) const {
    const auto* member = find(key);
    if (!member)
      return false;
    if (member->is_string()) {
      const auto& written = member->get_ref<const std::string&>();
      auto value = parse_duration(written);
      if (!value) {
        wrong(key, in_quotes(written) + " is no duration", duration_expected, value.error());
        return false;
      }
      out = *value;
    } else if (*member == json(0)) {
      out = {};
    } else {
      return false;
    }
    if (out.count() == 0 && !zero_allowed) {
      wrong(key, in_quotes(key) + " is 0", "a duration above 0");
      return false;
    }
    return true;
  }

  bool size(const char* key, std::uint64_t& out) const {
    const auto* member = find(key);
    if (!member)
      return false;
    if (*member == json(0)) {
      out = 0;
      return true;
    }
    if (!member->is_string())
      return false;
    const auto& written = member->get_ref<const std::string&>();
    auto value = parse_size(written);
    if (value)
      out = *value;
    else
      wrong(key, in_quotes(written) + " is no size", size_expected, value.error());
    return value.has_value();
  }

  void size(const char* key, std::optional<std::uint64_t>& out) const {
    std::uint64_t value = 0;
    if (size(key, value))
      out = value;
  }

  void count(const char* key, std::optional<std::uint64_t>& out) const {
    std::uint64_t value = std::numeric_limits<std::uint64_t>::max();
    integer(key, value);
    if (value != std::numeric_limits<std::uint64_t>::max())
      out = value;
  }

  void strings(const char* key, std::vector<std::string>& out) const {
    const auto* member = find(key, json::value_t::array);
    if (!member)
      return;
    out.clear();
    for (const auto& item : *member)
      if (item.is_string())
        out.push_back(item.get<std::string>());
  }

  /// Reports placeholders that can never be expanded.
  void check_placeholders(const std::string& pointer, const std::string& written) const {
    if (written.find("${") == std::string::npos)
      return;
    for (const auto& found : placeholders(written))
      if (found.what == placeholder::kind::invalid)
        report_({pointer, false, found.message,
                 "${bot.name}, ${bot.index}, ${env:NAME} or ${secret:NAME}", found.hint});
  }

  void command(const char* key, std::vector<std::string>& out) const {
    strings(key, out);
    const auto* member = find(key, json::value_t::array);
    if (!member)
      return;
    for (std::size_t index = 0; index < member->size(); ++index)
      if ((*member)[index].is_string())
        check_placeholders(pointer_to(at(key), index),
                           (*member)[index].get_ref<const std::string&>());
    if (!member->empty() && member->front() == json(""))
      report_({pointer_to(at(key), std::size_t{0}),
               false,
               "the program has no name",
               "a program such as \"python3\" or \"./bot.sh\"",
               {}});
  }

  void string_map(const char* key, std::map<std::string, std::string>& out) const {
    const auto* member = find(key, json::value_t::object);
    if (!member)
      return;
    out.clear();
    for (const auto& [name, item] : member->items())
      if (item.is_string())
        out.emplace(name, item.get<std::string>());
  }

  void path(const char* key, std::string& out) const {
    const auto* member = find(key, json::value_t::string);
    if (!member)
      return;
    const auto& written = member->get_ref<const std::string&>();
    if (written.empty())
      wrong(key, in_quotes(key) + " is empty", "a path", "leave it out for the default");
    else if (written.size() >= max_path)
      wrong(key, in_quotes(key) + " is too long", "a path of less than 4096 bytes");
    else
      out = written;
    check_placeholders(at(key), written);
  }

  void regex(const char* key, std::string& out) const {
    const auto* member = find(key, json::value_t::string);
    if (!member)
      return;
    const auto& written = member->get_ref<const std::string&>();
    if (written.size() > max_pattern) {
      wrong(key, "the regular expression is too long", "at most 1000 characters");
      return;
    }
    try {
      std::regex compiled{written};
      out = written;
    } catch (const std::regex_error&) {
      wrong(key, in_quotes(written) + " is no regular expression",
            "an ECMAScript regular expression", "escape ( ) [ ] { } + * ? . with \\\\");
    }
  }

  /// The enum's value of that word, or nothing.
  template <class T>
  void word(const char* key, std::initializer_list<std::pair<std::string_view, T>> words,
            T& out) const {
    const auto* member = find(key, json::value_t::string);
    if (!member)
      return;
    for (const auto& [name, value] : words)
      if (member->get_ref<const std::string&>() == name)
        out = value;
  }

private:
  const json& value_;
  std::string pointer_;
  const report_fn& report_;
};

void read_account(const object_reader& in, const char* key, std::optional<std::string>& out) {
  const auto* member = in.find(key);
  if (!member)
    return;
  if (member->is_number_integer()) {
    std::uint32_t id = 0;
    in.integer(key, id);
    out = std::to_string(id);
  } else if (member->is_string()) {
    const auto& name = member->get_ref<const std::string&>();
    if (name.empty() || name.size() > 256 || name.find_first_of(": \t\n/") != std::string::npos)
      in.wrong(key, in_quotes(name) + " is no name of an account", "a name or a number");
    else
      out = name;
  }
}

void read_umask(const object_reader& in, std::uint32_t& out) {
  const auto* member = in.find("umask", json::value_t::string);
  if (!member)
    return;
  const auto& text = member->get_ref<const std::string&>();
  std::uint32_t value = 0;
  auto result = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size() || value > 0777)
    in.wrong("umask", in_quotes(text) + " is no file mode mask", "an octal string such as \"022\"");
  else
    out = value;
}

void check_variable(const object_reader& in, const std::string& pointer, bool at_key,
                    const std::string& name) {
  auto wrong = [&](std::string message, std::string expected) {
    in.report()({pointer, at_key, std::move(message), std::move(expected), {}});
  };
  if (name.empty() || name.find('=') != std::string::npos)
    wrong(in_quotes(name) + " is no name of a variable", "a name without '='");
  else if (name.starts_with("TROUPE_"))
    wrong(in_quotes(name) + " is set by the runtime", "a name that does not begin with TROUPE_");
}

void read_environment(const object_reader& in, bot_spec& out) {
  in.string_map("environment", out.environment);
  if (const auto* member = in.find("environment", json::value_t::object))
    for (const auto& [name, value] : member->items()) {
      auto pointer = pointer_to(in.at("environment"), name);
      check_variable(in, pointer, true, name);
      if (value.is_string())
        in.check_placeholders(pointer, value.get_ref<const std::string&>());
    }
  in.strings("pass_environment", out.pass_environment);
  for (std::size_t index = 0; index < out.pass_environment.size(); ++index)
    check_variable(in, pointer_to(in.at("pass_environment"), index), false,
                   out.pass_environment[index]);
  std::string file;
  in.path("environment_file", file);
  if (!file.empty())
    out.environment_file = std::move(file);
}

void read_labels(const object_reader& in, std::map<std::string, std::string>& out) {
  in.string_map("labels", out);
  for (const auto& [name, value] : out) {
    auto pointer = pointer_to(in.at("labels"), name);
    if (name.empty() || name.size() > 64 || name.find_first_of("=!, \t\n") != std::string::npos)
      in.report()({pointer,
                   true,
                   in_quotes(name) + " is no name of a label",
                   "1 to 64 characters without blanks, ',', '=' and '!'",
                   {}});
    else if (value.size() > 256 || value.find_first_of(", \t\n") != std::string::npos)
      in.report()({pointer,
                   false,
                   in_quotes(value) + " is no value of a label",
                   "at most 256 characters without blanks and ','",
                   {}});
  }
}

void read_dependencies(const object_reader& in, std::vector<dependency>& out) {
  const auto* member = in.find("depends_on");
  if (!member)
    return;
  auto base = in.at("depends_on");
  std::vector<dependency> result;
  if (member->is_array()) {
    for (std::size_t index = 0; index < member->size(); ++index) {
      const auto& item = (*member)[index];
      if (!item.is_string())
        continue;
      const auto& name = item.get_ref<const std::string&>();
      auto same = [&](const dependency& other) { return other.target == name; };
      if (std::any_of(result.begin(), result.end(), same))
        in.report()({pointer_to(base, index),
                     false,
                     in_quotes(name) + " is there twice",
                     "each name once",
                     {}});
      result.push_back({name, condition::ready, {}});
    }
  } else if (member->is_object()) {
    for (const auto& [name, item] : member->items()) {
      dependency one{name, condition::ready, {}};
      auto pointer = pointer_to(base, name);
      if (item.is_string()) {
        const auto& word = item.get_ref<const std::string&>();
        static const std::vector<std::string> words{"started", "ready", "completed"};
        if (word == "started")
          one.until = condition::started;
        else if (word == "completed")
          one.until = condition::completed;
        else if (word == "output")
          in.report()({pointer,
                       false,
                       "\"output\" needs a pattern",
                       "{\"until\": \"output\", \"pattern\": \"…\"}",
                       {}});
        else if (word != "ready")
          in.report()({pointer, false, in_quotes(word) + " is no condition",
                       "one of \"started\", \"ready\", \"completed\", or {\"until\": …}",
                       did_you_mean(word, words)});
      } else if (item.is_object()) {
        object_reader inner{item, pointer, in.report()};
        inner.word("until",
                   {{"started", condition::started},
                    {"ready", condition::ready},
                    {"completed", condition::completed},
                    {"output", condition::output}},
                   one.until);
        inner.regex("pattern", one.pattern);
        bool has_pattern = inner.find("pattern") != nullptr;
        if (one.until == condition::output && !has_pattern)
          in.report()({pointer,
                       false,
                       "\"output\" needs a pattern",
                       "{\"until\": \"output\", \"pattern\": \"…\"}",
                       {}});
        else if (one.until != condition::output && has_pattern)
          in.report()({pointer_to(pointer, std::string_view{"pattern"}),
                       true,
                       "\"pattern\" is for \"output\" only",
                       "\"until\": \"output\"",
                       {}});
        if (one.until == condition::output)
          in.report()({pointer,
                       false,
                       "\"output\" is accepted, but this version does not act on it yet",
                       {},
                       "it is treated as \"ready\"",
                       true});
      } else {
        continue;
      }
      result.push_back(std::move(one));
    }
  } else {
    return;
  }
  out = std::move(result);
}

void read_delay(const object_reader& in, delay_spec& out) {
  in.time("initial", out.initial);
  in.number("factor", out.factor);
  in.time("max", out.max);
  in.number("jitter", out.jitter);
  in.time("reset_after", out.reset_after);
}

void read_rate(const object_reader& in, rate_spec& out) {
  in.integer("count", out.count);
  in.time("within", out.within, false);
}

void read_hook(const object_reader& in, const char* key, std::optional<hook_spec>& out) {
  const auto* member = in.find(key);
  if (!member || !member->is_structured())
    return;
  hook_spec hook;
  if (member->is_array()) {
    in.command(key, hook.command);
  } else {
    auto inner = in.inner(key);
    inner.command("command", hook.command);
    inner.time("timeout", hook.timeout, false);
    if (!inner.find("command"))
      in.wrong(key, in_quotes(key) + " has no command",
               "{\"command\": [\"…\"], \"timeout\": \"10s\"}");
  }
  out = std::move(hook);
}

bool valid_address(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return false;
  auto port = text.substr(colon + 1);
  unsigned number = 0;
  auto result = std::from_chars(port.data(), port.data() + port.size(), number);
  return result.ec == std::errc{} && result.ptr == port.data() + port.size() && number >= 1
         && number <= 65535 && text.find_first_of(" \t\n/") == std::string_view::npos;
}

void read_ready(const object_reader& in, ready_spec& out) {
  const auto* member = in.find("ready");
  if (!member)
    return;
  ready_spec ready;
  if (member->is_string()) {
    const auto& word = member->get_ref<const std::string&>();
    static const std::vector<std::string> words{"none", "notify"};
    if (word == "notify")
      ready.how = ready_spec::kind::notify;
    else if (word != "none")
      in.wrong("ready", in_quotes(word) + " is no check",
               "\"none\", \"notify\", or an object such as {\"tcp\": \"127.0.0.1:8080\"}",
               did_you_mean(word, words));
    out = std::move(ready);
    return;
  }
  if (!member->is_object())
    return;
  auto inner = in.inner("ready");
  inner.time("interval", ready.interval, false);
  inner.time("timeout", ready.timeout, false);
  int checks = 0;
  using kind = ready_spec::kind;
  for (auto [key, how] : {std::pair{"tcp", kind::tcp},
                          {"http", kind::http},
                          {"exec", kind::exec},
                          {"output", kind::output},
                          {"file", kind::file}}) {
    const auto* check = inner.find(key);
    if (!check)
      continue;
    ++checks;
    ready.how = how;
    if (how == kind::exec)
      inner.command(key, ready.command);
    else if (how == kind::output)
      inner.regex(key, ready.value);
    else if (how == kind::file)
      inner.path(key, ready.value);
    else
      inner.text(key, ready.value);
    if (how == kind::tcp && check->is_string() && !valid_address(ready.value))
      inner.wrong(key, in_quotes(ready.value) + " is no address",
                  "an address such as \"127.0.0.1:8080\"");
    if (how == kind::http && check->is_string()
        && (!ready.value.starts_with("http://") || ready.value.size() < 8))
      inner.wrong(key, in_quotes(ready.value) + " is no URL that can be checked",
                  "a URL such as \"http://127.0.0.1:8080/health\"");
  }
  if (checks != 1)
    in.wrong("ready", checks == 0 ? "\"ready\" names no check" : "\"ready\" names several checks",
             "exactly one of tcp, http, exec, output, file");
  out = std::move(ready);
}

void read_stop_signal(const object_reader& in, int& out) {
  const auto* member = in.find("stop_signal");
  if (!member)
    return;
  if (member->is_number_integer()) {
    in.integer("stop_signal", out);
    return;
  }
  if (!member->is_string())
    return;
  const auto& name = member->get_ref<const std::string&>();
  if (auto number = parse_signal(name); number != 0) {
    out = number;
    return;
  }
  static const std::vector<std::string> common{"TERM", "INT",  "HUP",  "QUIT",
                                               "USR1", "USR2", "KILL", "WINCH"};
  std::string capitals = name;
  for (auto& c : capitals)
    if (c >= 'a' && c <= 'z')
      c = static_cast<char>(c - 'a' + 'A');
  auto hint = parse_signal(capitals) != 0 ? "did you mean " + in_quotes(capitals) + "?"
                                          : did_you_mean(capitals, common);
  in.wrong("stop_signal", in_quotes(name) + " is no signal",
           "a signal such as \"TERM\", \"SIGINT\" or 15", hint);
}

void read_limits(const object_reader& in, limits_spec& out) {
  in.size("memory", out.memory);
  in.size("memory_high", out.memory_high);
  in.count("tasks", out.tasks);
  in.count("cpu_weight", out.cpu_weight);
  if (const auto* cores = in.find("cpu"); cores && cores->is_number())
    out.cpu = cores->get<double>();
  in.count("open_files", out.open_files);
  in.count("processes", out.processes);
  in.size("file_size", out.file_size);
  in.size("core_size", out.core_size);
  in.size("locked_memory", out.locked_memory);
  in.size("stack", out.stack);
  in.size("address_space", out.address_space);
  if (out.memory == 0u)
    in.wrong("memory", "no bot can live with 0 bytes of memory", size_expected);
}

void read_log(const object_reader& in, log_spec& out) {
  if (in.size("max_size", out.max_size) && out.max_size == 0)
    in.wrong("max_size", "\"max_size\" is 0", "a size above 0");
  in.integer("keep", out.keep);
  in.flag("timestamps", out.timestamps);
  in.word("format",
          {{"plain", log_spec::line_format::plain}, {"json", log_spec::line_format::json}},
          out.format);
  if (const auto* rate = in.find("rate", json::value_t::string)) {
    auto value = parse_byte_rate(rate->get_ref<const std::string&>());
    if (value)
      out.rate = *value;
    else
      in.wrong("rate", in_quotes(rate->get_ref<const std::string&>()) + " is no rate",
               "a rate such as \"1MiB/s\"", value.error());
  }
}

void read_codes(const object_reader& in, const char* key, std::vector<int>& out) {
  const auto* member = in.find(key, json::value_t::array);
  if (!member)
    return;
  out.clear();
  for (const auto& code : *member)
    if (code.is_number_integer() && code >= json(0) && code <= json(255))
      out.push_back(code.get<int>());
}

void read_retry_failed(const object_reader& in, retry_failed_spec& out) {
  const auto* member = in.find("retry_failed");
  if (member && *member == json(false))
    out.initial = {};
  auto inner = in.inner("retry_failed");
  inner.time("initial", out.initial);
  inner.time("max", out.max);
}

} // namespace

void decode_bot(const json& settings, bot_spec& out, const report_fn& report) {
  object_reader in{settings, "", report};
  in.command("command", out.command);
  in.path("directory", out.directory);
  read_account(in, "user", out.user);
  read_account(in, "group", out.group);
  read_umask(in, out.umask);
  read_environment(in, out);
  in.flag("autostart", out.autostart);
  read_labels(in, out.labels);
  in.text("description", out.description);
  read_dependencies(in, out.depends_on);
  in.word("restart",
          {{"permanent", restart_type::permanent},
           {"always", restart_type::permanent},
           {"transient", restart_type::transient},
           {"on_failure", restart_type::transient},
           {"temporary", restart_type::temporary},
           {"never", restart_type::temporary}},
          out.restart);
  read_codes(in, "success_codes", out.success_codes);
  read_codes(in, "no_restart_codes", out.no_restart_codes);
  read_delay(in.inner("delay"), out.delay);
  in.integer("failed_starts", out.failed_starts);
  read_rate(in.inner("max_restarts"), out.max_restarts);
  read_retry_failed(in, out.retry_failed);
  read_ready(in, out.ready);
  in.time("start_grace", out.start_grace);
  in.time("start_timeout", out.start_timeout);
  read_hook(in, "start_command", out.start_command);
  read_hook(in, "stop_command", out.stop_command);
  read_hook(in, "on_crash", out.on_crash);
  read_stop_signal(in, out.stop_signal);
  in.time("stop_timeout", out.stop_timeout);
  in.word("kill_mode", {{"process", kill_mode::process}, {"group", kill_mode::group}}, out.kill);
  duration silence{};
  if (in.time("watchdog", silence) && silence.count() != 0)
    out.watchdog = silence;
  read_limits(in.inner("limits"), out.limits);
  if (const auto* nice = in.find("nice"); nice && nice->is_number_integer())
    in.integer("nice", out.nice.emplace());
  if (const auto* score = in.find("oom_score_adj"); score && score->is_number_integer())
    in.integer("oom_score_adj", out.oom_score_adj.emplace());
  in.flag("no_new_privs", out.no_new_privs);
  read_log(in.inner("log"), out.log);
}

void decode_group(const json& value, group_entry& out, const report_fn& report) {
  object_reader in{value, "", report};
  in.word("strategy",
          {{"one_for_one", strategy::one_for_one},
           {"one_for_all", strategy::one_for_all},
           {"rest_for_one", strategy::rest_for_one}},
          out.how);
  in.strings("order", out.order);
  read_rate(in.inner("intensity"), out.intensity);
  read_labels(in, out.labels);
}

void decode_runtime(const json& value, runtime_spec& out, std::string& name,
                    const report_fn& report) {
  object_reader in{value, "", report};
  if (const auto* fleet = in.find("fleet", json::value_t::string)) {
    const auto& written = fleet->get_ref<const std::string&>();
    if (valid_name(written))
      name = written;
    else
      in.wrong("fleet", in_quotes(written) + " is no name for a fleet", std::string{name_rule},
               suggest_name(written).empty()
                   ? ""
                   : "did you mean " + in_quotes(suggest_name(written)) + "?");
  }
  in.integer("start_parallelism", out.start_parallelism);
  if (const auto* rate = in.find("restart_rate", json::value_t::string)) {
    auto parsed = parse_rate(rate->get_ref<const std::string&>());
    if (parsed)
      out.restart_rate = *parsed;
    else
      in.wrong("restart_rate", in_quotes(rate->get_ref<const std::string&>()) + " is no rate",
               "a rate such as \"50/s\"", parsed.error());
  }
  in.integer("restart_burst", out.restart_burst);
}

} // namespace troupe::config
