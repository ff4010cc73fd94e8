#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace troupe::config {

/// «`from` waits for `to`», by index.
struct wait_edge {
  std::size_t from = 0;
  std::size_t to = 0;
};

/// One shortest cycle for each knot of nodes that wait for each other, as indices into
/// `edges`, the first edge starting at the smallest node of the knot. Linear in nodes and
/// edges but for the knots; deterministic; no recursion.
std::vector<std::vector<std::size_t>> find_cycles(std::size_t nodes,
                                                  const std::vector<wait_edge>& edges);

/// «a -> b -> a»; the middle of a long one is left out.
std::string arrows(const std::vector<std::string>& names);

} // namespace troupe::config
