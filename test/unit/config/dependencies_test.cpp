// F02 and F13: what a fleet says about the order of its bots, and where that is impossible.
#include "config/order.hpp"
#include "test/unit/config/fixture.hpp"

#include <random>
#include <set>

using namespace troupe::config;
using namespace troupe::config::test;

namespace {

file bot(const std::string& name, const std::string& depends_on = "null") {
  return {name + ".json", R"({"command": ["x"], "depends_on": )" + depends_on + "}"};
}

} // namespace

BOOST_AUTO_TEST_SUITE(dependencies)

BOOST_AUTO_TEST_CASE(names_are_resolved_from_the_root) {
  auto spec = must_load(
      make_tree({bot("top"), bot("m/a", R"(["b", "n/c", "/top", "n/", "m/d"])"), bot("m/b"),
                 bot("m/d"), bot("n/c", R"({"/top": "completed", "m/b": "started"})")}));
  const std::vector<dependency> wanted{{"m/b", condition::ready, ""},
                                       {"n/c", condition::ready, ""},
                                       {"top", condition::ready, ""},
                                       {"n/", condition::ready, ""},
                                       {"m/d", condition::ready, ""}};
  BOOST_CHECK(first(spec, "m/a").depends_on == wanted);
  const std::vector<dependency> other{{"top", condition::completed, ""},
                                      {"m/b", condition::started, ""}};
  BOOST_CHECK(first(spec, "n/c").depends_on == other);
}

BOOST_AUTO_TEST_CASE(a_sibling_in_defaults_is_a_sibling_of_each_bot) {
  auto spec = must_load(make_tree({{"group.json", R"({"defaults": {"depends_on": ["base"]}})"},
                                   bot("base", "null"),
                                   bot("m/base", "[]"),
                                   {"m/a.json", R"({"command": ["x"]})"}}));
  BOOST_TEST(first(spec, "m/a").depends_on.at(0).target == "m/base");
  BOOST_TEST(first(spec, "m/base").depends_on.empty());
  BOOST_TEST(first(spec, "base").depends_on.empty());
}

