#include "actors/config.hpp"

#include "actors/clocks.hpp"
#include "config/overrides.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace troupe {

namespace {

/// More instances of one bot than this are a typo.
constexpr std::uint32_t max_replicas = 10'000;

void set_replicas(config::override_map& of, const std::string& bot, std::uint32_t replicas) {
  auto& patch = of[bot];
  patch = replicas == 0 ? config::without_override(patch, "/replicas")
                        : config::with_override(patch, "/replicas", replicas);
  if (patch.empty())
    of.erase(bot);
}

} // namespace

void config_state::init(config_args given) {
  args = std::move(given);
}

void config_state::wire(services_ptr replaced) {
  services = std::move(replaced);
  if (std::exchange(args.fresh, false))
    record_tree();
  else if (std::exchange(args.replacement, false))
    recall_replicas();
  else
    put_in_force();
}

void config_state::recall_replicas() {
  // Nothing else is heard before that is known.
  self->request(services->journal, request_timeout, view_atom_v)
      .await(
          [this](const journal_contents_ptr& kept) {
            config::load_options options;
            options.overrides = kept->overrides;
            if (options.overrides != args.overrides)
              if (auto loaded = config::load(args.tree, options); loaded.spec) {
                args.overrides = kept->overrides;
                args.spec = loaded.spec;
              }
            args.version = kept->version;
            put_in_force();
          },
          [this](const caf::error& reason) { self->quit(reason); });
}

void config_state::record_tree() {
  auto batch = std::make_shared<journal_batch>();
  batch->applied = config_version{};
  batch->applied->tree = config::to_json(args.tree);
  self->request(services->journal, request_timeout, write_atom_v, batch, false)
      .then(
          [this](const std::string& problem) {
            if (problem.empty())
              ++args.version;
            else
              spdlog::error(
                  "config cannot record the applied tree: {}; after a death of the runtime "
                  "it would be read from disk again",
                  problem);
            put_in_force();
          },
          [this](const caf::error& reason) {
            spdlog::error("config got no answer from the journal: {}",
                          self->system().render(reason));
            put_in_force();
          });
}

void config_state::put_in_force() {
  self->send(services->ledger, retain_atom_v, args.spec, args.version);
  self->send(services->launcher, apply_atom_v, args.spec);
  self->send(services->launcher, retain_atom_v, args.spec);
  if (services->switchboard)
    self->send(services->switchboard, apply_atom_v, args.spec, args.version);
  self->send(services->root, apply_atom_v, args.spec->root, args.spec);
}

caf::result<std::string> config_state::scale(const std::string& bot, std::uint32_t replicas,
                                             const audit_entry& audit) {
  if (!args.spec->bots.contains(bot))
    return "there is no bot " + bot;
  if (replicas > max_replicas)
    return fmt::format("{} instances of one bot are more than the limit of {}", replicas,
                       max_replicas);
  config::load_options options;
  options.overrides = args.overrides;
  set_replicas(options.overrides, bot, replicas);
  auto loaded = config::load(args.tree, options);
  if (!loaded.spec)
    return "the config does not allow it: " + loaded.errors.front().message;
  auto batch = std::make_shared<journal_batch>();
  batch->overrides[bot] = options.overrides.contains(bot) ? options.overrides.at(bot) : "";
  batch->audits.push_back(audit);
  auto answer = self->make_response_promise<std::string>();
  self->request(services->journal, request_timeout, write_atom_v, batch, true)
      .then(
          [this, answer, bot, replicas](const std::string& problem) mutable {
            if (problem.empty()) {
              // Another bot may have been scaled meanwhile.
              config::load_options all;
              all.overrides = args.overrides;
              set_replicas(all.overrides, bot, replicas);
              if (auto both = config::load(args.tree, all); both.spec) {
                args.overrides = std::move(all.overrides);
                args.spec = both.spec;
                put_in_force();
              }
            }
            answer.deliver(problem.empty() ? problem : "audit-unavailable: " + problem);
          },
          [answer](const caf::error&) mutable {
            answer.deliver(std::string{"audit-unavailable: the journal does not answer"});
          });
  return answer;
}

config_actor::behavior_type config_owner(config_state::pointer self, config_args args) {
  auto* st = &self->state;
  self->set_default_handler(caf::drop);
  st->init(std::move(args));
  return {
      [st](wire_atom, const services_ptr& x) { st->wire(x); },
      [st](view_atom) { return st->args.spec; },
      [](const config_request&) { return config_reply{}; }, // TODO five: rollout
      [](reload_atom, const std::string&, bool) {},
      [](note_atom, const instance_record&) {},
      [](tick_atom, std::uint64_t) {},
      [st](scale_atom, const std::string& bot, std::uint32_t replicas, const audit_entry& audit) {
        return st->scale(bot, replicas, audit);
      },
  };
}

} // namespace troupe
