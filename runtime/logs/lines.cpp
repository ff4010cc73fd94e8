#include "runtime/logs/lines.hpp"

#include <cstring>

namespace troupe::logs {

namespace {

std::size_t position(std::string_view text, const void* at) {
  return at ? static_cast<std::size_t>(static_cast<const char*>(at) - text.data())
            : std::string_view::npos;
}

} // namespace

std::size_t first_newline(std::string_view text) {
  return position(text, text.empty() ? nullptr : std::memchr(text.data(), '\n', text.size()));
}

std::size_t last_newline(std::string_view text) {
  return position(text, text.empty() ? nullptr : ::memrchr(text.data(), '\n', text.size()));
}

} // namespace troupe::logs
