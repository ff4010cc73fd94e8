#pragma once

// What bots share: JSON values by key, one store for each group. docs/state.md has the whole story.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <troupe/bot.hpp>
#include <vector>

namespace troupe::bot {

struct state_entry {
  std::string group;
  std::string key;
  std::string value = "null"; ///< JSON
  std::uint64_t version = 0;  ///< 0: there is no such key
  bool deleted = false;       ///< of what is watched: the key is gone
};

struct state_options {
  /// Change it only if the key has that version; 0: only if there is none.
  std::optional<std::uint64_t> if_version{};
  /// How long it is to stay; 0: for ever.
  milliseconds ttl{0};
  /// On disk before the answer.
  bool durable = false;
};

/// What a request said. After a `conflict` the entry is what is there.
struct state_result {
  bot::code code = code::done; ///< `failed`: the store refuses, `problem` says why
  std::string problem;         ///< `conflict`, `not_permitted`, `full`, …
  std::string text;            ///< the same for people
  state_entry entry;

  explicit operator bool() const { return code == bot::code::done; }
};

struct state_page {
  bot::code code = code::done;
  std::string problem;
  std::string text;
  std::vector<state_entry> entries; ///< by key
  bool more = false;                ///< the next page begins after the last key

  explicit operator bool() const { return code == bot::code::done; }
};

using state_handler = std::function<void(const state_entry&)>;

/// The store of a group; a light handle, the client has to outlive it. Requests wait for their
/// answer as `client::request` does, 5 s at most. May be used from any thread.
class state {
public:
  /// Of the group of this bot.
  explicit state(client&);
  /// Of another one that this bot may send to; empty: the root's.
  state(client&, std::string group);

  state_result get(std::string_view key);
  /// `value` is JSON; what is none is `bad_message`.
  state_result set(std::string_view key, std::string_view value, const state_options& = {});
  state_result erase(std::string_view key, std::optional<std::uint64_t> if_version = {});
  state_page list(std::string_view prefix, std::string_view after = {}, unsigned limit = 100);

  /// Every key that begins so: what is there now, then each change, and what is there again after a
  /// new link. In the thread of `run`; a refusal goes to `on_error`. One handler a prefix, 64 in
  /// all.
  code watch(std::string_view prefix, state_handler);
  void unwatch(std::string_view prefix);

private:
  client* bot_;
  std::optional<std::string> group_;
};

} // namespace troupe::bot
