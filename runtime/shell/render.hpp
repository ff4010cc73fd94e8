#pragma once

// From the documents of commands to text for people. Pure. Everything that came from
// elsewhere is escaped.

#include "messages/admin.hpp"
#include "runtime/shell/text.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace troupe::shell {

using json = nlohmann::ordered_json;

/// The answer of a command as text that ends with a newline. A document that is not
/// as expected is shown as it is, never thrown at.
std::string render(std::string_view command, const json& document, const terminal&);

std::string render_status(const json&, const terminal&);
std::string render_tree(const json&, const terminal&);
std::string render_show(const json&, const terminal&);
std::string render_deaths(const json&, const terminal&);
std::string render_event(const json&, const terminal&);
std::string render_change(const json&, const terminal&);

// See render_why.cpp, render_graph.cpp and render_numbers.cpp.
std::string render_wait(const json&, const terminal&);
/// Who is not there yet, or never will be; `waited` says how long was waited.
std::string render_missing(const json&, const std::string& waited, const terminal&);
std::string render_why(const json&, const terminal&);
std::string render_graph(const json&, const terminal&);
/// The same for Graphviz.
std::string render_dot(const json&);
std::string render_env(const json&, const terminal&);
std::string render_limits(const json&, const terminal&);
std::string render_stats(const json&, const terminal&);

// See render_messages.cpp: what was sent, and how it stands.
std::string render_sent(const json&, const terminal&);
/// The reply to a request, as it is but for control characters; an error is told apart by exit.
std::string render_reply(const json&);
std::string render_queues(const json&, const terminal&);
std::string render_links(const json&, const terminal&);
std::string render_topics(const json&, const terminal&);
/// What `show` says of an instance's link and mailbox, a line or nothing.
std::string messaging_text(const json& instance);

// See render_passing.cpp.
/// One message that a tap has seen, a line.
std::string render_tapped(const json&, const terminal&);
std::string render_trace(const json&, const terminal&);

// See render_kept.cpp.
std::string render_dead_letters(const json&, const terminal&);
std::string render_dead_letter(const json&, const terminal&);
std::string render_letters_changed(const json&, const terminal&);
std::string render_state(const json&, const terminal&);
/// One change that `state watch` has seen, a line.
std::string render_state_change(const json&, const terminal&);

// See render_plan.cpp.
/// What would happen; `render_applied`: what does, and which version it is.
std::string render_plan(const json&, const terminal&);
std::string render_applied(const json&, const terminal&);
/// Of two versions.
std::string render_diff(const json&, const terminal&);
/// «limits.memory» of "/limits/memory".
std::string path_text(std::string_view pointer);
/// A value of the config in a line, cut to so many columns unless 0.
std::string setting_text(const json& value, std::size_t columns = 0);
/// «market/trader.json:4:3», or nothing.
std::string where_text(const json& setting);

// See render_config.cpp.
std::string render_standing(const json&, const terminal&);
/// What `status` says of it: nothing when all is plain, else lines.
std::string standing_lines(const json& standing, const terminal&);
/// The same in a word, for a prompt: «3/10», «invalid»; or nothing.
std::string standing_word(const json& standing);
std::string render_versions(const json&, const terminal&);
std::string render_version(const json&, const terminal&);
std::string render_explain(const json&, const terminal&);
std::string render_keys(const json&, const terminal&);

// See render_audit.cpp.
std::string render_audit(const json&, const terminal&);
std::string render_audit_entry(const json&, const terminal&);
std::string render_verified(const json&, const terminal&);

/// The payload of a row, escaped, in one line; «…» at the end when it was cut.
std::string payload_text(const json& row);

/// «troupe: there is no bot "x"», and the hint below.
std::string render_refusal(const refusal&, bool colour);

/// The refusal that an error document holds; a fallback when it holds none.
refusal read_refusal(const json& document, int exit);

// -- what renderers share ----------------------------------------------------------

/// A member as text, escaped; empty when it is not there.
std::string text_at(const json& object, const char* key);
/// A member as a number, or the default.
double number_at(const json& object, const char* key, double otherwise = 0);
/// A list, empty when it is not there.
const json& list_at(const json& object, const char* key);

tone tone_of(std::string_view state);

/// What there is to say of an instance that is not healthy: why, and what is next.
std::string remark(const json& instance);

/// «retry 4 of 15 in 7.3 s», or nothing.
std::string next_text(const json& instance);

} // namespace troupe::shell
