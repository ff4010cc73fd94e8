#include "runtime/shell/client.hpp"

#include "runtime/shell/basp_unix.hpp"
#include "runtime/shell/dial.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <algorithm>
#include <atomic>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace troupe::shell {

/// One question on its way from the thread that asks to the actor that speaks, and
/// back. The actor writes the result, then the event; the thread reads in that order.
struct exchange {
  enum class kind { dial, ask, next };
  enum class outcome { pending, good, lost, late };

  kind what = kind::ask;
  caf::io::scribe_ptr scribe; ///< of dial
  admin_request request;      ///< of ask
  std::uint64_t cursor = 0;   ///< of next; the session stands in `request`
  std::chrono::milliseconds timeout{0};

  outcome result = outcome::pending;
  admin_reply reply;
  os::unique_fd event{eventfd(0, EFD_CLOEXEC)};

  void finish(outcome how) {
    if (result != outcome::pending)
      return;
    result = how;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(event.get(), &one, sizeof one);
  }
};

using exchange_ptr = std::shared_ptr<exchange>;

} // namespace troupe::shell

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::shell::exchange_ptr)

CAF_BEGIN_TYPE_ID_BLOCK(troupe_client, caf::id_block::troupe_admin::end)
CAF_ADD_TYPE_ID(troupe_client, (troupe::shell::exchange_ptr))
CAF_END_TYPE_ID_BLOCK(troupe_client)

namespace troupe::shell {

namespace {

/// Speaks with the runtime on behalf of the one thread of the program.
struct speaker_state {
  admin_handle runtime;
  std::vector<std::weak_ptr<exchange>> pending;
  std::shared_ptr<std::atomic<bool>> linked; ///< read by the thread that types

  static inline const char* name = "speaker";
};

using speaker_pointer = caf::stateful_actor<speaker_state>*;

void finish_all(speaker_state& state) {
  for (const auto& one : std::exchange(state.pending, {}))
    if (const auto x = one.lock())
      x->finish(exchange::outcome::lost);
}

exchange::outcome judge(const caf::error& why) {
  return why == caf::sec::request_timeout ? exchange::outcome::late : exchange::outcome::lost;
}

void dial(speaker_pointer self, const caf::actor& broker, const exchange_ptr& x) {
  // The broker takes the other side's handshake for granted; a peer that never sends
  // one must not hold us.
  self->request(broker, x->timeout, caf::connect_atom_v, std::move(x->scribe), basp_port)
      .then(
          [self, x](const caf::node_id&, const caf::strong_actor_ptr& who,
                    const std::set<std::string>& interface) {
            auto& system = self->system();
            if (!who || !system.assignable(interface, system.message_types(admin_handle{})))
              return x->finish(exchange::outcome::lost);
            self->state.runtime = caf::actor_cast<admin_handle>(who);
            self->monitor(self->state.runtime);
            *self->state.linked = true;
            x->finish(exchange::outcome::good);
          },
          [x](caf::error& why) { x->finish(judge(why)); });
}

void speak(speaker_pointer self, const exchange_ptr& x) {
  if (!self->state.runtime)
    return x->finish(exchange::outcome::lost);
  // A request on a lost link gets no answer at all, only its timeout: the monitor
  // tells sooner.
  auto& pending = self->state.pending;
  std::erase_if(pending, [](const auto& one) { return one.expired(); });
  pending.push_back(x);
  const auto good = [x](admin_reply& reply) {
    x->reply = std::move(reply);
    x->finish(exchange::outcome::good);
  };
  const auto bad = [x](caf::error& why) { x->finish(judge(why)); };
  if (x->what == exchange::kind::ask)
    self->request(self->state.runtime, x->timeout, x->request).then(good, bad);
  else
    self->request(self->state.runtime, x->timeout, next_atom_v, x->request.session, x->cursor)
        .then(good, bad);
}

caf::behavior speaker(speaker_pointer self, caf::actor broker,
                      std::shared_ptr<std::atomic<bool>> linked) {
  self->state.linked = std::move(linked);
  self->set_default_handler(caf::drop);
  self->set_down_handler([self](caf::down_msg& down) {
    if (down.source != self->state.runtime.address())
      return;
    self->state.runtime = nullptr;
    *self->state.linked = false;
    finish_all(self->state);
  });
  return {[self, broker](exchange_ptr& x) {
    if (x->what == exchange::kind::dial)
      dial(self, broker, x);
    else
      speak(self, x);
  }};
}

/// What CAF is to the client. Costs a few milliseconds, hence made only when somebody
/// listens at the socket.
struct engine {
  struct settings : caf::actor_system_config {
    settings() { configure_caf(*this, side::client); }
  };

  settings config;
  caf::actor_system system{config};
  basp_gate gate{system};
  std::shared_ptr<std::atomic<bool>> linked{std::make_shared<std::atomic<bool>>(false)};
  caf::actor voice{system.spawn(speaker, gate.broker(), linked)};

  ~engine() { caf::anon_send_exit(voice, caf::exit_reason::user_shutdown); }
};

constexpr std::chrono::milliseconds retry_pause{20};
constexpr std::size_t max_document = 256 * 1024 * 1024;

} // namespace

struct client::impl {
  options given;
  std::unique_ptr<engine> caf;
  std::optional<welcome> current;

  using clock = clock_type;

