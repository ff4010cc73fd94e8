// Writes the reference of all config keys into docs/config.md from the schemas, between
// two markers, or checks that it is what they say.
#include "config/key_reference.hpp"
#include "config/schema.hpp"

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>

namespace troupe::config {

namespace {

constexpr std::string_view begin_marker = "<!-- generated from config/schema: begin -->\n";
constexpr std::string_view end_marker = "<!-- generated from config/schema: end -->\n";

/// Text for a cell of a table.
std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.insert(at, 1, '\\');
  return text;
}

std::string reference() {
  std::ostringstream out;
  for (const auto which : all_schema_kinds) {
    const auto& schema = plain_schema(which);
    out << "\n### Keys of a " << schema["title"].get<std::string>() << "\n\n"
        << schema["description"].get<std::string>() << "\n\n"
        << "| Key | Value | Default | In force | Meaning |\n| --- | --- | --- | --- | --- |\n";
    for (const auto& row : key_reference(which))
      out << "| `" << row.key << "` | " << cell(row.value) << " | " << cell(row.otherwise) << " | "
          << cell(row.in_force) << " | " << cell(row.meaning) << " |\n";
  }
  out << '\n';
  return out.str();
}

int fail(const std::string& message) {
  std::cerr << "troupe-config-docs: " << message << '\n';
  return 1;
}

int run(bool check, const std::string& path) {
  std::ifstream in{path};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  auto begin = text.find(begin_marker);
  auto end = text.find(end_marker);
  if (begin == std::string::npos || end == std::string::npos || end < begin)
    return fail(path + " lacks its markers, or cannot be read");
  begin += begin_marker.size();
  auto fresh = text.substr(0, begin) + reference() + text.substr(end);
  if (fresh == text)
    return 0;
  if (check)
    return fail(path + " is stale: run troupe-config-docs " + path);
  in.close();
  std::ofstream out{path, std::ios::trunc};
  out << fresh;
  return out.flush() ? 0 : fail("cannot write " + path);
}

} // namespace

} // namespace troupe::config

int main(int argc, char** argv) {
  bool check = argc == 3 && std::string_view{argv[1]} == "--check";
  if (argc != 2 && !check) {
    std::cerr << "usage: troupe-config-docs [--check] docs/config.md\n";
    return 2;
  }
  return troupe::config::run(check, argv[argc - 1]);
}
