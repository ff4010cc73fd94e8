// Where values come from: explain and the merge must never disagree.
#include "config/document.hpp"
#include "test/unit/config/fixture.hpp"
#include "test/unit/config/random_json.hpp"

using namespace troupe::config;
using namespace troupe::config::test;

namespace {

/// The value at a place, when a document says it; a discarded one otherwise.
json written_at(const json& from, const std::string& pointer) {
  const json::json_pointer at{pointer};
  return from.contains(at) ? from[at] : json(json::value_t::discarded);
}

} // namespace

BOOST_AUTO_TEST_SUITE(explaining)

BOOST_AUTO_TEST_CASE(agrees_with_the_merged_value_for_random_stacks) {
  random_json random{42};
  for (int round = 0; round < 300; ++round) {
    std::map<std::string, json> by_file;
    auto settings = [&](const std::string& path) -> const json& {
      return by_file[path] = json{{"settings", random.object()}};
    };
    std::vector<file> files{
        {"group.json", json{{"defaults", settings("group.json")}}.dump()},
        {"profiles/p.json", json{{"defaults", settings("profiles/p.json")}}.dump(1)},
        {"tenants/t.json", json{{"defaults", settings("tenants/t.json")}}.dump()},
        {"m/group.json", json{{"tenant", "t"}, {"defaults", settings("m/group.json")}}.dump(2)},
        {"mixins/x.json", settings("mixins/x.json").dump()}};
    auto bot = settings("m/a.json");
    bot["command"] = {"x"};
    bot["extends"] = "x";
    files.push_back({"m/a.json", bot.dump(2)});
    auto options = no_environment();
    const auto patch = json{{"settings", random.object()}};
    options.overrides = {{"m/a", patch.dump()}};
    by_file[""] = patch;

    const auto source = make_tree(files, "p");
    const auto result = load(source, options);
    BOOST_REQUIRE_MESSAGE(result.spec, all(result.errors));
    const auto merged = result.origins->settings("m/a", true);
    const auto leaves = result.origins->explain("m/a");
    BOOST_REQUIRE(leaves);
    auto rebuilt = json::object();
    for (const auto& leaf : *leaves) {
      rebuilt[json::json_pointer{leaf.pointer}] = leaf.value;
      if (leaf.where == scope::built_in || !leaf.pointer.starts_with("/settings"))
        continue;
      // The scope that is named says just that, but for objects, of which it may say a part.
      const auto said = written_at(by_file.at(leaf.file), leaf.pointer);
      if (leaf.value.is_object())
        BOOST_TEST((said.is_object() || said.is_null() || said.is_discarded()));
      else
        BOOST_TEST(said == leaf.value, leaf.pointer << " of " << leaf.file);
      // And what stands at the place in the file is the value.
      if (const auto* text = leaf.file.empty() ? nullptr : source.find(leaf.file)) {
        line_index lines{text->text};
        std::size_t at = 0;
        while (lines.place_of(at).line != leaf.line || lines.place_of(at).column != leaf.column)
          BOOST_REQUIRE(++at < text->text.size());
        if (leaf.value.is_number())
          BOOST_TEST(text->text.substr(at).starts_with(leaf.value.dump()));
      }
    }
    BOOST_TEST(rebuilt == merged);
    BOOST_TEST(json::parse(first(result.spec, "m/a").settings) == merged["settings"]);
  }
}

BOOST_AUTO_TEST_CASE(says_which_scope_took_a_value_away) {
  const auto source =
      make_tree({{"group.json", "{\"defaults\": {\"nice\": 1, \"limits\": {\"tasks\": 3}}}"},
                 {"m/group.json", "{\"defaults\":\n  {\"nice\": null, \"limits\": null}}"},
                 {"m/a.json", R"({"command": ["x"]})"}});
  const auto result = load(source, no_environment());
  const auto gone = result.origins->explain("m/a", "/nice");
  BOOST_REQUIRE(gone);
  BOOST_REQUIRE(gone->size() == 1u);
  BOOST_TEST(gone->front().value == nullptr);
  BOOST_TEST(gone->front().file == "m/group.json");
  BOOST_TEST(gone->front().line == 2u);
  BOOST_TEST(gone->front().column == 12u);
  BOOST_REQUIRE(gone->front().overrides.size() == 1u);
  BOOST_TEST(gone->front().overrides[0].value == 1);
  // What was below a value that is gone.
  const auto below = result.origins->explain("m/a", "/limits/tasks");
  BOOST_REQUIRE(below);
  BOOST_TEST(below->front().file == "m/group.json");
  BOOST_TEST(below->front().overrides[0].value == 3);
}

BOOST_AUTO_TEST_CASE(says_that_nobody_sets_a_value) {
  const auto result = load(make_tree({{"a.json", R"({"command": ["x"]})"}}), no_environment());
  BOOST_TEST(contains(result.origins->explain("a", "/nice").error(), "nobody sets \"/nice\""));
  const auto unknown = result.origins->explain("a", "/nicee");
  BOOST_TEST(contains(unknown.error(), "did you mean \"nice\"?"));
  BOOST_TEST(result.origins->explain("a", "/command")->size() == 1u);
  BOOST_TEST(result.origins->explain("a", "/delay")->size() == 5u);
}

BOOST_AUTO_TEST_CASE(a_path_is_a_pointer_however_it_is_written) {
  BOOST_TEST(pointer_of_path("limits.memory") == "/limits/memory");
  BOOST_TEST(pointer_of_path("/limits/memory") == "/limits/memory");
  BOOST_TEST(pointer_of_path("") == "");
}

BOOST_AUTO_TEST_SUITE_END()
