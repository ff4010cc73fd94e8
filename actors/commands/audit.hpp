#pragma once

// audit list, show and verify.

#include "actors/commands/request.hpp"

namespace troupe::commands {

void handle_audit_list(const request_ptr&);
void handle_audit_show(const request_ptr&);
void handle_audit_verify(const request_ptr&);

} // namespace troupe::commands
