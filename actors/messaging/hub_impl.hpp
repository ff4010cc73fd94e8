#pragma once

// What the hub is made of. Its methods stand in hub_*.cpp, one concern a file:
//
//   hub.cpp           the public methods, and the end of each call of them
//   hub_links.cpp     a link begins, gives bytes, ends
//   hub_control.cpp   frames that are no messages
//   hub_intake.cpp    a message comes from a bot: numbers, permissions, where it goes
//   hub_delivery.cpp  to the link or into the mailbox, and out of it
//   hub_spill.cpp     what has no room in memory
//   hub_ends.cpp      what became of a message: outcomes, DONE, dead letters
//   hub_requests.cpp  who waits for a reply
//   hub_durable.cpp   commits, and what an earlier runtime left
//   hub_deaths.cpp    the routing table changes, processes end
//   hub_time.cpp      heartbeats, deadlines, receipts
//   hub_services.cpp  requests to `runtime/…`
//   hub_ask.cpp       what shells ask
//   hub_shell.cpp     messages of shells
//   hub_letters.cpp   dead letters, for shells
//
// A message that can go on at once is never copied: it is written from the receiver's input
// buffer into `link_state::out` of its link. Everything that a call has to say to a link is
// gathered there and written once, when the call ends (`finish`).

#include "actors/messaging/hub.hpp"
#include "actors/messaging/peer.hpp"
#include "actors/messaging/router.hpp"
#include "actors/messaging/services.hpp"
#include "actors/messaging/taps.hpp"
#include "actors/messaging/topics.hpp"
#include "actors/messaging/traces.hpp"
#include "messages/wire/frame.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <set>

namespace troupe::messaging {

using code = wire::outcome_code;
using json = nlohmann::json;

/// Bounds of the protocol, as docs/link-protocol.md gives them.
inline constexpr std::uint64_t window_messages = 8192;
inline constexpr std::uint64_t window_bytes = 8u << 20;
inline constexpr std::size_t max_unresolved = 1024;
inline constexpr std::size_t max_requests = 4096;
inline constexpr std::size_t max_pressed = 256;
inline constexpr std::size_t max_known = 4096;
inline constexpr std::uint64_t receipt_after = 256;
inline constexpr std::chrono::milliseconds receipt_delay{10};
inline constexpr std::chrono::seconds frame_deadline{30};
inline constexpr std::chrono::seconds stall_deadline{30};
inline constexpr std::uint32_t heartbeats_missed = 3;
/// Answers to CALLs and orders that one link may let wait.
inline constexpr std::size_t max_control = 256u << 10;
/// Whoever sends faster than a linked receiver takes it is read more slowly once so much waits:
/// not at all until half of that is left, or for so long. So it sleeps instead of racing ahead, and
/// the receiver gets the processor.
inline constexpr std::size_t crowd_messages = 2048;
inline constexpr std::size_t crowd_bytes = 512u << 10;
inline constexpr std::chrono::microseconds hold_for{250};
/// A process that has ended gets so long for the end of its connection to arrive: a
/// grandchild may hold it open.
inline constexpr std::chrono::milliseconds end_delay{100};
/// KNOWN entries of what is handled are kept so long after the hello.
inline constexpr std::chrono::seconds known_for{120};
/// Dead letters a second that are kept of what was never accepted for good.
inline constexpr std::uint32_t dead_rate = 100;

/// Why somebody does not get a message; `accepted`: nothing speaks against it.
struct refusal {
  wire::outcome_code why = wire::outcome_code::accepted;
  std::string text;
  explicit operator bool() const { return why != wire::outcome_code::accepted; }
};

using shell_answer = std::function<void(const json&)>;

/// A message of a shell whose end is awaited.
struct shell_op {
  shell_answer give;
  bool request = false;
  wire::delivery how = wire::delivery::fire;
  std::uint32_t parts = 1;
  std::uint32_t ended = 0;
  bool good = false; ///< at least one of them got it
  wire::outcome_code last = wire::outcome_code::accepted;
  std::string text;
  std::vector<std::string> by;
  std::size_t receivers = 0;
  std::uint64_t has_it = 0; ///< of a request: the instance that has it now, 0: none
  std::array<std::uint8_t, 16> trace{};
  monotonic since{}, until{};
};

/// Somebody who waits for a message to pass a tap.
struct tap_reader {
  std::uint64_t tap = 0;
  std::uint64_t cursor = 0;
  monotonic until{};
  shell_answer give;
};

struct hub::impl final : load_view, service_port {
  impl(hub_port& p, hub_options o);

