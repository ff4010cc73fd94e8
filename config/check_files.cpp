#include "config/addresses.hpp"
#include "config/decode.hpp"
#include "config/expand.hpp"
#include "config/fleet_files.hpp"
#include "config/mixins.hpp"
#include "config/names.hpp"
#include "config/schema.hpp"

#include <algorithm>
#include <initializer_list>

namespace troupe::config {

namespace {

using nlohmann::json;

constexpr const char* pending_text = " is accepted, but this version does not act on it yet";

/// Checks the documents one at a time. Whether a value is right on its own is decided here,
/// where it is written, and never again for the bots that inherit it.
class file_checker {
public:
  file_checker(const fleet_files& files, const load_options& options, problem_bag& problems)
      : files_{files}
      , options_{options}
      , problems_{problems} {
    for (const auto& [name, bot] : files.bots)
      bot_names_.push_back(name);
    for (const auto& [name, group] : files.groups)
      group_names_.push_back(name + '/');
    for (const auto& [name, mixin] : files.mixins)
      mixin_names_.push_back(name);
    for (const auto& [name, tenant] : files.tenants)
      tenant_names_.push_back(name);
  }

  void run() {
    for (const auto& [name, bot] : files_.bots)
      if (bot.source)
        check_bot(*bot.source, bot.source->root(), "", true);
    for (const auto& [name, group] : files_.groups)
      if (group.source)
        check_group(*group.source, group);
    for (const auto& [name, profile] : files_.profiles)
      if (profile.source)
        check_profile(*profile.source);
    for (const auto& [name, tenant] : files_.tenants)
      if (tenant.source)
        check_tenant(*tenant.source, tenant);
    for (const auto& [name, mixin] : files_.mixins)
      if (mixin.source)
        check_mixin(*mixin.source);
    for (const auto& [name, patch] : files_.overrides)
      check_bot(*patch, patch->root(), "", true);
    if (files_.runtime)
      check_runtime(*files_.runtime);
  }

private:
  using part = parsed_document::part;

  void check(schema_kind which, const parsed_document& source, const json& value,
             const std::string& base) {
    std::vector<problem> found;
    if (!problems_.full(source.path()))
      check_schema(which, source, value, base, found);
    if (found.size() >= max_schema_problems)
      problems_.skip(source.path());
    for (auto& one : found)
      problems_.add(std::move(one));
    for (const auto& pointer : pending_keys(which, value))
      warn(source, base + pointer, part::key, in_quotes(pointer.substr(1)) + pending_text);
  }

  void warn(const parsed_document& source, const std::string& pointer, part where,
            std::string message, std::string hint = {}) {
    if (problems_.full(source.path()))
      return;
    auto what = source.at(pointer, where, std::move(message), {}, std::move(hint));
    what.level = severity::warning;
    problems_.add(std::move(what));
  }

  void wrong(const parsed_document& source, const std::string& pointer, part where,
             std::string message, std::string expected, std::string hint = {}) {
    if (problems_.full(source.path())) {
      problems_.skip(source.path());
      return;
    }
    problems_.add_unless_known(
        source.at(pointer, where, std::move(message), std::move(expected), std::move(hint)));
  }

  report_fn reporter(const parsed_document& source, const std::string& base) {
    return [this, &source, base](value_problem what) {
      auto where = what.at_key ? part::key : part::value;
      if (what.is_warning)
        warn(source, base + what.pointer, where, std::move(what.message), std::move(what.hint));
      else
        wrong(source, base + what.pointer, where, std::move(what.message), std::move(what.expected),
              std::move(what.hint));
    };
  }

  /// One object of bot settings, wherever it stands.
  void check_settings(const parsed_document& source, const json& value, const std::string& base,
                      bool warn_unset) {
    check(schema_kind::bot, source, value, base);
    bot_spec unused;
    decode_bot(value, unused, reporter(source, base));
    check_addressees(source, value, base);
    check_extends(source, value, base);
    if (warn_unset && options_.env && value.is_object())
      for (const auto* key : {"command", "directory", "environment", "environment_file"})
        if (auto member = value.find(key); member != value.end())
          warn_of_unset(source, *member, pointer_to(base, std::string_view{key}));
  }

  /// That every mixin exists.
  void check_extends(const parsed_document& source, const json& value, const std::string& base) {
    const auto extends = value.is_object() ? value.find("extends") : value.end();
    if (options_.alone || extends == value.end())
      return;
    for (const auto& [place, name] : extended_names(*extends))
      if (!files_.mixins.contains(name))
        wrong(source, base + "/extends" + place, part::value,
              "there is no mixin " + in_quotes(name), "the name of a file in mixins/",
              problems_.full(source.path()) ? "" : did_you_mean(name, mixin_names_));
  }

