#pragma once

#include "config/document.hpp"
#include "config/loader.hpp"
#include "config/merge.hpp"
#include "config/problem_bag.hpp"
#include "config/tree.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace troupe::config {

/// The parsed files of a tree, each in its role. What could not be parsed has its place and
/// no document, so that names which refer to it are not reported too.
struct fleet_files {
  struct bot_file {
    std::string path;
    const parsed_document* source = nullptr;
  };
  struct group_folder {
    std::string path;                        ///< of its group.json, which need not exist
    const parsed_document* source = nullptr; ///< null without group.json
    std::set<std::string> bots;              ///< last name components
    std::set<std::string> groups;
  };

  tree source;
  std::vector<std::unique_ptr<const parsed_document>> documents;
  std::map<std::string, bot_file> bots;       ///< by full name
  std::map<std::string, group_folder> groups; ///< by full name; "" is the root
  std::map<std::string, bot_file> profiles;   ///< by name
  const parsed_document* runtime = nullptr;
  const parsed_document* profile = nullptr; ///< the chosen one
  std::map<std::string, nlohmann::json> overrides;
  bool too_large = false; ///< over `fleet_limits::values`: reading on would cost too much

  /// The stack of settings of a bot, or of one of its instances; weakest first.
  std::vector<layer> layers_of(const std::string& bot, std::optional<std::uint32_t> index) const;

  /// The folder of a document, "" for the root.
  static std::string folder_of(const std::string& path);
};

/// Parses all documents and gives each its role; reports what has none.
std::shared_ptr<fleet_files> sort_files(const tree& source, problem_bag& problems);

/// The member of an object, or null when it is missing or no object itself.
const nlohmann::json* object_member(const nlohmann::json& value, const std::string& key);

/// Checks every document by itself: the schema and the form of each value.
void check_files(const fleet_files& files, const load_options& options, problem_bag& problems);

} // namespace troupe::config
