#include "runtime/solo/subject.hpp"

#include "config/escape.hpp"
#include "config/names.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace troupe::solo {

namespace {

namespace fs = std::filesystem;

/// Names that are looked at for a hint, at most.
constexpr std::size_t max_neighbours = 1000;

std::string in_quotes(const std::string& word) {
  return config::in_quotes(config::escape(word));
}

config::unexpected<refusal> refuse(const char* code, std::string message, std::string hint = {}) {
  return {refusal{exit_code::usage, code, std::move(message), std::move(hint)}};
}

std::optional<struct stat> look(const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0)
    return std::nullopt;
  return about;
}

bool is_regular(const std::string& path) {
  const auto about = look(path);
  return about && S_ISREG(about->st_mode);
}

/// A word as it can be typed in a shell.
std::string typed(const std::string& word) {
  const bool plain =
      !word.empty()
      && word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789._-/+,:@%")
             == std::string::npos;
  return plain ? word : in_quotes(word);
}

/// «./main.py» of «main.py»: as exec takes it for a file and not for a name to search.
std::string as_path(const std::string& word) {
  return word.find('/') == std::string::npos ? "./" + word : word;
}

std::string how_to_run(const std::string& path) {
  const auto interpreter = interpreter_of(path);
  auto result = "`chmod +x " + typed(path) + "`";
  if (!interpreter.empty())
    result += ", or `troupe run " + interpreter + " " + typed(path) + "`";
  return result;
}

config::expected<subject, refusal> absolute(subject_kind kind, const std::string& word,
                                            std::string why) {
  std::error_code error;
  auto full = full_path(word, error);
  if (error)
    return refuse("no-tree", in_quotes(word) + ": " + error.message());
  return subject{kind, std::move(full), std::move(why)};
}

std::vector<std::string> neighbours() {
  std::vector<std::string> result;
  std::error_code error;
  for (fs::directory_iterator at{".", error}, end; !error && at != end; at.increment(error)) {
    result.push_back(at->path().filename().string());
    if (result.size() == max_neighbours)
      break;
  }
  std::ranges::sort(result);
  return result;
}

/// What can be run here, for who gave nothing.
std::string suggestion() {
  std::string fleet;
  std::string bot;
  for (const auto& name : neighbours()) {
    if (fleet.empty() && (look(name + "/group.json") || look(name + "/runtime.json")))
      fleet = name + "/";
    if (bot.empty() && name.starts_with("main.") && !name.ends_with(".json") && is_regular(name))
      bot = name;
  }
  std::string result;
  if (!bot.empty()) {
    const auto interpreter = interpreter_of(bot);
    const bool ready = access(bot.c_str(), X_OK) == 0;
    result = "`troupe run "
             + (ready || interpreter.empty() ? typed("./" + bot) : interpreter + " " + typed(bot))
             + "` runs that one program";
    if (!ready && interpreter.empty())
      result += " (after `chmod +x " + typed(bot) + "`)";
  }
  if (!fleet.empty())
    result += (result.empty() ? "" : ", ") + std::string{"`troupe run "} + typed(fleet)
              + "` the fleet in that directory";
  return result.empty() ? "name the directory of a fleet (`troupe run fleet/`), one bot's file, or "
                          "a program with its arguments (`troupe run ./main.py`)"
                        : result;
}

config::expected<subject, refusal> nothing_given() {
  for (const char* mark : {"group.json", "runtime.json"})
    if (look(mark))
      return absolute(subject_kind::fleet, ".",
                      "there is a " + std::string{mark} + " in this directory");
  return refuse("no-tree", "run what? there is no group.json or runtime.json here", suggestion());
}

/// The place of a name in the PATH; empty when there is no such program.
std::string find_in(const std::string& search, const std::string& name) {
  std::string_view rest{search};
  while (true) {
    const auto colon = rest.find(':');
    const std::string part{rest.substr(0, colon)};
    const auto candidate = (part.empty() ? "." : part) + "/" + name;
    if (is_regular(candidate) && access(candidate.c_str(), X_OK) == 0)
      return candidate;
    if (colon == std::string_view::npos)
      return {};
    rest.remove_prefix(colon + 1);
  }
}

