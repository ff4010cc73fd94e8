#pragma once

#include "config/schema.hpp"

#include <string>
#include <vector>

namespace troupe::config {

/// What the documentation says of one key. Code stands between backticks.
struct key_row {
  std::string key;       ///< «delay.initial»
  std::string value;     ///< what may stand there
  std::string otherwise; ///< the default; empty when there is none
  std::string meaning;
};

/// All keys of a kind of file, in the order of its schema.
std::vector<key_row> key_reference(schema_kind which);

} // namespace troupe::config
