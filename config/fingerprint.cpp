#include "config/fingerprint.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace troupe::config {

namespace {

using nlohmann::json;

/// FNV-1a of words, each ended by a byte that none of them holds.
class word_hash {
public:
  void add(std::string_view word) {
    for (const char c : word)
      add_byte(static_cast<unsigned char>(c));
    add_byte(0);
  }

  std::uint64_t value() const { return value_; }

private:
  void add_byte(std::uint8_t byte) {
    value_ ^= byte;
    value_ *= 0x100000001b3;
  }

  std::uint64_t value_ = 0xcbf29ce484222325;
};

/// Hashes the keys that differ from what is built in, each with its value as JSON text: settings
/// that mean the same have one text, however they are written.
class key_hash {
public:
  void add(const char* key, const json& value, const json& built_in) {
    if (value == built_in)
      return;
    words_.add(key);
    words_.add(value.dump(-1, ' ', false, json::error_handler_t::replace));
  }

  void add_path(const char* key, const std::string& path) {
    words_.add(key);
    words_.add(path);
  }

  std::uint64_t value() const { return words_.value() == 0 ? 1 : words_.value(); }

private:
  word_hash words_;
};

template <class T>
json optional_value(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

std::string octal(std::uint32_t mask) {
  std::string digits;
  for (const auto shift : {6u, 3u, 0u})
    digits += static_cast<char>('0' + (mask >> shift & 7u));
  return digits;
}

} // namespace

std::uint64_t fingerprint(const bot_spec& spec) {
  static const bot_spec built_in;
  key_hash hash;
  hash.add("command", spec.command, built_in.command);
  hash.add_path("directory", spec.directory);
  hash.add("environment", spec.environment, built_in.environment);
  if (spec.environment_file)
    hash.add_path("environment_file", *spec.environment_file);
  hash.add("group", optional_value(spec.group), {});
  hash.add("nice", optional_value(spec.nice), {});
  hash.add("no_new_privs", spec.no_new_privs, built_in.no_new_privs);
  hash.add("oom_score_adj", optional_value(spec.oom_score_adj), {});
  hash.add("pass_environment", spec.pass_environment, built_in.pass_environment);
  hash.add("umask", octal(spec.umask), octal(built_in.umask));
  hash.add("user", optional_value(spec.user), {});
  hash.add("watchdog", spec.watchdog ? json(spec.watchdog->count()) : json(), {});
  return hash.value();
}

} // namespace troupe::config
