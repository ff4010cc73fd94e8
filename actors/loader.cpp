#include "actors/loader.hpp"

#include "actors/look.hpp"
#include "messages/digest.hpp"

#include <exception>
#include <utility>

namespace troupe {

namespace {

candidate_ptr unread(std::vector<config::problem> problems, config::override_map overrides) {
  auto result = std::make_shared<candidate>();
  result->overrides = std::move(overrides);
  result->unread = std::move(problems);
  return result;
}

candidate_ptr unread(const std::string& message, config::override_map overrides = {}) {
  return unread(std::vector{config::file_problem("", message)}, std::move(overrides));
}

/// What `make` returns; what it throws is a problem like any other.
template <class F>
candidate_ptr guarded(F make) {
  try {
    return make();
  } catch (const std::exception& reason) {
    return unread(std::string{"the config could not be loaded: "} + reason.what());
  }
}

using reader_actor =
    caf::typed_actor<caf::replies_to<read_atom, config::override_map>::with<candidate_ptr>>;

struct reader_state : look_state {
  static inline const char* name = "reader";
};

reader_actor::behavior_type reader(reader_actor::stateful_pointer<reader_state> self,
                                   const std::shared_ptr<tree_source>& source,
                                   std::shared_ptr<std::atomic<int>> reading) {
  self->state.looking = std::move(reading);
  return {[self, source](read_atom, const config::override_map& overrides) {
    self->quit();
    return guarded([&] {
      auto tree = source->read();
      return tree ? make_candidate(std::move(*tree), overrides) : unread(tree.error(), overrides);
    });
  }};
}

candidate_ptr load_version(const config_version& version) {
  auto tree = config::tree_from_json(version.tree);
  return tree ? make_candidate(std::move(*tree), version.overrides)
              : unread(tree.error(), version.overrides);
}

} // namespace

tree_on_disk::tree_on_disk(std::filesystem::path directory, std::string profile)
    : directory_{std::move(directory)}
    , profile_{std::move(profile)} {
  // nop
}

config::expected<config::tree, std::vector<config::problem>> tree_on_disk::read() {
  return config::read_tree(directory_, profile_);
}

std::string config_hash(const config::tree& tree, const config::override_map& overrides) {
  std::string text;
  // With its length before it, no text can be taken for two.
  const auto add = [&](std::string_view part) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  };
  add(tree.root);
  add(tree.profile);
  add(std::to_string(tree.documents.size()));
  for (const auto& file : tree.documents) {
    add(file.path);
    add(file.text);
  }
  for (const auto& [bot, patch] : overrides) {
    add(bot);
    // One that went through the store may be spelled another way.
    const auto value = nlohmann::json::parse(patch, nullptr, false);
    add(value.is_discarded() ? patch : value.dump());
  }
  return sha256_hex(text);
}

candidate_ptr make_candidate(config::tree tree, config::override_map overrides) {
  return guarded([&] {
    auto result = std::make_shared<candidate>();
    result->tree = std::move(tree);
    result->overrides = std::move(overrides);
    result->hash = config_hash(result->tree, result->overrides);
    config::load_options options;
    options.overrides = result->overrides;
    result->loaded = config::load(result->tree, options);
    return candidate_ptr{result};
  });
}

config::plan_side side_of(const candidate& from) {
  return {from.loaded.spec, &from.tree, from.loaded.origins};
}

loader_actor::behavior_type loader(loader_actor::stateful_pointer<loader_state> self,
                                   std::shared_ptr<tree_source> source) {
  self->set_default_handler(caf::drop);
  self->state.source = std::move(source);
  auto* st = &self->state;
  return {
      [self, st](read_atom, const config::override_map& overrides) -> caf::result<candidate_ptr> {
        if (!st->source)
          return unread("this fleet has no tree on disk", overrides);
        if (st->reading->fetch_add(1) >= most_reads) {
          --*st->reading;
          return unread("earlier reads of the tree hang; look whether its disk answers", overrides);
        }
        // As this actor: in a thread of its own, or, in tests, in turn with all others.
        const auto by = self->getf(caf::abstract_actor::is_detached_flag)
                            ? self->spawn<caf::detached>(reader, st->source, st->reading)
                            : self->spawn(reader, st->source, st->reading);
        return self->delegate(by, read_atom_v, overrides);
      },
      [](load_atom, const candidate_ptr& from, const config::override_map& overrides) {
        return from ? make_candidate(from->tree, overrides) : unread("there is no tree", overrides);
      },
      [](load_atom, const config_version& version) {
        return guarded([&] { return load_version(version); });
      },
  };
}

} // namespace troupe