  // -- hub.cpp: frame of every call ------------------------------------------------------

  /// Stands at the top of each public method; the last one to go writes everything out.
  struct turn {
    explicit turn(impl& hub)
        : of{hub} {
      if (of.depth++ == 0)
        of.now = of.port.now();
    }
    ~turn() {
      if (--of.depth == 0)
        of.finish();
    }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    impl& of;
  };
  void finish();
  void flush(link_state&);
  link_state& touch(link_state&);
  peer* find(std::string_view instance);
  peer* find(std::uint64_t id);
  peer& peer_of(std::string_view instance);
  /// For callbacks, which may come when there is no hub any more.
  std::weak_ptr<impl*> handle() const { return self; }

  std::uint64_t load(const route&) override;
  bool linked(const route&) override;

  // -- hub_links.cpp ---------------------------------------------------------------------

  void on_link(link_id, link_hello);
  void on_data(link_state&, std::string_view);
  void on_frame(link_state&, const wire::parsed_frame&);
  void fail(link_state&, std::string_view reason, std::string text);
  void forget(link_state&);
  void refuse_link(link_id, std::string_view reason, const std::string& text);
  void welcome(link_state&);
  void settle_flights(peer&);

  // -- hub_control.cpp -------------------------------------------------------------------

  void on_bye(link_state&, std::string_view);
  void on_call(link_state&, std::string_view);
  void on_tell(link_state&, std::string_view);
  void on_known(link_state&, std::string_view);
  void on_credit(link_state&, std::string_view);
  void on_done(link_state&, std::string_view);
  void subscribe(link_state&, std::uint64_t call, const json&);
  void unsubscribe(link_state&, std::uint64_t call, const json&);
  void result(link_state&, std::uint64_t call, const refusal&);
  void control(link_state&, wire::frame_type, const json&);
  json config_of(const peer&) const;
  void tell_config(peer&);
  bool is_durable(const peer&, const std::string& pattern) const;
  void review_subscriptions(peer&);
  void notify(const peer&, std::uint64_t incarnation, notice::kind, std::string text);
  void order(const std::string&, std::uint64_t, link_order, std::chrono::milliseconds);

  // -- hub_intake.cpp --------------------------------------------------------------------

  void on_message(link_state&, std::string_view body);
  void route(passing&, const address&, peer* source);
  void route_pool(passing&, const address&, std::string_view not_this = {});
  void route_many(passing&, const address&, peer* source);
  void publish(passing&, const address&);
  void wait_for_subscriptions(const passing&);
  void send_to_all(const std::vector<peer*>&, passing&);
  void set_parts(const passing&, std::uint32_t parts);
  const permissions& may(peer&);
  refusal refuse(const peer&, const passing&) const;
  /// Everything that comes to one receiver comes by here.
  void send_to(peer&, passing&);
  bool decide(passing&, const address&);
  void wake_for(const parcel&);
  void redecide(std::string_view bot);

  // -- hub_delivery.cpp ------------------------------------------------------------------

  /// To the link or into the mailbox; who it is was decided.
  void place(peer&, passing&, bool has_a_place = false);
  bool can_go(peer&, const passing&);
  void transmit(peer&, const passing&, parcel* owned);
  bool is_plain(const passing&) const;
  bool pass(peer&, const passing&);
  bool forward(link_state&, const parcel&);
  void count_sent(link_state&, wire::lane, std::size_t body);
  void keep(peer&, parcel, bool has_a_place);
  void push(peer&, parcel);
  bool make_room(peer&, const parcel&);
  void put_back(peer&, parcel);
  void pump(peer&);
  bool resolve(peer&, const passing&, parcel* owned);
  bool is_over(const handling& of) const { return of.expires.count() != 0 && of.expires <= now; }
  void count_in(const parcel& what) { memory += what.cost(); }
  void count_out(const parcel& what) { memory -= what.cost(); }
  void press(peer&, const parcel&);
  void relax(peer&);
  void hold(link_state&);
  void release(link_state&);

