#include "messages/wire/compression.hpp"

#include "messages/wire/message.hpp"

#include <memory>
#include <zstd.h>

namespace troupe::wire {

namespace {

/// The fastest level: links are local, the point is the queue's memory.
constexpr int level = 1;

struct context_end {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

} // namespace

std::optional<std::string> compress(std::string_view payload) {
  static thread_local std::unique_ptr<ZSTD_CCtx, context_end> context{ZSTD_createCCtx()};
  std::string result(payload.size(), '\0');
  const auto size = ZSTD_compressCCtx(context.get(), result.data(), result.size(), payload.data(),
                                      payload.size(), level);
  if (ZSTD_isError(size)) // no room: it would not be smaller
    return std::nullopt;
  result.resize(size);
  return result;
}

std::optional<std::string> decompress(std::string_view compressed, std::size_t length) {
  if (length > max_payload
      || ZSTD_getFrameContentSize(compressed.data(), compressed.size()) != length)
    return std::nullopt;
  static thread_local std::unique_ptr<ZSTD_DCtx, context_end> context{ZSTD_createDCtx()};
  std::string result(length, '\0');
  const auto size = ZSTD_decompressDCtx(context.get(), result.data(), result.size(),
                                        compressed.data(), compressed.size());
  if (ZSTD_isError(size) || size != length)
    return std::nullopt;
  return result;
}

} // namespace troupe::wire
