#pragma once

// Everything CAF must know about what actors say: atoms, type ids, inspection.
// The only header of messages/ that needs CAF; written with the names of CAF 0.18,
// so that a later port stays small.

#include "messages/admin.hpp"
#include "messages/lifecycle.hpp"
#include "messages/records.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/fwd.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/type_id.hpp>

// -- types that cross a process border: the shell's protocol ---------------------

namespace troupe {

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, admin_request& x) {
  return f(caf::meta::type_name("troupe::admin_request"), x.session, x.command, x.arguments);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, admin_reply& x) {
  return f(caf::meta::type_name("troupe::admin_reply"), x.exit, x.document, x.cursor);
}

} // namespace troupe

CAF_BEGIN_TYPE_ID_BLOCK(troupe_admin, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(troupe_admin, (troupe::admin_request))
CAF_ADD_TYPE_ID(troupe_admin, (troupe::admin_reply))
CAF_ADD_ATOM(troupe_admin, troupe, next_atom, "next")
CAF_END_TYPE_ID_BLOCK(troupe_admin)