  exchange::outcome carry_out(const exchange_ptr& x);
  config::expected<welcome, refusal> connect(clock::time_point deadline);
  std::optional<config::expected<welcome, refusal>> try_connect(const std::string& path,
                                                                clock::time_point deadline);
};

client::client(options given)
    : impl_{std::make_unique<impl>()} {
  impl_->given = std::move(given);
}

client::~client() = default;

std::string client::socket_path() const {
  return impl_->given.state + "/admin.sock";
}

const std::string& client::state() const {
  return impl_->given.state;
}

bool client::connected() const {
  return impl_->current && *impl_->caf->linked;
}

/// Hands `x` to the speaker and waits; `pending` means that a signal came.
exchange::outcome client::impl::carry_out(const exchange_ptr& x) {
  caf::anon_send(caf->voice, x);
  // The speaker keeps the time; the margin is for the case that it does not.
  const auto deadline = clock::now() + x->timeout + std::chrono::seconds{2};
  switch (wait_readable(x->event.get(), deadline, given.interruptible)) {
  case waited::ready: {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = read(x->event.get(), &count, sizeof count);
    return x->result;
  }
  case waited::timed_out:
    return exchange::outcome::late;
  case waited::interrupted:
    break;
  }
  return exchange::outcome::pending;
}

std::optional<config::expected<welcome, refusal>>
client::impl::try_connect(const std::string& path, clock::time_point deadline) {
  auto socket = connect_and_greet(path, deadline);
  if (!socket)
    return config::unexpected{socket.error()};
  // While the runtime reads the hello.
  if (!caf)
    caf = std::make_unique<engine>();
  auto heard = hear_welcome(*socket, path, deadline, given.interruptible);
  if (!heard || !*heard)
    return heard;
  const auto x = std::make_shared<exchange>();
  x->what = exchange::kind::dial;
  x->scribe = caf->gate.make_scribe(std::move(*socket));
  x->timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::max<clock::duration>(deadline - clock::now(), std::chrono::seconds{1}));
  switch (carry_out(x)) {
  case exchange::outcome::good:
    return heard;
  case exchange::outcome::pending:
    return config::unexpected{interrupted()};
  default:
    return std::nullopt;
  }
}

config::expected<welcome, refusal> client::impl::connect(clock::time_point deadline) {
  current.reset();
  const auto path = given.state + "/admin.sock";
  for (;;) {
    if (auto result = try_connect(path, deadline)) {
      if (*result)
        current = **result;
      return *result;
    }
    // Somebody listened and went away: the runtime is being replaced.
    if (clock::now() + retry_pause >= deadline)
      return config::unexpected{silent_runtime(path)};
    usleep(static_cast<useconds_t>(std::chrono::microseconds{retry_pause}.count()));
  }
}

config::expected<welcome, refusal> client::connect(std::chrono::milliseconds patience) {
  if (connected())
    return *impl_->current;
  return impl_->connect(clock_type::now() + patience);
}

config::expected<answer, refusal> client::ask(const std::string& command,
                                              const std::string& arguments, bool repeatable,
                                              std::chrono::milliseconds timeout) {
  const auto patience = clock_type::now() + impl_->given.patience;
  for (;;) {
    if (!connected())
      if (auto connected = impl_->connect(patience); !connected)
        return config::unexpected{connected.error()};
    const auto session = impl_->current->session;
    answer result;
    std::uint64_t cursor = 0;
    auto how = exchange::outcome::good;
    do {
      const auto x = std::make_shared<exchange>();
      x->what = cursor == 0 ? exchange::kind::ask : exchange::kind::next;
      x->request = {session, command, cursor == 0 ? arguments : std::string{}};
      x->cursor = cursor;
      x->timeout = timeout;
      how = impl_->carry_out(x);
      if (how != exchange::outcome::good)
        break;
      result.exit = x->reply.exit;
      result.document += x->reply.document;
      cursor = x->reply.cursor;
    } while (cursor != 0 && result.document.size() < max_document);
    switch (how) {
    case exchange::outcome::good:
      return result;
    case exchange::outcome::pending:
      return config::unexpected{interrupted()};
    case exchange::outcome::late:
      return config::unexpected{refusal{exit_code::failed, "no-answer",
                                        "the runtime did not answer in time",
                                        "`troupe status` shows how things stand"}};
    case exchange::outcome::lost:
      impl_->current.reset();
      if (!repeatable)
        return config::unexpected{
            refusal{exit_code::failed, "lost",
                    "the connection was lost before the answer came: it may or may not be done",
                    "`troupe status` and `troupe events` show how things stand"}};
      if (clock_type::now() >= patience)
        return config::unexpected{silent_runtime(socket_path())};
      break;
    }
  }
}

bool client::wait_until_gone(std::chrono::milliseconds limit) {
  const auto deadline = clock_type::now() + limit;
  impl_->current.reset();
  while (clock_type::now() < deadline) {
    auto socket = connect_and_greet(socket_path(), deadline);
    if (!socket)
      return socket.error().code == "no-runtime";
    // Ends when the runtime closes it, or, unread, with the last holder of the socket.
    const auto slice = std::min(deadline, clock_type::now() + std::chrono::seconds{1});
    if (wait_readable(socket->get(), slice, impl_->given.interruptible) == waited::interrupted)
      return false;
    usleep(static_cast<useconds_t>(std::chrono::microseconds{retry_pause}.count()));
  }
  return false;
}

} // namespace troupe::shell
