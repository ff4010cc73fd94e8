#include "config/decode.hpp"

#include "config/decode_messaging.hpp"
#include "config/document.hpp"
#include "config/expand.hpp"
#include "config/names.hpp"
#include "config/object_reader.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace troupe::config {

namespace {

using nlohmann::json;

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
  if (const auto equals = name.find('='); name.empty() || equals != std::string::npos)
    wrong(in_quotes(name.substr(0, equals)) + (name.empty() ? "" : " with a '=' after it")
              + " is no name of a variable",
          "a name without '='");
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
  if (port.find("${") != std::string_view::npos || text.find("${") < colon)
    return true; // only the start knows
  unsigned number = 0;
  auto result = std::from_chars(port.data(), port.data() + port.size(), number);
  return result.ec == std::errc{} && result.ptr == port.data() + port.size() && number >= 1
         && number <= 65535 && text.find_first_of(" \t\n/") == std::string_view::npos;
}

// What a check looks at is shown to people, and sent to nobody that needs a password.
void no_secret(const object_reader& in, const char* key, const std::string& written) {
  for (const auto& found : placeholders(written))
    if (found.what == placeholder::kind::secret)
      in.wrong(key, "a check knows no secrets", "${bot.name}, ${bot.index} or ${env:NAME}",
               "a check that needs one can be a command: \"exec\"");
}

/// What was written, as it may be shown: who checks may be named before the host, with a password.
std::string address_in_quotes(const std::string& written) {
  return written.find('@') == std::string::npos ? in_quotes(written) : in_quotes("***");
}

void check_url(const object_reader& in, const char* key, const std::string& written) {
  constexpr std::string_view scheme = "http://";
  static const std::string example = "a URL such as \"http://127.0.0.1:8080/health\"";
  if (!written.starts_with(scheme) || written.size() == scheme.size())
    return in.wrong(
        key, address_in_quotes(written) + " is no URL that can be checked", example,
        written.starts_with("https:")
            ? "TLS is not spoken; check the port with \"tcp\", or with a command: \"exec\""
            : "");
  const auto host =
      written.substr(scheme.size(), written.find_first_of("/?#", scheme.size()) - scheme.size());
  if (host.find('@') != std::string::npos)
    return in.wrong(key, "the URL names a user", example,
                    "a check that logs in can be a command: \"exec\"");
  if (host.empty() || written.find_first_of(" \t\r\n") != std::string::npos)
    in.wrong(key, address_in_quotes(written) + " is no URL that can be checked", example);
}

void read_ready(const object_reader& in, ready_spec& out) {
  const auto* member = in.find("ready");
  if (!member)
    return;
  ready_spec ready;
  if (member->is_string()) {
    const auto& word = member->get_ref<const std::string&>();
    static const std::vector<std::string> words{"none", "notify", "link"};
    if (word == "notify")
      ready.how = ready_spec::kind::notify;
    else if (word == "link")
      ready.how = ready_spec::kind::link;
    else if (word != "none")
      in.wrong("ready", in_quotes(word) + " is no check",
               "\"none\", \"notify\", \"link\", or an object such as {\"tcp\": \"127.0.0.1:8080\"}",
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
    if (check->is_string() && (how == kind::tcp || how == kind::http))
      inner.check_placeholders(inner.at(key), ready.value);
    if (check->is_string() && how != kind::output)
      no_secret(inner, key, ready.value);
    if (how == kind::tcp && check->is_string() && !valid_address(ready.value))
      inner.wrong(key, address_in_quotes(ready.value) + " is no address",
                  "an address such as \"127.0.0.1:8080\"");
    if (how == kind::http && check->is_string())
      check_url(inner, key, ready.value);
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

void read_batch(const object_reader& in, batch_size& out) {
  const auto* member = in.find("batch");
  if (!member)
    return;
  if (const auto* text = member->get_ptr<const std::string*>()) {
    std::uint32_t percent = 0;
    const auto* end = text->data() + text->size();
    const auto result = std::from_chars(text->data(), end, percent);
    if (result.ec != std::errc{} || result.ptr + 1 != end || *result.ptr != '%' || percent < 1
        || percent > 100)
      in.wrong("batch", in_quotes(*text) + " is no number of instances",
               "a whole number from 1, or a share from \"1%\" to \"100%\"",
               result.ec == std::errc{} && result.ptr == end
                   ? "a number stands without quotes, a share has a percent sign"
                   : "");
    else
      out = {0, percent};
  } else if (member->is_number_integer() && *member >= json(1)) {
    in.integer("batch", out.count);
    out.percent = 0;
  }
}

void read_update(const object_reader& in, update_spec& out) {
  read_batch(in, out.batch);
  in.time("pause", out.pause);
  in.time("ready_within", out.ready_within, false);
  in.word("on_failure",
          {{"rollback", update_spec::failure::rollback}, {"stop", update_spec::failure::stop}},
          out.on_failure);
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
  read_update(in.inner("update"), out.update);
  read_log(in.inner("log"), out.log);
  read_messaging(in, out);
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
  in.flag("auto_apply", out.auto_apply);
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
  const auto limits = in.inner("limits");
  for (auto [key, space] : {std::pair{"logs", &out.log_space},
                            {"mailboxes", &out.mailbox_space},
                            {"queue", &out.queue_space}})
    if (limits.size(key, *space) && *space == 0)
      limits.wrong(key, in_quotes(key) + " is 0", "a size above 0");
}

} // namespace troupe::config
