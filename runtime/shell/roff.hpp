#pragma once

// The few requests of man(7) that our pages need.

#include <string>
#include <string_view>

namespace troupe::shell::roff {

/// Text that roff shows as it is: nothing in it is a request or an escape, «-» can be copied
/// and searched for, and other characters than those of ASCII are named.
std::string plain(std::string_view text);

/// Prose in which `code` and *stress* are marked as in Markdown.
std::string prose(std::string_view text);

std::string bold(std::string_view text);

/// The head of a page. `about` follows its name, «runs fleets of bots».
std::string page(std::string_view name, std::string_view section, std::string_view date,
                 std::string_view manual, std::string_view about);

std::string section(std::string_view title);
std::string subsection(std::string_view title);
std::string paragraph(std::string_view text);

/// A term and what is said of it.
std::string item(std::string_view term, std::string_view text);

/// Lines that stand as they are.
std::string example(std::string_view lines);

} // namespace troupe::shell::roff
