#include "config/fleet_files.hpp"

#include "config/mixins.hpp"
#include "config/names.hpp"

#include <algorithm>

namespace troupe::config {

namespace {

constexpr std::string_view override_prefix = "override of ";

bool is_scope_folder(std::string_view name) {
  return name == "profiles" || name == "tenants" || name == "mixins";
}

/// Gives each document its role by its path.
class file_sorter {
public:
  file_sorter(fleet_files& files, problem_bag& problems)
      : files_{files}
      , problems_{problems} {}

  void add(const document& source) {
    auto folder = std::string{parent_name(source.path)};
    auto top = folder.substr(0, folder.find('/'));
    auto file = source.path.substr(folder.empty() ? 0 : folder.size() + 1);
    auto stem = file.substr(0, file.size() - std::min<std::size_t>(file.size(), 5));
    if (is_scope_folder(top)) {
      add_scope(source, folder, std::string{top}, stem);
    } else if (folder.empty() && file == "runtime.json") {
      files_.runtime = parsed(source);
    } else if (add_group(folder)) {
      if (file == "group.json")
        files_.groups[folder].source = parsed(source);
      else
        add_bot(source, folder, stem);
    }
  }

  /// What can only be seen when all files are known.
  void finish() {
    for (const auto& [name, bot] : files_.bots)
      if (files_.groups.contains(name))
        problems_.add(file_problem(bot.path, "the bot and the group beside it have one name",
                                   "different names",
                                   "rename " + bot.path + " or the directory " + name + "/"));
    if (files_.bots.empty() && problems_.empty())
      problems_.add(file_problem("", "the tree describes no bot",
                                 "at least one NAME.json with a \"command\"",
                                 "is " + files_.source.root + " the right directory?"));
    choose_profile();
    choose_tenants();
    resolve_mixins(files_, problems_);
  }

private:
  void warn(const std::string& path, std::string message) {
    auto what = file_problem(path, std::move(message));
    what.level = severity::warning;
    problems_.add(std::move(what));
  }

  const parsed_document* parsed(const document& source) {
    if (files_.too_large)
      return nullptr;
    auto result = parse(source);
    if (!result) {
      problems_.add(result.error());
      return nullptr;
    }
    values_ += (*result)->size();
    if (values_ > fleet_limits::values) {
      files_.too_large = true;
      problems_.add(file_problem("", "the tree holds too many values",
                                 "at most 2000000 JSON values",
                                 "keep the data of bots out of the config tree"));
    }
    files_.documents.push_back(std::move(*result));
    return files_.documents.back().get();
  }

  bool check_name(const std::string& path, const std::string& name, const std::string& what) {
    if (valid_name(name))
      return true;
    auto better = suggest_name(name);
    auto hint = better.empty() ? std::string{} : "rename it to " + in_quotes(better);
    if (name == "package" || name.ends_with("config"))
      hint += ", or keep files that are no bots out of the tree";
    problems_.add(file_problem(path, in_quotes(name) + " is no name for " + what,
                               std::string{name_rule}, std::move(hint)));
    return false;
  }

  /// Makes the group and those above it known; false when it cannot be one.
  bool add_group(const std::string& name) {
    if (files_.groups.contains(name))
      return true;
    if (refused_.contains(name))
      return false;
    auto above = std::string{parent_name(name)};
    auto leaf = std::string{leaf_name(name)};
    bool fine = name.empty() || add_group(above);
    if (fine && !name.empty())
      fine = check_group_name(name, leaf);
    if (!fine) {
      refused_.insert(name);
      return false;
    }
    files_.groups[name].path = join_name(name, "group.json");
    if (!name.empty())
      files_.groups[above].groups.insert(leaf);
    return true;
  }

  bool check_group_name(const std::string& name, const std::string& leaf) {
    if (leaf == "runtime") {
      problems_.add(file_problem(name, "\"runtime\" is no name for a group",
                                 "another name for the directory"));
      return false;
    }
    if (leaf.ends_with(".json")) {
      problems_.add(file_problem(name, "a directory must not be named like a file",
                                 "a name that does not end in .json"));
      return false;
    }
    return check_name(name, leaf, "a group");
  }

