#include "config/order.hpp"

#include <algorithm>
#include <deque>
#include <limits>

namespace troupe::config {

namespace {

constexpr auto none = std::numeric_limits<std::size_t>::max();

/// Outgoing edges by node, as one flat array.
struct adjacency {
  std::vector<std::size_t> first; ///< nodes + 1 entries into `edge`
  std::vector<std::size_t> edge;

  adjacency(std::size_t nodes, const std::vector<wait_edge>& edges)
      : first(nodes + 1, 0)
      , edge(edges.size()) {
    for (const auto& one : edges)
      ++first[one.from + 1];
    for (std::size_t node = 0; node < nodes; ++node)
      first[node + 1] += first[node];
    auto next = first;
    for (std::size_t at = 0; at < edges.size(); ++at)
      edge[next[edges[at].from]++] = at;
  }
};

/// Tarjan's strongly connected components with an explicit stack.
std::vector<std::size_t> components(std::size_t nodes, const std::vector<wait_edge>& edges,
                                    const adjacency& out) {
  std::vector<std::size_t> index(nodes, none), low(nodes), component(nodes, none), next(nodes);
  std::vector<std::size_t> path, open;
  std::size_t counter = 0;
  std::size_t found = 0;
  for (std::size_t start = 0; start < nodes; ++start) {
    if (index[start] != none)
      continue;
    path.push_back(start);
    while (!path.empty()) {
      auto node = path.back();
      if (index[node] == none) {
        index[node] = low[node] = counter++;
        next[node] = out.first[node];
        open.push_back(node);
      }
      if (next[node] < out.first[node + 1]) {
        auto to = edges[out.edge[next[node]++]].to;
        if (index[to] == none)
          path.push_back(to);
        else if (component[to] == none)
          low[node] = std::min(low[node], index[to]);
        continue;
      }
      path.pop_back();
      if (!path.empty())
        low[path.back()] = std::min(low[path.back()], low[node]);
      if (low[node] != index[node])
        continue;
      for (auto member = none; member != node;) {
        member = open.back();
        open.pop_back();
        component[member] = found;
      }
      ++found;
    }
  }
  return component;
}

/// The shortest way from `start` back to itself within its component, as edges.
std::vector<std::size_t> shortest_cycle(std::size_t start, const std::vector<wait_edge>& edges,
                                        const adjacency& out,
                                        const std::vector<std::size_t>& component,
                                        std::vector<std::size_t>& reached_by) {
  std::deque<std::size_t> queue{start};
  std::vector<std::size_t> touched;
  std::vector<std::size_t> cycle;
  while (!queue.empty() && cycle.empty()) {
    auto node = queue.front();
    queue.pop_front();
    for (auto at = out.first[node]; at < out.first[node + 1] && cycle.empty(); ++at) {
      auto edge = out.edge[at];
      auto to = edges[edge].to;
      if (component[to] != component[start])
        continue;
      if (to == start) {
        for (cycle.push_back(edge); edges[cycle.back()].from != start;)
          cycle.push_back(reached_by[edges[cycle.back()].from]);
      } else if (reached_by[to] == none) {
        reached_by[to] = edge;
        touched.push_back(to);
        queue.push_back(to);
      }
    }
  }
  for (auto node : touched)
    reached_by[node] = none;
  std::reverse(cycle.begin(), cycle.end());
  return cycle;
}

} // namespace

std::vector<std::vector<std::size_t>> find_cycles(std::size_t nodes,
                                                  const std::vector<wait_edge>& edges) {
  adjacency out{nodes, edges};
  auto component = components(nodes, edges, out);
  std::vector<std::size_t> size(nodes, 0);
  for (auto one : component)
    ++size[one];
  std::vector<bool> self(nodes, false), done(nodes, false);
  for (const auto& edge : edges)
    if (edge.from == edge.to)
      self[edge.from] = true;
  std::vector<std::size_t> reached_by(nodes, none);
  std::vector<std::vector<std::size_t>> result;
  for (std::size_t node = 0; node < nodes; ++node) {
    if (done[component[node]] || (size[component[node]] < 2 && !self[node]))
      continue;
    done[component[node]] = true;
    result.push_back(shortest_cycle(node, edges, out, component, reached_by));
  }
  return result;
}

std::string arrows(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 8;
  std::string result;
  for (std::size_t at = 0; at < names.size(); ++at) {
    if (names.size() > 2 * shown && at == shown) {
      at = names.size() - shown;
      result += " -> … (" + std::to_string(names.size() - 2 * shown) + " more) …";
    }
    if (at != 0)
      result += " -> ";
    result += names[at] == "/" ? "(root)" : names[at];
  }
  return result;
}

} // namespace troupe::config
