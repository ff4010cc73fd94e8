#include "runtime/shell/event_feed.hpp"

#include "runtime/shell/render.hpp"

#include <algorithm>
#include <csignal>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace troupe::shell {

namespace {

/// How long one request waits in the runtime; leaving takes so long at most.
constexpr std::uint32_t wait_slice_ms = 1000;
/// So many wait for who prints them before the next are asked for.
constexpr std::size_t most_waiting = 1000;

} // namespace

event_feed::event_feed(client& runtime, std::string bot)
    : runtime_{runtime}
    , bot_{std::move(bot)}
    , wake_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {}

event_feed::~event_feed() {
  over_ = true;
  if (!thread_.joinable())
    return;
  // Where signals interrupt a wait, one ends it; elsewhere the slice does.
  sigset_t blocked;
  if (pthread_sigmask(SIG_BLOCK, nullptr, &blocked) == 0 && sigismember(&blocked, SIGINT) == 1)
    pthread_kill(thread_.native_handle(), SIGINT);
  thread_.join();
}

std::optional<refusal> event_feed::look(std::uint32_t wait_ms, std::vector<std::string>& lines) {
  json arguments{{"targets", json::array({bot_})}};
  if (wait_ms > 0) {
    arguments["after"] = after_;
    arguments["wait_ms"] = wait_ms;
  } else {
    arguments["last"] = 1;
  }
  const auto got = runtime_.ask("events", arguments.dump(), true);
  if (!got)
    return got.error();
  if (got->exit != 0)
    return read_refusal(json::parse(got->document, nullptr, false), got->exit);
  std::string_view rest = got->document;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto event = json::parse(lines.back(), nullptr, false);
    if (event.is_object())
      after_ = std::max(after_, event.value("seq", std::uint64_t{0}));
  }
  return std::nullopt;
}

std::optional<refusal> event_feed::begin() {
  std::vector<std::string> before;
  return look(0, before);
}

void event_feed::run() {
  thread_ = std::thread{[this] { listen(); }};
}

void event_feed::listen() {
  while (!over_) {
    std::vector<std::string> lines;
    auto trouble = look(wait_slice_ms, lines);
    std::size_t waiting = 0;
    if (trouble || !lines.empty()) {
      const std::lock_guard guard{mutex_};
      std::ranges::move(lines, std::back_inserter(lines_));
      trouble_ = trouble;
      waiting = lines_.size();
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto told = write(wake_.get(), &one, sizeof one);
    }
    if (trouble)
      return;
    for (; waiting >= most_waiting && !over_; usleep(10'000)) {
      const std::lock_guard guard{mutex_};
      waiting = lines_.size();
    }
  }
}

std::vector<std::string> event_feed::take() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(wake_.get(), &count, sizeof count);
  const std::lock_guard guard{mutex_};
  return std::exchange(lines_, {});
}

std::optional<refusal> event_feed::trouble() {
  const std::lock_guard guard{mutex_};
  return trouble_;
}

} // namespace troupe::shell
