#pragma once

// Keeps secrets out of what leaves the machine: by where they stand in a document, and by
// what they are, wherever they turn up.

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe::report {

/// What stands in the place of a secret.
inline constexpr std::string_view blot_mark = "***";

/// Shorter ones are not looked for: they are parts of ordinary words.
inline constexpr std::size_t shortest_secret = 4;
/// Of values that need not be secrets, such as those of an environment.
inline constexpr std::size_t shortest_value = 8;

/// Knows values that must not be seen.
class blotter {
public:
  /// A secret: the whole of it, and each of its lines.
  void learn_secret(std::string_view secret) { learn(secret, shortest_secret); }

  /// A value that may be one.
  void learn_value(std::string_view value) { learn(value, shortest_value); }

  /// The passwords of URLs in this text.
  void learn_passwords(std::string_view text);

  /// The text with every known value, also as JSON writes it, replaced, and the passwords
  /// within URLs.
  std::string blot(std::string_view text) const;

  std::size_t known() const { return count_; }

private:
  void learn(std::string_view value, std::size_t shortest);
  void add(std::string needle);

  /// By their first four bytes, the longest first.
  std::unordered_map<std::uint32_t, std::vector<std::string>> needles_;
  std::size_t count_ = 0;
};

/// Where secrets stand among the words of a command: which word, and from which byte on;
/// «--password=x» and «--password x».
std::vector<std::pair<std::size_t, std::size_t>>
secret_arguments(const std::vector<std::string>& words);

/// Masks by place: values of every `environment`, members whose name looks like a secret,
/// and arguments of commands such as `--password=x`. A pure `${…}` names a secret and stays.
void mask(nlohmann::ordered_json& document);

} // namespace troupe::report