  // -- hub_spill.cpp ---------------------------------------------------------------------

  static bool goes_to_disk(const peer&, wire::lane, bool room);
  bool fits_on_disk(const peer&, const parcel&, std::uint64_t more = 0) const;
  void spill(peer&, parcel);
  void flush_spills();
  void spill_written(const spilled&, const std::string& trouble);
  parcel unspilled(const spilled&) const;
  void fetch(peer&, std::size_t lane);
  void fetched(peer&, std::size_t lane, const spill_list&);

  // -- hub_ends.cpp ----------------------------------------------------------------------

  /// Tells the sender what became of its message, or of one part of it.
  void answer(const passing&, code, std::string_view text);
  void tell_sender(link_state&, wire::outcome);
  void complete(const passing&, const peer& by);
  /// Nobody gets it: its sender learns it, and it is a dead letter.
  void reject(const passing&, code, std::string_view text, peer* at = nullptr);
  void bury(const passing&, code, std::string_view text, std::string_view target);
  void land(peer&, flight&, wire::done::result);
  void drop_landed(peer&);
  /// Somebody had it and did not finish it.
  void redeliver(peer&, parcel, code last_word, std::string_view text);
  void purge(peer&);
  bool send_elsewhere(const peer& from, passing&);

  // -- hub_requests.cpp ------------------------------------------------------------------

  bool open(peer&, const passing&);
  void assign(const passing&, const peer* to);
  void close(const passing&);
  void route_reply(passing&, peer* source);
  void fail_requests(peer& of, std::uint64_t incarnation);
  void expire_requests(peer&);

  // -- hub_durable.cpp -------------------------------------------------------------------

  void commit(peer&, passing&);
  void flush_store();
  void not_written(const queue_batch&);
  void write_again();
  void committed(std::uint64_t peer, const parcel&, const std::string& trouble);
  void restore(const queue_contents&);
  bool is_kept(const passing& m);
  void place_restored();
  void place_on_one(passing&);
  monotonic from_wall(std::int64_t expires) const;
  std::int64_t to_wall(monotonic expires) const;

  // -- hub_deaths.cpp --------------------------------------------------------------------

  void set_routes(routes_ptr);
  void change(peer&, route_ptr to);
  bool has_ended(const peer&) const;
  void end_process(peer&);
  /// What can be done with what waits for it, as it is now.
  void settle(peer&);
  void end_subscriptions(const peer&);
  void drop_idle(peer&);

  // -- hub_time.cpp ----------------------------------------------------------------------

  void tick();
  void on_due(const timers::entry&);
  void look_at(link_state&);
  void heard(link_state&);
  void want_receipt(link_state&);
  void expire(peer&);

  // -- hub_services.cpp ------------------------------------------------------------------

  void ask_service(passing&, const address&, peer& source);
  void say(peer& to, passing&, std::string_view payload);
  std::int64_t wall() const override;
  monotonic monotonic_now() const override;
  void store(std::vector<state_entry>, std::function<void(std::string)> done) override;
  void tell_change(state_store::watcher, const std::string& payload) override;
  void schedule_services();

  // -- hub_ask.cpp -----------------------------------------------------------------------

  void ask(const std::string& operation, const std::string& arguments, shell_answer);
  std::vector<const messaging::route*> asked_for(const json&, bool& more) const;
  void ask_queues(const json&, shell_answer);
  void ask_links(const json&, shell_answer);
  void ask_topics(const json&, shell_answer);
  void ask_tap_open(const json&, shell_answer);
  void ask_tap_read(const json&, shell_answer);
  bool read_tap(const tap_reader&);
  void read_taps();
  void ask_tap_close(const json&, shell_answer);
  void ask_trace(const json&, shell_answer);
  void ask_state(const json&, shell_answer);

  // -- hub_shell.cpp ---------------------------------------------------------------------

