#include "runtime/shell/local.hpp"

#include "actors/commands/documents.hpp"
#include "config/loader.hpp"
#include "runtime/os/leftovers.hpp"
#include "runtime/os/state_directory.hpp"
#include "runtime/shell/render.hpp"
#include "runtime/solo/plan.hpp"
#include "runtime/solo/subject.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#ifndef TROUPE_LIBEXECDIR
#define TROUPE_LIBEXECDIR "/usr/libexec/troupe"
#endif

namespace troupe::shell {

namespace {

namespace fs = std::filesystem;

/// The tree that is meant; looks at what it is given.
config::expected<std::string, refusal> find_tree(const invocation& what) {
  auto tree = text_argument(what, "tree");
  struct stat about {};
  if (tree.empty()) {
    for (const char* mark : {"group.json", "runtime.json"})
      if (stat(mark, &about) == 0)
        tree = ".";
    if (tree.empty())
      return config::unexpected{refusal{exit_code::usage, "no-tree",
                                        "which fleet? there is no group.json or runtime.json here",
                                        "name the directory of the config tree: `troupe "
                                            + std::string{what.command->name} + " fleet/`"}};
  }
  if (stat(tree.c_str(), &about) != 0)
    return config::unexpected{refusal{exit_code::usage, "no-tree",
                                      tree + ": " + std::strerror(errno),
                                      "name the directory of the config tree"}};
  if (!S_ISDIR(about.st_mode))
    return config::unexpected{refusal{exit_code::usage, "no-tree", tree + " is no directory",
                                      "name the directory of the config tree"}};
  std::error_code error;
  auto full = solo::full_path(tree, error);
  if (error)
    return config::unexpected{
        refusal{exit_code::usage, "no-tree", tree + ": " + error.message(), ""}};
  return full;
}

struct checked {
  config::tree source;
  config::spec_ptr spec;
  std::vector<config::problem> errors;
  std::vector<config::problem> warnings;
};

checked check(const std::string& directory, const std::string& profile) {
  checked result;
  auto tree = config::read_tree(directory, profile);
  if (!tree) {
    result.errors = tree.error();
    return result;
  }
  result.source = std::move(*tree);
  auto loaded = config::load(result.source);
  result.spec = std::move(loaded.spec);
  result.errors = std::move(loaded.errors);
  result.warnings = std::move(loaded.warnings);
  return result;
}

commands::json problem_list(const std::vector<config::problem>& problems) {
  auto result = commands::json::array();
  // In the order in which a person would say it.
  for (const auto& one : problems) {
    const auto from = config::to_json(one);
    commands::json row;
    for (const char* key : {"file", "line", "column", "pointer", "message", "expected", "hint"})
      row[key] = from.value(key, nlohmann::json{});
    result.push_back(std::move(row));
  }
  return result;
}

} // namespace

std::string text_argument(const invocation& what, const char* key) {
  const auto found = what.arguments.find(key);
  return found != what.arguments.end() && found->is_string() ? found->get<std::string>() : "";
}

namespace {

/// Checks a tree, or the file of one bot as `run` takes it.
config::expected<checked, refusal> check_what(const invocation& what) {
  const auto word = text_argument(what, "tree");
  if (word.ends_with(".json")) {
    const auto seen = solo::look_at(word, "");
    if (!seen)
      return config::unexpected{seen.error()};
    if (seen->kind == solo::subject_kind::bot_file) {
      auto file = solo::read_bot_file(seen->path);
      return checked{std::move(file.source), std::move(file.loaded.spec),
                     std::move(file.loaded.errors), std::move(file.loaded.warnings)};
    }
  }
  const auto directory = find_tree(what);
  if (!directory)
    return config::unexpected{directory.error()};
  return check(*directory, text_argument(what, "profile"));
}

} // namespace

std::string rendered(const std::vector<config::problem>& problems, const config::tree& source,
                     bool colour) {
  std::string result;
  for (const auto& one : problems)
    result += config::render(one, &source, colour);
  return result;
}

bool stderr_colour() {
  return isatty(STDERR_FILENO) == 1 && !std::getenv("NO_COLOR");
}

std::string find_program(const char* name) {
  std::error_code error;
  const auto here = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const auto& directory : {here, here / "../libexec/troupe", fs::path{TROUPE_LIBEXECDIR}}) {
    const auto candidate = (directory / name).lexically_normal();
    if (access(candidate.c_str(), X_OK) == 0)
      return candidate.string();
  }
  return "";
}

config::expected<std::string, refusal> state_of(const global_settings& global) {
  auto chosen = os::choose_state_directory(global.state, os::real_environment, geteuid());
  if (!chosen)
    return config::unexpected{refusal{exit_code::usage, "bad-state", chosen.error(), ""}};
  return *chosen;
}

bool print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return true;
  const int error = errno;
  if (error != EPIPE) // who stopped reading knows
    std::fputs(
        render_refusal({exit_code::failed, "output",
                        std::string{"the output cannot be written: "} + std::strerror(error), ""},
                       stderr_colour())
            .c_str(),
        stderr);
  return false;
}