  /// A file of a folder that is no group: a profile, a tenant or a mixin.
  void add_scope(const document& source, const std::string& folder, const std::string& top,
                 const std::string& stem) {
    if (folder != top)
      return warn(source.path, top + " stand in \"" + top + "\" itself; this file is not used");
    if (!check_name(source.path, stem, "a " + top.substr(0, top.size() - 1)))
      return;
    auto& file = top == "profiles"  ? files_.profiles[stem]
                 : top == "tenants" ? files_.tenants[stem]
                                    : files_.mixins[stem];
    file.path = source.path;
    file.source = parsed(source);
  }

  void add_bot(const document& source, const std::string& folder, const std::string& stem) {
    if (stem == "runtime") {
      problems_.add(file_problem(source.path, "runtime.json stands in the root only",
                                 "another name for a bot, or the file in the root"));
      return;
    }
    if (!check_name(source.path, stem, "a bot"))
      return;
    files_.groups[folder].bots.insert(stem);
    files_.bots[join_name(folder, stem)] = {source.path, parsed(source)};
  }

  void choose_profile() {
    const auto& wanted = files_.source.profile;
    if (wanted.empty())
      return;
    auto found = files_.profiles.find(wanted);
    if (found != files_.profiles.end()) {
      files_.profile = found->second.source;
      return;
    }
    std::vector<std::string> known;
    for (const auto& [name, file] : files_.profiles)
      known.push_back(name);
    auto hint = did_you_mean(wanted, known);
    problems_.add(file_problem("", "there is no profile " + in_quotes(wanted),
                               "the file profiles/" + wanted + ".json", std::move(hint)));
  }

  /// A tenant that is not there is reported where it is named.
  void choose_tenants() {
    for (auto& [name, group] : files_.groups) { // those above come first
      if (!name.empty())
        group.tenant = files_.groups.at(std::string{parent_name(name)}).tenant;
      if (!group.source || !group.source->root().is_object())
        continue;
      const auto written = group.source->root().find("tenant");
      if (written == group.source->root().end())
        continue;
      const auto* tenant = written->get_ptr<const std::string*>();
      const auto found = tenant ? files_.tenants.find(*tenant) : files_.tenants.end();
      group.tenant = found == files_.tenants.end() ? nullptr : &found->second;
    }
  }

  fleet_files& files_;
  problem_bag& problems_;
  std::set<std::string> refused_;
  std::size_t values_ = 0;
};

} // namespace

const nlohmann::json* object_member(const nlohmann::json& value, const std::string& key) {
  if (!value.is_object())
    return nullptr;
  auto member = value.find(key);
  return member != value.end() && member->is_object() ? &*member : nullptr;
}

std::string fleet_files::folder_of(const std::string& path) {
  auto folder = std::string{parent_name(path)};
  return is_scope_folder(folder) ? std::string{} : folder;
}

std::string override_path(const std::string& bot) {
  return std::string{override_prefix} + bot;
}

bool is_override_path(const std::string& path) {
  return path.starts_with(override_prefix);
}

void add_overrides(fleet_files& files, const override_map& overrides, problem_bag& problems) {
  for (const auto& [bot, patch] : overrides) {
    if (!files.bots.contains(bot) || patch.empty())
      continue;
    // Its text must stay where it is: the parsed document looks into it.
    auto parsed = parse(files.override_texts.emplace_back(document{override_path(bot), patch}));
    if (!parsed) {
      problems.add(parsed.error());
      continue;
    }
    files.overrides[bot] = parsed->get();
    files.documents.push_back(std::move(*parsed));
  }
}

std::shared_ptr<fleet_files> sort_files(const tree& source, problem_bag& problems) {
  auto files = std::make_shared<fleet_files>();
  files->source = source;
  files->groups[""].path = "group.json";
  file_sorter sorter{*files, problems};
  for (const auto& item : files->source.documents) {
    auto top = item.path.substr(0, item.path.find('/'));
    if (top != "secrets" || top.size() == item.path.size())
      sorter.add(item);
  }
  sorter.finish();
  return files;
}

} // namespace troupe::config
