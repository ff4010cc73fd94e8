// What stands on disk beside what is in force: when it comes by itself, and what is told of it.

#include "actors/clocks.hpp"
#include "actors/config.hpp"
#include "actors/loader.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// Problems of one tree that go to the log.
constexpr std::size_t max_logged = 20;
/// Versions whose trees are looked at. Whoever rolled back did so a few versions ago.
constexpr std::uint32_t recalled_versions = 16;

} // namespace

/// Who deletes a tree in pieces, or copies another over it, is not to lose bots on the way.
bool config_state::may_be_half_deleted(const config_change& change) {
  const auto& bots = change.candidate->loaded.spec->bots;
  if (std::ranges::all_of(applied->loaded.spec->bots,
                          [&](const auto& each) { return bots.contains(each.first); })) {
    shrunk_tree.clear();
    return false;
  }
  if (std::exchange(shrunk_tree, change.disk_tree) != change.disk_tree)
    shrunk_since = now();
  return now() - shrunk_since < second_look;
}

/// The first look of this actor: a tree that was in force before is no news. What was set beside it
/// is another matter, so the trees are compared and not the hashes of versions.
void config_state::recall_past(const change_ptr& change) {
  using list = std::shared_ptr<const version_list>;
  const auto look_at = std::make_shared<std::function<void(const list&, std::size_t)>>();
  const std::weak_ptr again{look_at};
  const auto lost = [this, change](const caf::error&) {
    refuse(change, {exit_code::failed, "journal-silent",
                    "the journal did not answer in time; nothing was changed", ""});
  };
  *look_at = [this, change, again, lost](const list& past, std::size_t at) {
    if (at == past->items.size()) {
      weighed_tree = applied_tree;
      return decide(change);
    }
    self->request(services->journal, request_timeout, versions_atom_v, past->items[at].number)
        .then(
            [this, change, past, at, look_at = again.lock()](const version_list& found) {
              const auto tree = config::tree_from_json(
                  found.items.empty() ? std::string{} : found.items.front().tree);
              if (tree && config_hash(*tree, {}) == change->disk_tree) {
                weighed_tree = change->disk_tree;
                return decide(change);
              }
              (*look_at)(past, at + 1);
            },
            lost);
  };
  self->request(services->journal, request_timeout, versions_atom_v, recalled_versions)
      .then(
          [look_at](const version_list& past) {
            (*look_at)(std::make_shared<const version_list>(past), 0);
          },
          lost);
}

/// Who watches the tree tells each change once. What nobody decided about is looked at again.
void config_state::look_later(const config_change& change) {
  look_asked = look_asked || !change.automatic;
  if (!std::exchange(look_due, true))
    self->delayed_send(self, look_again, tick_atom_v, look_tick);
}

void config_state::note_disk(const candidate& found) {
  disk.problems.clear();
  disk.tree = found.unread.empty() ? config_hash(found.tree, {}) : "";
  auto kind = disk.tree == applied_tree ? disk_standing::kind::same : disk_standing::kind::differs;
  if (!found.loaded.spec) {
    kind = disk_standing::kind::invalid;
    disk.problems = all_problems(found);
  }
  if (std::exchange(disk.now, kind) != kind)
    disk.since = wall_now();
}

/// Tells it once for each content.
void config_state::stand(disk_standing::kind kind, const std::string& content,
                         const std::string& text) {
  if (std::exchange(disk.now, kind) != kind)
    disk.since = wall_now();
  const bool quiet = kind == disk_standing::kind::same && disk.said.empty();
  auto saying = kind == disk_standing::kind::same ? std::string{}
                                                  : fmt::format("{} {}", to_string(kind), content);
  if (std::exchange(disk.said, saying) == saying || quiet)
    return;
  remark(text);
  for (std::size_t i = 0; i < std::min(disk.problems.size(), max_logged); ++i)
    spdlog::error("{}", config::render(disk.problems[i], nullptr, false));
}

} // namespace troupe
