#pragma once

// What is said to `runtime/state` and what it says: JSON in and out.

#include <optional>
#include <string>
#include <string_view>
#include <troupe/state.hpp>

namespace troupe::bot::detail {

inline constexpr std::string_view state_address = "runtime/state";
inline constexpr std::string_view state_topic = "runtime.state";

/// What both kinds of answer have.
struct state_words {
  std::string problem;
  std::string text;
  state_entry entry;
  std::vector<state_entry> entries;
  bool more = false;
};

// Bodies of requests. `set_words`: nothing when the value is no JSON.
std::string key_words(const char* op, std::string_view key, const std::optional<std::string>& group,
                      std::optional<std::uint64_t> if_version = {});
std::optional<std::string> set_words(std::string_view key, std::string_view value,
                                     const std::optional<std::string>& group, const state_options&);
std::string page_words(const char* op, std::string_view prefix,
                       const std::optional<std::string>& group, std::string_view after = {},
                       unsigned limit = 100);

/// Nothing: it is no JSON object.
std::optional<state_words> read_state(std::string_view body);

} // namespace troupe::bot::detail
