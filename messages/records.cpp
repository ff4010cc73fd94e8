#include "messages/records.hpp"

#include <cstdio>
#include <cstring>

namespace troupe {

std::string_view to_string(version_state x) {
  switch (x) {
  case version_state::updating:
    return "updating";
  case version_state::healthy:
    return "healthy";
  case version_state::stopped:
    return "stopped";
  case version_state::rolled_back:
    return "rolled back";
  case version_state::superseded:
    return "superseded";
  }
  return "unknown";
}

std::string to_string(const exit_status& x) {
  if (x.signal == 0)
    return "exited with code " + std::to_string(x.code);
  auto result = "killed by signal " + std::to_string(x.signal);
  if (const char* name = sigabbrev_np(x.signal))
    result += std::string{" ("} + name + ")";
  if (x.core)
    result += ", core dumped";
  return result;
}

std::string uptime_text(std::int64_t microseconds) {
  char text[32];
  const auto seconds = static_cast<double>(microseconds) / 1e6;
  std::snprintf(text, sizeof text, seconds < 10 ? "%.1f s" : "%.0f s", seconds);
  return text;
}

} // namespace troupe
