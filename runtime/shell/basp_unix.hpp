#pragma once

// CAF's protocol (BASP) over sockets that are already connected. CAF's own way in,
// a doorman on a TCP port, is of no use to us: our connections are AF_UNIX, and the
// peer was checked before CAF sees the socket.
//
// BASP trusts its peer. A guard in front of it reads the 32-byte headers and lets
// through only what an admin client has to say: its handshake, requests to the admin
// actor, who it watches, heartbeats. Nothing is routed, no actor of another name is
// reached, and no frame is larger than 1 MiB.

#include "messages/type_ids.hpp"
#include "runtime/os/unique_fd.hpp"

#include <caf/all.hpp>
#include <caf/io/fwd.hpp>

#include <cstddef>
#include <functional>

namespace troupe::shell {

/// The admin actor as a client sees it.
using admin_handle =
    caf::typed_actor<caf::replies_to<admin_request>::with<admin_reply>,
                     caf::replies_to<next_atom, std::uint64_t, std::uint64_t>::with<admin_reply>>;

/// Which side of the connection this process is.
enum class side { runtime, client };

/// The settings of CAF that both ends need: protocol name, heartbeats, bounds, few
/// threads. Call it before the actor_system is made; loads the middleman too.
void configure_caf(caf::actor_system_config&, side);

/// Gives sockets to CAF. Made once, by the thread that made the actor_system; the
/// other functions may be called from any thread.
class basp_gate {
public:
  explicit basp_gate(caf::actor_system&);

  /// Runtime: from now on the client behind `socket` may send to `admin`. `on_end` is
  /// called, in CAF's thread, when the connection is gone.
  void serve(os::unique_fd socket, const admin_handle& admin, std::function<void()> on_end);

  /// Client: the broker that takes `connect_atom, scribe_ptr, basp_port` and answers
  /// with who is at the other end.
  const caf::actor& broker() const { return broker_; }

  /// Client: what the broker is sent to speak over `socket`.
  caf::io::scribe_ptr make_scribe(os::unique_fd socket);

private:
  caf::actor_system& system_;
  caf::actor broker_;
};

/// The one port number that BASP is told; it means nothing on these sockets.
inline constexpr std::uint16_t basp_port = 1;

/// A frame that the guard looks at.
struct basp_frame {
  std::uint8_t operation = 0;
  std::uint8_t flags = 0;
  std::uint32_t payload = 0;
  std::uint64_t receiver = 0;
};

/// Reads a header; `data` has at least `basp_header_bytes`.
basp_frame read_basp_header(const unsigned char* data);
inline constexpr std::size_t basp_header_bytes = 32;

/// Lets frames through or not, in the order in which they come.
class basp_guard {
public:
  /// `admin` is the id of the only actor that may be reached.
  explicit basp_guard(std::uint64_t admin)
      : admin_{admin} {}

  /// False: the connection has to end.
  bool pass(const basp_frame&);

  static constexpr std::uint32_t max_handshake = 4 * 1024;
  static constexpr std::uint32_t max_payload = 1024 * 1024;

private:
  std::uint64_t admin_;
  bool shaken_ = false;
};

} // namespace troupe::shell
