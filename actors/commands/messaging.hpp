#pragma once

// What commands on messages share: asking the hub. Its operations stand in docs/messages.md.

#include "actors/commands/request.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace troupe::commands {

/// Longest time that a shell may wait for what becomes of its message.
inline constexpr std::chrono::minutes longest_wait{10};

/// What the hub has answered.
struct hub_answer {
  json ok = json::object();       ///< with `at` for `at_us` and the like
  std::optional<refusal> trouble; ///< why nothing was done; `ok` is empty then
};

/// Asks for one operation that the hub may take so long for; `then` is called once.
void ask_hub(const request_ptr&, std::string operation, const json& arguments,
             std::chrono::milliseconds within, std::function<void(hub_answer&)> then);

/// The same of these instances, some at a time, so that messages never wait long for an answer
/// that is written meanwhile. Lists of the parts are put together; the rest is that of the last.
void ask_of_instances(const request_ptr&, std::string operation, std::vector<std::string> names,
                      std::function<void(hub_answer&)> then);

/// The same for a look: trouble refuses the request, and `then` fills the document.
void look_at_hub(const request_ptr&, std::string operation, const json& arguments,
                 std::function<void(json ok)> then);

/// The same for a change, with its audit: `outcome` says for it what was done. `then` gets a
/// document with `command` and, when the outcome could not be entered, `notice`; and the answer.
void change_by_hub(const request_ptr&, std::string operation, const json& arguments,
                   std::chrono::milliseconds within,
                   std::function<std::string(const json&)> outcome,
                   std::function<void(json document, json ok)> then);

/// Puts the members of `from` into the document.
void merge(json& document, json from);

/// Takes the payload out of the request's arguments, so that the audit does not have it, and
/// puts it under the same names into `into`. Its size, or nothing: the request was refused.
std::optional<std::size_t> take_payload(const request_ptr&, json& into);

/// The argument as a time, `otherwise` without it. False: the request was refused.
bool get_time(const request_ptr&, const char* key, std::chrono::milliseconds otherwise,
              std::chrono::milliseconds most, std::chrono::milliseconds& into);

/// Adds `link` and `mailbox` to rows of instances, null where there is none; without a hub, or
/// when it does not answer, as if nothing was linked.
void add_messaging(const request_ptr&, json rows, std::function<void(json rows)> then);

void handle_send(const request_ptr&);
void handle_publish(const request_ptr&);
void handle_request(const request_ptr&);
void handle_queues(const request_ptr&);
void handle_links(const request_ptr&);
void handle_topics(const request_ptr&);
void handle_tap(const request_ptr&);
void handle_trace(const request_ptr&);
void handle_dead_letters_list(const request_ptr&);
void handle_dead_letters_show(const request_ptr&);
void handle_dead_letters_requeue(const request_ptr&);
void handle_dead_letters_purge(const request_ptr&);
void handle_state_get(const request_ptr&);
void handle_state_set(const request_ptr&);
void handle_state_delete(const request_ptr&);
void handle_state_list(const request_ptr&);

} // namespace troupe::commands
