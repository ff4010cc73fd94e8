#pragma once

// The hub as an actor. It lives in the middleman's thread, owns the sockets of all links and drives
// actors/messaging/hub.hpp: bytes in, bytes out, time, and what the other actors want of it.
//
// Fair turns: of each link that has something at most one buffer is read before the next one has
// its turn. The buffer is what is urgent waits for in the turn of a link that floods, so it is no
// more than some 30 µs of work. What the hub writes goes to the kernel at once; what the kernel
// does not take waits here, and of that the hub allows a link no more than `hub_options::unsent`
// and one frame. The kernel's own buffer is kept small too, as what is urgent cannot overtake what
// is in there.

#include "actors/interfaces.hpp"
#include "actors/messaging/hub.hpp"
#include "runtime/link/watched.hpp"
#include "runtime/os/unique_fd.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe::link {

struct hub_broker_options {
  messaging::hub_options hub;
  std::size_t send_buffer = 256u << 10; ///< SO_SNDBUF of a link
  std::size_t read_at_once = 32u << 10;
  std::chrono::milliseconds linger{1000};      ///< for the last words of a link
  std::chrono::milliseconds queue_wait{30000}; ///< for an answer of the queue
};

class hub_broker_state : public messaging::hub_port {
public:
  using pointer = hub_actor::stateful_broker_pointer<hub_broker_state>;

  explicit hub_broker_state(pointer owner);
  ~hub_broker_state() override;

  void init(hub_broker_options);

  // What the actor is told.
  void wire(const services_ptr&);
  void take(const new_link&);
  void set_routes(const messaging::routes_ptr&);
  void order(const std::string&, std::uint64_t incarnation, messaging::link_order,
             std::uint32_t within_ms);
  caf::result<std::string> ask(const hub_request&);
  figures counts() const;
  void stop();
  void tick();

  // -- hub_port -----------------------------------------------------------------------

  messaging::monotonic now() const override;
  std::int64_t wall() const override;
  void write(messaging::link_id, std::string_view) override;
  std::size_t unsent(messaging::link_id) const override;
  void hold(messaging::link_id, bool on) override;
  void close(messaging::link_id) override;
  void tell(notice) override;
  void store(messaging::queue_batch_ptr, std::function<void(std::string)>) override;
  void spill(messaging::spill_batch_ptr, std::function<void(std::string)>) override;
  void unspill(const std::string&, std::uint8_t, std::uint32_t, std::uint64_t,
               std::function<void(messaging::spill_list)>) override;
  void drop_spilled(const std::string&) override;
  void dead_letters(messaging::dead_letter_query,
                    std::function<void(messaging::dead_letter_list)>) override;

  static inline const char* name = "hub";

private:
  struct wire_end {
    std::unique_ptr<watched> socket;
    std::string rest;       ///< the kernel has not taken it yet …
    std::size_t gone = 0;   ///< … but for so much of its front
    std::size_t filled = 0; ///< bytes since the hub last heard that there is room
    bool closing = false;   ///< only until `rest` has gone
    bool broken = false;    ///< nobody reads at the other end

    std::size_t waiting() const { return rest.size() - gone; }
  };

  /// Everything that drives the hub goes through here. A bug in it is one of this actor, which its
  /// guardian replaces.
  template <class F>
  void turn(F&& f) {
    try {
      f();
      settle();
      arm();
    } catch (const std::exception& x) {
      fail(x.what());
    }
  }
  void fail(const char* why);
  void settle();
  void arm();
  void on_timer();
  void look();
  void load_queue();

  wire_end* find(messaging::link_id);
  void on_readable(messaging::link_id);
  void on_writable(messaging::link_id);
  bool receive(messaging::link_id);
  std::size_t send(messaging::link_id, wire_end&, std::string_view);
  void give_up(messaging::link_id);
  void lost(messaging::link_id);
  void drop(messaging::link_id);
  void close_late();

  template <class T, class Request>
  void ask_queue(std::function<void(T)> done, T (*failed)(const std::string&), Request request);

  pointer self;
  hub_broker_options options;
  services_ptr all;
  std::unique_ptr<messaging::hub> hub;
  std::unique_ptr<watched> timer;
  messaging::monotonic armed{}; ///< 0: not at all
  std::unordered_map<messaging::link_id, wire_end> links;
  messaging::link_id last_link = 0;
  std::string input; ///< shared by all links
  /// Links that the hub filled up to its bound, and the kernel took it: there is room again.
  std::vector<messaging::link_id> hungry;
  std::deque<std::function<void()>> later; ///< what must not happen within a call of the hub
  std::deque<std::pair<messaging::monotonic, messaging::link_id>> lingering;
  std::vector<new_link> unheard; ///< those that came before the first table
  bool routed = false;           ///< it is there
  bool loaded = false;           ///< the hub has what the queue kept
  bool loading = false;          ///< it has been asked for
};

/// Spawns it. `options` bounds the whole.
hub_actor make_hub(caf::actor_system&, hub_broker_options);

} // namespace troupe::link
