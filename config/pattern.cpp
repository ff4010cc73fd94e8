#include "config/pattern.hpp"

#include <regex>

namespace troupe::config {

bool valid_pattern(const std::string& text) {
  try {
    std::regex compiled{text};
    return true;
  } catch (const std::regex_error&) {
    return false;
  }
}

} // namespace troupe::config
