#pragma once

#include "config/problem.hpp"
#include "config/result.hpp"
#include "config/tree.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

/// Bounds of one JSON document.
struct document_limits {
  static constexpr std::size_t depth = 64;
  static constexpr std::size_t values = 100'000;
  static constexpr std::size_t key_bytes = 1024;
};

/// A place in a text, both from 1, the column in characters.
struct text_place {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

/// The place of a byte offset.
text_place place_of(std::string_view text, std::size_t offset);

/// The same for many offsets of one text: it is scanned for lines once.
class line_index {
public:
  explicit line_index(std::string_view text);
  text_place place_of(std::size_t offset) const;

private:
  std::string_view text_;
  std::vector<std::size_t> starts_;
};

/// `base` with one more reference token, escaped as RFC 6901 wants it.
std::string pointer_to(std::string_view base, std::string_view token);
std::string pointer_to(std::string_view base, std::size_t index);
/// The reference tokens of a pointer, unescaped.
std::vector<std::string> pointer_tokens(std::string_view pointer);
/// The pointer that people mean: «limits.memory» and «/limits/memory» are the same.
std::string pointer_of_path(std::string_view path);

/// A JSON document that remembers where each of its values stands. Immutable. The text is
/// not copied: it belongs to the tree, which must live as long.
class parsed_document {
public:
  /// Which end of an object's member is meant.
  enum class part : std::uint8_t { key, value };

  const std::string& path() const noexcept { return path_; }
  const nlohmann::json& root() const noexcept { return root_; }
  std::string_view text() const noexcept { return text_; }
  /// Number of values in it.
  std::size_t size() const noexcept { return nodes_.size(); }

  /// Byte offset of what `pointer` names, or of the nearest value around it that exists.
  /// The key of an array's element is the element itself.
  std::size_t offset(std::string_view pointer, part which = part::value) const;

  /// A problem at that place.
  problem at(std::string_view pointer, part which, std::string message, std::string expected = {},
             std::string hint = {}) const;

private:
  friend class document_builder;
  friend expected<std::unique_ptr<const parsed_document>, problem> parse(const document& source);

  /// One value, in the order of the text; its children follow it up to `end`.
  struct node {
    std::size_t key_hash; ///< or the index in an array
    std::uint32_t key_at;
    std::uint32_t value_at;
    std::uint32_t end;
    bool in_array;
  };

  std::string path_;
  std::string_view text_;
  nlohmann::json root_;
  std::vector<node> nodes_;
};

/// Parses JSON with `//` and `/* */` comments. A byte order mark and CRLF are fine; invalid
/// UTF-8, NUL, duplicate keys and whatever passes `document_limits` are problems.
expected<std::unique_ptr<const parsed_document>, problem> parse(const document& source);

} // namespace troupe::config
