#include "config/fleet_builder.hpp"

#include "config/decode.hpp"
#include "config/decode_messaging.hpp"
#include "config/fingerprint.hpp"
#include "config/names.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <type_traits>
#include <unordered_map>

namespace troupe::config {

namespace {

using nlohmann::json;

void ignore_problem(const value_problem&) {} // reported where the value is written

/// Whether a path is surely complete once its placeholders are expanded.
bool is_absolute(const std::string& path) {
  return path.starts_with('/') || path.starts_with("${env:") || path.starts_with("${secret:");
}

class bot_merger {
public:
  bot_merger(const fleet_files& files, problem_bag& problems)
      : files_{files}
      , problems_{problems} {}

  merged_bot merge(const std::string& name, const fleet_files::bot_file& file) {
    name_ = &name;
    const auto& inherited = defaults_for(std::string{parent_name(name)});
    const auto extends = inherited.find("extends");
    const auto* extended = extends == inherited.end() ? nullptr : &*extends;
    auto layers = files_.own_layers(name, std::nullopt, extended);
    auto below = inherited; // without what operators have set
    for (const auto& one : layers)
      if (one.where != scope::operator_override)
        merge_settings(below, *one.value);
    auto settings = below;
    for (const auto& one : layers)
      if (one.where == scope::operator_override)
        merge_settings(settings, *one.value);

    merged_bot result;
    result.written = replicas_of(below);
    const auto replicas = replicas_of(settings);
    result.distinct.push_back(decode(settings, file, std::nullopt));
    result.instances.assign(replicas, 0);
    for (const auto index : indices(layers)) {
      if (index >= replicas) {
        warn_of_unused(index, replicas);
        continue;
      }
      auto special = below;
      for (const auto& one : files_.own_layers(name, index, extended))
        if (one.where == scope::instance || one.where == scope::operator_override)
          merge_settings(special, *one.value);
      result.instances[index] = static_cast<std::uint32_t>(result.distinct.size());
      result.distinct.push_back(decode(special, file, index));
    }
    return result;
  }

private:
  using part = parsed_document::part;

  /// What all bots of a group inherit, without what is built in; made once for each group.
  const json& defaults_for(const std::string& group) {
    const auto [known, is_new] = defaults_.try_emplace(group, json::object());
    if (is_new) {
      for (const auto& one : files_.inherited_layers(group))
        if (one.where != scope::built_in)
          merge_settings(known->second, *one.value);
    }
    return known->second;
  }