  void shell_send(const std::string& operation, const json&, shell_answer);
  /// `length`: of the payload before compression, 0: it is not compressed.
  void shell_route(passing&, const std::string& to, const std::string& key,
                   const std::string& payload, shell_op, std::uint32_t length = 0);
  void shell_part(const passing&, code, std::string_view text);
  void shell_finish(std::uint64_t number, const std::string& outcome);
  /// `text` by value: it may be the one that ends with the operation.
  void shell_fail(std::uint64_t number, code, std::string text);
  void shell_due(std::uint64_t number);
  void shell_asks_service(const passing&, const address&);
  void shell_answered(std::uint64_t number, std::string_view by, wire::content,
                      const std::string& payload, bool failed);
  void shell_reply(const passing&, const peer* source);
  /// The shell's operation that a message is of, or null.
  shell_op* shell_of(const wire::message_view&);

  // -- hub_letters.cpp -------------------------------------------------------------------

  void letters(const dead_letter_query&, std::function<void(const dead_letter_list&)> use,
               shell_answer);
  void letters_list(const json&, shell_answer);
  void letters_show(const json&, shell_answer);
  void letters_purge(const json&, shell_answer);
  void letters_requeue(const json&, shell_answer);
  void purge_letters(std::vector<std::uint64_t> rows, json then, shell_answer);

  // --------------------------------------------------------------------------------------

  /// A step of a message whose path is wanted.
  void record(const wire::message_view& of, trace_step what, std::string_view where) {
    if (of.is(wire::sampled))
      paths.add(of, what, where, port.wall());
  }

  hub_port& port;
  hub_options options;
  std::shared_ptr<impl*> self;
  int depth = 0;
  link_state* reading = nullptr; ///< whose bytes are being taken
  monotonic now{};               ///< of this call
  router routing;
  std::uint64_t table = 1; ///< number of the routing table
  bool stopping = false;
  bool restored = false;

  string_map<std::unique_ptr<peer>> peers;
  std::unordered_map<std::uint64_t, peer*> by_id;
  std::uint64_t last_peer = 0;
  std::unordered_map<link_id, std::unique_ptr<link_state>> links;
  std::vector<std::unique_ptr<link_state>> gone; ///< until the call ends
  std::vector<link_state*> touched;
  timers clock;
  topic_tree topics;
  service_desk desk;
  alarm service;
  taps seen;
  std::vector<tap_reader> tap_readers;
  traces paths;
  /// Number of the last message of the runtime itself. It begins with the time, so that neither a
  /// message nor a reply is ever taken for one of an earlier hub.
  std::uint64_t own_messages = 0;
  std::map<std::uint64_t, shell_op> shells;
  std::string whole_from; ///< kept for its capacity
  std::string unpacked;

  std::uint64_t memory = 0; ///< of all parcels
  std::uint64_t last_row = 0;

  std::vector<parcel>
      undecided;  ///< of an earlier runtime to a bot: somebody may say that it has it
  alarm decision; ///< when one of them has waited for that long enough
  std::vector<std::pair<std::string, parcel>> left; ///< restored, before there were routes

  struct pending_commit {
    std::uint64_t peer = 0;
    parcel what;
  };
  queue_batch batch;
  std::vector<pending_commit> commits;
  std::vector<pending_commit> early; ///< durable, before the queue was read
  std::vector<parcel> unpublished;   ///< durable ones to topics, before it too
  queue_batch unwritten;             ///< what the queue did not take and is told again
  std::size_t unwritten_bytes = 0;   ///< of its letters
  alarm retry;
  std::vector<spilled> spills;

  monotonic dead_second{};
  std::uint32_t dead_in_second = 0;

  struct {
    std::uint64_t messages_in = 0, bytes_in = 0, messages_out = 0, bytes_out = 0;
    std::uint64_t rejected = 0, dropped = 0, expired = 0, dead = 0, dead_not_kept = 0;
    std::uint64_t redelivered = 0, duplicates = 0, links_failed = 0, spilled = 0, spill_lost = 0;
    std::uint64_t queue_failures = 0, published = 0;
  } count;
};

} // namespace troupe::messaging
