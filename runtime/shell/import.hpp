#pragma once

// `troupe import` and `troupe init`: both make a tree.

#include "runtime/shell/parse.hpp"
#include "runtime/shell/text.hpp"

namespace troupe::shell {

/// `troupe import FILE… --to TREE`. Prints; returns the exit code.
int import_tree(const invocation&, const terminal&);

/// `troupe init DIR`. Prints; returns the exit code.
int init_tree(const invocation&, const terminal&);

} // namespace troupe::shell
