#pragma once

#include "runtime/import/formats.hpp"
#include "runtime/import/result.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <vector>

namespace troupe::importing {

/// A directory with files, and what the import makes of them.
struct import_fixture {
  import_fixture() {
    auto pattern = (std::filesystem::temp_directory_path() / "import-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(pattern.data()));
    directory = std::filesystem::canonical(pattern).string();
  }
  ~import_fixture() { std::filesystem::remove_all(directory); }

  std::string write(const std::string& name, const std::string& text) {
    const auto path = directory + "/" + name;
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
    std::ofstream{path} << text;
    return path;
  }

  /// Imports files that are there; the tree must pass `check`.
  void import(std::initializer_list<std::string> names) {
    std::vector<std::string> paths;
    for (const auto& name : names)
      paths.push_back(directory + "/" + name);
    failures.clear();
    fleet = import_files(paths, std::nullopt, failures);
    made = make_tree(fleet, directory + "/tree");
    if (fleet.bots().empty())
      return; // nothing to run is said by whoever asked
    for (const auto& error : made.loaded.errors)
      BOOST_ERROR(config::render(error, &made.tree, false));
  }
  void import(const std::string& name, const std::string& text) {
    write(name, text);
    import({name});
  }

  json bot(const std::string& name) {
    const auto* found = fleet.find(name);
    BOOST_REQUIRE_MESSAGE(found, "there is no bot " + name);
    return found->settings;
  }

  /// «LINE KEY: WHY» of what is said about a key; empty when nothing is.
  std::string said(const std::string& key, weight how = weight::lost) {
    for (const auto& one : fleet.remarks())
      if (one.key == key && one.how == how)
        return std::to_string(one.where.line) + " " + one.why;
    return "";
  }
  bool says(const std::string& key, const std::string& part, weight how = weight::lost) {
    const auto text = said(key, how);
    const bool found = text.find(part) != std::string::npos;
    if (!found)
      BOOST_TEST_MESSAGE(key + ": " + text);
    return found;
  }

  std::string document(const std::string& path) {
    const auto* found = made.tree.find(path);
    return found ? found->text : "";
  }

  std::string directory;
  imported_fleet fleet;
  import_result made;
  std::vector<failure> failures;
};

} // namespace troupe::importing
