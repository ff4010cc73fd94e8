#pragma once

// A fleet whose config tree a test edits, as operators do.

#include "test/actor/fixture.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace troupe::test {

/// Files of a tree by their path.
using files = std::map<std::string, std::string>;

inline config::tree tree_of(const files& what) {
  config::tree result;
  result.root = "/tmp";
  for (const auto& [path, text] : what)
    result.documents.push_back({path, text});
  return result;
}

inline std::string bot(const std::string& program, const std::string& more = {}) {
  return R"({"command": ["/bin/)" + program + R"("])" + (more.empty() ? "" : ", " + more) + "}";
}

struct fleet_world : stage {
  files tree;

  void begin(files given) {
    tree = std::move(given);
    raise(tree_of(tree));
    advance(std::chrono::seconds{2});
  }

  void write(const std::string& path, const std::string& text) {
    tree[path] = text;
    on_disk = tree_of(tree);
  }

  nlohmann::json apply(nlohmann::json arguments = nlohmann::json::object()) {
    return change("apply", arguments);
  }

  nlohmann::json standing() { return change("standing"); }

  std::uint64_t version() { return standing()["version"].get<std::uint64_t>(); }
  std::string how() { return standing()["state"].get<std::string>(); }

  std::vector<std::string> states() const {
    std::vector<std::string> result;
    for (const auto& each : store.versions)
      result.emplace_back(to_string(each.now));
    return result;
  }

  /// The program that the living process of an instance was started with.
  std::uint64_t settings(const std::string& instance) {
    for (const auto& [which, each] : host.table)
      if (which.first == instance && each.alive())
        return each.settings;
    return 0;
  }

  /// What was said of the config.
  std::vector<std::string> remarks() const {
    std::vector<std::string> result;
    for (const auto& [seq, each] : store.transitions)
      if (each.instance == config_subject)
        result.push_back(each.cause);
    return result;
  }

  bool was_said(const std::string& part) const {
    const auto all = remarks();
    return std::any_of(all.begin(), all.end(),
                       [&](const auto& x) { return x.find(part) != std::string::npos; });
  }
};

inline const files two_bots{{"a.json", bot("one", R"("replicas": 4)")}, {"b.json", bot("other")}};

} // namespace troupe::test
