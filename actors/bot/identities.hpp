#pragma once

// Which assured and durable messages have come, so that none is handled twice: the last 4096 of
// each sender, 65 536 in all, of which the sender that was heard longest ago is forgotten first.

#include "actors/bot/host.hpp"
#include "messages/wire/message.hpp"

#include <deque>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe::bot::detail {

class identities {
public:
  static constexpr std::size_t of_each_sender = 4096;
  static constexpr std::size_t in_all = 65'536;
  /// What a KNOWN speaks of.
  static constexpr std::size_t of_a_hello = 4096;
  static constexpr instant recent = std::chrono::seconds{60};

  struct entry {
    bool handled = false;
    std::uint64_t link = 0; ///< where the runtime waits for DONE, under that tag
    std::uint64_t tag = 0;
  };

  /// What is known of it; nullptr: it is new. Good until the next call.
  entry* find(const wire::message_view&);
  void add(const wire::message_view&, std::uint64_t link, instant now);
  /// It has failed, and may come again.
  void forget(const wire::message_view&);

  /// For a hello: what came in the minute before the link was lost, and what is still being
  /// handled, however old; newest last.
  std::vector<wire::known_message> list(instant lost);

  std::size_t size() const { return size_; }

private:
  struct key {
    std::uint64_t incarnation;
    std::uint64_t sequence;
    wire::lane in;
    bool operator==(const key&) const = default;
  };
  struct key_hash {
    std::size_t operator()(const key& from) const {
      return (from.sequence * 4 + static_cast<std::size_t>(from.in))
             ^ (from.incarnation * 0x9e3779b97f4a7c15ull);
    }
  };
  struct sender {
    std::string name;
    std::unordered_map<key, entry, key_hash> entries;
    std::deque<key> order; ///< oldest first
  };
  using senders = std::list<sender>; ///< heard last at the back
  struct arrival {
    instant at;
    std::string from;
    key which;
  };

  static key key_of(const wire::message_view&);
  sender* look(std::string_view name);
  entry* look(const arrival&);
  void drop_first(instant now);
  void shorten(sender&);

  senders senders_;
  std::unordered_map<std::string_view, senders::iterator> by_name_; ///< into `senders_`
  std::deque<arrival> arrivals_;
  std::size_t size_ = 0;
};

} // namespace troupe::bot::detail
