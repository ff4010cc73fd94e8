// The loader's fuzz target. The input stands in each role that a file can have, beside a
// small sound fleet, so that one corpus of config files reaches all of the loader.
#include "config/document.hpp"
#include "config/loader.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

using namespace troupe::config;

void require(bool holds, const char* what) {
  if (holds)
    return;
  std::fprintf(stderr, "fuzz_loader: %s\n", what);
  std::abort();
}

constexpr std::string_view as_override = "override";

/// Of nlohmann's own pointers a key of digits makes an array.
void put(nlohmann::json& to, const std::string& pointer, const nlohmann::json& value) {
  auto* at = &to;
  for (const auto& token : pointer_tokens(pointer)) {
    if (at->is_null())
      *at = nlohmann::json::object();
    at = &(*at)[token];
  }
  *at = value;
}

/// Each value has an origin, and all of them together are the merged settings.
void require_origins(const provenance& origins) {
  const auto leaves = origins.explain("m/a#0");
  require(leaves.has_value(), "every value has an origin");
  auto rebuilt = nlohmann::json::object();
  for (const auto& leaf : *leaves)
    put(rebuilt, leaf.pointer, leaf.value);
  require(rebuilt == origins.settings("m/a#0", true), "explain agrees with the merge");
  require(origins.explain("m/").has_value(), "a group is explained");
}

void load_as(const char* path, const std::string& text) {
  tree source{"/fleet",
              "p",
              {{"group.json", R"({"defaults": {"nice": 1}})"},
               {"m/a.json", R"({"command": ["x"], "replicas": 2})"},
               {"m/b.json", R"({"command": ["x"], "depends_on": ["a"]})"},
               {"m/group.json", R"({"order": ["a", "b"], "tenant": "t",
                                    "defaults": {"extends": ["x", "y"]}})"},
               {"mixins/x.json", R"({"extends": "y", "nice": 2})"},
               {"mixins/y.json", "{}"},
               {"profiles/p.json", "{}"},
               {"runtime.json", "{}"},
               {"tenants/t.json", R"({"bots": {"m/a": {"nice": 3}}})"}}};
  for (auto& item : source.documents)
    if (item.path == path)
      item.text = text;
  load_options options;
  options.env = [](const std::string&) { return std::nullopt; };
  if (path == as_override)
    options.overrides = {{"m/a", text}};
  auto result = load(source, options);
  require((result.spec == nullptr) == !result.errors.empty(), "a spec, or errors, never both");
  for (const auto& what : result.errors) {
    require(!what.message.empty(), "an error has words");
    require(!render(what, &source, false).empty(), "an error can be shown");
    (void)to_json(what).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  if (result.origins)
    require_origins(*result.origins);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text{reinterpret_cast<const char*>(data), size};
  for (const auto* path : {"m/b.json", "group.json", "m/group.json", "mixins/y.json",
                           "profiles/p.json", "runtime.json", "tenants/t.json", as_override.data()})
    load_as(path, text);
  return 0;
}
