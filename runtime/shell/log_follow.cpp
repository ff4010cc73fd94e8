#include "runtime/shell/log_follow.hpp"

#include "runtime/shell/local.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <utility>

namespace troupe::shell {

namespace {

constexpr std::size_t flush_at = 64 * 1024;
constexpr int interrupt_exit = 128 + SIGINT;
/// All instances together read so much at once, each of them at least 4 KiB.
constexpr std::size_t blocks = 4 * 1024 * 1024;

} // namespace

log_printer::log_printer(log_choice what, const log_reading::log_listing& files, options given)
    : what_{std::move(what)}
    , given_{std::move(given)}
    , text_{given_.form, given_.on}
    , lines_{!given_.follow} {
  const auto count = std::max<std::size_t>(1, what_.instances.size());
  timed_ = count > 1 || given_.form == log_text::form::json;
  block_ = std::clamp<std::size_t>(blocks / count, 4096, log_reading::longest_line);
  if (given_.names && count > 1)
    text_.with_names();
  for (const auto& [instance, incarnation] : what_.instances)
    text_.tell(instance);
  for (const auto& [instance, incarnation] : what_.instances) {
    const auto found = files.instances.find(instance);
    if (found != files.instances.end())
      add(instance, incarnation, found->second);
  }
  if (!given_.follow)
    return;
  for (const auto& [instance, highest] : files.instances)
    if (!what_.instances.contains(instance) && what_.includes(instance)) {
      auto range =
          log_reading::log_history{log_reading::place_of(given_.logs, instance), highest}.all();
      range.begin = range.end;
      others_.emplace(instance, range);
    }
}

void log_printer::add(const std::string& instance, std::uint64_t incarnation,
                      std::uint32_t highest) {
  log_reading::log_history history{log_reading::place_of(given_.logs, instance), highest};
  auto range = history.all();
  const auto& extent = given_.extent;
  if (extent.previous) {
    const auto found = history.previous(range, incarnation);
    if (!found)
      return;
    range = *found;
  }
  if (extent.since)
    range.begin = history.since(range, *extent.since);
  if (extent.last)
    range.begin = history.last_lines(range, *extent.last);
  shown_[instance] = &lines_.add(instance, {std::move(history), range, timed_, block_});
}

bool log_printer::interrupted() const {
  const timespec now{};
  return given_.interruptible && ppoll(nullptr, 0, &now, given_.interruptible) < 0
         && errno == EINTR;
}

std::optional<int> log_printer::flush() {
  if (interrupted())
    return interrupt_exit;
  if (!out_.empty() && !print(std::exchange(out_, {})))
    return static_cast<int>(exit_code::failed);
  return std::nullopt;
}

std::optional<int> log_printer::print_lines() {
  while (const auto* source = lines_.next()) {
    text_.append(out_, source->instance, source->line);
    if (out_.size() >= flush_at)
      if (const auto end = flush())
        return end;
  }
  return flush();
}

std::optional<int> log_printer::print_kept() {
  return print_lines();
}

/// Takes up an instance that was not shown so far, from where its output is new.
void log_printer::add_by_name(const std::string& instance) {
  if (shown_.contains(instance) || !what_.includes(instance))
    return;
  log_reading::log_history history{log_reading::place_of(given_.logs, instance)};
  auto range = history.all();
  if (!range.end.file)
    return;
  if (const auto other = others_.find(instance); other != others_.end()) {
    const auto& before = other->second.end;
    if (before.file && before.file->id() == range.end.file->id()
        && before.offset == range.end.offset)
      return;
    range.begin = before.file ? before : range.begin;
    others_.erase(other);
  }
  if (given_.names && !shown_.empty())
    text_.with_names();
  for (const auto& [name, source] : shown_)
    text_.tell(name);
  text_.tell(instance);
  auto& source = lines_.add(instance, {std::move(history), range, true, block_});
  source.reader.follow();
  lines_.look(source);
  shown_[instance] = &source;
}

void log_printer::add_new() {
  for (const auto& [instance, highest] : log_reading::list_logs(given_.logs).instances)
    add_by_name(instance);
}

int log_printer::follow(int fd, const std::function<std::optional<int>(std::string&)>& told) {
  // Watched before the last look, so that nothing falls between the two.
  log_reading::log_watcher watcher{given_.logs};
  for (const auto& one : lines_.sources())
    one->reader.follow();
  lines_.look_everywhere();
  add_new();
  for (;;) {
    if (const auto end = print_lines())
      return *end;
    std::array<pollfd, 2> wake{pollfd{watcher.fd(), POLLIN, 0}, pollfd{fd, POLLIN, 0}};
    const auto pause = watcher.pause().count();
    const timespec limit{pause / 1000, pause % 1000 * 1'000'000};
    const int ready = ppoll(wake.data(), wake.size(), &limit, given_.interruptible);
    if (ready < 0 && errno == EINTR) {
      if (given_.interruptible)
        return interrupt_exit;
      continue;
    }
    const auto changed = watcher.take();
    if (ready == 0 || changed.anything) {
      watcher.watch();
      lines_.look_everywhere();
      add_new();
    }
    for (const auto& instance : changed.instances) {
      if (const auto known = shown_.find(instance); known != shown_.end())
        lines_.look(*known->second);
      else
        add_by_name(instance);
    }
    if (fd < 0 || wake[1].revents == 0)
      continue;
    // What was written before that which is told comes before it.
    lines_.look_everywhere();
    if (const auto end = print_lines())
      return *end;
    const auto end = told(out_);
    if (const auto failed = flush())
      return *failed;
    if (end)
      return *end;
  }
}

} // namespace troupe::shell
