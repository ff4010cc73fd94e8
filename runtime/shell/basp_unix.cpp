#include "runtime/shell/basp_unix.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/scribe_impl.hpp>

#include <chrono>
#include <utility>
#include <vector>

namespace troupe::shell {

namespace {

using caf::io::network::default_multiplexer;

/// CAF's own broker starts a server actor for each peer that it ever meets, and
/// keeps it for good. Ours has nobody to serve.
class admin_broker : public caf::io::basp_broker {
public:
  using basp_broker::basp_broker;

  void learned_new_node_directly(const caf::node_id&, bool) override {
    // nop
  }
  void learned_new_node_indirectly(const caf::node_id&) override {
    // nop
  }
};

/// A connected AF_UNIX socket. CAF's scribe asks its socket for a port and aborts
/// when there is none.
class unix_scribe : public caf::io::network::scribe_impl {
public:
  unix_scribe(default_multiplexer& multiplexer, int fd)
      : scribe_impl(multiplexer, fd) {}

  unix_scribe(default_multiplexer& multiplexer, int fd, std::uint64_t admin,
              std::function<void()> on_end)
      : scribe_impl(multiplexer, fd)
      , guard_{std::in_place, admin}
      , on_end_{std::move(on_end)} {}

  ~unix_scribe() override {
    if (on_end_)
      on_end_();
  }

  std::string addr() const override { return "admin.sock"; }
  std::uint16_t port() const override { return basp_port; }

  /// BASP reads headers and payloads in turns, each whole.
  bool consume(caf::execution_unit* context, const void* data, std::size_t size) override {
    if (guard_) {
      if (in_payload_) {
        in_payload_ = false;
      } else {
        if (size != basp_header_bytes)
          return refuse();
        const auto frame = read_basp_header(static_cast<const unsigned char*>(data));
        if (!guard_->pass(frame))
          return refuse();
        in_payload_ = frame.payload > 0;
      }
    }
    return scribe_impl::consume(context, data, size);
  }

private:
  bool refuse() {
    // Tells the broker that the connection is closed, and takes it off the loop.
    io_failure(&stream_.backend(), caf::io::network::operation::read);
    return false;
  }

  std::optional<basp_guard> guard_;
  bool in_payload_ = false;
  std::function<void()> on_end_;
};

default_multiplexer& multiplexer_of(caf::actor_system& system) {
  return static_cast<default_multiplexer&>(system.middleman().backend());
}

} // namespace

void configure_caf(caf::actor_system_config& config, side which) {
  config.add_message_types<caf::id_block::troupe_admin>();
  config.load<caf::io::middleman>();
  config.set("middleman.app-identifiers",
             std::vector<std::string>{"troupe-" + std::to_string(admin_protocol)});
  // Both are off by default, and a frozen peer would never be noticed.
  config.set("middleman.heartbeat-interval", caf::timespan{std::chrono::seconds{1}});
  config.set("middleman.connection-timeout", caf::timespan{std::chrono::seconds{5}});
  config.set("middleman.enable-automatic-connections", false);
  // Messages are read in the middleman's thread: the end of a connection then never
  // overtakes, or falls behind, what came before it.
  config.set("middleman.workers", std::size_t{0});
  config.set("middleman.attach-utility-actors", true);
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-throughput", std::size_t{300});
  if (which == side::client)
    config.set("scheduler.max-threads", std::size_t{1});
}

basp_gate::basp_gate(caf::actor_system& system)
    : system_{system}
    , broker_{system.middleman().named_broker<admin_broker>(caf::atom("TROUPE"))} {}

caf::io::scribe_ptr basp_gate::make_scribe(os::unique_fd socket) {
  return caf::make_counted<unix_scribe>(multiplexer_of(system_), socket.release());
}

void basp_gate::serve(os::unique_fd socket, const admin_handle& admin,
                      std::function<void()> on_end) {
  caf::io::scribe_ptr scribe = caf::make_counted<unix_scribe>(
      multiplexer_of(system_), socket.release(), admin.id(), std::move(on_end));
  caf::anon_send(broker_, caf::publish_atom_v, std::move(scribe), basp_port,
                 caf::actor_cast<caf::strong_actor_ptr>(admin), system_.message_types(admin));
}

} // namespace troupe::shell
