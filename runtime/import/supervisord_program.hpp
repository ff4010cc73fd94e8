#pragma once

#include "runtime/import/fleet.hpp"
#include "runtime/import/ini.hpp"
#include "runtime/import/percent.hpp"

#include <string>

namespace troupe::importing {

/// What the whole file has for each of its programs.
struct supervisord_file {
  std::string here;                       ///< directory of the main file
  std::string host;                       ///< of this machine
  std::string directory;                  ///< of [supervisord]; may be empty
  std::map<std::string, std::string> env; ///< of [supervisord]
};

/// Makes a bot of one [program:x]. `group` is its directory here, "" for none.
void import_program(const ini_section& section, const supervisord_file& file,
                    const std::string& group, imported_fleet& fleet);

/// `A="b",C=d`, expanded: names and values as the tree wants them. The error says what is wrong.
config::expected<std::map<std::string, std::string>, std::string>
supervisord_environment(std::string_view text, const percent_context& context);

/// Its priority; 999 when it has none.
long long priority_of(const ini_section& section);

} // namespace troupe::importing