config::expected<subject, refusal> bot_file(const std::string& word, bool is_file) {
  const auto name = fs::path{word}.filename().string();
  if (!is_file)
    return refuse("no-program", in_quotes(word) + " is no regular file", "name the bot's file");
  if (name == "group.json" || name == "runtime.json") {
    const auto folder = fs::path{word}.parent_path().string();
    return refuse(
        "no-program",
        in_quotes(word) + (name == "group.json" ? " describes a group" : " describes a runtime")
            + ", not a bot",
        "its directory is what runs: `troupe run " + (folder.empty() ? "." : typed(folder)) + "`");
  }
  return absolute(subject_kind::bot_file, word, in_quotes(word) + " is a bot's file");
}

config::expected<subject, refusal> program_file(const std::string& word, const struct stat& about) {
  if (!S_ISREG(about.st_mode))
    return refuse("no-program", in_quotes(word) + " is neither a directory nor a file", "");
  if (access(word.c_str(), X_OK) == 0)
    return subject{subject_kind::program, as_path(word),
                   in_quotes(word) + " is an executable file"};
  if (errno != EACCES)
    return refuse("no-program", in_quotes(word) + ": " + std::strerror(errno));
  if ((about.st_mode & 0111) != 0)
    return refuse("no-program", in_quotes(word) + " may not be executed by you",
                  "look at its rights and at the mount options of its disk");
  return refuse("no-program", in_quotes(word) + " is not executable", how_to_run(word));
}

} // namespace

std::string full_path(const std::string& word, std::error_code& error) {
  auto full = fs::absolute(word, error);
  if (!full.has_filename())
    full = full.parent_path();
  const auto last = full.filename();
  full = last == "." || last == ".." ? fs::canonical(full, error)
                                     : fs::canonical(full.parent_path(), error) / last;
  return full.string();
}

std::string interpreter_of(const std::string& path) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> known{{
      {".py", "python3"},
      {".sh", "sh"},
      {".bash", "bash"},
      {".js", "node"},
      {".mjs", "node"},
      {".rb", "ruby"},
      {".pl", "perl"},
      {".lua", "lua"},
  }};
  const auto ending = fs::path{path}.extension().string();
  for (const auto& [which, program] : known)
    if (ending == which)
      return std::string{program};
  return {};
}

bool takes_arguments(const std::string& word) {
  if (word.empty() || word.ends_with('/') || word.ends_with(".json"))
    return false;
  const auto about = look(word);
  return !about || !S_ISDIR(about->st_mode);
}

config::expected<subject, refusal> look_at(const std::string& word, const std::string& search) {
  if (word.empty())
    return nothing_given();
  const auto about = look(word);
  const int error = about ? 0 : errno;
  if (about && S_ISDIR(about->st_mode))
    return absolute(subject_kind::fleet, word, in_quotes(word) + " is a directory");
  if (about && word.ends_with(".json"))
    return bot_file(word, S_ISREG(about->st_mode));
  // As in a shell: a name without '/' is searched, and only then taken for what lies here.
  if (word.find('/') == std::string::npos)
    if (const auto found = find_in(search, word); !found.empty())
      return subject{subject_kind::program, word, in_quotes(word) + " is the program " + found};
  if (about)
    return program_file(word, *about);
  if (error != ENOENT)
    return refuse("no-program", in_quotes(word) + ": " + std::strerror(error));
  if (word.find('/') != std::string::npos)
    return refuse("no-program", "there is no " + in_quotes(word),
                  "name a fleet's directory, one bot's file, or a program");
  auto hint = config::did_you_mean(word, neighbours());
  if (hint.empty())
    hint = "name a fleet's directory, one bot's file, or a program with its path";
  return refuse("no-program",
                "there is no file " + in_quotes(word) + " here and no such program in PATH", hint);
}

} // namespace troupe::solo
