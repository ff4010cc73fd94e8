#include "config/pattern.hpp"

#include <re2/re2.h>

namespace troupe::config {

std::string pattern_problem(const std::string& text) {
  re2::RE2::Options quiet;
  quiet.set_log_errors(false);
  const re2::RE2 compiled{text, quiet};
  return compiled.ok() ? std::string{} : compiled.error();
}

} // namespace troupe::config
