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

} // namespace

/// Who deletes a tree in pieces, or copies another over it, is not to lose bots on the way.
bool config_state::may_be_half_deleted(const candidate& to) {
  const auto& bots = to.loaded.spec->bots;
  if (std::ranges::all_of(applied->loaded.spec->bots,
                          [&](const auto& each) { return bots.contains(each.first); })) {
    shrunk_tree.clear();
    return false;
  }
  if (std::exchange(shrunk_tree, disk.tree) != disk.tree)
    shrunk_since = now();
  return now() - shrunk_since < second_look;
}

/// The first look of this actor: what was in force before is no news.
void config_state::recall_past(const change_ptr& change) {
  self->request(services->journal, request_timeout, versions_atom_v, searched_for_setter)
      .then(
          [this, change](const version_list& past) {
            const bool known = std::ranges::any_of(past.items, [&](const config_version& each) {
              return each.hash == change->candidate->hash;
            });
            weighed_tree = known ? disk.tree : applied_tree;
            decide(change);
          },
          [this, change](const caf::error&) { end(change, {}); }); // the next look finds the same
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
