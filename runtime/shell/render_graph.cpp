// graph: an indented tree, the critical chain, and Graphviz.

#include "runtime/shell/render.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

namespace troupe::shell {

namespace {

std::string exact_seconds(double value) {
  char text[48];
  std::snprintf(text, sizeof text, value < 60 ? "%.3fs" : "%.0fs", value);
  return text;
}

/// The state that says most of a bot with several instances.
std::string worst_state(const json& node) {
  static constexpr std::string_view order[] = {"failed",   "backoff",  "degraded",  "waiting",
                                               "starting", "stopping", "draining",  "paused",
                                               "stopped",  "defined",  "completed", "running"};
  std::string result;
  std::size_t best = std::size(order);
  for (const auto& one : list_at(node, "instances")) {
    const auto state = text_at(one, "state");
    const auto rank = static_cast<std::size_t>(std::ranges::find(order, state) - std::begin(order));
    if (result.empty() || rank < best) {
      best = rank;
      result = state;
    }
  }
  return result.empty() ? "defined" : result;
}

class graph_writer {
public:
  graph_writer(const json& document, const terminal& on)
      : on_{on} {
    for (const auto& node : list_at(document, "nodes"))
      nodes_[text_at(node, "name")] = &node;
    for (const auto& edge : list_at(document, "edges")) {
      edges_[text_at(edge, "from")].push_back(&edge);
      for (const auto& bot : list_at(edge, "bots"))
        if (bot.is_string())
          needed_.insert(escape(bot.get_ref<const std::string&>()));
    }
  }

  std::string text() {
    // First those that nobody waits for; what is below them is shown there.
    for (const bool top : {true, false})
      for (const auto& [name, node] : nodes_)
        if (text_at(*node, "asked") == "true" && needed_.contains(name) != top
            && !shown_.contains(name)) {
          out_ += title(name) + "\n";
          below(name, "", 0);
        }
    return out_;
  }

private:
  std::string title(const std::string& name) {
    const auto found = nodes_.find(name);
    if (found == nodes_.end())
      return name;
    const auto state = worst_state(*found->second);
    auto result = painted(name, tone::strong, on_) + "  " + painted(state, tone_of(state), on_);
    if (const auto total = text_at(*found->second, "total"); total != "1")
      result += "  " + text_at(*found->second, "up") + " of " + total + " up";
    return result;
  }

  /// What a bot waits for by itself says more than the order of its group.
  static std::vector<const json*> each_target_once(const std::vector<const json*>& edges) {
    std::vector<const json*> result;
    for (const auto* edge : edges)
      if (std::ranges::none_of(result, [&](const auto* other) {
            return text_at(*other, "to") == text_at(*edge, "to");
          }))
        result.push_back(edge);
    return result;
  }

  void below(const std::string& name, const std::string& indent, std::size_t depth) {
    constexpr std::size_t deepest = 64;
    shown_.insert(name);
    const auto found = edges_.find(name);
    if (found == edges_.end() || depth > deepest)
      return;
    const auto list = each_target_once(found->second);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const bool last = i + 1 == list.size();
      const auto target = text_at(*list[i], "to");
      const auto condition =
          text_at(*list[i], "until") + (text_at(*list[i], "by") == "order" ? ", by order" : "");
      out_ += painted(indent + (last ? "└─ " : "├─ "), tone::faint, on_);
      const auto deeper = indent + (last ? "   " : "│  ");
      if (target.ends_with('/')) {
        // A group stands for what is in it; each of these stands elsewhere or below.
        out_ +=
            painted(target, tone::strong, on_) + "  " + painted(condition, tone::faint, on_) + "\n";
        group(*list[i], deeper, depth + 1);
        continue;
      }
      const bool known = shown_.contains(target) && edges_.contains(target);
      out_ += title(target) + "  " + painted(condition, tone::faint, on_)
              + (known ? painted("  (as above)", tone::faint, on_) : "") + "\n";
      if (!known)
        below(target, deeper, depth + 1);
    }
  }

  void group(const json& edge, const std::string& indent, std::size_t depth) {
    const auto& bots = list_at(edge, "bots");
    for (std::size_t i = 0; i < bots.size(); ++i) {
      if (!bots[i].is_string())
        continue;
      const auto name = escape(bots[i].get_ref<const std::string&>());
      const bool last = i + 1 == bots.size();
      const bool known = shown_.contains(name) && edges_.contains(name);
      out_ += painted(indent + (last ? "└─ " : "├─ "), tone::faint, on_) + title(name)
              + (known ? painted("  (as above)", tone::faint, on_) : "") + "\n";
      if (!known)
        below(name, indent + (last ? "   " : "│  "), depth + 1);
    }
  }

  const terminal& on_;
  std::map<std::string, const json*> nodes_;
  std::map<std::string, std::vector<const json*>> edges_;
  std::set<std::string> needed_;
  std::set<std::string> shown_;
  std::string out_;
};

std::string critical_chain(const json& document, const terminal& on) {
  const auto& chain = list_at(document, "critical");
  if (chain.empty())
    return "";
  std::string result = "\nthe longest way up at the last start:\n";
  std::string indent;
  for (const auto& one : chain) {
    result += "  " + painted(indent + (indent.empty() ? "" : "└─ "), tone::faint, on)
              + text_at(one, "instance") + "  @" + exact_seconds(number_at(one, "at_s")) + "  +"
              + exact_seconds(number_at(one, "took_s")) + "\n";
    indent += indent.empty() ? " " : "  ";
  }
  return result;
}

/// A text in double quotes, as Graphviz reads it.
std::string dot_quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text)
    result += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
  return result + "\"";
}

} // namespace

std::string render_graph(const json& document, const terminal& on) {
  auto result = graph_writer{document, on}.text();
  if (result.empty())
    return "the fleet is empty\n";
  return result + critical_chain(document, on);
}

std::string render_dot(const json& document) {
  std::string result = "digraph " + dot_quoted(text_at(document, "fleet"))
                       + " {\n  rankdir=LR;\n  node [shape=box];\n";
  for (const auto& node : list_at(document, "nodes")) {
    const auto state = worst_state(node);
    const char* colour = state == "running" || state == "completed" ? "darkgreen"
                         : state == "failed"                        ? "red"
                         : state == "stopped" || state == "defined" ? "gray"
                                                                    : "orange";
    const auto name = text_at(node, "name");
    result += "  " + dot_quoted(name) + " [label=" + dot_quoted(name + " · " + state)
              + ", color=" + colour + "];\n";
  }
  std::set<std::string> groups;
  for (const auto& edge : list_at(document, "edges")) {
    const auto target = text_at(edge, "to");
    const bool by_order = text_at(edge, "by") == "order";
    result += "  " + dot_quoted(text_at(edge, "from")) + " -> " + dot_quoted(target) + " [label="
              + dot_quoted(text_at(edge, "until")) + (by_order ? ", style=dashed" : "") + "];\n";
    if (target.ends_with('/') && groups.insert(target).second) {
      result += "  " + dot_quoted(target) + " [shape=folder];\n";
      for (const auto& bot : list_at(edge, "bots"))
        if (bot.is_string())
          result += "  " + dot_quoted(target) + " -> "
                    + dot_quoted(escape(bot.get_ref<const std::string&>()))
                    + " [style=dotted, arrowhead=none];\n";
    }
  }
  return result + "}\n";
}

} // namespace troupe::shell
