#pragma once

// What is asked of the config actor: its operations and their documents stand in
// docs/admin-protocol.md, «The config».

#include "actors/commands/request.hpp"

#include <functional>

namespace troupe::commands {

/// Adds `config` to a status: what `config standing` says; nothing when the config actor does not
/// answer soon.
void add_standing(const request_ptr&, json document, std::function<void(json document)> then);

void handle_plan(const request_ptr&);
void handle_apply(const request_ptr&);
void handle_reload(const request_ptr&);
void handle_rollback(const request_ptr&);
void handle_set(const request_ptr&);
void handle_unset(const request_ptr&);
void handle_config_explain(const request_ptr&);
void handle_config_versions(const request_ptr&);
void handle_config_show(const request_ptr&);
void handle_config_diff(const request_ptr&);
void handle_config_export(const request_ptr&);
void handle_config_standing(const request_ptr&);

} // namespace troupe::commands