BOOST_AUTO_TEST_CASE(names_of_nothing_are_errors_with_hints) {
  struct row {
    std::string depends_on; // of m/a; '@' at the place
    std::string words;
  };
  for (const auto& [text, words] :
       std::vector<row>{{R"([@"fed"])", R"(did you mean "feed"?)"},
                        {R"({@"fed": "ready"})", R"(did you mean "feed"?)"},
                        {R"([@"m/fed"])", R"(did you mean "m/feed"?)"},
                        {R"([@"top"])", R"(write "/top")"},
                        {R"([@"other"])", R"(did you mean "n/other"?)"},
                        {R"([@"sub"])", R"(write "m/sub/")"},
                        {R"([@"sub/"])", R"(did you mean "m/sub/"?)"},
                        {R"([@"m/feed/"])", "it is a bot"},
                        {R"([@"feed#0"])", "not on one instance"},
                        {R"([@"zzzzzzz"])", "no bot"},
                        {R"([@""])", "no bot"},
                        {R"([@"/"])", "no bot"},
                        {R"([@"zzzzzzzzz/"])", "no group"},
                        {R"({@"n/": {"until": "output", "pattern": "x"}})", "prints nothing"}}) {
    auto clean = R"({"command": ["x"], "depends_on": )" + text + "}";
    auto marker = clean.find('@');
    clean.erase(marker, 1);
    auto what = only_error(make_tree(
        {{"m/a.json", clean}, bot("m/feed"), bot("top"), bot("n/other"), bot("m/sub/x")}));
    auto report = render(what, nullptr, false);
    BOOST_TEST(what.file == "m/a.json", report);
    BOOST_TEST(what.column == marker + 1, report);
    BOOST_TEST(contains(report, words), "«" << words << "» in\n" << report);
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_parsed_still_has_its_name) {
  auto what = only_error(make_tree({bot("a", R"(["b"])"), {"b.json", "{"}}));
  BOOST_TEST(what.file == "b.json");
}

BOOST_AUTO_TEST_CASE(cycles_are_printed) {
  struct row {
    std::vector<file> files;
    std::string path;
    std::string place;
  };
  const std::vector<row> table{
      {{bot("a", R"(["a"])")}, "a -> a", "a.json:1:35"},
      {{bot("a", R"(["b"])"), bot("b", R"(["a"])")}, "a -> b -> a", "a.json:1:35"},
      {{bot("c", R"(["b"])"), bot("b", R"(["a"])"), bot("a", R"({"c": "started"})")},
       "a -> c -> b -> a",
       "a.json:1:35"},
      {{bot("m/a", R"(["m/"])")}, "m/a -> m/ -> m/a", "m/a.json:1:35"},
      {{bot("m/a", R"(["n/b"])"), bot("n/b", R"(["m/"])")},
       "m/a -> n/b -> m/ -> m/a",
       "m/a.json:1:35"},
      {{bot("m/a", R"(["n/"])"), bot("n/b", R"(["m/"])")},
       "m/a -> n/ -> n/b -> m/ -> m/a",
       "m/a.json:1:35"},
      // `order` makes b wait for a.
      {{bot("a", R"(["b"])"), bot("b"), {"group.json", R"({"order": ["a", "b"]})"}},
       "a -> b -> a",
       "a.json:1:35"},
      // A bot waits for whatever its group waits for.
      {{bot("z", R"(["m/"])"), bot("m/a"), {"group.json", R"({"order": ["z", "m"]})"}},
       "z -> m/ -> m/a -> m/ -> z",
       "z.json:1:35"},
  };
  for (const auto& [files, path, place] : table) {
    auto source = make_tree(files);
    auto what = only_error(source);
    auto report = render(what, &source, false);
    BOOST_TEST(contains(what.message, "dependency cycle: " + path), path << " in\n" << report);
    BOOST_TEST(what.message.ends_with(path), path << " in\n" << report);
    BOOST_TEST(report.starts_with(place), report);
    BOOST_TEST(!what.hint.empty());
  }
  auto ordered = only_error(make_tree(table[6].files));
  BOOST_TEST(contains(ordered.hint, "\"order\" in group.json"), ordered.hint);
}

BOOST_AUTO_TEST_CASE(each_knot_is_told_once) {
  auto result =
      load(make_tree({bot("a", R"(["b"])"), bot("b", R"(["a", "c"])"), bot("c", R"(["b"])"),
                      bot("x", R"(["y"])"), bot("y", R"(["x"])"), bot("free", R"(["a"])")}),
           no_environment());
  BOOST_REQUIRE_MESSAGE(result.errors.size() == 2u, all(result.errors));
  BOOST_TEST(contains(result.errors[0].message, "a -> b -> a"));
  BOOST_TEST(contains(result.errors[1].message, "x -> y -> x"));
}

BOOST_AUTO_TEST_CASE(order_alone_is_no_cycle) {
  must_load(make_tree({bot("m/b", R"(["a"])"),
                       bot("m/a"),
                       bot("m/c"),
                       bot("n/d", R"(["m/"])"),
                       {"m/group.json", R"({"order": ["a", "b", "c"]})"},
                       {"group.json", R"({"order": ["m", "n"]})"}}));
}

BOOST_AUTO_TEST_CASE(a_chain_of_many_is_no_problem) {
  std::vector<file> files;
  for (int i = 0; i < 5000; ++i)
    files.push_back(
        bot("b" + std::to_string(i), i == 0 ? "null" : "[\"b" + std::to_string(i - 1) + "\"]"));
  must_load(make_tree(files));
  files[0] = bot("b0", R"(["b4999"])");
  auto what = only_error(make_tree(files));
  BOOST_TEST(contains(what.message, "dependency cycle"));
  BOOST_TEST(what.message.size() < 1000u); // a cycle of 5000 is not printed in full
}

BOOST_AUTO_TEST_CASE(cycles_of_random_graphs) {
  std::mt19937 random{42};
  for (int round = 0; round < 300; ++round) {
    std::size_t nodes = 1 + random() % 12;
    std::vector<wait_edge> edges;
    for (std::size_t count = random() % 25; count > 0; --count)
      edges.push_back({random() % nodes, random() % nodes});
    // Reachability by brute force.
    std::vector<std::vector<bool>> reach(nodes, std::vector<bool>(nodes));
    for (const auto& edge : edges)
      reach[edge.from][edge.to] = true;
    for (std::size_t k = 0; k < nodes; ++k)
      for (std::size_t i = 0; i < nodes; ++i)
        for (std::size_t j = 0; j < nodes; ++j)
          if (reach[i][k] && reach[k][j])
            reach[i][j] = true;
    std::set<std::size_t> knotted;
    for (std::size_t i = 0; i < nodes; ++i)
      if (reach[i][i])
        knotted.insert(i);

    for (const auto& cycle : find_cycles(nodes, edges)) {
      BOOST_REQUIRE(!cycle.empty());
      std::set<std::size_t> seen;
      for (std::size_t at = 0; at < cycle.size(); ++at) {
        const auto& edge = edges[cycle[at]];
        BOOST_TEST(edge.to == edges[cycle[(at + 1) % cycle.size()]].from);
        BOOST_TEST(seen.insert(edge.from).second);
      }
      auto start = edges[cycle.front()].from;
      for (std::size_t i = 0; i < nodes; ++i)
        if (reach[start][i] && reach[i][start])
          knotted.erase(i);
    }
    BOOST_TEST(knotted.empty(), "a knot was not found in round " << round);
  }
}

BOOST_AUTO_TEST_SUITE_END()
