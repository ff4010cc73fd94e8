// What may be asked of the config. Nothing here changes anything.

#include "actors/clocks.hpp"
#include "actors/config.hpp"
#include "actors/loader.hpp"
#include "config/difference.hpp"
#include "config/masking.hpp"
#include "config/plan_json.hpp"

#include <fmt/format.h>
#include <utility>

namespace troupe {

namespace {

using nlohmann::json;

constexpr std::uint32_t usual_versions = 20;
constexpr std::uint32_t most_versions = 1000;

config_reply bad(const std::string& what) {
  return config_refusal({exit_code::usage, "bad-arguments", what, ""});
}

config_reply silent(const std::string& who) {
  return config_refusal({exit_code::failed, "no-answer", who + " did not answer in time",
                         "try again; `troupe status` shows how things stand"});
}

/// The number at `key`, or `otherwise`; nothing when it is no number.
std::optional<std::uint64_t> number_in(const json& arguments, const char* key,
                                       std::uint64_t otherwise) {
  const auto at = arguments.find(key);
  if (at == arguments.end() || at->is_null())
    return otherwise;
  if (!at->is_number_unsigned())
    return std::nullopt;
  return at->get<std::uint64_t>();
}

/// The flag at `key`; nothing when it is none.
std::optional<bool> flag_in(const json& arguments, const char* key) {
  const auto at = arguments.find(key);
  if (at == arguments.end() || at->is_null())
    return false;
  if (!at->is_boolean())
    return std::nullopt;
  return at->get<bool>();
}

void deliver(caf::typed_response_promise<config_reply> promise, const config_reply& reply) {
  promise.deliver(reply);
}

} // namespace

void config_state::look(const std::string& operation, const json& arguments, look_promise promise) {
  if (operation == "explain")
    return deliver(promise, explain(arguments));
  if (operation == "standing")
    return deliver(promise, standing());
  if (looks >= max_looks)
    return deliver(promise, config_refusal({exit_code::failed, "too-many-looks",
                                            "too many looks at the config are under way",
                                            "try again in a moment"}));
  if (operation == "plan")
    look_at_plan(arguments, promise);
  else if (operation == "versions")
    look_at_versions(arguments, promise);
  else if (operation == "show" || operation == "export")
    look_at_version(arguments, promise, operation == "export");
  else if (operation == "diff")
    look_at_diff(arguments, promise);
  else
    deliver(promise, bad("the config knows no operation \"" + operation + "\""));
}

// -- plan ----------------------------------------------------------------------------------

void config_state::look_at_plan(const json& arguments, look_promise promise) {
  if (!services->loader)
    return deliver(promise, config_refusal({exit_code::failed, "no-loader",
                                            "this fleet has no config tree", ""}));
  const auto tree = arguments.find("tree");
  const bool from_disk = tree == arguments.end() || tree->is_null();
  const auto theirs = flag_in(arguments, "theirs");
  const auto mine = flag_in(arguments, "mine");
  if (!theirs || !mine || (*theirs && *mine))
    return deliver(promise, bad("a conflict is resolved by \"theirs\" or by \"mine\""));
  using conflicts = std::vector<config::conflict>;
  const auto lost = [this, promise](const caf::error&) {
    --looks;
    deliver(promise, silent("the loader"));
  };
  const auto show = [this, promise](const candidate_ptr& found, const conflicts& all) {
    --looks;
    if (!found->loaded.spec)
      return deliver(promise, config_answer(plan_json(*found, {}, all), exit_code::config_invalid));
    const auto plan = plan_to(*found);
    const bool nothing = plan.empty() && all.empty();
    deliver(promise, config_answer(plan_json(*found, plan, all),
                                   nothing ? exit_code::done : exit_code::failed));
  };
  const auto weigh = [=, this](const candidate_ptr& found) {
    if (from_disk)
      note_disk(*found);
    if (!found->loaded.spec)
      return show(found, {});
    with_conflicts(found, [=, this](const conflicts& all) {
      if (!*theirs || all.empty())
        return show(found, all);
      self->request(services->loader, load_timeout, load_atom_v, found,
                    config::without(found->overrides, all))
          .then([=](const candidate_ptr& loaded) { show(loaded, all); }, lost);
    });
  };
  if (from_disk) {
    ++looks;
    self->request(services->loader, load_timeout, read_atom_v, applied->overrides)
        .then(weigh, lost);
    return;
  }
  auto read = config::tree_from_json(tree->dump());
  if (!read)
    return deliver(promise, bad(problem_text(read.error())));
  auto given = std::make_shared<candidate>();
  given->tree = std::move(*read);
  ++looks;
  self->request(services->loader, load_timeout, load_atom_v, candidate_ptr{std::move(given)},
                applied->overrides)
      .then(weigh, lost);
}

// -- versions ------------------------------------------------------------------------------

void config_state::look_at_versions(const json& arguments, look_promise promise) {
  const auto last_ones = number_in(arguments, "last", usual_versions);
  if (!last_ones || *last_ones > most_versions)
    return deliver(promise, bad(fmt::format("\"last\" is a number up to {}", most_versions)));
  ++looks;
  self->request(services->journal, request_timeout, versions_atom_v,
                static_cast<std::uint32_t>(*last_ones))
      .then(
          [this, promise](const version_list& found) mutable {
            --looks;
            if (!found.trouble.empty())
              return deliver(promise,
                             config_refusal({exit_code::failed, "unreadable", found.trouble, ""}));
            auto document = config_document();
            document["version"] = version.number;
            auto& list = document["versions"] = json::array();
            for (const auto& each : found.items)
              list.push_back(version_json(each));
            deliver(promise, config_answer(document));
          },
          [this, promise](const caf::error&) mutable {
            --looks;
            deliver(promise, silent("the journal"));
          });
}

void config_state::with_version(std::uint64_t number, look_promise promise,
                                std::function<void(const config_version&)> then) {
  if (number == version.number) {
    auto here = version;
    here.tree = config::to_json(applied->tree);
    here.overrides = applied->overrides;
    return then(here);
  }
  ++looks;
  self->request(services->journal, request_timeout, versions_atom_v, number)
      .then(
          [this, number, promise, then](const version_list& found) mutable {
            --looks;
            if (!found.trouble.empty())
              return deliver(promise,
                             config_refusal({exit_code::failed, "unreadable", found.trouble, ""}));
            if (found.items.empty())
              return deliver(
                  promise, config_refusal({exit_code::failed, "no-such-version",
                                           fmt::format("there is no version {}", number),
                                           "`troupe config versions` lists those that are kept"}));
            then(found.items.front());
          },
          [this, promise](const caf::error&) mutable {
            --looks;
            deliver(promise, silent("the journal"));
          });
}

void config_state::look_at_version(const json& arguments, look_promise promise, bool whole) {
  const auto number = number_in(arguments, "number", version.number);
  if (!number)
    return deliver(promise, bad("\"number\" is the number of a version"));
  with_version(*number, promise, [promise, whole](const config_version& found) mutable {
    const auto tree = config::tree_from_json(found.tree);
    if (!tree)
      return deliver(promise, config_refusal({exit_code::failed, "unreadable",
                                              problem_text(tree.error()), ""}));
    auto document = version_json(found);
    document["schema_version"] = 1;
    document["root"] = tree->root;
    document["profile"] = tree->profile;
    auto& files = document["files"] = json::array();
    for (const auto& each : tree->documents)
      files.push_back(
          {{"path", each.path}, {"text", whole ? each.text : config::masked_text(each)}});
    // What is written to be read back has to be as it was.
    auto overrides = overrides_json(found.overrides);
    if (whole)
      for (const auto& [bot, patch] : found.overrides)
        if (auto value = json::parse(patch, nullptr, false); !value.is_discarded())
          overrides[bot] = std::move(value);
    document["overrides"] = std::move(overrides);
    deliver(promise, config_answer(document));
  });
}

// -- diff ----------------------------------------------------------------------------------

void config_state::with_loaded(std::uint64_t number, look_promise promise,
                               std::function<void(const candidate_ptr&)> then) {
  if (number == version.number)
    return then(applied);
  if (!services->loader)
    return deliver(promise, config_refusal({exit_code::failed, "no-loader",
                                            "this fleet has no config tree", ""}));
  with_version(number, promise, [this, promise, then](const config_version& found) mutable {
    ++looks;
    self->request(services->loader, load_timeout, load_atom_v, found)
        .then(
            [this, then](const candidate_ptr& loaded) {
              --looks;
              then(loaded);
            },
            [this, promise](const caf::error&) mutable {
              --looks;
              deliver(promise, silent("the loader"));
            });
  });
}

void config_state::look_at_diff(const json& arguments, look_promise promise) {
  const auto from = number_in(arguments, "from", 0);
  const auto to = number_in(arguments, "to", version.number);
  if (!from || !to || *from == 0)
    return deliver(promise, bad("diff compares two versions: from and to are their numbers"));
  with_loaded(*from, promise, [=, this](const candidate_ptr& before) {
    with_loaded(*to, promise, [=, this](const candidate_ptr& after) {
      finish_diff(before, *from, after, *to, promise);
    });
  });
}

void config_state::finish_diff(const candidate_ptr& from, std::uint64_t from_number,
                               const candidate_ptr& to, std::uint64_t to_number,
                               look_promise promise) {
  auto document = config_document();
  config::fleet_plan plan;
  // An old version may not load under this program; its files can be compared all the same.
  if (from->loaded.spec && to->loaded.spec)
    plan = config::make_plan(side_of(*from), side_of(*to));
  const auto steps = config::to_json(plan);
  document.update(steps);
  document["from"] = from_number;
  document["to"] = to_number;
  auto& files = document["files"] = json::array();
  for (const auto& each : config::tree_diff(from->tree, to->tree))
    files.push_back({{"path", each.path}, {"diff", each.text}});
  document["overrides"] = {{"from", overrides_json(from->overrides)},
                           {"to", overrides_json(to->overrides)}};
  document["problems"] = problems_json(from->loaded.spec ? to->loaded.errors : from->loaded.errors);
  const bool same = files.empty() && from->overrides == to->overrides;
  deliver(promise, config_answer(document, same ? exit_code::done : exit_code::failed));
}

// -- here ----------------------------------------------------------------------------------

config_reply config_state::explain(const json& arguments) const {
  const auto bot = arguments.find("bot");
  if (bot == arguments.end() || !bot->is_string())
    return bad("explain which bot?");
  const auto path = arguments.find("path");
  if (path != arguments.end() && !path->is_null() && !path->is_string())
    return bad("\"path\" must be text");
  const auto place = pointer_of_path(
      path == arguments.end() || path->is_null() ? std::string{} : path->get<std::string>());
  if (!place)
    return bad(place.error());
  if (!applied->loaded.origins)
    return config_refusal({exit_code::failed, "no-tree", "this fleet has no config tree", ""});
  auto instance = bot->get<std::string>();
  if (instance.find('#') == std::string::npos && !instance.ends_with('/'))
    instance += "#0";
  const auto& origins = *applied->loaded.origins;
  const auto values = origins.explain(instance, *place);
  if (values)
    return config_answer(explain_json(instance, *values));
  if (place->empty() || !origins.explain(instance))
    return config_refusal({exit_code::no_such_bot, "no-such-bot", values.error(), ""});
  return config_refusal(
      {exit_code::failed, "no-such-value", values.error(), "without a path all values are shown"});
}

config_reply config_state::standing() const {
  auto document = config_document();
  document["version"] = version.number;
  document["state"] = to_string(version.now);
  document["hash"] = applied->hash;
  document["root"] = applied->tree.root;
  document["profile"] = applied->tree.profile;
  document["auto_apply"] = applied->loaded.spec->runtime.auto_apply;
  document["deciding"] = deciding || !waiting.empty();
  if (update && version.now != version_state::healthy)
    document["update"] = progress_json(version.number, update->progress(), update_failure);
  auto kind = disk.now;
  // Something else may have come into force since it was looked at.
  if (kind == disk_standing::kind::same || kind == disk_standing::kind::differs)
    kind = disk.tree == applied_tree ? disk_standing::kind::same : disk_standing::kind::differs;
  auto& found = document["disk"];
  found["state"] = to_string(kind);
  found["problems"] = problems_json(disk.problems);
  found["since"] = time_json(disk.since);
  return config_answer(document);
}

} // namespace troupe
