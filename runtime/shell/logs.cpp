#include "runtime/shell/logs.hpp"

#include "actors/commands/documents.hpp"
#include "config/names.hpp"
#include "runtime/logs/names.hpp"
#include "runtime/shell/local.hpp"
#include "runtime/shell/log_follow.hpp"
#include "runtime/shell/render.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <sys/resource.h>
#include <utility>

namespace troupe::shell {

namespace {

constexpr std::uint64_t lines_of_one = 100;
constexpr std::uint64_t lines_of_many = 10;

std::vector<std::string> words_of(const invocation& what, const char* key) {
  std::vector<std::string> result;
  for (const auto& word : list_at(what.arguments, key))
    result.push_back(word.get<std::string>());
  return result;
}

bool is_set(const invocation& what, const char* key) {
  return what.arguments.value(key, false);
}

std::int64_t now_micros() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

std::optional<refusal> contradiction(const invocation& what, const terminal& on) {
  const auto refuse = [](const char* message, const char* hint) {
    return refusal{exit_code::usage, "usage", message, hint};
  };
  if (is_set(what, "all") && (what.arguments.contains("last") || what.arguments.contains("since")))
    return refuse("logs: --all leaves nothing out, -n and --since do", "`troupe help logs`");
  if (is_set(what, "previous") && is_set(what, "follow"))
    return refuse("logs: the process before writes nothing any more, there is nothing to follow",
                  "leave out -f, or --previous");
  if (is_set(what, "raw") && what.global.json)
    return refuse("logs: --raw and --json exclude each other", "`troupe help logs`");
  if (is_set(what, "raw") && on.tty)
    return refuse("logs: --raw is not for a terminal, which what a bot wrote could steer",
                  "send it into a file or a pipe, or leave out --raw");
  return std::nullopt;
}

config::expected<log_extent, refusal> extent_of(const invocation& what, std::size_t instances) {
  log_extent result;
  result.previous = is_set(what, "previous");
  if (const auto found = what.arguments.find("since"); found != what.arguments.end()) {
    const auto word = found->get<std::string>();
    result.since = commands::parse_time(word, now_micros());
    if (!result.since)
      return config::unexpected{refusal{exit_code::usage, "bad-time",
                                        config::in_quotes(word) + " is no time",
                                        "write «10m» for ten minutes ago, or a time such as "
                                        "2026-01-31T12:00:00Z"}};
  }
  if (const auto found = what.arguments.find("last"); found != what.arguments.end())
    result.last = found->get<std::uint64_t>();
  else if (!is_set(what, "all") && !result.since)
    result.last = instances > 1 || is_set(what, "follow") ? lines_of_many : lines_of_one;
  return result;
}

/// What is said, beside the output, where there is none.
void tell_of_nothing(const invocation& what, const log_choice& chosen) {
  const auto& instances = chosen.instances;
  const auto who = instances.size() == 1 ? instances.begin()->first
                                         : "none of " + count_of(instances.size(), "instance");
  std::fprintf(stderr, "troupe: %s has %swritten anything yet%s\n", who.c_str(),
               instances.size() == 1 ? "not " : "", is_set(what, "follow") ? "; waiting" : "");
}

} // namespace

config::expected<log_reading::log_listing, refusal> find_logs(const std::string& directory) {
  auto result = log_reading::list_logs(directory);
  if (result.error != 0 && result.error != ENOENT && result.error != ENOTDIR)
    return config::unexpected{refusal{
        result.error == EACCES ? exit_code::not_permitted : exit_code::failed,
        result.error == EACCES ? "not-permitted" : "failed",
        directory + ": " + std::strerror(result.error),
        result.error == EACCES ? "only the user of the runtime and root may read them" : ""}};
  return result;
}

void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int show_logs(const invocation& what, client& runtime, const executor::options& given) {
  if (const auto wrong = contradiction(what, given.on))
    return complain(*wrong, what.global.json);
  const auto directory = runtime.state() + "/" + logs::folder;
  const auto files = find_logs(directory);
  if (!files)
    return complain(files.error(), what.global.json);
  auto chosen = choose_logs(runtime, words_of(what, "targets"), words_of(what, "labels"), *files);
  if (!chosen)
    return complain(chosen.error(), what.global.json);
  const auto extent = extent_of(what, chosen->instances.size());
  if (!extent)
    return complain(extent.error(), what.global.json);
  raise_open_files();
  const bool follow = is_set(what, "follow");
  log_printer::options how{directory,
                           *extent,
                           what.global.json      ? log_text::form::json
                           : is_set(what, "raw") ? log_text::form::raw
                                                 : log_text::form::plain,
                           !is_set(what, "no_names"),
                           follow,
                           given.interruptible,
                           given.on};
  const auto instances = *chosen;
  log_printer printer{std::move(*chosen), *files, std::move(how)};
  if (printer.known() == 0 && extent->previous)
    return complain({exit_code::failed, "no-previous",
                     "nothing is kept of a process before the present or last one",
                     "`troupe deaths BOT` shows how earlier ones ended"},
                    what.global.json);
  if (printer.known() == 0 && !what.global.json)
    tell_of_nothing(what, instances);
  if (const auto end = printer.print_kept())
    return *end;
  return follow ? printer.follow(-1, {}) : 0;
}

} // namespace troupe::shell
