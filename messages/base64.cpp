#include "messages/base64.hpp"

#include <array>
#include <cstdint>

namespace troupe {

namespace {

constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::uint8_t none = 64;

constexpr auto values = [] {
  std::array<std::uint8_t, 256> result{};
  result.fill(none);
  for (std::size_t i = 0; i < digits.size(); ++i)
    result[static_cast<std::uint8_t>(digits[i])] = static_cast<std::uint8_t>(i);
  return result;
}();

} // namespace

std::string to_base64(std::string_view bytes) {
  std::string result;
  result.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<std::uint8_t>(bytes[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j)
      result += i + j > bytes.size() ? '=' : digits[group >> (18 - 6 * j) & 63];
  }
  return result;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0)
    return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string result;
  result.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool pad = i + padding >= text.size();
    const auto value = pad ? std::uint8_t{0} : values[static_cast<std::uint8_t>(text[i])];
    if (value == none)
      return std::nullopt;
    group = group << 6 | value;
    if (i % 4 == 3) {
      result += static_cast<char>(group >> 16 & 255);
      result += static_cast<char>(group >> 8 & 255);
      result += static_cast<char>(group & 255);
    }
  }
  result.resize(result.size() - padding);
  return result;
}

} // namespace troupe
