// Writes the reference of all config keys into docs/config.md from the schemas, between
// two markers, or checks that it is what they say.
#include "config/explain.hpp"
#include "config/schema.hpp"

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>

namespace troupe::config {

namespace {

using nlohmann::json;

constexpr std::string_view begin_marker = "<!-- generated from config/schema: begin -->\n";
constexpr std::string_view end_marker = "<!-- generated from config/schema: end -->\n";

/// Text for a cell of a table.
std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.insert(at, 1, '\\');
  return text;
}

std::string default_text(const json& property) {
  auto value = property.find("default");
  if (value == property.end())
    return "";
  if (value->is_object() && property.contains("properties"))
    return "see below";
  return "`" + value->dump() + "`";
}

/// What may stand there, as short as it goes.
std::string kind_text(const json& property) {
  if (property.contains("x-unit"))
    return property["x-unit"];
  if (property.contains("enum")) {
    std::string words;
    for (const auto& word : property["enum"])
      if (word.is_string())
        words += (words.empty() ? "`" : ", `") + word.get<std::string>() + "`";
    return words;
  }
  if (property.contains("minimum") && property.contains("maximum")) {
    auto text = expectation(property);
    if (!property.contains("x-expected"))
      return text;
  }
  std::string words;
  for (const auto& type :
       property["type"].is_string() ? json::array({property["type"]}) : property["type"])
    if (type != "null")
      words += (words.empty() ? "" : " or ") + type.get<std::string>();
  return words;
}

void write_rows(std::ostream& out, const json& properties, const std::string& prefix) {
  for (const auto& [key, property] : properties.items()) {
    auto text = property.value("title", "") + ". " + property.value("description", "");
    if (property.value("title", "") == key)
      text = property.value("description", "");
    if (property.contains("x-pending"))
      text += " *Accepted; this version does not act on it yet.*";
    out << "| `" << prefix << key << "` | " << cell(kind_text(property)) << " | "
        << cell(default_text(property)) << " | " << cell(text) << " |\n";
    if (auto inner = property.find("properties"); inner != property.end())
      write_rows(out, *inner, prefix + key + ".");
    if (auto inner = property.find("additionalProperties");
        inner != property.end() && inner->is_object() && inner->contains("properties"))
      write_rows(out, (*inner)["properties"], prefix + key + ".NAME.");
  }
}

std::string reference() {
  std::ostringstream out;
  for (auto which :
       {schema_kind::bot, schema_kind::group, schema_kind::profile, schema_kind::runtime}) {
    const auto& schema = plain_schema(which);
    out << "\n### Keys of a " << schema["title"].get<std::string>() << "\n\n"
        << schema["description"].get<std::string>() << "\n\n"
        << "| Key | Value | Default | Meaning |\n| --- | --- | --- | --- |\n";
    write_rows(out, schema["properties"], "");
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
