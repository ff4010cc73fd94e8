#pragma once

// The two lines that are said on an admin connection before CAF's protocol begins.
//
//   client    troupe/1 0.1.0\n
//   runtime   ok SESSION FLEET VERSION\n     or     no REASON\n

#include "config/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::shell {

/// No line is longer, its newline included.
inline constexpr std::size_t max_hello_bytes = 512;

std::string client_hello();

/// Checks a client's line, without its newline. Returns an empty string, or the
/// reason for `no`.
std::string check_client_hello(std::string_view line);

/// What the runtime answers to a good hello.
struct welcome {
  std::uint64_t session = 0;
  std::string fleet;
  std::string version;
};

std::string to_line(const welcome&);
std::string refusal_line(std::string_view reason);

/// Reads the runtime's line, without its newline; the error is a sentence.
config::expected<welcome, std::string> read_welcome(std::string_view line);

} // namespace troupe::shell
