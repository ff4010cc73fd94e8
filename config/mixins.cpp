#include "config/mixins.hpp"

#include "config/names.hpp"
#include "config/order.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace troupe::config {

namespace {

using nlohmann::json;

/// A mixin on its way from `extends` to its lineage.
struct open_mixin {
  fleet_files::mixin_file* file = nullptr;
  std::vector<std::string> bases;   ///< those that exist
  std::vector<std::string> derived; ///< who waits for this one
  std::size_t missing = 0;          ///< bases that are not resolved yet
  std::size_t height = 1;
  bool resolved = false;
};

/// Goes from the mixins that extend nothing upwards, so that no depth of a hostile tree is one
/// of the stack.
class mixin_resolver {
public:
  mixin_resolver(fleet_files& files, problem_bag& problems)
      : files_{files}
      , problems_{problems} {}

  void run() {
    collect();
    std::vector<std::string> ready;
    for (const auto& [name, mixin] : open_)
      if (mixin.missing == 0)
        ready.push_back(name);
    while (!ready.empty()) {
      auto& mixin = open_.at(ready.back());
      ready.pop_back();
      resolve(mixin);
      for (const auto& name : mixin.derived)
        if (--open_.at(name).missing == 0)
          ready.push_back(name);
    }
    report_circles();
  }

private:
  void collect() {
    for (auto& [name, file] : files_.mixins) {
      auto& mixin = open_[name];
      mixin.file = &file;
      file.lineage = {&file};
      if (!file.source || !file.source->root().is_object())
        continue;
      file.settings = file.source->root();
      const auto extends = file.settings.find("extends");
      if (extends == file.settings.end())
        continue;
      for (auto& [pointer, base] : extended_names(*extends))
        if (files_.mixins.contains(base)
            && std::find(mixin.bases.begin(), mixin.bases.end(), base) == mixin.bases.end())
          mixin.bases.push_back(std::move(base));
      file.settings.erase(extends); // says nothing about who extends this one
    }
    for (auto& [name, mixin] : open_) {
      mixin.missing = mixin.bases.size();
      for (const auto& base : mixin.bases)
        open_.at(base).derived.push_back(name);
    }
  }

  void resolve(open_mixin& mixin) {
    mixin.resolved = true;
    std::vector<const fleet_files::mixin_file*> lineage;
    std::set<const fleet_files::mixin_file*> known;
    for (const auto& name : mixin.bases) {
      const auto& base = open_.at(name);
      mixin.height = std::max(mixin.height, base.height + 1);
      for (const auto* each : base.file->lineage)
        if (known.insert(each).second)
          lineage.push_back(each);
    }
    // One that is over the bounds stands for itself, so that those above it are not over, too.
    if (mixin.height > mixin_limits::depth)
      report(mixin, "mixins extend each other more than 32 deep", "at most 32 mixins in a row");
    else if (lineage.size() >= mixin_limits::lineage)
      report(mixin, "this brings more than 256 mixins along", "at most 256 mixins");
    else {
      lineage.push_back(mixin.file);
      mixin.file->lineage = std::move(lineage);
      return;
    }
    mixin.height = 1;
  }

  void report(const open_mixin& mixin, std::string message, std::string expected) {
    const auto& source = *mixin.file->source;
    if (problems_.full(source.path()))
      return problems_.skip(source.path());
    problems_.add_unless_known(source.at("/extends", parsed_document::part::value,
                                         std::move(message), std::move(expected)));
  }

  /// Whatever is not resolved is in a circle or above one: each walk down ends in one.
  void report_circles() {
    std::set<std::string> seen;
    for (const auto& [name, mixin] : open_) {
      std::vector<std::string> path;
      auto at = name;
      while (!open_.at(at).resolved && seen.insert(at).second) {
        path.push_back(at);
        at = *std::find_if(open_.at(at).bases.begin(), open_.at(at).bases.end(),
                           [this](const auto& base) { return !open_.at(base).resolved; });
      }
      const auto begin = std::find(path.begin(), path.end(), at);
      if (begin == path.end())
        continue;
      std::vector<std::string> circle{begin, path.end()};
      circle.push_back(at);
      report(open_.at(at), "mixins extend each other in a circle: " + arrows(circle),
             "mixins that do not come back to themselves");
    }
  }

  fleet_files& files_;
  problem_bag& problems_;
  std::map<std::string, open_mixin> open_;
};

} // namespace

std::vector<std::pair<std::string, std::string>> extended_names(const json& extends) {
  std::vector<std::pair<std::string, std::string>> result;
  if (extends.is_string())
    result.emplace_back("", extends.get<std::string>());
  else if (extends.is_array())
    for (std::size_t at = 0; at < extends.size(); ++at)
      if (extends[at].is_string())
        result.emplace_back(pointer_to("", at), extends[at].get<std::string>());
  return result;
}

void resolve_mixins(fleet_files& files, problem_bag& problems) {
  if (!files.mixins.empty())
    mixin_resolver{files, problems}.run();
}

} // namespace troupe::config
