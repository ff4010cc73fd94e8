#include "config/fleet_builder.hpp"
#include "config/names.hpp"
#include "config/order.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace troupe::config {

namespace {

using part = parsed_document::part;

/// Enough for the hints of any real tree; more would make a hostile one slow.
constexpr std::size_t hint_budget = 2'000'000;

/// Everything that waits, as nodes of a graph. A group has two: its first child may start,
/// and its last child has done so.
class wait_graph {
public:
  explicit wait_graph(const fleet_files& files)
      : files_{files} {
    for (const auto& [name, bot] : files.bots)
      bot_nodes_[name] = add_node(name);
    for (const auto& [name, group] : files.groups) {
      auto begin = add_node(name + '/');
      group_nodes_[name] = {begin, add_node(name + '/')};
    }
    for (const auto& [name, bot] : files.bots)
      inside(name, bot_nodes_.at(name), bot_nodes_.at(name));
    for (const auto& [name, nodes] : group_nodes_) {
      add_edge(nodes.second, nodes.first, reason::structure);
      if (!name.empty())
        inside(name, nodes.first, nodes.second);
      add_order(name);
    }
  }

  /// `pointer` is where the dependency stands in the merged settings of the bot.
  void depends(const std::string& bot, const std::string& target, std::string pointer) {
    auto to = target.ends_with('/') ? group_nodes_.at(target.substr(0, target.size() - 1)).second
                                    : bot_nodes_.at(target);
    add_edge(bot_nodes_.at(bot), to, reason::dependency);
    why_.back().pointer = std::move(pointer);
  }

  void report_cycles(problem_bag& problems) const {
    for (auto cycle : find_cycles(names_.size(), edges_))
      report(std::move(cycle), problems);
  }

private:
  enum class reason : std::uint8_t { structure, order, dependency };
  struct cause {
    reason what;
    std::string pointer; ///< of a dependency
    std::string group;   ///< of an order
  };

  std::size_t add_node(std::string name) {
    names_.push_back(std::move(name));
    return names_.size() - 1;
  }

  void add_edge(std::size_t from, std::size_t to, reason what, std::string group = {}) {
    edges_.push_back({from, to});
    why_.push_back({what, {}, std::move(group)});
  }

  /// A child starts after its group may, and the group is complete after the child.
  void inside(const std::string& name, std::size_t begin, std::size_t end) {
    const auto& above = group_nodes_.at(std::string{parent_name(name)});
    add_edge(begin, above.first, reason::structure);
    add_edge(above.second, end, reason::structure);
  }

  std::pair<std::size_t, std::size_t> nodes_of(const std::string& name) const {
    if (auto bot = bot_nodes_.find(name); bot != bot_nodes_.end())
      return {bot->second, bot->second};
    return group_nodes_.at(name);
  }

  void add_order(const std::string& group) {
    const auto& folder = files_.groups.at(group);
    if (!folder.source || !folder.source->root().is_object())
      return;
    auto order = folder.source->root().find("order");
    if (order == folder.source->root().end() || !order->is_array())
      return;
    std::string before;
    for (const auto& item : *order) {
      auto name = item.is_string() ? item.get<std::string>() : std::string{};
      if (!folder.bots.contains(name) && !folder.groups.contains(name))
        continue;
      auto full = join_name(group, name);
      if (!before.empty() && before != full)
        add_edge(nodes_of(full).first, nodes_of(before).second, reason::order, group);
      before = full;
    }
  }

  /// «a -> b -> a», placed at the first dependency in it, or else at the order.
  void report(std::vector<std::size_t> cycle, problem_bag& problems) const {
    auto first = cycle.begin();
    for (auto wanted : {reason::dependency, reason::order}) {
      first = std::find_if(cycle.begin(), cycle.end(),
                           [&](std::size_t edge) { return why_[edge].what == wanted; });
      if (first != cycle.end())
        break;
    }
    if (first == cycle.end())
      return; // structure alone has no cycles
    std::rotate(cycle.begin(), first, cycle.end());

    std::vector<std::string> names{names_[edges_[cycle.front()].from]};
    std::string ordered;
    bool through_group = false;
    for (auto edge : cycle) {
      const auto& name = names_[edges_[edge].to];
      through_group = through_group || why_[edge].what == reason::structure;
      if (why_[edge].what == reason::order)
        ordered = join_name(why_[edge].group, "group.json");
      if (name != names.back() || cycle.size() == 1)
        names.push_back(name);
    }
    auto path = arrows(names);
    std::string hint = "remove one of these dependencies";
    if (!ordered.empty())
      hint = "\"order\" in " + ordered + " makes a child wait for the one before it";
    else if (through_group)
      hint = "a group has come up only when everything in it has";
    else if (cycle.size() == 1)
      hint = "if it is inherited, write \"depends_on\": null in the bot's file";

    const auto& why = why_[cycle.front()];
    auto message = "dependency cycle: " + path;
    if (why.what == reason::order) {
      const auto& source = *files_.groups.at(why.group).source;
      problems.add_unless_known(source.at("/order", part::value, std::move(message),
                                          "an order without cycles", std::move(hint)));
      return;
    }
    auto layers = files_.layers_of(names_[edges_[cycle.front()].from], std::nullopt);
    auto at = locate(layers, why.pointer);
    if (at && layers[*at].source)
      problems.add(layers[*at].source->at(layers[*at].base + why.pointer, part::key,
                                          std::move(message), "dependencies without cycles",
                                          std::move(hint)));
  }

