#include "runtime/shell/roff.hpp"

#include "troupe_version.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace troupe::shell::roff {

namespace {

/// The next character of UTF-8 text, which is valid: it comes from our tables.
std::uint32_t take(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  std::uint32_t result = size == 1 ? first : first & (0xffu >> (size + 1));
  for (std::size_t i = 1; i < size && i < text.size(); ++i)
    result = result << 6 | (static_cast<unsigned char>(text[i]) & 0x3fu);
  text.remove_prefix(std::min(size, text.size()));
  return result;
}

/// A line that begins like a request would be taken for one.
std::string guarded(const std::string& text) {
  std::string result;
  bool begins = true;
  for (const char c : text) {
    if (begins && (c == '.' || c == '\''))
      result += "\\&";
    result += c;
    begins = c == '\n';
  }
  return result;
}

/// Part of a line.
std::string escaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto c = take(text);
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else if (c == '^' || c == '~' || c == '`') {
      result += c == '^' ? "\\(ha" : c == '~' ? "\\(ti" : "\\(ga";
    } else if (c == '\'') {
      result += "\\(aq";
    } else if (c < 0x80) {
      result += static_cast<char>(c);
    } else {
      char name[16];
      std::snprintf(name, sizeof name, "\\[u%04X]", c);
      result += name;
    }
  }
  return result;
}

} // namespace

std::string plain(std::string_view text) {
  return guarded(escaped(text));
}

std::string prose(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto at = text.find_first_of("`*");
    const auto end = at == text.npos ? text.npos : text.find(text[at], at + 1);
    // A star of a glob is no stress.
    const bool marks = end != text.npos && (text[at] == '`' || text[end - 1] == '.');
    if (!marks) {
      const auto some = at == text.npos ? text.size() : at + 1;
      result += escaped(text.substr(0, some));
      text.remove_prefix(some);
      continue;
    }
    result += escaped(text.substr(0, at));
    result +=
        (text[at] == '`' ? "\\fB" : "\\fI") + escaped(text.substr(at + 1, end - at - 1)) + "\\fR";
    text.remove_prefix(end + 1);
  }
  return guarded(result);
}

std::string bold(std::string_view text) {
  return "\\fB" + escaped(text) + "\\fR";
}

std::string page(std::string_view name, std::string_view section_number, std::string_view date,
                 std::string_view manual, std::string_view about) {
  std::string result =
      ".\\\" Made by commands-doc from messages/command_table and config/schema.\n";
  result += ".TH TROUPE " + std::string{section_number} + " " + std::string{date} + " \"troupe "
            + version + "\" \"" + std::string{manual} + "\"\n.nh\n.ad l\n";
  return result + section("NAME") + plain(name) + " \\- " + plain(about) + "\n";
}

std::string section(std::string_view title) {
  return ".SH " + plain(title) + "\n";
}

std::string subsection(std::string_view title) {
  return ".SS " + plain(title) + "\n";
}

std::string paragraph(std::string_view text) {
  return ".PP\n" + prose(text) + "\n";
}

std::string item(std::string_view term, std::string_view text) {
  return ".TP\n" + bold(term) + "\n" + prose(text) + "\n";
}

std::string example(std::string_view lines) {
  std::string result = ".PP\n.RS 4\n.nf\n";
  while (!lines.empty()) {
    const auto line = lines.substr(0, lines.find('\n'));
    result += plain(line) + "\n";
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
  }
  return result + ".fi\n.RE\n";
}

} // namespace troupe::shell::roff
