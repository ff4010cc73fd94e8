// The loader's fuzz target. The input stands in each role that a file can have, beside a
// small sound fleet, so that one corpus of config files reaches all of the loader.
#include "config/loader.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

using namespace troupe::config;

void require(bool holds, const char* what) {
  if (holds)
    return;
  std::fprintf(stderr, "fuzz_loader: %s\n", what);
  std::abort();
}

void load_as(const char* path, const std::string& text) {
  tree source{"/fleet",
              "p",
              {{"group.json", R"({"defaults": {"nice": 1}})"},
               {"m/a.json", R"({"command": ["x"], "replicas": 2})"},
               {"m/b.json", R"({"command": ["x"], "depends_on": ["a"]})"},
               {"m/group.json", R"({"order": ["a", "b"]})"},
               {"profiles/p.json", "{}"},
               {"runtime.json", "{}"}}};
  for (auto& item : source.documents)
    if (item.path == path)
      item.text = text;
  load_options options;
  options.env = [](const std::string&) { return std::nullopt; };
  auto result = load(source, options);
  require((result.spec == nullptr) == !result.errors.empty(), "a spec, or errors, never both");
  for (const auto& what : result.errors) {
    require(!what.message.empty(), "an error has words");
    require(!render(what, &source, false).empty(), "an error can be shown");
    (void)to_json(what).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  if (result.origins)
    require(result.origins->explain("m/a#0").has_value(), "every value has an origin");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text{reinterpret_cast<const char*>(data), size};
  for (const auto* path : {"m/b.json", "group.json", "profiles/p.json", "runtime.json"})
    load_as(path, text);
  return 0;
}
