#include "runtime/shell/config_tree.hpp"

#include "actors/commands/packed_tree.hpp"
#include "runtime/shell/render.hpp"

#include <filesystem>

namespace troupe::shell {

namespace {

namespace fs = std::filesystem;

/// Where the runtime's own tree is, and with which profile it was started.
struct own_tree {
  std::string root;
  std::string profile;
};

std::string plain_text(const json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_string()
             ? found->get<std::string>()
             : "";
}

config::expected<own_tree, refusal> find_own(client& runtime) {
  const auto got = runtime.ask("config standing", "{}", true);
  if (!got)
    return config::unexpected{got.error()};
  const auto document = json::parse(got->document, nullptr, false);
  if (got->exit != 0)
    return config::unexpected{read_refusal(document, got->exit)};
  return own_tree{plain_text(document, "root"), plain_text(document, "profile")};
}

std::uint32_t number_in(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint32_t>() : 0;
}

} // namespace

config::expected<sent_tree, refusal> read_for(client& runtime, const std::string& directory) {
  std::error_code error;
  const auto full = fs::canonical(directory, error);
  if (error)
    return config::unexpected{refusal{exit_code::usage, "no-tree",
                                      directory + ": " + error.message(),
                                      "name the directory of a config tree"}};
  if (!fs::is_directory(full, error))
    return config::unexpected{refusal{exit_code::usage, "no-tree", directory + " is no directory",
                                      "name the directory of a config tree"}};
  const auto own = find_own(runtime);
  if (!own)
    return config::unexpected{own.error()};
  sent_tree result;
  result.directory = full.string();
  if (const auto there = fs::canonical(own->root, error); !error && there == full)
    return result;
  auto tree = config::read_tree(full, own->profile);
  if (!tree) {
    result.problems = tree.error();
    return result;
  }
  auto sent = *tree;
  if (!own->root.empty())
    sent.root = own->root;
  result.packed = commands::pack_tree(config::to_json(sent));
  if (result.packed.size() > commands::max_packed_tree)
    return config::unexpected{refusal{exit_code::failed, "too-large",
                                      directory + " is too large to be sent, packed it has "
                                          + human_size(result.packed.size()),
                                      "put it in the place of " + own->root + ", and apply that"}};
  result.tree = std::move(*tree);
  return result;
}

std::optional<config::tree> read_own(client& runtime) {
  const auto own = find_own(runtime);
  if (!own || own->root.empty())
    return std::nullopt;
  auto tree = config::read_tree(own->root, own->profile);
  if (!tree)
    return std::nullopt;
  return std::move(*tree);
}

std::vector<config::problem> problems_in(const json& document) {
  std::vector<config::problem> result;
  for (const auto& one : list_at(document, "problems"))
    if (one.is_object())
      result.push_back({plain_text(one, "file"), number_in(one, "line"), number_in(one, "column"),
                        plain_text(one, "pointer"), plain_text(one, "message"),
                        plain_text(one, "expected"), plain_text(one, "hint"),
                        plain_text(one, "level") == "warning" ? config::severity::warning
                                                              : config::severity::error});
  return result;
}

} // namespace troupe::shell
