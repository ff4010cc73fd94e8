#pragma once

#include "config/decode.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::config {

inline constexpr const char* duration_expected =
    "a duration such as \"250ms\", \"10s\" or \"1m30s\"";
inline constexpr const char* size_expected = "a size such as \"512KiB\" or \"64MiB\"";

/// Reads the members of one JSON object and knows where it stands. Whatever is missing,
/// null, of another JSON type or reported as wrong leaves its `out` as it is.
class object_reader {
public:
  object_reader(const nlohmann::json& value, std::string pointer, const report_fn& report)
      : value_{value}
      , pointer_{std::move(pointer)}
      , report_{report} {}

  /// The member, unless it is missing or null.
  const nlohmann::json* find(const char* key) const;
  const nlohmann::json* find(const char* key, nlohmann::json::value_t type) const;

  /// The pointer of a member.
  std::string at(const char* key) const;
  const report_fn& report() const { return report_; }
  void wrong(const char* key, std::string message, std::string expected,
             std::string hint = {}) const;

  /// The reader of a member that is an object; it has no members when there is none.
  object_reader inner(const char* key) const;

  template <class T>
  void integer(const char* key, T& out) const {
    auto value = integer(key);
    if (value && std::in_range<T>(*value))
      out = static_cast<T>(*value);
  }
  std::optional<std::int64_t> integer(const char* key) const;

  void number(const char* key, double& out) const;
  void flag(const char* key, bool& out) const;
  void text(const char* key, std::string& out) const;
  /// Whether there is one that can be read.
  bool time(const char* key, duration& out, bool zero_allowed = true) const;
  bool size(const char* key, std::uint64_t& out) const;
  void size(const char* key, std::optional<std::uint64_t>& out) const;
  void count(const char* key, std::optional<std::uint64_t>& out) const;
  void strings(const char* key, std::vector<std::string>& out) const;
  void string_map(const char* key, std::map<std::string, std::string>& out) const;
  /// A program and its arguments, with placeholders.
  void command(const char* key, std::vector<std::string>& out) const;
  void path(const char* key, std::string& out) const;
  void regex(const char* key, std::string& out) const;

  /// The value that belongs to a word.
  template <class T>
  void word(const char* key, std::initializer_list<std::pair<std::string_view, T>> words,
            T& out) const {
    const auto* member = find(key, nlohmann::json::value_t::string);
    if (!member)
      return;
    for (const auto& [name, value] : words)
      if (member->get_ref<const std::string&>() == name)
        out = value;
  }

  /// Reports placeholders that can never be expanded.
  void check_placeholders(const std::string& pointer, const std::string& written) const;

private:
  const nlohmann::json& value_;
  std::string pointer_;
  const report_fn& report_;
};

} // namespace troupe::config
