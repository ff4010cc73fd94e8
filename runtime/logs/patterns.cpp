#include "runtime/logs/patterns.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <re2/re2.h>
#include <utility>

namespace troupe::logs {

namespace {

// Of a line that is told and remembered, in bytes.
constexpr std::size_t max_told = 4096;

} // namespace

std::shared_ptr<const re2::RE2> compiled_pattern(const std::string& text) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const re2::RE2>> known;
  const std::lock_guard lock{mutex};
  if (const auto found = known.find(text); found != known.end())
    if (auto result = found->second.lock())
      return result;
  std::erase_if(known, [](const auto& x) { return x.second.expired(); });
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto result = std::make_shared<const re2::RE2>(text, options);
  if (!result->ok())
    return nullptr;
  known[text] = result;
  return result;
}

void pattern_watch::set(const std::vector<std::string>& patterns, pattern_found found) {
  found_ = std::move(found);
  std::vector<wanted> now;
  for (const auto& text : patterns) {
    const auto same = [&](const wanted& x) { return x.text == text; };
    if (std::any_of(now.begin(), now.end(), same))
      continue;
    if (const auto old = std::find_if(wanted_.begin(), wanted_.end(), same); old != wanted_.end()) {
      now.push_back(std::move(*old));
      wanted_.erase(old);
    } else if (auto pattern = compiled_pattern(text))
      now.push_back({text, std::move(pattern), false, {}});
  }
  // What was found once stays so, should it be asked for again.
  for (auto& x : wanted_)
    if (x.found)
      now.push_back(std::move(x));
  wanted_ = std::move(now);
  missing_ = static_cast<std::size_t>(
      std::count_if(wanted_.begin(), wanted_.end(), [](const wanted& x) { return !x.found; }));
  for (const auto& x : std::vector<wanted>{wanted_})
    if (x.found && found_ && std::find(patterns.begin(), patterns.end(), x.text) != patterns.end())
      found_(x.text, x.line);
}

void pattern_watch::look(std::string_view text) {
  line_.feed(text, [&](std::string_view line) { match(line); });
  if (missing_ == 0)
    line_ = {};
}

void pattern_watch::end() {
  line_.finish([&](std::string_view line) { match(line); });
}

void pattern_watch::match(std::string_view line) {
  for (auto& x : wanted_) {
    if (x.found || !re2::RE2::PartialMatch(re2::StringPiece{line.data(), line.size()}, *x.pattern))
      continue;
    x.found = true;
    x.line = line.substr(0, max_told);
    --missing_;
    if (found_)
      found_(x.text, x.line);
  }
}

} // namespace troupe::logs
