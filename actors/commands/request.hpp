#pragma once

// One request under way: what its handler needs, and how it answers.

#include "actors/admin.hpp"
#include "actors/commands/documents.hpp"
#include "messages/commands.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>

namespace troupe::commands {

using admin_pointer = command_actor::stateful_pointer<admin_state>;

/// How long a service may take to answer a look, and an order to go through.
inline constexpr std::chrono::seconds look_timeout{10};
inline constexpr std::chrono::seconds order_timeout{30};

/// Kept alive by the callbacks of its handler; must be answered exactly once.
class request : public std::enable_shared_from_this<request> {
public:
  request(admin_pointer admin, std::uint64_t session_number, peer asker, const command_info& which,
          json given);

  admin_pointer self;
  services_ptr all; ///< as of the request's beginning
  std::uint64_t session;
  peer who;
  const command_info& info;
  json arguments;
  caf::typed_response_promise<admin_reply> promise;

  void answer(const json& document, exit_code exit = exit_code::done);
  void answer_text(std::string document, exit_code exit = exit_code::done);
  void refuse(const refusal& why);

  /// A service did not answer; the handler ends here.
  void broken(std::string_view service, const caf::error& why);

  // What was given, with types checked; the first that is wrong refuses the request
  // and returns false.
  bool get(const char* key, bool& into);
  bool get(const char* key, std::string& into);
  bool get(const char* key, std::uint64_t& into, std::uint64_t max);
  bool get(const char* key, std::vector<std::string>& into);
  bool get(selection& into);

  /// «stop market/ -l env=prod», as it would be typed, fit for one line.
  std::string as_typed() const;

  /// «asked by uid 0».
  std::string cause() const;

  /// Calls `then` with the spec in force, or answers why there is none.
  void with_spec(std::function<void(const config::spec_ptr&)> then);

  /// Calls `then` with the spec in force and the bot that the argument «bot» names, or answers
  /// why there is none.
  void with_bot(std::function<void(const config::spec_ptr&, const chosen_bot&)> then);

  /// Calls `then` with what the ledger knows of these names.
  void with_view(std::vector<std::string> names, std::function<void(const ledger_view_ptr&)> then);

  /// Calls `then` with the spec, all that the ledger knows, and what is meant, or answers
  /// why that means nothing. An instance that leaves the fleet can be named until it is gone.
  using targets_callback =
      std::function<void(const config::spec_ptr&, const ledger_view_ptr&, const chosen&)>;
  void with_targets(const selection& what, targets_callback then);

private:
  bool wrong(const char* key, std::string_view wanted);
};

using request_ptr = std::shared_ptr<request>;

std::int64_t now_micros();

/// Rounded up, so that who waits so long does not ask again for nothing.
std::uint32_t whole_milliseconds(std::chrono::nanoseconds);

/// The same view with only these instances in it.
ledger_view_ptr part_of(const ledger_view& view, const std::set<std::string>& names);

/// The handler of a command, or null.
using handler = void (*)(const request_ptr&);
handler find_handler(std::string_view command);

// -- handlers --------------------------------------------------------------------

void handle_status(const request_ptr&);
void handle_tree(const request_ptr&);
void handle_show(const request_ptr&);
void handle_events(const request_ptr&);
void handle_deaths(const request_ptr&);
void handle_ping(const request_ptr&);
void handle_version(const request_ptr&);
void handle_await(const request_ptr&);
void handle_start(const request_ptr&);
void handle_stop(const request_ptr&);
void handle_restart(const request_ptr&);
void handle_pause(const request_ptr&);
void handle_resume(const request_ptr&);
void handle_reset(const request_ptr&);
void handle_recover(const request_ptr&);
void handle_signal(const request_ptr&);
void handle_scale(const request_ptr&);
void handle_shutdown(const request_ptr&);

void handle_wait(const request_ptr&);
void handle_why(const request_ptr&);
void handle_graph(const request_ptr&);
void handle_env(const request_ptr&);
void handle_limits(const request_ptr&);
void handle_stats(const request_ptr&);

} // namespace troupe::commands
