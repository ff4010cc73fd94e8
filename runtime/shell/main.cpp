// The command a person types.

#include "runtime/shell/client.hpp"
#include "runtime/shell/completion.hpp"
#include "runtime/shell/executor.hpp"
#include "runtime/shell/interactive.hpp"
#include "runtime/shell/local.hpp"
#include "runtime/shell/parse.hpp"
#include "runtime/shell/run.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace {

using namespace troupe;

bool ask_at_terminal(const std::string& question) {
  std::fprintf(stderr, "%s [y/N] ", shell::escape(question).c_str());
  std::string word;
  std::getline(std::cin, word);
  return word == "y" || word == "yes" || word == "Y";
}

/// Commands that ask the runtime if there is one.
bool may_do_without(std::string_view name) {
  return name == "version" || name == "doctor" || name == "report";
}

int carry_out(const shell::invocation& what) {
  const auto name = what.command && !what.help ? what.command->name : "";
  if (name == "run")
    return shell::run(what);
  if (name == "shell")
    return shell::run_shell(what);
  shell::client::options where;
  where.patience = what.global.timeout;
  shell::executor::options how{shell::this_terminal(), nullptr, std::nullopt, nullptr};
  const bool needs_state = what.command && !what.help
                           && (what.command->runs == place::runtime || may_do_without(name)
                               || name == "logs" || name == "attach");
  if (needs_state) {
    auto state = shell::state_of(what.global);
    if (state)
      where.state = std::move(*state);
    else if (may_do_without(name))
      how.no_state = state.error();
    else
      return shell::complain(state.error(), what.global.json);
  }
  // Never destroyed: the process ends by _exit, and CAF's threads with it.
  auto* client = new shell::client{where};
  if (isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1)
    how.confirm = ask_at_terminal;
  return shell::executor{*client, how}.carry_out(what);
}

} // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const bool as_json = shell::wants_json(words);
  int exit = 0;
  try {
    if (!words.empty() && words.front() == "__complete") {
      exit = shell::answer_completion({words.begin() + 1, words.end()});
      std::fflush(nullptr);
      _exit(exit);
    }
    const auto what = shell::parse(words);
    exit = what ? carry_out(*what) : shell::complain(what.error(), as_json);
  } catch (const std::exception& e) {
    exit = shell::complain({exit_code::failed, "internal",
                            std::string{"this is a bug of troupe: "} + e.what(),
                            "what was asked may be done or not: `troupe events` shows it"},
                           as_json);
  }
  std::fflush(nullptr);
  _exit(exit);
}
