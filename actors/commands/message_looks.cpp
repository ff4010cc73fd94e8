// Commands that look at messaging.

#include "actors/commands/messaging.hpp"
#include "config/names.hpp"

#include <limits>
#include <utility>

namespace troupe::commands {

namespace {

void answer(const request_ptr& r, json ok) {
  auto document = new_document();
  merge(document, std::move(ok));
  r->answer(document);
}

/// Answers with what the hub says of the instances that are meant.
void look_at_instances(const request_ptr& r, const char* operation) {
  selection what;
  if (!r->get(what))
    return;
  r->with_targets(
      what, [r, operation](const config::spec_ptr&, const ledger_view_ptr&, const chosen& targets) {
        ask_of_instances(r, operation, targets.instances, [r](hub_answer& found) {
          if (found.trouble)
            return r->refuse(*found.trouble);
          answer(r, std::move(found.ok));
        });
      });
}

/// What one tap can be of: a name, a group with '/', a topic pattern or everything.
void open_tap(const request_ptr& r, json arguments) {
  std::string target;
  if (!r->get("target", target))
    return;
  const auto open = [r](json what) {
    look_at_hub(r, "tap_open", what, [r](json ok) { answer(r, std::move(ok)); });
  };
  target = target == "all" ? "" : without_root(target);
  arguments["what"] = target;
  if (target.empty() || target.starts_with("topic:"))
    return open(std::move(arguments));
  if (target.find_first_of("*?[") != std::string::npos)
    return r->refuse({exit_code::usage, "bad-name",
                      "a tap is of one name, and " + config::in_quotes(target) + " is a pattern",
                      "name a group with a trailing '/', a topic:PATTERN, or all"});
  r->with_spec([r, open, target, arguments](const config::spec_ptr& spec) {
    if (const auto known = resolve(*spec, {{target}, {}}); !known)
      return r->refuse(known.error());
    open(arguments);
  });
}

} // namespace

void handle_queues(const request_ptr& r) {
  look_at_instances(r, "queues");
}

void handle_links(const request_ptr& r) {
  look_at_instances(r, "links");
}

void handle_topics(const request_ptr& r) {
  std::string pattern;
  if (!r->get("pattern", pattern))
    return;
  constexpr std::string_view scheme = "topic:";
  if (pattern.starts_with(scheme))
    pattern.erase(0, scheme.size());
  look_at_hub(r, "topics", {{"pattern", pattern}}, [r](json ok) { answer(r, std::move(ok)); });
}

void handle_trace(const request_ptr& r) {
  std::string id;
  if (!r->get("id", id))
    return;
  look_at_hub(r, "trace", {{"id", id}}, [r](json ok) { answer(r, std::move(ok)); });
}

void handle_tap(const request_ptr& r) {
  constexpr auto any = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t tap = 0;
  std::uint64_t cursor = 0;
  std::uint64_t wait_ms = 0;
  std::uint64_t every = 1;
  std::uint64_t rate = 100;
  bool close = false;
  if (!r->get("tap", tap, any) || !r->get("cursor", cursor, any)
      || !r->get("wait_ms", wait_ms, admin_limits::wait_ms) || !r->get("every", every, 1'000'000)
      || !r->get("rate", rate, 1000) || !r->get("close", close))
    return;
  if (every == 0 || rate == 0)
    return r->refuse({exit_code::usage, "bad-arguments", "\"every\" and \"rate\" must be 1 or more",
                      "`troupe help tap`"});
  if (tap == 0)
    return open_tap(r, {{"every", every}, {"rate", rate}, {"payload_bytes", 256}});
  if (close)
    return look_at_hub(r, "tap_close", {{"tap", tap}}, [r](json) { answer(r, json::object()); });
  look_at_hub(r, "tap_read", {{"tap", tap}, {"cursor", cursor}, {"wait_ms", wait_ms}},
              [r](json ok) { answer(r, std::move(ok)); });
}

} // namespace troupe::commands
