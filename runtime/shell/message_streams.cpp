#include "runtime/shell/message_streams.hpp"

#include "actors/commands/documents.hpp"
#include "runtime/shell/local.hpp"
#include "runtime/shell/render.hpp"

#include <chrono>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>
#include <thread>
#include <utility>

namespace troupe::shell {

namespace {

/// No request waits longer in the runtime; what takes longer is asked again.
constexpr std::uint32_t wait_slice_ms = 5000;
/// However fast answers come, nobody reads faster.
constexpr std::chrono::milliseconds least_pause{50};
/// Between two looks at the shared state.
constexpr std::chrono::seconds watch_pause{1};

json parse_document(const std::string& text) {
  return json::parse(text, nullptr, false);
}

struct stream {
  const invocation& what;
  client& runtime;
  const executor::options& given;
  int exit = 0; ///< once `ask` returned nothing
  bool interrupted = false;

  /// The document of an answer; nothing when that was the end, of which has been told.
  std::optional<json> ask(const json& arguments, std::string_view but_not = {}) {
    const auto got = runtime.ask(std::string{what.command->name}, commands::dump(arguments), true);
    if (!got) {
      interrupted = got.error().code == "interrupted";
      exit = complain(got.error(), what.global.json);
      return std::nullopt;
    }
    auto document = parse_document(got->document);
    if (got->exit == 0)
      return document;
    const auto why = read_refusal(document, got->exit);
    if (!but_not.empty() && why.code == but_not)
      return json(nullptr);
    exit = complain(why, what.global.json);
    return std::nullopt;
  }

  bool tell(const json& row, std::string (*render)(const json&, const terminal&)) const {
    if (!what.global.json)
      return print(render(row, given.on));
    auto document = commands::new_document();
    for (const auto& [key, value] : row.items())
      document[key] = value;
    return print(commands::dump(document) + "\n");
  }
};

std::string render_lost(const json& row, const terminal& on) {
  return painted("… " + text_at(row, "dropped") + " of " + text_at(row, "seen")
                     + " messages so far were not shown: they came too fast",
                 tone::faint, on)
         + "\n";
}

std::string closing(const json& reading) {
  return commands::dump({{"tap", reading.value("tap", json{})}, {"close", true}});
}

/// Prints one reading; the messages that may still be printed, or nothing when that failed.
bool tell_messages(const stream& to, const json& page, std::uint64_t& left, double& dropped) {
  for (const auto& row : list_at(page, "messages")) {
    if (left == 0)
      return true;
    if (!to.tell(row, render_tapped))
      return false;
    --left;
  }
  const auto lost = number_at(page, "dropped");
  if (lost <= dropped)
    return true;
  dropped = lost;
  json row;
  row["dropped"] = page.value("dropped", json{});
  row["seen"] = page.value("seen", json{});
  return to.tell(row, render_lost);
}

} // namespace

int show_tap(const invocation& what, client& runtime, const executor::options& given) {
  stream to{what, runtime, given};
  auto left = what.arguments.value("last", std::numeric_limits<std::uint64_t>::max());
  auto opening = what.arguments;
  opening.erase("last");
  while (left > 0) {
    const auto opened = to.ask(opening);
    if (!opened)
      return to.exit;
    json reading{{"tap", opened->value("tap", json{})}, {"cursor", 0}, {"wait_ms", wait_slice_ms}};
    double dropped = 0;
    for (bool there = true; there && left > 0;) {
      const auto page = to.ask(reading, "no-such-tap");
      if (!page) {
        // There are not many; one that is left alone would stay for a minute.
        if (to.interrupted)
          static_cast<void>(runtime.ask("tap", closing(reading), true));
        return to.exit;
      }
      there = !page->is_null(); // else it went with its runtime: another one is opened
      if (!there)
        break;
      if (!tell_messages(to, *page, left, dropped))
        return static_cast<int>(exit_code::failed);
      reading["cursor"] = page->value("next", json(0));
      if (left > 0)
        std::this_thread::sleep_for(least_pause);
    }
    if (left == 0)
      static_cast<void>(runtime.ask("tap", closing(reading), true));
  }
  return 0;
}

namespace {

using versions = std::map<std::string, std::uint64_t>;

/// All entries of the state, a page at a time; tells of those that are new or have changed.
/// Nothing: it ended, and `to.exit` says how.
std::optional<versions> look_at_state(stream& to, const versions& known) {
  versions there;
  auto arguments = to.what.arguments;
  for (bool more = true; more;) {
    const auto page = to.ask(arguments);
    if (!page)
      return std::nullopt;
    const auto& entries = list_at(*page, "entries");
    for (const auto& entry : entries) {
      const auto key = entry.value("key", "");
      const auto version = entry.value("version", std::uint64_t{0});
      const auto before = known.find(key);
      if ((before == known.end() || before->second != version)
          && !to.tell(entry, render_state_change)) {
        to.exit = static_cast<int>(exit_code::failed);
        return std::nullopt;
      }
      there[key] = version;
    }
    more = page->value("more", false) && !entries.empty();
    if (more)
      arguments["after"] = entries.back().value("key", "");
  }
  return there;
}

} // namespace

int watch_state(const invocation& what, client& runtime, const executor::options& given) {
  stream to{what, runtime, given};
  versions known;
  json reached;
  for (;; std::this_thread::sleep_for(watch_pause)) {
    auto looking = what.arguments;
    looking["limit"] = 1;
    looking["values"] = false;
    const auto now = to.ask(looking);
    if (!now)
      return to.exit;
    // It counts over all keys of all groups.
    const auto version = now->value("version", json{});
    if (version == reached)
      continue;
    auto there = look_at_state(to, known);
    if (!there)
      return to.exit;
    for (const auto& [key, before] : known)
      if (!there->contains(key) && !to.tell({{"key", key}, {"deleted", true}}, render_state_change))
        return static_cast<int>(exit_code::failed);
    known = std::move(*there);
    reached = version;
  }
}

} // namespace troupe::shell
