#pragma once

// Arguments and answers of `hub::ask` (docs/messages.md, «Operations»).

#include "messages/wire/message.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace troupe::messaging {

/// Thrown for what the text says; caught by `ask`.
struct bad_argument : std::runtime_error {
  using runtime_error::runtime_error;
};

nlohmann::json shell_error(std::string_view code, std::string_view text);

std::string text_in(const nlohmann::json&, const char* name, std::size_t most);
std::uint64_t number_in(const nlohmann::json&, const char* name, std::uint64_t otherwise,
                        std::uint64_t least, std::uint64_t most);

/// Fills what `send`, `publish` and `request` say of a message.
void read_message(const std::string& operation, const nlohmann::json&, wire::message_head&,
                  std::string& to, std::string& key, std::string& payload);

/// `payload` when it is UTF-8, else `payload_base64`; at most so many bytes of it, then `cut`.
void put_payload(nlohmann::json& into, std::string_view payload, std::size_t most);

std::string_view name_of(wire::content);

template <std::size_t N>
std::string hex(const std::array<std::uint8_t, N>& bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const auto each : bytes) {
    out += digits[each >> 4];
    out += digits[each & 15];
  }
  return out;
}

} // namespace troupe::messaging
