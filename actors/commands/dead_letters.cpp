// Messages that nobody got.

#include "actors/commands/messaging.hpp"

#include <limits>
#include <utility>

namespace troupe::commands {

namespace {

constexpr std::uint64_t most_listed = 1000;
/// Reading and writing so many takes its time.
constexpr std::chrono::seconds patience{20};

/// What is meant: everything, or one target as the hub takes it. Refuses what is no name; names
/// that the fleet has no more are taken, for their letters are still there.
bool get_target(const request_ptr& r, std::string& into) {
  if (!r->get("target", into))
    return false;
  into = into == "all" ? "" : without_root(into);
  if (into.find_first_of("*?[") == std::string::npos)
    return true;
  r->refuse({exit_code::usage, "bad-name", "dead letters are chosen by one name, not by a pattern",
             "name a bot, an instance, or a group with a trailing '/'"});
  return false;
}

/// Which letters are to be changed, as arguments of the hub.
bool get_letters(const request_ptr& r, json& into) {
  std::string target;
  bool all = false;
  if (!get_target(r, target) || !r->get("all", all))
    return false;
  auto rows = json::array();
  if (const auto found = r->arguments.find("ids"); found != r->arguments.end()) {
    if (!found->is_array() || found->size() > most_listed) {
      r->refuse({exit_code::usage, "bad-arguments",
                 "\"ids\" must be a list of at most " + std::to_string(most_listed) + " numbers",
                 "name them with --of, or --all"});
      return false;
    }
    for (const auto& one : *found)
      if (one.is_number_unsigned())
        rows.push_back(one);
    if (rows.size() != found->size()) {
      r->refuse({exit_code::usage, "bad-arguments", "\"ids\" must be a list of numbers", ""});
      return false;
    }
  }
  // --of all is all.
  all = all || (target.empty() && r->arguments.contains("target"));
  const auto ways =
      static_cast<int>(!rows.empty()) + static_cast<int>(!target.empty()) + static_cast<int>(all);
  if (ways != 1) {
    r->refuse({exit_code::usage, "no-target",
               ways == 0 ? "which dead letters? nothing was named"
                         : "numbers, --of and --all exclude each other",
               "`troupe help " + std::string{r->info.name} + "`"});
    return false;
  }
  if (all)
    into["all"] = true;
  else if (!target.empty())
    into["target"] = target;
  else
    into["rows"] = std::move(rows);
  return true;
}

} // namespace

void handle_dead_letters_list(const request_ptr& r) {
  std::string target;
  std::uint64_t last = 100;
  if (!get_target(r, target) || !r->get("last", last, most_listed))
    return;
  look_at_hub(r, "dead_letters_list", {{"target", target}, {"limit", last}}, [r](json ok) {
    auto document = new_document();
    merge(document, std::move(ok));
    r->answer(document);
  });
}

void handle_dead_letters_show(const request_ptr& r) {
  std::uint64_t row = 0;
  if (!r->get("id", row, std::numeric_limits<std::int64_t>::max()))
    return;
  look_at_hub(r, "dead_letters_show", {{"row", row}}, [r](json ok) {
    auto document = new_document();
    merge(document, std::move(ok));
    r->answer(document);
  });
}

void handle_dead_letters_requeue(const request_ptr& r) {
  auto which = json::object();
  if (!get_letters(r, which))
    return;
  change_by_hub(
      r, "dead_letters_requeue", which, patience,
      [](const json& ok) {
        return "requeued " + std::to_string(ok.value("requeued", 0)) + ", rejected "
               + std::to_string(ok.value("rejected", json::array()).size());
      },
      [r](json document, json ok) {
        const bool rejected = !ok.value("rejected", json::array()).empty();
        merge(document, std::move(ok));
        r->answer(document, rejected ? exit_code::failed : exit_code::done);
      });
}

void handle_dead_letters_purge(const request_ptr& r) {
  auto which = json::object();
  bool yes = false;
  if (!get_letters(r, which) || !r->get("yes", yes))
    return;
  if (which.contains("all") && !yes)
    return r->refuse({exit_code::usage, "needs-confirmation",
                      "purge would delete every dead letter of the fleet",
                      "add -y if that is meant"});
  change_by_hub(
      r, "dead_letters_purge", which, patience,
      [](const json& ok) { return "purged " + std::to_string(ok.value("purged", 0)); },
      [r](json document, json ok) {
        merge(document, std::move(ok));
        r->answer(document);
      });
}

} // namespace troupe::commands
