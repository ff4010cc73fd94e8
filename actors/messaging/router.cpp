#include "actors/messaging/router.hpp"

#include "config/names.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace troupe::messaging {

namespace {

using wire::outcome_code;

/// Names that are compared with one that does not exist, at most: a flood of wrong addresses
/// must not cost much.
constexpr std::size_t max_candidates = 100;

std::uint64_t mix(std::uint64_t x) { // the finalizer of SplitMix64
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// How good a member is for what is new; 3: not at all.
int rank(const route& member, load_view& view) {
  if (member.takes())
    return view.linked(member) ? 0 : 1;
  return member.returns() ? 2 : 3;
}

choice failure(outcome_code code, std::string text) {
  return {nullptr, code, std::move(text)};
}

std::string quoted_hint(const std::string& hint) {
  return hint.empty() ? hint : "; " + hint;
}

} // namespace

router::router(load_view& view)
    : view_{view} {
  // nop
}

void router::set_routes(routes_ptr routes) {
  routes_ = std::move(routes);
  eligible_.clear();
  last_pool_ = nullptr;
  if (routes_ && turns_.size() > 2 * routes_->bots.size() + 16)
    std::erase_if(turns_, [&](const auto& x) { return !routes_->bots.contains(x.first); });
}

const route* router::instance(std::string_view name) const {
  const auto* found = routes_ ? routes_->instances.get(name) : nullptr;
  return found ? found->get() : nullptr;
}

choice router::pick(const address& to, std::string_view key, std::string_view not_this) {
  if (!routes_)
    return failure(outcome_code::not_running, "the fleet is starting");
  return to.what == address::kind::instance ? pick_instance(to) : pick_member(to, key, not_this);
}

choice router::pick_instance(const address& to) const {
  const auto* found = instance(to.name);
  if (!found)
    return nobody(to);
  if (found->takes() || found->returns())
    return {found, outcome_code::accepted, {}};
  return down(*found);
}

const route* router::only_member(const address& to) const {
  const auto* found = routes_ ? routes_->bots.get(to.name) : nullptr;
  if (!found || (*found)->members.size() != 1)
    return nullptr;
  const auto* only = (*found)->members[0].get();
  return only->takes() || only->returns() ? only : nullptr;
}

choice router::pick_member(const address& to, std::string_view key, std::string_view not_this) {
  const auto* found = routes_->bots.get(to.name);
  if (!found || (*found)->members.empty())
    return nobody(to);
  const auto& from = **found;
  if (from.members.size() == 1) {
    const auto& only = *from.members[0];
    if (only.takes() || only.returns())
      return {&only, outcome_code::accepted, {}};
    return down(only);
  }
  int best = 3;
  const route* avoided = nullptr;
  eligible_.clear();
  for (const auto& member : from.members) {
    const auto its = rank(*member, view_);
    if (its == 3)
      continue;
    if (member->instance == not_this) {
      avoided = member.get();
      continue;
    }
    if (its < best) {
      best = its;
      eligible_.clear();
    }
    if (its == best)
      eligible_.push_back(member.get());
  }
  if (eligible_.empty())
    return avoided ? choice{avoided, outcome_code::accepted, {}} : down(*from.members[0]);
  return {balance(from, key), outcome_code::accepted, {}};
}

const route* router::balance(const pool& from, std::string_view key) {
  using config::balance_mode;
  const auto& among = eligible_;
  if (among.size() == 1)
    return among[0];
  if (from.balance == balance_mode::consistent_hash && !key.empty()) {
    // Rendezvous: each member has a score for each key, the highest wins. When one goes, only
    // its own keys move.
    const auto of_key = string_hash{}(key);
    const route* best = nullptr;
    std::uint64_t best_score = 0;
    for (const auto* each : among)
      if (const auto score = mix(of_key ^ mix(each->index + 1)); !best || score > best_score) {
        best = each;
        best_score = score;
      }
    return best;
  }
  if (from.balance == balance_mode::two_choices) {
    random_ ^= random_ << 13, random_ ^= random_ >> 7, random_ ^= random_ << 17;
    const auto first = random_ % among.size();
    const auto second = (first + 1 + (random_ >> 32) % (among.size() - 1)) % among.size();
    const auto *a = among[first], *b = among[second];
    return view_.load(*b) < view_.load(*a) ? b : a;
  }
  // The next one after the last; of those that are loaded alike, too: or else all that is idle
  // but #0 would stay so.
  if (last_pool_ != &from) {
    last_pool_ = &from;
    last_turn_ = &turns_[among[0]->bot];
  }
  auto& turn = *last_turn_;
  const auto next =
      std::find_if(among.begin(), among.end(), [&](const route* x) { return x->index >= turn; })
      - among.begin();
  const route* best = nullptr;
  std::uint64_t best_load = 0;
  for (std::size_t i = 0; i < among.size(); ++i) {
    const auto* each = among[(static_cast<std::size_t>(next) + i) % among.size()];
    const auto load = from.balance == balance_mode::round_robin ? 0 : view_.load(*each);
    if (!best || load < best_load) {
      best = each;
      best_load = load;
    }
    if (best_load == 0)
      break;
  }
  turn = best->index + 1;
  return best;
}

// -- nobody ----------------------------------------------------------------------------------

choice router::nobody(const address& to) const {
  if (!routes_)
    return failure(outcome_code::not_running, "the fleet is starting");
  const std::string name{to.name};
  const bool is_group = to.what == address::kind::group;
  if (is_group && name.empty())
    return failure(outcome_code::not_running, "there are no bots");
  if (!is_group)
    if (const auto* of = routes_->bots.get(to.bot); of && !(*of)->members.empty()) {
      const auto& members = (*of)->members;
      return failure(outcome_code::no_such_address,
                     members.size() == 1
                         ? "there is no " + name + "; only " + members[0]->instance
                         : "there is no " + name + "; " + std::string{to.bot} + " has "
                               + members.front()->instance + " to " + members.back()->instance);
    }
  if (routes_->groups.contains(name))
    return failure(outcome_code::no_such_address,
                   name + " is a group; everyone in it is \"" + name + "/*\"");
  if (is_group && routes_->bots.contains(name))
    return failure(outcome_code::no_such_address, name + " is a bot, no group");
  // Those beside it, else whatever stands anywhere.
  std::vector<std::string> candidates;
  const auto wanted = is_group ? to.name : to.bot;
  if (is_group) {
    for (const auto& [group, bots] : routes_->groups)
      if (!group.empty() && candidates.size() < max_candidates)
        candidates.push_back(group);
  } else {
    const auto* around = routes_->groups.get(enclosing(wanted));
    if (!around)
      around = routes_->groups.get("");
    if (around)
      candidates.assign((*around)->begin(), (*around)->begin()
                                                + static_cast<std::ptrdiff_t>(
                                                    std::min(max_candidates, (*around)->size())));
  }
  return failure(outcome_code::no_such_address,
                 std::string{"there is no "} + (is_group ? "group " : "bot ") + std::string{wanted}
                     + quoted_hint(config::did_you_mean(wanted, candidates)));
}

choice router::deserted(const address& group) const {
  return failure(outcome_code::not_running,
                 group.name.empty() ? "nobody else is there to get it"
                                    : "nobody else in " + std::string{group.name} + "/ runs");
}

choice router::down(const route& it) const {
  const auto* of = routes_->bots.get(it.bot);
  const bool alone = !of || (*of)->members.size() == 1;
  auto text = alone ? it.instance : "no instance of " + it.bot;
  if (it.leaving)
    return failure(outcome_code::not_running, it.instance + " is being removed from the fleet");
  if (alone)
    return failure(outcome_code::not_running,
                   it.instance + " is " + std::string{to_string(it.now)});
  return failure(outcome_code::not_running,
                 text + " takes it; " + it.instance + " is " + std::string{to_string(it.now)});
}

} // namespace troupe::messaging
