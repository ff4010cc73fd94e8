#include "runtime/shell/interactive.hpp"

#include "runtime/shell/client.hpp"
#include "runtime/shell/executor.hpp"
#include "runtime/shell/fleet_names.hpp"
#include "runtime/shell/line_editor.hpp"
#include "runtime/shell/local.hpp"
#include "runtime/shell/render.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <signal.h>
#include <unistd.h>
#include <utility>

namespace troupe::shell {

namespace {

using std::chrono::milliseconds;

/// How long a prompt may be delayed to find out how the fleet is called.
constexpr milliseconds prompt_patience{300};
constexpr std::chrono::seconds names_lifetime{5};

/// One conversation, whatever its lines come from.
class conversation {
public:
  conversation(const invocation& what, std::string state, const sigset_t* interruptible)
      : global_{what.global}
      , client_{{std::move(state), what.global.timeout, interruptible}} {
    // The words of a line may not turn all that follows into JSON.
    global_.state.clear();
  }

  /// Carries out one line; nothing: the shell is to end.
  std::optional<int> line(const std::string& text, const executor::options& how) {
    const auto words = split_line(text);
    if (!words)
      return complain({exit_code::usage, "usage", words.error(), ""},
                      global_.json || text.find("--json") != std::string::npos);
    if (words->empty())
      return 0;
    if (words->size() == 1 && (words->front() == "exit" || words->front() == "quit"))
      return std::nullopt;
    const auto what = parse(*words, global_);
    if (!what)
      return complain(what.error(), global_.json || wants_json(*words));
    if (!what->global.state.empty())
      return complain({exit_code::usage, "usage", "a shell stays with its state directory",
                       "leave it and begin another: `troupe --state DIR shell`"},
                      what->global.json);
    const auto name = what->command ? what->command->name : "";
    if (!what->help && (name == "run" || name == "shell"))
      return complain({exit_code::usage, "usage",
                       std::string{name} + " makes no sense within the shell",
                       "leave it first, with exit"},
                      what->global.json);
    return executor{client_, how}.carry_out(*what);
  }

  std::string prompt() {
    if (const auto there = client_.connect(prompt_patience)) {
      fleet_ = escape(there->fleet);
      return fleet_ + standing() + "> ";
    }
    return (fleet_.empty() ? "" : fleet_ + " ") + "(no runtime)> ";
  }

  /// For completion; asked again after a few seconds.
  std::vector<std::string> names() {
    const auto now = std::chrono::steady_clock::now();
    if (names_.empty() || now - names_at_ > names_lifetime) {
      if (!client_.connected())
        return names_;
      if (const auto got = client_.ask("status", "{}", true, milliseconds{2000}))
        names_ = fleet_names(got->document);
      names_at_ = now;
    }
    return names_;
  }

private:
  /// «[invalid]», when there is something to see of the config.
  std::string standing() {
    const auto got = client_.ask("config standing", "{}", true, prompt_patience);
    if (!got || got->exit != 0)
      return "";
    const auto word = standing_word(json::parse(got->document, nullptr, false));
    return word.empty() ? "" : "[" + word + "]";
  }

  global_settings global_;
  client client_;
  std::string fleet_;
  std::vector<std::string> names_;
  std::chrono::steady_clock::time_point names_at_;
};

int run_script(conversation& talk, std::istream& from) {
  const executor::options how{this_terminal(), nullptr, {}, nullptr};
  std::string text;
  while (std::getline(from, text)) {
    const auto exit = talk.line(text, how);
    if (!exit)
      return 0;
    if (*exit != 0)
      return *exit;
  }
  return 0;
}

int run_prompt(conversation& talk, line_editor& editor) {
  for (;;) {
    const auto text = editor.read(talk.prompt());
    if (!text)
      return 0;
    const executor::options how{
        this_terminal(),
        [&](const std::string& question) { return editor.confirm(question); },
        {},
        editor.interruptible()};
    const auto exit = talk.line(*text, how);
    editor.clear_interrupt();
    if (!exit)
      return 0;
  }
}

} // namespace

int run_shell(const invocation& what) {
  const auto state = state_of(what.global);
  if (!state)
    return complain(state.error(), what.global.json);
  if (const auto found = what.arguments.find("line"); found != what.arguments.end()) {
    conversation talk{what, *state, nullptr};
    const executor::options how{this_terminal(), nullptr, {}, nullptr};
    return talk.line(found->get<std::string>(), how).value_or(0);
  }
  if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1) {
    conversation talk{what, *state, nullptr};
    return run_script(talk, std::cin);
  }
  // Before CAF makes its threads, so that Ctrl-C comes to this one.
  line_editor editor;
  conversation talk{what, *state, editor.interruptible()};
  editor.complete_with([&] { return talk.names(); });
  return run_prompt(talk, editor);
}

} // namespace troupe::shell
