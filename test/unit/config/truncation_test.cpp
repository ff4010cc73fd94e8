// F01: whatever part of a file has arrived, loading it ends in an error or in a spec.
#include "test/unit/config/fixture.hpp"

using namespace troupe::config;
using namespace troupe::config::test;

namespace {

const std::vector<file>& sample() {
  static const std::vector<file> files{
      {"group.json", R"({"defaults": {"stop_timeout": "5s", "environment": {"A": "1"}}})"},
      {"market/group.json", R"({"strategy": "rest_for_one", "order": ["feed", "trader"]})"},
      {"market/feed.json",
       "// reads prices\n{\"command\": [\"python3\", \"feed.py\"], \"nice\": -5}\n"},
      {"market/trader.json",
       R"({"command": ["python3", "tr\u00e4der.py", "${bot.index}"], "replicas": 4,
 "depends_on": {"feed": "ready"}, "instances": {"2": {"limits": {"memory": "64MiB", "cpu": 0.5}}},
 "delay": {"initial": "250ms", "jitter": 1e-1}, "autostart": true, "user": null}  // end
)"},
      {"runtime.json", R"({"fleet": "prices", "restart_rate": "50/s"})"}};
  return files;
}

bool same(const fleet_spec& a, const fleet_spec& b) {
  if (a.name != b.name || !(a.runtime == b.runtime) || a.bots.size() != b.bots.size())
    return false;
  for (const auto& [name, bot] : a.bots) {
    const auto& other = *b.bots.at(name);
    if (bot->instances.size() != other.instances.size())
      return false;
    for (std::size_t at = 0; at < other.instances.size(); ++at)
      if (!(*bot->instances[at] == *other.instances[at]))
        return false;
  }
  return a.root->children.size() == b.root->children.size();
}

} // namespace

BOOST_AUTO_TEST_SUITE(truncation)

BOOST_AUTO_TEST_CASE(f01_every_prefix_of_every_file) {
  auto whole = must_load(make_tree(sample()));
  for (std::size_t index = 0; index < sample().size(); ++index) {
    const auto& text = sample()[index].second;
    for (std::size_t length = 0; length < text.size(); ++length) {
      auto files = sample();
      files[index].second.resize(length);
      auto source = make_tree(files);
      auto result = load(source, no_environment());
      BOOST_TEST((result.spec == nullptr) == !result.errors.empty());
      if (result.spec) {
        // Only white space or a comment is missing.
        BOOST_TEST(same(*result.spec, *whole), files[index].first << " at " << length);
        continue;
      }
      const auto& what = result.errors.front();
      BOOST_TEST(result.errors.size() == 1u, all(result.errors, &source));
      BOOST_TEST(what.file == files[index].first);
      BOOST_TEST(what.line >= 1u);
      BOOST_TEST(!render(what, &source, false).empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(f01_every_byte_replaced) {
  // Not every change is an error; none may crash or give both a spec and errors.
  const auto& [path, text] = sample()[3];
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (char byte : {'"', '{', ']', ',', '\0', '\xff', '9', '/', '\\', '\n'}) {
      auto files = sample();
      files[3].second[at] = byte;
      auto source = make_tree(files);
      auto result = load(source, no_environment());
      BOOST_TEST((result.spec == nullptr) == !result.errors.empty());
      for (const auto& what : result.errors)
        BOOST_TEST(!render(what, &source, true).empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(the_demo_fleet_loads_without_a_warning) {
  auto source = read_tree(TROUPE_DEMO);
  BOOST_REQUIRE_MESSAGE(source.has_value(), (source ? std::string{} : all(source.error())));
  auto result = load(*source, no_environment());
  BOOST_REQUIRE_MESSAGE(result.spec, all(result.errors, &*source));
  BOOST_TEST(result.warnings.empty(), all(result.warnings));
  BOOST_TEST(result.spec->name == "demo");
  BOOST_TEST(result.spec->bots.size() == 11u);
}

BOOST_AUTO_TEST_SUITE_END()
