#include "runtime/logs/shaper.hpp"

#include "runtime/logs/names.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace troupe::logs {

namespace {

constexpr std::int64_t second = 1'000'000;

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

double burst(const config::log_spec& x) {
  return static_cast<double>(x.rate.value_or(0));
}

} // namespace

const std::string_view lasting_newline{"\n"};

std::string format_time(std::int64_t time) {
  const auto micros = ((time % second) + second) % second;
  const auto seconds = static_cast<std::time_t>((time - micros) / second);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 80> text;
  const auto size =
      std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
                    parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                    parts.tm_min, parts.tm_sec, static_cast<int>(micros));
  return {text.data(), static_cast<std::size_t>(size)};
}

shaper::shaper(const std::string& instance, std::uint64_t incarnation, const config::log_spec& spec)
    : spec_(spec)
    , tokens_(burst(spec)) {
  const std::string name{instance_of(instance)};
  head_ = "\",\"bot\":" + json_string(name.substr(0, name.rfind('#'))) + ",\"instance\":"
          + json_string(name) + ",\"incarnation\":" + std::to_string(incarnation) + ",\"text\":";
}

void shaper::settings(const config::log_spec& spec, sink& out) {
  if (spec.format != spec_.format || spec.timestamps != spec_.timestamps)
    end_line(out);
  if (spec.rate != spec_.rate) {
    tokens_ = burst(spec);
    skipping_ = skipping_ && spec.rate;
  }
  spec_ = spec;
}

bool shaper::in_place() const {
  return spec_.format == config::log_spec::line_format::plain && !spec_.timestamps;
}

std::size_t shaper::feed(std::string_view text, std::int64_t time, sink& out) {
  if (!spec_.rate) {
    shape(text, time, out);
    return 0;
  }
  // A clock that was set gives a second's worth at most.
  const auto passed = std::clamp<std::int64_t>(time - filled_, 0, second);
  filled_ = time;
  tokens_ = std::min(burst(spec_), tokens_ + burst(spec_) * static_cast<double>(passed) / second);
  std::size_t dropped = 0;
  if (skipping_) {
    const auto end = first_newline(text);
    dropped = end == std::string_view::npos ? text.size() : end + 1;
    skipping_ = end == std::string_view::npos;
    text.remove_prefix(dropped);
  }
  auto allowed = std::min(text.size(), static_cast<std::size_t>(tokens_));
  const bool cut = allowed < text.size();
  if (cut) {
    // Whole lines, unless one alone is over it.
    const auto end = last_newline(text.substr(0, allowed));
    if (end != std::string_view::npos)
      allowed = end + 1;
    else if (!line_begun() && tokens_ < burst(spec_))
      allowed = 0;
  }
  tokens_ -= static_cast<double>(allowed);
  shape(text.substr(0, allowed), time, out);
  if (cut) {
    end_line(out);
    dropped += text.size() - allowed;
    skipping_ = text.back() != '\n';
  }
  return dropped;
}

void shaper::end(sink& out) {
  line_.finish([&](std::string_view line) { object(line, out); });
}

void shaper::end_line(sink& out) {
  end(out);
  if (column_ > 0)
    out.put(lasting_newline, 0, false);
  column_ = 0;
}

void shaper::shape(std::string_view text, std::int64_t time, sink& out) {
  if (text.empty())
    return;
  if (spec_.format == config::log_spec::line_format::plain)
    return spec_.timestamps ? timed(text, time, out) : plain(text, out);
  if (line_.empty())
    line_time_ = time;
  line_.feed(text, [&](std::string_view line) {
    object(line, out);
    line_time_ = time;
  });
}

// Looks for newlines only where it must: from the end of what came, and from the end of what
// one line may have.
void shaper::plain(std::string_view text, sink& out) {
  while (!text.empty()) {
    const auto room = max_line - column_;
    if (text.size() <= room) {
      const auto end = last_newline(text);
      out.put(text, text.size(), column_ == 0);
      column_ = end == std::string_view::npos ? column_ + text.size() : text.size() - end - 1;
      return;
    }
    const auto end = last_newline(text.substr(0, room + 1));
    const auto size = end == std::string_view::npos ? room : end + 1;
    out.put(text.substr(0, size), size, column_ == 0);
    if (end == std::string_view::npos)
      out.put(lasting_newline, 0, false);
    column_ = 0;
    text.remove_prefix(size);
  }
}

void shaper::timed(std::string_view text, std::int64_t time, sink& out) {
  const auto stamp = format_time(time) + ' ';
  while (!text.empty()) {
    if (column_ == 0)
      out.put(stamp, 0, true);
    const auto room = max_line - column_;
    const auto end = first_newline(text.substr(0, room + 1));
    if (end == std::string_view::npos && text.size() <= room) {
      out.put(text, text.size(), false);
      column_ += text.size();
      return;
    }
    const auto size = end == std::string_view::npos ? room : end + 1;
    out.put(text.substr(0, size), size, false);
    if (end == std::string_view::npos)
      out.put(lasting_newline, 0, false);
    column_ = 0;
    text.remove_prefix(size);
  }
}

void shaper::object(std::string_view line, sink& out) {
  out.put("{\"time\":\"" + format_time(line_time_) + head_ + json_string(line) + "}\n",
          line.size() + 1, true);
}

} // namespace troupe::logs