  static std::uint32_t replicas_of(const json& settings) {
    auto written = settings.find("replicas");
    // Anything else has been reported, or is null.
    bool fine = written != settings.end() && written->is_number_integer() && *written >= json(1)
                && *written <= json(10'000);
    return fine ? written->get<std::uint32_t>() : 1;
  }

  static std::set<std::uint32_t> indices(const std::vector<layer>& layers) {
    std::set<std::uint32_t> result;
    for (const auto& one : layers)
      if (const auto* instances = object_member(*one.value, "instances"))
        for (const auto& [key, value] : instances->items())
          if (auto name = split_instance("x#" + key); name && name->index && value.is_object())
            result.insert(*name->index);
    return result;
  }

  void warn_of_unused(std::uint32_t index, std::uint32_t replicas) {
    report(std::nullopt, "/instances/" + std::to_string(index), part::key,
           "there is no instance " + std::to_string(index) + ", these settings are not used",
           "an index below " + std::to_string(replicas) + ", the number of replicas", {},
           severity::warning);
  }

  /// Reports at the place that sets `pointer`, or at the bot's file.
  void report(std::optional<std::uint32_t> index, const std::string& pointer, part where,
              std::string message, std::string expected, std::string hint = {},
              severity level = severity::error) {
    auto layers = files_.layers_of(*name_, index);
    auto at = locate(layers, pointer);
    const auto* source = at ? layers[*at].source : nullptr;
    if (!source)
      return;
    if (problems_.full(source->path())) {
      problems_.skip(source->path());
      return;
    }
    auto what = source->at(layers[*at].base + pointer, where, std::move(message),
                           std::move(expected), std::move(hint));
    what.level = level;
    if (level == severity::warning)
      problems_.add(std::move(what));
    else
      problems_.add_unless_known(std::move(what));
  }

  bot_spec decode(const json& settings, const fleet_files::bot_file& file,
                  std::optional<std::uint32_t> index) {
    bot_spec spec;
    decode_bot(settings, spec, ignore_problem);
    place_path(spec.directory, "/directory", file, index);
    if (spec.environment_file)
      place_path(*spec.environment_file, "/environment_file", file, index);
    spec.fingerprint = fingerprint(spec);
    if (file.source)
      check(settings, spec, *file.source, index);
    return spec;
  }

  /// Makes a path absolute: it counts from the folder of the file that sets it.
  void place_path(std::string& path, const std::string& pointer, const fleet_files::bot_file& file,
                  std::optional<std::uint32_t> index) {
    if (is_absolute(path))
      return;
    auto from = file.path;
    if (!path.empty()) {
      auto layers = files_.layers_of(*name_, index);
      // An operator speaks as the bot's file does.
      if (auto at = locate(layers, pointer);
          at && layers[*at].source && layers[*at].where != scope::operator_override)
        from = layers[*at].source->path();
    }
    auto folder = fleet_files::folder_of(from);
    while (path.starts_with("./"))
      path.erase(0, 2);
    auto result = files_.source.root;
    for (const auto& more : {folder, path == "." ? std::string{} : path})
      if (!more.empty())
        result += (result.ends_with('/') ? "" : "/") + more;
    path = std::move(result);
  }

  void check(const json& settings, const bot_spec& spec, const parsed_document& own,
             std::optional<std::uint32_t> index) {
    const bool whole_has_command = has_command_;
    if (!index)
      has_command_ = settings.contains("command");
    if (!settings.contains("command")) {
      if (index && !whole_has_command)
        return; // said of the whole bot
      const auto layers = files_.layers_of(*name_, index);
      const auto taken = locate(layers, "/command");
      if (!index && taken && layers[*taken].where == scope::operator_override)
        report(index, "/command", part::key, "this leaves the bot without a \"command\"",
               "an array of strings");
      else if (!index && own.root().is_object())
        problems_.add(own.at("", part::value, "the bot has no \"command\"",
                             "an array of strings such as [\"python3\", \"bot.py\"]",
                             "set it here, or in \"defaults\" of a group.json above"));
      else if (index)
        report(index, "/command", part::key, "this leaves the instance without a \"command\"",
               "an array of strings");
      return;
    }
    // Contradictions of two values are looked for only where each is right on its own.
    if (!problems_.empty())
      for (const auto& layer : files_.layers_of(*name_, index))
        if (layer.source && problems_.has_errors_in(layer.source->path()))
          return;
    auto contradiction = [&](const char* pointer, const char* than, std::string message,
                             std::string expected) {
      // Said where the stronger of the two stands: that is the one that broke the pair.
      auto layers = files_.layers_of(*name_, index);
      auto first = locate(layers, pointer);
      auto second = locate(layers, than);
      bool blame_second = second && (!first || *second > *first);
      report(index, blame_second ? than : pointer, part::value, std::move(message),
             std::move(expected));
    };
    if (const auto* bots_own = object_member(settings, "settings"))
      if (auto why = settings_problem(*bots_own); !why.empty())
        report(index, "/settings", part::key, why + " when all scopes are merged",
               "at most 48 KiB of JSON, at most 12 levels deep");
    if (spec.delay.initial > spec.delay.max)
      contradiction("/delay/initial", "/delay/max",
                    "the first pause of \"delay\" is longer than the longest",
                    "\"initial\" not above \"max\"");
    if (spec.retry_failed.initial > spec.retry_failed.max)
      contradiction("/retry_failed/initial", "/retry_failed/max",
                    "the first pause of \"retry_failed\" is longer than the longest",
                    "\"initial\" not above \"max\"");
    if (spec.limits.memory && spec.limits.memory_high
        && *spec.limits.memory_high > *spec.limits.memory)
      contradiction("/limits/memory_high", "/limits/memory",
                    "the soft limit of memory is above the hard one",
                    "\"memory_high\" not above \"memory\"");
    if (spec.ready.how == ready_spec::kind::none && spec.start_timeout.count() != 0
        && spec.start_grace >= spec.start_timeout)
      contradiction("/start_grace", "/start_timeout",
                    "\"start_grace\" is not shorter than \"start_timeout\": no start can succeed",
                    "\"start_grace\" below \"start_timeout\"");
  }

  const fleet_files& files_;
  problem_bag& problems_;
  const std::string* name_ = nullptr;
  bool has_command_ = false; ///< the whole bot that is being checked
  std::map<std::string, json> defaults_;
};

/// Builds the supervision tree from the leaves up.
class fleet_assembler {
public:
  fleet_assembler(const fleet_files& files, fleet_spec& fleet)
      : files_{files}
      , fleet_{fleet} {}