  const fleet_files& files_;
  std::vector<std::string> names_;
  std::vector<wait_edge> edges_;
  std::vector<cause> why_;
  std::map<std::string, std::size_t> bot_nodes_;
  std::map<std::string, std::pair<std::size_t, std::size_t>> group_nodes_;
};

class dependency_resolver {
public:
  dependency_resolver(const fleet_files& files, problem_bag& problems)
      : files_{files}
      , problems_{problems}
      , graph_{files} {
    for (const auto& [name, bot] : files.bots)
      names_.push_back(name);
    for (const auto& [name, group] : files.groups)
      if (!name.empty())
        names_.push_back(name + '/');
  }

  void run(std::map<std::string, merged_bot>& bots) {
    for (auto& [name, bot] : bots) {
      auto resolved = resolve_all(name, bot.distinct.front().depends_on);
      for (auto& spec : bot.distinct)
        spec.depends_on = resolved;
    }
    graph_.report_cycles(problems_);
  }

private:
  std::vector<dependency> resolve_all(const std::string& bot,
                                      const std::vector<dependency>& written) {
    std::vector<dependency> result;
    if (written.empty())
      return result;
    auto layers = files_.layers_of(bot, std::nullopt);
    auto whole = locate(layers, "/depends_on");
    const auto* value = whole ? layers[*whole].value : nullptr;
    bool list = value && value->contains("depends_on") && (*value)["depends_on"].is_array();
    for (std::size_t index = 0; index < written.size(); ++index) {
      auto one = written[index];
      auto pointer = list ? pointer_to("/depends_on", index)
                          : pointer_to("/depends_on", std::string_view{one.target});
      auto at = locate(layers, pointer);
      if (!resolve(bot, one, at ? &layers[*at] : nullptr, pointer))
        continue;
      graph_.depends(bot, one.target, std::move(pointer));
      result.push_back(std::move(one));
    }
    return result;
  }

  bool resolve(const std::string& bot, dependency& one, const layer* where,
               const std::string& pointer) {
    const auto written = one.target;
    auto group = std::string{parent_name(bot)};
    bool is_group = written.ends_with('/') && written != "/";
    if (is_group)
      one.target = written.starts_with('/') ? written.substr(1) : written;
    else if (written.starts_with('/'))
      one.target = written.substr(1);
    else if (written.find('/') == std::string::npos)
      one.target = join_name(group, written);

    if (is_group && files_.groups.contains(one.target.substr(0, one.target.size() - 1))) {
      if (one.until != condition::output)
        return true;
      wrong(where, pointer, "a group prints nothing to wait for", "a bot", {});
      return false;
    }
    if (!is_group && files_.bots.contains(one.target))
      return true;
    wrong(where, pointer,
          "there is no " + std::string{is_group ? "group " : "bot "} + in_quotes(one.target),
          "the name of a sibling, \"group/bot\" from the root, or \"group/\"",
          hint_for(group, written, one.target, is_group));
    return false;
  }

  std::string hint_for(const std::string& group, const std::string& written,
                       const std::string& target, bool is_group) {
    if (target.find('#') != std::string::npos)
      return "depend on the whole bot, not on one instance";
    if (!is_group && files_.groups.contains(target))
      return "it is a group: write " + in_quotes(target + '/');
    if (is_group) {
      auto sibling = join_name(group, written);
      if (files_.groups.contains(sibling.substr(0, sibling.size() - 1)))
        return "did you mean " + in_quotes(sibling) + "? A name with '/' counts from the root";
      if (files_.bots.contains(target.substr(0, target.size() - 1)))
        return "it is a bot: remove the '/' at its end";
    }
    if (written.find('/') == std::string::npos && files_.bots.contains(written))
      return "it is in the root: write " + in_quotes('/' + written);
    if (spent_ + names_.size() > hint_budget)
      return {};
    spent_ += names_.size();
    if (auto near = nearest(target, names_); !near.empty()) {
      bool sibling = !near.ends_with('/') && parent_name(near) == group
                     && written.find('/') == std::string::npos;
      return "did you mean " + in_quotes(sibling ? leaf_name(near) : near) + "?";
    }
    for (const auto& name : names_)
      if (leaf_name(name) == written)
        return "did you mean " + in_quotes(name) + "?";
    return {};
  }

  void wrong(const layer* where, const std::string& pointer, std::string message,
             std::string expected, std::string hint) {
    if (!where || !where->source)
      return;
    const auto& source = *where->source;
    if (problems_.full(source.path())) {
      problems_.skip(source.path());
      return;
    }
    problems_.add_unless_known(source.at(where->base + pointer, part::key, std::move(message),
                                         std::move(expected), std::move(hint)));
  }

  const fleet_files& files_;
  problem_bag& problems_;
  wait_graph graph_;
  std::vector<std::string> names_;
  std::size_t spent_ = 0;
};

} // namespace

void resolve_dependencies(const fleet_files& files, std::map<std::string, merged_bot>& bots,
                          problem_bag& problems) {
  dependency_resolver{files, problems}.run(bots);
}

} // namespace troupe::config
