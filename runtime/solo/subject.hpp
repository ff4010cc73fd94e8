#pragma once

// What `troupe run` was given: a directory is a fleet, a *.json file is one bot, anything
// else is a program.

#include "config/result.hpp"
#include "messages/admin.hpp"

#include <cstdint>
#include <string>
#include <system_error>

namespace troupe::solo {

enum class subject_kind : std::uint8_t { fleet, bot_file, program };

/// What is to run.
struct subject {
  subject_kind kind = subject_kind::fleet;
  std::string path; ///< absolute for a fleet and a bot's file; of a program what exec is given
  std::string why;  ///< «./main.py is an executable file»
};

/// The program that files of this name are usually given to, «python3»; empty when there is none.
std::string interpreter_of(const std::string& path);

/// Whether what follows this word on the command line belongs to it and not to us. Goes by its
/// form and, for a directory, by a look at it.
bool takes_arguments(const std::string& word);

/// Looks at the word, or with an empty one at the current directory. `search` is the PATH. The
/// error says what is wrong and what to type instead.
config::expected<subject, refusal> look_at(const std::string& word, const std::string& search);

/// The absolute path of what is there. A link at its end stays one: what it points to may be
/// another release tomorrow.
std::string full_path(const std::string& word, std::error_code& error);

} // namespace troupe::solo
