#include "runtime/shell/completion.hpp"

#include "actors/commands/documents.hpp"
#include "runtime/shell/client.hpp"
#include "runtime/shell/complete.hpp"
#include "runtime/shell/fleet_names.hpp"
#include "runtime/shell/local.hpp"
#include "runtime/shell/text.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace troupe::shell {

namespace {

using std::chrono::milliseconds;

/// A runtime that is just restarting is not waited for: Tab is pressed again.
constexpr milliseconds completion_patience{300};
constexpr milliseconds completion_limit{1000};

std::vector<std::string> names_of_fleet(const std::vector<std::string>& words) {
  global_settings global;
  global.state = typed_state(words);
  auto state = state_of(global);
  if (!state)
    return {};
  // Never destroyed: the process ends by _exit, and CAF's threads with it.
  auto* runtime = new client{{std::move(*state), completion_patience, nullptr}};
  if (!runtime->connect(completion_patience))
    return {};
  const auto got = runtime->ask("status", "{}", true, completion_limit);
  return got ? fleet_names(got->document) : std::vector<std::string>{};
}

/// The command among these words, if there is one.
const command_info* command_among(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto* found = find_command(words[i]);
    if (!found && i + 1 < words.size())
      found = find_command(words[i] + " " + words[i + 1]);
    if (found && !found->hidden)
      return found;
  }
  return nullptr;
}

/// What stands beside a candidate, which comes after `last`.
std::string_view summary_of(const command_info* command, word_kind kind, const std::string& last,
                            const std::string& word) {
  if (kind == word_kind::command)
    for (const auto& name : {word, last + " " + word})
      if (const auto* found = find_command(name))
        return found->summary;
  for (const auto& list :
       {command ? command->options : std::span<const option_info>{}, global_options()})
    for (const auto& option : list)
      if (word.starts_with("--") && option.flags.ends_with(word))
        return option.summary;
  return {};
}

} // namespace

std::string typed_state(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--state" && i + 1 < words.size())
      return words[i + 1];
    if (words[i].starts_with("--state="))
      return words[i].substr(8);
  }
  return "";
}

int print_completion(const invocation& what) {
  const auto script = completion_script(what.arguments.value("shell", ""));
  if (!what.global.json)
    return printed(script);
  auto document = commands::new_document();
  document["script"] = script;
  return printed(commands::dump(document) + "\n");
}

int answer_completion(const std::vector<std::string>& words) {
  auto before = words;
  std::string word;
  if (!before.empty()) {
    word = std::move(before.back());
    before.pop_back();
  }
  const auto found = complete_after(before, word, [&] { return names_of_fleet(before); });
  const auto* command = command_among(before);
  std::string text;
  for (const auto& candidate : found.candidates) {
    text += escape(candidate);
    if (const auto summary =
            summary_of(command, found.kind, before.empty() ? "" : before.back(), candidate);
        !summary.empty())
      text.append("\t").append(summary);
    text += '\n';
  }
  if ((found.kind == word_kind::path || found.kind == word_kind::program) && !word.starts_with("-"))
    text += !before.empty() && before.back() == "--state" ? ":directories\n" : ":files\n";
  return printed(text);
}

} // namespace troupe::shell
