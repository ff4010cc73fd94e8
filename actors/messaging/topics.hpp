#pragma once

// Who listens to what: a tree of the words of patterns. What a publish costs depends on the
// patterns that begin as its topic does, not on how many others there are. Plain code, for one
// thread.

#include "actors/messaging/shared_map.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe::messaging {

class topic_tree {
public:
  /// Whoever listens: an instance, by a number that the hub gives it.
  using subscriber = std::uint64_t;

  /// Subscriptions of one subscriber, at most.
  static constexpr std::size_t max_subscriptions = 1024;

  topic_tree();
  ~topic_tree();
  topic_tree(const topic_tree&) = delete;
  topic_tree& operator=(const topic_tree&) = delete;

  /// Returns an empty string, or why not: no pattern, or too many. The same pattern again
  /// changes nothing but, when it differs, whether it is durable.
  std::string subscribe(subscriber, std::string_view pattern, bool durable = false);
  /// Whether there was such a subscription, and whether it was durable.
  struct removed {
    bool was_there = false;
    bool durable = false;
  };
  removed unsubscribe(subscriber, std::string_view pattern);
  /// Its link has ended: only its durable subscriptions stay.
  void unlink(subscriber);
  /// It is no more.
  void drop(subscriber);

  /// Calls `f(subscriber, durable)` once for each that listens to a valid topic, however many
  /// of its patterns match; `durable`: one of them is. Subscribing from within is not allowed.
  template <class F>
  void match(std::string_view topic, F&& f) {
    begin_match(topic);
    for (const auto* each : found_)
      f(each->id, each->matched_durable);
  }

  /// Nodes that the last match has looked at: what it cost.
  std::size_t visited() const { return visited_; }

  std::size_t subscribers() const { return known_.size(); }
  std::size_t subscriptions() const { return subscriptions_; }
  std::vector<std::string> patterns_of(subscriber) const;
  /// Whether it has that subscription, as a durable one.
  bool durable(subscriber, std::string_view pattern) const;

  /// Calls `f(pattern, subscriber, durable)` for every subscription, in no order; for people.
  void each(const std::function<void(const std::string&, subscriber, bool)>& f) const;

private:
  struct listener {
    subscriber id = 0;
    std::uint64_t seen = 0; ///< number of the last match that found it
    bool matched_durable = false;
    string_map<bool> patterns; ///< whether durable
  };
  struct entry {
    listener* who;
    bool durable;
  };
  struct node {
    string_map<std::unique_ptr<node>> words;
    std::unique_ptr<node> any; ///< `*`
    std::vector<entry> here;   ///< patterns that end here
    std::vector<entry> beyond; ///< patterns that end here with `>`
    bool empty() const { return words.empty() && !any && here.empty() && beyond.empty(); }
  };

  std::vector<entry>& place_of(std::string_view pattern);
  static void remove(node& at, std::string_view rest, const listener& who);
  void begin_match(std::string_view topic);
  void walk(const node& at, std::string_view rest);
  void collect(const std::vector<entry>& entries);

  node root_;
  std::unordered_map<subscriber, std::unique_ptr<listener>> known_;
  std::vector<listener*> found_;
  std::uint64_t matches_ = 0;
  std::size_t visited_ = 0;
  std::size_t subscriptions_ = 0;
};

} // namespace troupe::messaging
