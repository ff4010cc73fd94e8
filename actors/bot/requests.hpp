#pragma once

// Requests that wait for their reply, 4096 at most.

#include "actors/bot/host.hpp"
#include "messages/wire/message.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <troupe/bot.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe::bot::detail {

struct open_request {
  answer_handler handler;                      ///< runs in the loop …
  std::shared_ptr<std::optional<answer>> into; ///< … or somebody waits for this
  instant until{0};
  wire::lane in = wire::lane::normal;
  std::uint64_t sequence = 0;
};

class requests {
public:
  static constexpr std::size_t most = 4096;

  bool full() const { return by_id_.size() >= most; }
  /// The number for the next one; never 0.
  std::uint64_t next_id() { return ++last_; }
  void add(std::uint64_t id, open_request);

  open_request* find(std::uint64_t id);
  /// Which request that message was; 0: none.
  std::uint64_t id_of(wire::lane, std::uint64_t sequence) const;
  /// Ends it.
  std::optional<open_request> take(std::uint64_t id);
  /// Ends those whose time is over.
  std::vector<open_request> take_late(instant now);
  std::vector<open_request> take_all();
  std::optional<instant> next() const;

private:
  static std::uint64_t key(wire::lane in, std::uint64_t sequence) {
    return sequence * wire::lanes + static_cast<std::uint64_t>(in);
  }

  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, open_request> by_id_;
  std::unordered_map<std::uint64_t, std::uint64_t> by_message_;
  std::set<std::pair<instant, std::uint64_t>> by_time_;
};

} // namespace troupe::bot::detail