  /// That every bot and group in `may_send` exists.
  void check_addressees(const parsed_document& source, const json& value, const std::string& base) {
    const auto list = value.is_object() ? value.find("may_send") : value.end();
    if (options_.alone || list == value.end() || !list->is_array())
      return;
    for (std::size_t index = 0; index < list->size(); ++index) {
      const auto* entry = (*list)[index].get_ptr<const std::string*>();
      const auto what = entry ? read_permission(*entry) : permission{};
      const auto name = std::string{what.name};
      const bool is_group = what.kind == permission_kind::group;
      const bool is_bot =
          what.kind == permission_kind::bot || what.kind == permission_kind::instance;
      if ((is_group && !files_.groups.contains(name)) || (is_bot && !files_.bots.contains(name)))
        wrong(source, pointer_to(pointer_to(base, std::string_view{"may_send"}), index),
              part::value,
              std::string{"there is no "} + (is_group ? "group " : "bot ")
                  + in_quotes(is_group ? *entry : name),
              "\"group/bot\" or \"group/\" from the root",
              problems_.full(source.path()) ? "" : hint_for(*entry, name, is_group));
    }
  }

  std::string hint_for(const std::string& entry, const std::string& name, bool is_group) const {
    if (is_group && files_.bots.contains(name))
      return "it is a bot: remove the '/' at its end";
    if (!is_group && files_.groups.contains(name))
      return "it is a group: write " + in_quotes(name + '/');
    if (auto hint = did_you_mean(is_group ? entry : name, is_group ? group_names_ : bot_names_);
        !hint.empty())
      return hint;
    for (const auto& each : is_group ? group_names_ : bot_names_)
      if (each.ends_with('/' + entry))
        return "did you mean " + in_quotes(each) + "? Names count from the root";
    return {};
  }

  void warn_of_unset(const parsed_document& source, const json& value, const std::string& pointer) {
    if (value.is_string()) {
      const auto& text = value.get_ref<const std::string&>();
      if (text.find("${env:") == std::string::npos)
        return;
      for (const auto& found : placeholders(text))
        if (found.what == placeholder::kind::env && !options_.env(found.name))
          warn(source, pointer, part::value,
               in_quotes(found.name) + " is not set in the environment",
               "the bot cannot start until it is set where the runtime is started");
    } else if (value.is_array()) {
      for (std::size_t index = 0; index < value.size(); ++index)
        warn_of_unset(source, value[index], pointer_to(pointer, index));
    } else if (value.is_object()) {
      for (const auto& [key, member] : value.items())
        warn_of_unset(source, member, pointer_to(pointer, key));
    }
  }

  void refuse_keys(const parsed_document& source, const json& value, const std::string& base,
                   std::initializer_list<const char*> keys, const std::string& why,
                   const std::string& hint) {
    for (const auto* key : keys)
      if (value.is_object() && value.contains(key))
        wrong(source, pointer_to(base, std::string_view{key}), part::key,
              in_quotes(key) + " " + why, "another key of a bot", hint);
  }

