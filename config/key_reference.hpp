#pragma once

#include "config/schema.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

/// What the schema says of one key.
struct key_doc {
  schema_kind file = schema_kind::bot;
  std::string pointer;      ///< "/delay/initial"; a name of one's own choice is «NAME»
  std::string type;         ///< what may stand there, in words: «duration», «string or array»
  nlohmann::json otherwise; ///< the default; discarded when there is none
  std::string since;        ///< the version that brought it
  std::string change;       ///< «now», «next_start», «restart»; empty: as each key in it
  std::string summary;      ///< a few words
  std::string description;  ///< whole sentences; code stands between backticks
  std::vector<std::string> choices; ///< the words that may stand there, if it is one of some
  bool pending = false;             ///< accepted, but not acted on yet
};

/// All keys of every kind of file that `path` ("limits.memory" or "/limits/memory") names, and
/// those in them, in the order of the schemas; all there are without a path. Empty when no file
/// has such a key.
std::vector<key_doc> config_keys(std::string_view path = {});

/// «did you mean "limits"?» for a path that names no key; may be empty.
std::string config_key_hint(std::string_view path);

/// When a change of a key of that class comes into force: «at once», «next start», «restart».
std::string_view change_words(schema_kind file, std::string_view change);

/// What the documentation says of one key. Code stands between backticks.
struct key_row {
  std::string key;       ///< «delay.initial»
  std::string value;     ///< what may stand there
  std::string otherwise; ///< the default; empty when there is none
  std::string in_force;  ///< when a change of it is
  std::string meaning;
};

/// All keys of a kind of file, in the order of its schema.
std::vector<key_row> key_reference(schema_kind which);

} // namespace troupe::config
