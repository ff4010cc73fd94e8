#include "runtime/shell/diagnose.hpp"

#include "actors/commands/documents.hpp"
#include "runtime/doctor/probe.hpp"
#include "runtime/shell/local.hpp"
#include "runtime/shell/render.hpp"

#include <algorithm>
#include <chrono>

namespace troupe::shell {

namespace {

/// What hangs is a finding, so it is not waited for as long as for other commands.
constexpr std::chrono::seconds longest_answer{5};

doctor::runtime_facts ask_runtime(client& runtime) {
  doctor::runtime_facts result;
  result.asked = true;
  const auto got = runtime.ask("version", "{}", true, longest_answer);
  if (!got) {
    result.nobody = got.error().code == "no-runtime";
    result.trouble = got.error().message;
    return result;
  }
  const auto document = json::parse(got->document, nullptr, false);
  result.answers = got->exit == 0;
  if (result.answers)
    result.version = document.value("version", "");
  else
    result.trouble = read_refusal(document, got->exit).message;
  return result;
}

tone tone_of(doctor::level x) {
  return x == doctor::level::ok ? tone::good : x == doctor::level::warning ? tone::busy : tone::bad;
}

} // namespace

std::vector<doctor::finding> diagnose(client& runtime, const global_settings& global,
                                      const std::string& tree, const std::string& profile,
                                      const std::optional<refusal>& no_state) {
  doctor::probe_options options{config::unexpected{std::string{}}, tree, profile, {}};
  if (const auto state = state_of(global))
    options.state = *state;
  else
    options.state = config::unexpected{state.error().message};
  for (const char* name : {"troupe-keeper", "troupe-runtime"})
    options.companions.push_back({name, find_program(name), ""});
  auto host = doctor::look_at_host(options);
  if (!no_state)
    host.runtime = ask_runtime(runtime);
  return doctor::examine(host);
}

nlohmann::ordered_json findings_document(const std::vector<doctor::finding>& found) {
  auto document = commands::new_document();
  document["ok"] = std::ranges::none_of(
      found, [](const auto& one) { return one.level == doctor::level::problem; });
  document["findings"] = json::array();
  for (const auto& one : found) {
    json row;
    row["id"] = one.id;
    row["level"] = doctor::to_string(one.level);
    row["what"] = one.what;
    row["meaning"] = one.meaning;
    row["todo"] = one.todo;
    document["findings"].push_back(std::move(row));
  }
  return document;
}

std::string render_findings(const std::vector<doctor::finding>& found, const terminal& on) {
  constexpr std::size_t widest = 9;
  const std::string indent(widest, ' ');
  std::string result;
  std::size_t warnings = 0;
  std::size_t problems = 0;
  for (const auto& one : found) {
    const auto word = std::string{doctor::to_string(one.level)};
    result += painted(word, tone_of(one.level), on) + std::string(widest - word.size(), ' ')
              + escape(one.what) + "\n";
    if (one.level == doctor::level::ok)
      continue;
    (one.level == doctor::level::warning ? warnings : problems) += 1;
    result += indent + escape(one.meaning) + "\n" + indent + "→ " + escape(one.todo) + "\n";
  }
  if (problems > 0)
    return result + painted(count_of(problems, "problem"), tone::bad, on) + ", "
           + count_of(warnings, "warning") + "\n";
  return result + painted("no problem", tone::good, on) + ", " + count_of(warnings, "warning")
         + "\n";
}

int show_diagnosis(client& runtime, const invocation& what, const std::optional<refusal>& no_state,
                   const terminal& on) {
  const auto found = diagnose(runtime, what.global, what.arguments.value("tree", ""),
                              what.arguments.value("profile", ""), no_state);
  const auto document = findings_document(found);
  const auto exit =
      static_cast<int>(document["ok"].get<bool>() ? exit_code::done : exit_code::failed);
  return printed(what.global.json ? commands::dump(document) + "\n" : render_findings(found, on),
                 exit);
}

} // namespace troupe::shell
