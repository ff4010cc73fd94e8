#pragma once

// Who answers what is sent to `runtime/…`: time, directory, config and state. Requests and
// answers are JSON objects; docs/state.md and docs/messages.md say which. Plain code, for one
// thread.

#include "actors/messaging/permissions.hpp"
#include "actors/messaging/routes.hpp"
#include "actors/messaging/state_store.hpp"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::messaging {

/// What services need of the hub.
struct service_port {
  virtual ~service_port() = default;

  virtual std::int64_t wall() const = 0; ///< Unix microseconds
  virtual std::chrono::nanoseconds monotonic_now() const = 0;
  virtual bool linked(const route&) = 0;
  /// Commits entries of the state; `done` is called later, with "" or why it was not.
  virtual void store(std::vector<state_entry>, std::function<void(std::string)> done) = 0;
  /// A `fire` message with this payload (JSON) from `runtime/state`, to `state_topic`, for one
  /// that watches.
  virtual void tell_change(state_store::watcher, const std::string& payload) = 0;
};

/// `to` of the messages that tell of changes.
inline constexpr std::string_view state_topic = "topic:runtime.state";

/// One request. Only good while `ask` runs.
struct service_request {
  std::string_view service;         ///< `state`, of `runtime/state`
  std::string_view payload;         ///< a JSON object; empty: `{}`
  const route* from = nullptr;      ///< who asks; null: an operator, who may everything
  const permissions* may = nullptr; ///< of the one who asks
  state_store::watcher watcher = 0; ///< its number, for `watch`
};

struct service_reply {
  std::string payload; ///< JSON; of a failed one `{"error": {"code": …, "text": …}}`
  bool failed = false; ///< goes out with the flag `failed`

  /// Of one that failed.
  static service_reply error(std::string_view code, std::string_view text);
};

class service_desk {
public:
  using answer = std::function<void(service_reply)>;

  /// Requests to `runtime/state` that wait for `restore`, at most, and their bytes.
  static constexpr std::size_t max_waiting = 1024;
  static constexpr std::size_t max_waiting_bytes = 8 << 20;

  explicit service_desk(service_port&, state_bounds bounds = {});

  void set_routes(routes_ptr routes) { routes_ = std::move(routes); }
  /// What the disk held; before it, requests to `runtime/state` wait.
  void restore(const queue_contents&, std::uint64_t epoch);

  /// Answers once, at once or later.
  void ask(const service_request&, answer);

  /// A link has ended: its watches go.
  void unlink(state_store::watcher who) { state_.drop(who); }

  /// Lets entries expire.
  void tick();
  /// When, by the wall clock, `tick` is wanted; none: not before something else happens.
  std::optional<std::int64_t> next_tick() const { return state_.next_expiry(); }

  const state_store& store() const { return state_; }

private:
  using json = nlohmann::json;

  service_reply time() const;
  service_reply directory(const service_request&, const json& arguments) const;
  service_reply config(const service_request&) const;

  // In state_service.cpp:
  void wait_for_restore(const service_request&, answer);
  void state(const service_request&, std::string_view text, answer);
  static std::string change_text(const state_entry&);
  service_reply state_get(const std::string& group, const json& arguments) const;
  service_reply state_list(const std::string& group, const json& arguments) const;
  service_reply state_watch(const service_request&, const std::string& group,
                            const json& arguments);
  service_reply state_unwatch(const service_request&, const std::string& group,
                              const json& arguments);
  void state_set(const std::string& group, const json& arguments, answer);
  void state_delete(const std::string& group, const json& arguments, answer);
  void commit(state_result, std::string payload, answer);
  service_reply refused(const state_result&, const std::string& group,
                        const std::string& key) const;

  service_port& port_;
  routes_ptr routes_;
  state_store state_;
  bool restored_ = false;
  std::vector<std::function<void()>> waiting_; ///< requests that came before `restore`
  std::size_t waiting_bytes_ = 0;
};

} // namespace troupe::messaging
