#include "config/difference.hpp"

#include "config/document.hpp"
#include "config/masking.hpp"

#include <nlohmann/json.hpp>

#include <utility>

namespace troupe::config {

namespace {

using nlohmann::json;

/// Nobody can tell what is secret in a text that is no JSON.
json parsed_file(const document& file) {
  const auto result = parse(file);
  return result ? (*result)->root() : json(mask);
}

/// Calls `visit(path, before, after)` for each document that differs; one of them may be null.
template <class F>
void for_each_difference(const tree& from, const tree& to, F visit) {
  auto old = from.documents.begin();
  auto next = to.documents.begin();
  while (old != from.documents.end() || next != to.documents.end()) {
    if (next == to.documents.end() || (old != from.documents.end() && old->path < next->path)) {
      visit(old->path, &*old, nullptr);
      ++old;
    } else if (old == from.documents.end() || next->path < old->path) {
      visit(next->path, nullptr, &*next);
      ++next;
    } else {
      if (old->text != next->text)
        visit(old->path, &*old, &*next);
      ++old;
      ++next;
    }
  }
}

/// Of both only what is not the same as text.
std::pair<json, json> documents(const tree& from, const override_map& from_overrides,
                                const tree& to, const override_map& to_overrides) {
  const json empty{{"tree", json::object()}, {"overrides", json::object()}};
  std::pair<json, json> result{empty, empty};
  for_each_difference(from, to,
                      [&](const std::string& path, const document* old, const document* next) {
                        if (old)
                          result.first["tree"][path] = parsed_file(*old);
                        if (next)
                          result.second["tree"][path] = parsed_file(*next);
                      });
  for (const auto& [bot, patch] : from_overrides)
    result.first["overrides"][bot] = json::parse(patch, nullptr, false);
  for (const auto& [bot, patch] : to_overrides)
    result.second["overrides"][bot] = json::parse(patch, nullptr, false);
  if (!from.profile.empty())
    result.first["profile"] = from.profile;
  if (!to.profile.empty())
    result.second["profile"] = to.profile;
  return result;
}

} // namespace

std::string version_patch(const tree& from, const override_map& from_overrides, const tree& to,
                          const override_map& to_overrides) {
  const auto [before, after] = documents(from, from_overrides, to, to_overrides);
  auto patch = json::diff(before, after);
  if (patch.empty())
    return {};
  for (auto& operation : patch)
    if (const auto value = operation.find("value"); value != operation.end())
      *value = masked(*value, operation["path"].get_ref<const std::string&>());
  auto text = patch.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= max_patch_bytes)
    return text;
  return json{{"omitted", "the patch is longer than an entry of the audit may be; the versions "
                          "themselves show it"},
              {"operations", patch.size()},
              {"bytes", text.size()}}
      .dump();
}

std::vector<file_diff> tree_diff(const tree& from, const tree& to) {
  std::vector<file_diff> result;
  for_each_difference(
      from, to, [&](const std::string& path, const document* old, const document* next) {
        const auto old_label = old ? "a/" + path : "/dev/null";
        const auto next_label = next ? "b/" + path : "/dev/null";
        auto text = unified_diff(old ? masked_text(*old) : "", next ? masked_text(*next) : "",
                                 old_label, next_label);
        if (text.empty())
          text = "--- " + old_label + "\n+++ " + next_label
                 + (old && next ? "\n(only what is not shown differs)\n" : "\n(empty)\n");
        result.push_back({path, std::move(text)});
      });
  return result;
}

} // namespace troupe::config
