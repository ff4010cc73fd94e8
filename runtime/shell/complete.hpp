#pragma once

// What Tab offers. Pure: names of bots come from a callback.

#include "messages/commands.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::shell {

struct completion {
  std::size_t begin = 0;               ///< where in the line the word begins
  std::vector<std::string> candidates; ///< whole words, sorted
};

/// Names of bots, instances and groups (with '/') of the fleet.
using name_source = std::function<std::vector<std::string>()>;

/// Completes the word that ends at the end of `line`.
completion complete(std::string_view line, const name_source& names);

/// What may stand in place of the last word of a command line.
struct offer {
  std::vector<std::string> candidates; ///< whole words, sorted
  word_kind kind = word_kind::text;    ///< what is expected; for `path` the shell knows more
};

/// Completes `word` after these words, which follow the program's name.
offer complete_after(const std::vector<std::string>& before, std::string_view word,
                     const name_source& names);

/// The longest beginning that all have in common.
std::string common_beginning(const std::vector<std::string>& words);

} // namespace troupe::shell
