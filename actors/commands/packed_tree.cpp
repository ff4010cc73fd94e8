#include "actors/commands/packed_tree.hpp"

#include "config/tree.hpp"
#include "messages/base64.hpp"

#include <stdexcept>
#include <zstd.h>

namespace troupe::commands {

std::string pack_tree(std::string_view document) {
  constexpr int level = 6;
  std::string result(ZSTD_compressBound(document.size()), '\0');
  const auto size =
      ZSTD_compress(result.data(), result.size(), document.data(), document.size(), level);
  if (ZSTD_isError(size))
    throw std::runtime_error{std::string{"a tree cannot be packed: "} + ZSTD_getErrorName(size)};
  result.resize(size);
  return to_base64(result);
}

config::expected<std::string, std::string> unpack_tree(std::string_view packed) {
  // JSON has at most six bytes for one of the text; nobody writes a tree of control characters.
  constexpr std::uint64_t most = 2 * config::tree_limits::total_bytes;
  const auto bytes = from_base64(packed);
  if (!bytes)
    return config::unexpected{std::string{"the tree is not in base 64"}};
  const auto size = ZSTD_getFrameContentSize(bytes->data(), bytes->size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
    return config::unexpected{std::string{"the tree is no zstd frame that states its size"}};
  if (size > most)
    return config::unexpected{std::string{"the tree is too large"}};
  std::string result(size, '\0');
  if (ZSTD_decompress(result.data(), result.size(), bytes->data(), bytes->size()) != size)
    return config::unexpected{std::string{"the tree is damaged"}};
  return result;
}

} // namespace troupe::commands