int printed(std::string_view text, int exit) {
  return print(text) ? exit : static_cast<int>(exit_code::failed);
}

int complain(const refusal& why, bool as_json) {
  // Who pressed Ctrl-C knows.
  if (why.code == "interrupted")
    return 128 + SIGINT;
  if (as_json)
    print(commands::dump(commands::error_document(why)) + "\n");
  else
    std::fputs(render_refusal(why, stderr_colour()).c_str(), stderr);
  return static_cast<int>(why.exit);
}

int check_tree(const invocation& what, const terminal& on) {
  auto found = check_what(what);
  if (!found)
    return complain(found.error(), what.global.json);
  const auto& result = *found;
  const bool ok = result.errors.empty();
  const auto exit = static_cast<int>(ok ? exit_code::done : exit_code::config_invalid);
  if (what.global.json) {
    auto document = commands::new_document();
    document["ok"] = ok;
    document["errors"] = problem_list(result.errors);
    document["warnings"] = problem_list(result.warnings);
    return printed(commands::dump(document) + "\n", exit);
  }
  auto text = rendered(result.errors, result.source, on.colour)
              + rendered(result.warnings, result.source, on.colour);
  const auto warned =
      result.warnings.empty() ? "" : ", " + count_of(result.warnings.size(), "warning");
  if (ok && result.spec) {
    std::size_t instances = 0;
    for (const auto& [name, bot] : result.spec->bots)
      instances += bot->instances.size();
    text += painted("good", tone::good, on) + ": " + count_of(result.spec->bots.size(), "bot")
            + ", " + count_of(instances, "instance") + warned + "\n";
  } else {
    text += painted(count_of(result.errors.size(), "error"), tone::bad, on) + warned + "\n";
  }
  return printed(text, exit);
}

config::expected<os::unique_fd, refusal> lock_state(const os::state_directory& state) {
  // The keeper will have our pid: it is who holds the lock.
  auto lock = state.lock(getpid());
  if (lock)
    return std::move(*lock);
  const bool held = lock.error().holder > 0;
  return config::unexpected{
      refusal{held ? exit_code::already_running : exit_code::failed,
              held ? "already-running" : "bad-state", lock.error().message,
              held ? "`troupe --state " + state.path()
                         + " status` shows it; another --state DIR runs another fleet beside it"
                   : ""}};
}

int run_fleet(const invocation& what, const std::string& directory) {
  const bool as_json = what.global.json;
  const auto profile = text_argument(what, "profile");
  const auto result = check(directory, profile);
  if (!result.errors.empty()) {
    if (!as_json)
      std::fputs(rendered(result.errors, result.source, stderr_colour()).c_str(), stderr);
    return complain(
        {exit_code::config_invalid, "config-invalid",
         "the config tree " + directory + " has " + count_of(result.errors.size(), "error"),
         "`troupe check " + directory + "` shows them"},
        as_json);
  }
  if (!result.warnings.empty())
    std::fputs(rendered(result.warnings, result.source, stderr_colour()).c_str(), stderr);

  const auto state_path = state_of(what.global);
  if (!state_path)
    return complain(state_path.error(), as_json);
  const auto state = os::state_directory::open(*state_path);
  if (!state)
    return complain(
        {exit_code::failed, "bad-state", state.error(), "choose another one with --state DIR"},
        as_json);
  auto lock = lock_state(*state);
  if (!lock)
    return complain(lock.error(), as_json);
  const auto left = os::end_leftovers(state->path());
  if (left.ended > 0)
    std::fprintf(stderr, "troupe: ended %s of an earlier life\n",
                 left.ended == 1 ? "1 process"
                                 : (std::to_string(left.ended) + " processes").c_str());
  if (left.alive > 0)
    return complain({exit_code::failed, "leftovers",
                     count_of(left.alive, "process") + " of an earlier life cannot be ended",
                     "they hang in the kernel: look at `ps -eo pid,stat,wchan:30,args`"},
                    as_json);

  const auto keeper = find_program("troupe-keeper");
  const auto runtime = find_program("troupe-runtime");
  if (keeper.empty() || runtime.empty())
    return complain({exit_code::failed, "not-installed",
                     std::string{keeper.empty() ? "troupe-keeper" : "troupe-runtime"}
                         + " is neither beside this program nor in " TROUPE_LIBEXECDIR,
                     "install all of troupe, or build the target of that name"},
                    as_json);
  fcntl(lock->get(), F_SETFD, 0);
  std::vector<std::string> words{keeper,        "--fd",   "lock=" + std::to_string(lock->get()),
                                 "--",          runtime,  "--state",
                                 state->path(), "--tree", directory};
  if (!profile.empty()) {
    words.emplace_back("--profile");
    words.push_back(profile);
  }
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  std::fflush(nullptr);
  execv(keeper.c_str(), argv.data());
  return complain({exit_code::failed, "exec", keeper + ": " + std::strerror(errno), ""}, as_json);
}

} // namespace troupe::shell
