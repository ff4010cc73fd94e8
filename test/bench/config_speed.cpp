// What the loader and the plan alone take, without a process
// around them. `load DIR`: milliseconds to read and load the tree, and how many instances it has.
// `plan DIR DIR`: milliseconds of the plan from one to the other, and how many steps it has. The
// best of several times, as JSON.

#include "config/loader.hpp"
#include "config/plan.hpp"
#include "config/plan_json.hpp"
#include "config/tree.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace troupe;

constexpr int times = 3;

[[noreturn]] void fail(const std::vector<config::problem>& why) {
  for (const auto& one : why)
    std::fputs(config::render(one, nullptr, false).c_str(), stderr);
  std::exit(1);
}

struct loaded {
  explicit loaded(const char* directory) {
    auto read = config::read_tree(directory);
    if (!read)
      fail(read.error());
    tree = std::move(*read);
    // As if both stood in one place: paths in them count from there.
    tree.root = "/fleet";
    result = config::load(tree);
    if (!result.spec)
      fail(result.errors);
  }

  config::plan_side side() const { return {result.spec, &tree, result.origins}; }

  config::tree tree;
  config::load_result result;
};

template <class F>
double best_of(F work) {
  auto best = std::numeric_limits<double>::max();
  for (int i = 0; i < times; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    best = std::min(
        best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
                  .count());
  }
  return best;
}

} // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "load" && argc == 3) {
    std::size_t bots = 0;
    const auto best = best_of([&] { bots = loaded{argv[2]}.result.spec->bots.size(); });
    std::printf("{\"ms\": %.3f, \"bots\": %zu}\n", best, bots);
    return 0;
  }
  if (what == "plan" && argc == 4) {
    const loaded from{argv[2]};
    const loaded to{argv[3]};
    config::fleet_plan plan;
    const auto best = best_of([&] { plan = config::make_plan(from.side(), to.side()); });
    std::size_t bytes = 0;
    const auto shown = best_of([&] { bytes = config::plan_document(plan, {}).dump().size(); });
    std::printf("{\"ms\": %.3f, \"steps\": %zu, \"document_ms\": %.3f, \"bytes\": %zu}\n", best,
                plan.instances.size(), shown, bytes);
    return 0;
  }
  std::fputs("usage: config_speed load DIR | plan DIR DIR\n", stderr);
  return 2;
}
