// The state that bots share, `runtime/state`.

#include "actors/commands/messaging.hpp"
#include "config/names.hpp"

#include <charconv>
#include <functional>
#include <utility>

namespace troupe::commands {

namespace {

/// Group and key, or prefix, as arguments of the hub.
bool get_place(const request_ptr& r, const char* what, json& into) {
  std::string group;
  std::string word;
  if (!r->get("group", group) || !r->get(what, word))
    return false;
  group = without_root(group);
  if (group.ends_with('/'))
    group.pop_back();
  into["group"] = group;
  into[what] = word;
  return true;
}

/// Calls `then` when the fleet has such a group, with the name that was probably meant if not.
void check_group(const request_ptr& r, const json& place, std::function<void()> then) {
  const auto group = place.value("group", "");
  if (group.empty())
    return then();
  r->with_spec([r, group, then = std::move(then)](const config::spec_ptr& spec) {
    if (const auto known = resolve(*spec, {{group + "/"}, {}}); !known)
      return r->refuse(known.error());
    then();
  });
}

bool get_version(const request_ptr& r, json& into) {
  std::string text;
  if (!r->get("if_version", text))
    return false;
  if (text.empty())
    return true;
  std::uint64_t version = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, version);
  if (error != std::errc{} || at != end) {
    r->refuse({exit_code::usage, "bad-arguments", "\"if_version\" must be a whole number",
               "`troupe state get KEY --json` has it"});
    return false;
  }
  into["if_version"] = version;
  return true;
}

/// Nothing is there; the same to `get` and to `delete`.
refusal no_such_key(const json& place) {
  const auto group = place.value("group", "");
  return {exit_code::failed, "no-such-key",
          (group.empty() ? "the state of the root" : "the state of " + group + "/")
              + " has no entry " + config::in_quotes(place.value("key", "")),
          "`troupe state list" + (group.empty() ? "" : " --group " + group) + "`"};
}

void change(const request_ptr& r, const json& arguments, const std::string& said,
            std::function<void(json document, json ok)> then) {
  check_group(r, arguments, [=] {
    change_by_hub(
        r, "state", arguments, std::chrono::seconds{5},
        [said](const json& ok) {
          return said + "version " + std::to_string(ok.value("version", std::uint64_t{0}));
        },
        [arguments, then](json document, json ok) {
          document["group"] = arguments["group"];
          document["key"] = arguments["key"];
          then(std::move(document), std::move(ok));
        });
  });
}

} // namespace

void handle_state_get(const request_ptr& r) {
  json place{{"op", "get"}};
  if (!get_place(r, "key", place))
    return;
  check_group(r, place, [=] {
    look_at_hub(r, "state", place, [r, place](json ok) {
      if (ok.value("version", std::uint64_t{0}) == 0)
        return r->refuse(no_such_key(place));
      auto document = new_document();
      document["group"] = place["group"];
      merge(document, std::move(ok));
      r->answer(document);
    });
  });
}

/// Of `state watch` too: whoever watches looks again, and asks for values only when the version
/// has grown.
void handle_state_list(const request_ptr& r) {
  constexpr std::uint64_t most = 1000;
  json place{{"op", "list"}};
  std::string after;
  std::uint64_t limit = most;
  bool values = true;
  if (!get_place(r, "prefix", place) || !r->get("after", after) || !r->get("limit", limit, most)
      || !r->get("values", values))
    return;
  place["limit"] = limit;
  place["values"] = values;
  if (!after.empty())
    place["after"] = after;
  check_group(r, place, [=] {
    look_at_hub(r, "state", place, [r, place](json ok) {
      auto document = new_document();
      document["group"] = place["group"];
      merge(document, std::move(ok));
      r->answer(document);
    });
  });
}

void handle_state_set(const request_ptr& r) {
  json what{{"op", "set"}};
  bool durable = false;
  std::chrono::milliseconds ttl{};
  if (!get_place(r, "key", what) || !get_version(r, what) || !r->get("durable", durable)
      || !get_time(r, "ttl", {}, std::chrono::hours{24 * 366}, ttl))
    return;
  // What is set is none of the audit's.
  const auto value = r->arguments.find("value");
  if (value == r->arguments.end())
    return r->refuse({exit_code::usage, "bad-arguments", "\"value\" is missing", ""});
  what["value"] = *value;
  r->arguments.erase("value");
  what["durable"] = durable;
  if (ttl.count() > 0)
    what["ttl"] = static_cast<double>(ttl.count()) / 1e3;
  const auto size = dump(what["value"]).size();
  change(r, what, std::to_string(size) + " bytes, ", [r](json document, json ok) {
    merge(document, std::move(ok));
    r->answer(document);
  });
}

void handle_state_delete(const request_ptr& r) {
  json what{{"op", "delete"}};
  if (!get_place(r, "key", what) || !get_version(r, what))
    return;
  change(r, what, "", [r, what](json document, json ok) {
    if (!ok.value("deleted", true))
      return r->refuse(no_such_key(what));
    merge(document, std::move(ok));
    r->answer(document);
  });
}

} // namespace troupe::commands
