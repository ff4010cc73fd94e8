#include "messages/records.hpp"

#include <cstring>

namespace troupe {

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

} // namespace troupe