  /// A bot's file, or what a profile has for one.
  void check_bot(const parsed_document& source, const json& value, const std::string& base,
                 bool warn_unset) {
    check_settings(source, value, base, warn_unset);
    const auto* instances = object_member(value, "instances");
    if (!instances)
      return;
    for (const auto& [key, settings] : instances->items()) {
      auto pointer = pointer_to(pointer_to(base, std::string_view{"instances"}), key);
      auto name = split_instance("x#" + key);
      if (!name || !name->index || *name->index >= 10'000)
        wrong(source, pointer, part::key, in_quotes(key) + " is no index of an instance",
              "a whole number from 0, in quotes");
      if (!settings.is_object())
        continue;
      check_settings(source, settings, pointer, warn_unset);
      refuse_keys(source, settings, pointer,
                  {"replicas", "instances", "autostart", "depends_on", "extends"},
                  "cannot be set for a single instance", "set it for the whole bot");
    }
  }

  void check_defaults(const parsed_document& source, bool warn_unset) {
    const auto* defaults = object_member(source.root(), "defaults");
    if (!defaults)
      return;
    check_settings(source, *defaults, "/defaults", warn_unset);
    refuse_keys(source, *defaults, "/defaults", {"instances"}, "cannot stand in \"defaults\"",
                "set it in the bot's own file");
  }

  void check_group(const parsed_document& source, const fleet_files::group_folder& folder) {
    check(schema_kind::group, source, source.root(), "");
    group_entry group;
    decode_group(source.root(), group, reporter(source, ""));
    check_defaults(source, true);
    check_order(source, folder);
    const auto* tenant = source.root().is_object() && source.root().contains("tenant")
                             ? source.root()["tenant"].get_ptr<const std::string*>()
                             : nullptr;
    if (tenant && !files_.tenants.contains(*tenant))
      wrong(source, "/tenant", part::value, "there is no tenant " + in_quotes(*tenant),
            "the name of a file in tenants/", did_you_mean(*tenant, tenant_names_));
  }

  void check_order(const parsed_document& source, const fleet_files::group_folder& folder) {
    auto order = source.root().is_object() ? source.root().value("order", json{}) : json{};
    if (!order.is_array())
      return;
    std::vector<std::string> children{folder.bots.begin(), folder.bots.end()};
    children.insert(children.end(), folder.groups.begin(), folder.groups.end());
    std::set<std::string> seen;
    for (std::size_t index = 0; index < order.size(); ++index) {
      if (!order[index].is_string())
        continue;
      const auto& name = order[index].get_ref<const std::string&>();
      auto pointer = pointer_to("/order", index);
      if (!folder.bots.contains(name) && !folder.groups.contains(name))
        wrong(source, pointer, part::value, "there is no " + in_quotes(name) + " in this directory",
              "the name of a bot or a group in it", did_you_mean(name, children));
      else if (!seen.insert(name).second)
        wrong(source, pointer, part::value, in_quotes(name) + " is there twice", "each name once");
    }
  }

  void check_profile(const parsed_document& source) {
    bool chosen = &source == files_.profile;
    check(schema_kind::profile, source, source.root(), "");
    check_defaults(source, chosen);
    check_bots(source, chosen);
  }

  /// What a profile or a tenant has for single bots.
  void check_bots(const parsed_document& source, bool warn_unset) {
    const auto* bots = object_member(source.root(), "bots");
    if (!bots)
      return;
    for (const auto& [name, settings] : bots->items()) {
      auto pointer = pointer_to("/bots", name);
      if (!files_.bots.contains(name))
        wrong(source, pointer, part::key, "there is no bot " + in_quotes(name),
              "the full name of a bot, such as \"market/trader\"",
              problems_.full(source.path()) ? "" : did_you_mean(name, bot_names_));
      if (settings.is_object())
        check_bot(source, settings, pointer, warn_unset);
    }
  }

  void check_tenant(const parsed_document& source, const fleet_files::bot_file& tenant) {
    const auto is_his = [&](const fleet_files::group_folder& group) {
      return group.tenant == &tenant;
    };
    const bool used = std::any_of(files_.groups.begin(), files_.groups.end(),
                                  [&](const auto& entry) { return is_his(entry.second); });
    check(schema_kind::tenant, source, source.root(), "");
    check_defaults(source, used);
    check_bots(source, used);
    const auto* bots = used ? object_member(source.root(), "bots") : nullptr;
    if (!bots)
      return;
    for (const auto& [name, settings] : bots->items())
      if (files_.bots.contains(name) && !is_his(files_.groups.at(std::string{parent_name(name)})))
        warn(source, pointer_to("/bots", name), part::key,
             "no group of " + in_quotes(name) + " has this tenant, these settings are not used",
             "set \"tenant\" in the group.json beside the bot or above it");
  }

  void check_mixin(const parsed_document& source) {
    check_settings(source, source.root(), "", true);
    refuse_keys(source, source.root(), "", {"instances"}, "cannot stand in a mixin",
                "set it in the bot's own file");
  }

  void check_runtime(const parsed_document& source) {
    check(schema_kind::runtime, source, source.root(), "");
    runtime_spec unused;
    std::string name;
    decode_runtime(source.root(), unused, name, reporter(source, ""));
  }

  const fleet_files& files_;
  const load_options& options_;
  problem_bag& problems_;
  std::vector<std::string> bot_names_;
  std::vector<std::string> group_names_;
  std::vector<std::string> mixin_names_;
  std::vector<std::string> tenant_names_;
};

} // namespace

void check_files(const fleet_files& files, const load_options& options, problem_bag& problems) {
  file_checker{files, options, problems}.run();
}

} // namespace troupe::config
