#pragma once

#include "config/document.hpp"
#include "config/loader.hpp"
#include "config/merge.hpp"
#include "config/problem_bag.hpp"
#include "config/tree.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <deque>
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
  struct mixin_file : bot_file {
    nlohmann::json settings = nlohmann::json::object(); ///< without `extends`
    std::vector<const mixin_file*> lineage;             ///< all that it brings, itself last
  };
  struct group_folder {
    std::string path;                        ///< of its group.json, which need not exist
    const parsed_document* source = nullptr; ///< null without group.json
    std::set<std::string> bots;              ///< last name components
    std::set<std::string> groups;
    const bot_file* tenant = nullptr; ///< the nearest one's; null for none
  };

  tree source;
  std::vector<std::unique_ptr<const parsed_document>> documents;
  std::map<std::string, bot_file> bots;       ///< by full name
  std::map<std::string, group_folder> groups; ///< by full name; "" is the root
  std::map<std::string, bot_file> profiles;   ///< by name
  std::map<std::string, bot_file> tenants;
  std::map<std::string, mixin_file> mixins;
  const parsed_document* runtime = nullptr;
  const parsed_document* profile = nullptr; ///< the chosen one
  std::deque<document> override_texts;
  std::map<std::string, const parsed_document*> overrides; ///< by bot
  bool too_large = false; ///< over `fleet_limits::values`: reading on would cost too much

  /// The stack of settings of a bot, or of one of its instances; weakest first.
  std::vector<layer> layers_of(const std::string& bot, std::optional<std::uint32_t> index) const;

  /// The lower part of it: what all bots of a group inherit.
  std::vector<layer> inherited_layers(const std::string& group) const;
  /// The upper part; `extends` is what the lower one says of that key, or null.
  std::vector<layer> own_layers(const std::string& bot, std::optional<std::uint32_t> index,
                                const nlohmann::json* extends) const;

  /// The folder from which relative paths of a document count, "" for the root. Files that
  /// speak for the whole tree speak from its root.
  static std::string folder_of(const std::string& path);
};

/// Parses all documents and gives each its role; reports what has none.
std::shared_ptr<fleet_files> sort_files(const tree& source, problem_bag& problems);

/// How problems call what an operator has set, in place of a file.
std::string override_path(const std::string& bot);
bool is_override_path(const std::string& path);

/// Parses what operators have set; names of no bot are ignored.
void add_overrides(fleet_files& files, const override_map& overrides, problem_bag& problems);

/// The member of an object, or null when it is missing or no object itself.
const nlohmann::json* object_member(const nlohmann::json& value, const std::string& key);

/// Checks every document by itself: the schema and the form of each value.
void check_files(const fleet_files& files, const load_options& options, problem_bag& problems);

} // namespace troupe::config
