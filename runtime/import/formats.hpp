#pragma once

// Which importer a file is for.

#include "runtime/import/fleet.hpp"
#include "runtime/import/source.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::importing {

enum class format : std::uint8_t { supervisord, pm2, procfile, systemd, compose };

/// "supervisord", "pm2", … as `--format` has them.
std::string_view to_string(format);
std::optional<format> format_named(std::string_view name);

/// By its name, then by what stands in it. The error says what to do with a file of a kind that
/// is not read.
config::expected<format, failure> format_of(const source& from);

/// What the files describe together. `as` overrules what they look like. The failures are of
/// files that cannot be read at all.
imported_fleet import_files(const std::vector<std::string>& paths, std::optional<format> as,
                            std::vector<failure>& failures);

} // namespace troupe::importing
