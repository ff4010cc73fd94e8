#include "config/secret_names.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace troupe::config {

bool names_a_secret(std::string_view name) {
  std::string upper{name};
  std::ranges::transform(upper, upper.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return std::ranges::any_of(
      std::array{"SECRET", "PASSW", "TOKEN", "KEY", "CREDENTIAL", "AUTH", "DSN"},
      [&](const char* part) { return upper.find(part) != std::string::npos; });
}

bool carries_password(std::string_view text) {
  for (auto at = text.find("://"); at != std::string_view::npos; at = text.find("://", at + 3)) {
    const auto url = text.substr(at + 3, text.find_first_of(" \t\n", at) - at - 3);
    const auto host = url.find('@');
    if (host != std::string_view::npos && url.find(':') < host)
      return true;
  }
  return false;
}

} // namespace troupe::config
