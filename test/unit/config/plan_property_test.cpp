// What holds of the plan between any two configs.

#include "config/plan.hpp"
#include "test/unit/config/fixture.hpp"

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace troupe::config::test {

namespace {

using nlohmann::json;

/// Makes trees of a few groups, bots and keys, so that two of them have much in common. What has
/// the same effect is written alike: instances that differ in spelling only share a step.
class tree_maker {
public:
  explicit tree_maker(unsigned seed)
      : random_{seed} {}

  tree make() {
    std::vector<file> files;
    for (const std::string group : {"", "m/", "m/n/", "o/"}) {
      if (below(2) == 0) {
        json own{{"defaults", settings(2)}};
        if (below(2) == 0)
          own["strategy"] = below(2) == 0 ? "one_for_all" : "rest_for_one";
        if (below(4) == 0)
          own["tenant"] = "t";
        files.emplace_back(group + "group.json", own.dump());
      }
      for (const std::string name : {"a", "b", "c"})
        if (below(3) != 0)
          files.emplace_back(group + name + ".json", bot().dump());
    }
    files.emplace_back("mixins/x.json", settings(3).dump());
    files.emplace_back("mixins/y.json", settings(3).dump());
    files.emplace_back("tenants/t.json", json{{"defaults", settings(2)}}.dump());
    if (below(2) == 0)
      files.emplace_back("runtime.json", json{{"restart_burst", 1 + below(3)}}.dump());
    return make_tree(std::move(files));
  }

  override_map overrides(const tree& of) {
    override_map result;
    for (const auto& one : of.documents)
      if (below(8) == 0)
        result[one.path.substr(0, one.path.size() - 5)] = json{{"replicas", 1 + below(4)}}.dump();
    return result;
  }

private:
  unsigned below(unsigned end) { return static_cast<unsigned>(random_() % end); }

  json bot() {
    auto result = settings(3);
    result["command"] = json::array({below(2) == 0 ? "one" : "two"});
    if (below(2) == 0)
      result["replicas"] = 1 + below(3);
    if (below(3) == 0)
      result["extends"] = json::array({below(2) == 0 ? "x" : "y"});
    if (below(3) == 0)
      result["instances"] = json{{"0", settings(2)}};
    return result;
  }

  json settings(unsigned most) {
    auto result = json::object();
    for (auto count = below(most + 1); count > 0; --count)
      switch (below(9)) {
      case 0:
        result["nice"] = below(2) == 0 ? json(below(3)) : json(nullptr);
        break;
      case 1:
        result["environment"]["A"] = std::to_string(below(2));
        break;
      case 2:
        result["environment"]["B"] = below(2) == 0 ? json("1") : json(nullptr);
        break;
      case 3:
        result["limits"]["memory"] = std::to_string(1 + below(2)) + "GiB";
        break;
      case 4:
        result["start_timeout"] = std::to_string(10 + below(2)) + "s";
        break;
      case 5:
        result["settings"]["deep"][std::to_string(below(2))] = below(2);
        break;
      case 6:
        result["directory"] = below(2) == 0 ? "work" : "/srv";
        break;
      case 7:
        result["stop_command"] =
            below(2) == 0 ? json::array({"x"}) : json{{"command", {"x"}}, {"timeout", "3s"}};
        break;
      default:
        result["labels"]["l"] = below(2) == 0 ? "1" : "2";
      }
    return result;
  }

  std::minstd_rand random_;
};

struct config_state {
  explicit config_state(tree from, override_map overrides)
      : source{std::move(from)} {
    auto options = no_environment();
    options.overrides = std::move(overrides);
    auto result = load(source, options);
    BOOST_REQUIRE_MESSAGE(result.spec, all(result.errors, &source));
    spec = result.spec;
    origins = result.origins;
  }

  plan_side side() const { return {spec, &source, origins}; }

  std::map<std::string, bot_spec_ptr> instances() const {
    std::map<std::string, bot_spec_ptr> result;
    for (const auto& [name, bot] : spec->bots)
      for (std::size_t i = 0; i < bot->instances.size(); ++i)
        result[name + "#" + std::to_string(i)] = bot->instances[i];
    return result;
  }

  /// Pointer → value of all leaves that are an instance's own, as they are explained.
  std::map<std::string, json> leaves(const std::string& instance) const {
    std::map<std::string, json> result;
    const auto explained = origins->explain(instance);
    BOOST_REQUIRE(explained.has_value());
    for (const auto& one : *explained)
      if (one.pointer != "/replicas" && !one.pointer.starts_with("/extends"))
        result[one.pointer] = one.value;
    return result;
  }

  tree source;
  spec_ptr spec;
  std::shared_ptr<const provenance> origins;
};

/// Empty objects are no values: what is in them says whether they are there.
bool is_empty(const json& value) {
  return value.is_null() || (value.is_object() && value.empty());
}

void check_values(const instance_step& step, const config_state& from, const config_state& to) {
  const auto old = from.leaves(step.name);
  const auto next = to.leaves(step.name);
  std::map<std::string, const value_change*> told;
  for (const auto& one : *step.changes)
    BOOST_TEST(told.emplace(one.pointer, &one).second);
  std::set<std::string> pointers;
  for (const auto* side : {&old, &next})
    for (const auto& [pointer, value] : *side)
      pointers.insert(pointer);
  for (const auto& pointer : pointers) {
    const auto was = old.contains(pointer) ? old.at(pointer) : json(nullptr);
    const auto is = next.contains(pointer) ? next.at(pointer) : json(nullptr);
    if (was == is || (is_empty(was) && is_empty(is)))
      continue;
    BOOST_REQUIRE_MESSAGE(told.contains(pointer), step.name << " does not tell of " << pointer);
    const auto& change = *told.at(pointer);
    BOOST_TEST((change.before == was || (is_empty(change.before) && is_empty(was))));
    BOOST_TEST((change.after.value == is || (is_empty(change.after.value) && is_empty(is))));
    if (!is_empty(is))
      BOOST_TEST((change.after.where == scope::built_in || !change.after.file.empty()
                  || change.after.where == scope::operator_override));
  }
}

void check_plan(const config_state& from, const config_state& to) {
  const auto plan = make_plan(from.side(), to.side());
  auto state = from.instances();
  const auto wanted = to.instances();
  std::array<std::size_t, 5> counts{};
  for (const auto& step : plan.instances) {
    ++counts[static_cast<std::size_t>(step.what)];
    BOOST_TEST(!step.why.empty());
    BOOST_REQUIRE(step.changes);
    const auto was = state.find(step.name);
    BOOST_TEST((was != state.end() ? was->second : nullptr) == step.before);
    BOOST_TEST((step.what == step_kind::stop) == !step.after);
    if (!step.after)
      state.erase(step.name);
    else
      state[step.name] = step.after;
    if (step.before && step.after) {
      BOOST_TEST((*step.before != *step.after));
      check_values(step, from, to);
    }
  }
  BOOST_TEST((counts == plan.counts));
  BOOST_REQUIRE(state.size() == wanted.size());
  for (const auto& [name, spec] : wanted)
    BOOST_TEST((state.contains(name) && *state.at(name) == *spec));
}

} // namespace

BOOST_AUTO_TEST_SUITE(plan_property)

BOOST_AUTO_TEST_CASE(any_two_trees) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      tree_maker random{seed};
      auto first = random.make();
      auto second = random.make();
      auto overrides = random.overrides(first);
      const config_state from{first, overrides};
      const config_state to{second, random.overrides(second)};
      check_plan(from, to);
      check_plan(to, from);
      BOOST_TEST(make_plan(from.side(), from.side()).empty());
      const config_state again{first, overrides};
      BOOST_TEST(make_plan(from.side(), again.side()).empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(one_edit_is_one_step) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      tree_maker random{seed};
      auto before = random.make();
      const config_state from{before, {}};
      if (from.spec->bots.empty())
        continue;
      const auto& bot = *from.spec->bots.begin()->second;
      for (auto& one : before.documents)
        if (one.path == bot.file) {
          auto edited = json::parse(one.text);
          edited["description"] = "edited";
          one.text = edited.dump();
        }
      const config_state to{before, {}};
      const auto plan = make_plan(from.side(), to.side());
      BOOST_TEST(plan.instances.size() == bot.instances.size());
      BOOST_TEST(plan.count(step_kind::adjust) == bot.instances.size());
      for (const auto& step : plan.instances)
        BOOST_TEST(step.changes->size() == 1u);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace troupe::config::test