  group_ptr group(const std::string& name) {
    const auto& folder = files_.groups.at(name);
    auto result = std::make_shared<group_entry>();
    result->name = name;
    if (folder.source)
      decode_group(folder.source->root(), *result, ignore_problem);
    std::set<std::string> rest{folder.bots.begin(), folder.bots.end()};
    rest.insert(folder.groups.begin(), folder.groups.end());
    for (const auto& child : result->order)
      if (rest.erase(child) != 0)
        result->children.push_back(make_child(name, child, folder));
    for (const auto& child : rest)
      result->children.push_back(make_child(name, child, folder));
    return result;
  }

private:
  group_entry::child make_child(const std::string& above, const std::string& name,
                                const fleet_files::group_folder& folder) {
    auto full = join_name(above, name);
    if (folder.bots.contains(name))
      return {name, fleet_.bots.at(full), nullptr};
    return {name, nullptr, group(full)};
  }

  const fleet_files& files_;
  fleet_spec& fleet_;
};

/// Of what instances differ in, if they do; equal specs have equal numbers.
std::size_t hash_of(const bot_spec& spec) {
  std::size_t result = 0;
  auto add = [&](const auto& value) {
    result = result * 31 + std::hash<std::decay_t<decltype(value)>>{}(value);
  };
  for (const auto& word : spec.command)
    add(word);
  for (const auto* values : {&spec.environment, &spec.labels})
    for (const auto& [key, value] : *values) {
      add(key);
      add(value);
    }
  add(spec.directory);
  add(spec.description);
  add(spec.environment_file.value_or(""));
  add(spec.user.value_or(""));
  add(spec.settings);
  add(spec.nice.value_or(0));
  add(spec.limits.memory.value_or(0));
  for (auto time : {spec.start_grace, spec.start_timeout, spec.stop_timeout, spec.delay.initial})
    add(time.count());
  return result;
}

/// The specs, equal ones as one object.
std::vector<bot_spec_ptr> shared(std::vector<bot_spec>& specs) {
  std::vector<bot_spec_ptr> result;
  std::unordered_multimap<std::size_t, bot_spec_ptr> known;
  for (auto& spec : specs) {
    const auto hash = hash_of(spec);
    const auto [begin, end] = known.equal_range(hash);
    const auto same = std::find_if(begin, end, [&](const auto& x) { return *x.second == spec; });
    if (same != end) {
      result.push_back(same->second);
      continue;
    }
    result.push_back(std::make_shared<const bot_spec>(std::move(spec)));
    known.emplace(hash, result.back());
  }
  return result;
}

/// By bot: the patterns that others wait for in its output.
std::map<std::string, std::set<std::string>>
awaited_output(const std::map<std::string, merged_bot>& bots) {
  std::map<std::string, std::set<std::string>> result;
  for (const auto& [name, bot] : bots)
    for (const auto& each : bot.distinct)
      for (const auto& on : each.depends_on)
        if (on.until == condition::output)
          result[on.target].insert(on.pattern);
  return result;
}

} // namespace

std::map<std::string, merged_bot> merge_bots(const fleet_files& files, problem_bag& problems) {
  std::map<std::string, merged_bot> result;
  bot_merger merger{files, problems};
  std::size_t instances = 0;
  for (const auto& [name, file] : files.bots) {
    auto& bot = result[name] = merger.merge(name, file);
    instances += bot.instances.size();
    if (instances > fleet_limits::instances) {
      problems.add(file_problem(file.path, "the fleet has too many instances",
                                "at most " + std::to_string(fleet_limits::instances),
                                "lower \"replicas\""));
      break;
    }
  }
  return result;
}

spec_ptr build_fleet(const fleet_files& files, std::map<std::string, merged_bot> bots) {
  auto fleet = std::make_shared<fleet_spec>();
  if (files.runtime)
    decode_runtime(files.runtime->root(), fleet->runtime, fleet->name, ignore_problem);
  if (fleet->name.empty())
    fleet->name = suggest_name(leaf_name(files.source.root));
  if (fleet->name.empty())
    fleet->name = "fleet";
  const auto awaited = awaited_output(bots);
  for (auto& [name, bot] : bots) {
    if (const auto at = awaited.find(name); at != awaited.end())
      for (auto& each : bot.distinct)
        each.awaited_output.assign(at->second.begin(), at->second.end());
    auto entry = std::make_shared<bot_entry>();
    entry->name = name;
    entry->file = files.bots.at(name).path;
    entry->written_replicas = bot.written;
    const auto override = files.overrides.find(name);
    entry->scaled =
        override != files.overrides.end() && override->second->root().contains("replicas");
    const auto specs = shared(bot.distinct);
    for (auto index : bot.instances)
      entry->instances.push_back(specs[index]);
    fleet->bots.emplace(name, std::move(entry));
  }
  fleet->root = fleet_assembler{files, *fleet}.group("");
  return fleet;
}

} // namespace troupe::config
