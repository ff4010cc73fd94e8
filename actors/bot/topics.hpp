#pragma once

// Who handles what: subscriptions by pattern, actors by name.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <troupe/bot.hpp>
#include <unordered_map>
#include <vector>

namespace troupe::bot::detail {

using handler_ptr = std::shared_ptr<const message_handler>;

/// `*` stands for one word, a last `>` for one or more.
bool matches(std::string_view pattern, std::string_view topic);

struct subscription {
  handler_ptr handler;
  bool durable = false;
};

class subscriptions {
public:
  static constexpr std::size_t most = 1024;
  static constexpr std::size_t most_remembered = 256; ///< topics whose handlers are looked up

  /// False: there are too many.
  bool set(std::string_view pattern, subscription);
  bool erase(std::string_view pattern);
  const std::map<std::string, subscription, std::less<>>& all() const { return all_; }
  /// Handlers of what matches.
  std::shared_ptr<const std::vector<handler_ptr>> find(std::string_view topic);

private:
  std::map<std::string, subscription, std::less<>> all_;
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view of) const { return std::hash<std::string_view>{}(of); }
  };
  std::unordered_map<std::string, std::shared_ptr<const std::vector<handler_ptr>>, hash,
                     std::equal_to<>>
      found_;
};

} // namespace troupe::bot::detail
