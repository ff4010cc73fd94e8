#include "test/unit/keeper/fixture.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <random>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

using namespace keeper_test;
using namespace troupe::keeper;

BOOST_AUTO_TEST_SUITE(hostile)

namespace {

#ifdef TROUPE_SANITIZED
constexpr int rounds = 1500;
#else
constexpr int rounds = 6000;
#endif

/// Sends raw bytes, with fds, and takes in whatever is answered meanwhile; what has exited is
/// released, so that the table stays small.
void send_raw(epoch& runtime, const void* bytes, std::size_t size,
              const std::vector<int>& fds = {}) {
  iovec part{const_cast<void*>(bytes), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int) * 32)] = {};
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(int) * fds.size());
  }
  while (sendmsg(runtime.client.fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    BOOST_REQUIRE(errno == EAGAIN);
    while (auto event = runtime.poll_event()) {
      if (const auto* end = std::get_if<exited>(&*event)) {
        runtime.client.send(release_request{*end});
      }
    }
    pollfd room{runtime.client.fd(), POLLIN | POLLOUT, 0};
    BOOST_REQUIRE(::poll(&room, 1, 60000) == 1);
  }
}

/// A request for `true` in the form in which it travels.
std::string valid_spawn(const std::string& instance) {
  spawn_message head{};
  head.head = {protocol_version, message_kind::spawn, 0};
  head.of.incarnation = 1;
  head.of.length = static_cast<std::uint16_t>(instance.size());
  std::memcpy(head.of.text, instance.data(), instance.size());
  const std::string payload{"/bin/true\0A=1\0/\0blob", 20};
  head.argument_count = 1;
  head.environment_count = 1;
  head.blob_size = 4;
  head.payload_size = static_cast<std::uint32_t>(payload.size());
  head.head.size = static_cast<std::uint32_t>(sizeof head + payload.size());
  return std::string{reinterpret_cast<const char*>(&head), sizeof head} + payload;
}

void still_works(epoch& runtime) {
  static std::uint64_t incarnation = 1000;
  BOOST_TEST(runtime.start(make_request("still#0", {"true"}, ++incarnation)) > 0);
  BOOST_TEST(runtime.end_of("still#0").exit.code == 0);
}

} // namespace

BOOST_AUTO_TEST_CASE(garbage_is_refused_and_the_keeper_goes_on) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  std::mt19937 random{20240917};
  std::string bytes;
  for (int i = 0; i < rounds; ++i) {
    bytes.resize(random() % 800);
    for (auto& byte : bytes) {
      byte = static_cast<char>(random());
    }
    if (bytes.size() >= sizeof(header) && i % 2 == 0) { // half of them get past the first check
      const header head{protocol_version, static_cast<message_kind>(random() % 130),
                        static_cast<std::uint32_t>(bytes.size())};
      std::memcpy(bytes.data(), &head, sizeof head);
    }
    send_raw(runtime, bytes.data(), bytes.size());
  }
  send_raw(runtime, nullptr, 0);
  still_works(runtime);
}

BOOST_AUTO_TEST_CASE(a_request_cut_at_any_byte_starts_nothing) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  const auto whole = valid_spawn("cut#0");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    send_raw(runtime, whole.data(), size);
    // And with a size in its head that is true, so that the cut is found further in.
    auto cut = whole.substr(0, size);
    if (size >= sizeof(header)) {
      const auto told = static_cast<std::uint32_t>(size);
      std::memcpy(cut.data() + offsetof(header, size), &told, sizeof told);
      send_raw(runtime, cut.data(), cut.size());
    }
  }
  still_works(runtime);
  BOOST_TEST(runtime.greet().slots.size() == 1U);
  send_raw(runtime, whole.data(), whole.size());
  BOOST_TEST(runtime.expect<spawned>("cut#0").pid > 0);
}

BOOST_AUTO_TEST_CASE(flipped_bits_do_no_harm) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  std::mt19937 random{7};
  for (int i = 0; i < rounds; ++i) {
    auto bytes = valid_spawn("flip#" + std::to_string(i));
    const auto flips = 1 + random() % 3;
    for (unsigned flip = 0; flip < flips; ++flip) {
      bytes[random() % bytes.size()] ^= static_cast<char>(1U << random() % 8);
    }
    send_raw(runtime, bytes.data(), bytes.size());
  }
  still_works(runtime);
}

BOOST_AUTO_TEST_CASE(a_payload_file_must_be_sealed_and_of_the_size_it_claims) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  const auto inline_request = valid_spawn("file#0");
  const std::string payload = inline_request.substr(sizeof(spawn_message));
  const auto attempt = [&](bool sealed, std::uint32_t claimed, int replace_fd = -1) {
    spawn_message head{};
    std::memcpy(&head, inline_request.data(), sizeof head);
    head.head.size = sizeof head;
    head.fds = fd_flag::payload;
    head.payload_size = claimed;
    const unique_fd file{memfd_create("payload", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    BOOST_REQUIRE(::write(file.get(), payload.data(), payload.size())
                  == static_cast<ssize_t>(payload.size()));
    if (sealed) {
      fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    }
    send_raw(runtime, &head, sizeof head, {replace_fd >= 0 ? replace_fd : file.get()});
  };
  const auto size = static_cast<std::uint32_t>(payload.size());
  auto pipe = make_pipe();
  attempt(false, size);
  BOOST_TEST(runtime.expect<spawn_failed>().error == EINVAL);
  attempt(true, size + 1);
  BOOST_TEST(runtime.expect<spawn_failed>().error == EINVAL);
  attempt(true, 100000000);
  BOOST_TEST(runtime.expect<spawn_failed>().error == E2BIG);
  attempt(true, size, pipe.read.get());
  BOOST_TEST(runtime.expect<spawn_failed>().error == EINVAL);
  attempt(true, size);
  BOOST_TEST(runtime.expect<spawned>().instance == "file#0");
}

BOOST_AUTO_TEST_CASE(fds_that_nobody_asked_for_are_closed) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  auto ends = make_pipe();
  const plain_message alive{{protocol_version, message_kind::pong, sizeof(plain_message)}};
  send_raw(runtime, &alive, sizeof alive, {ends.write.get()});
  send_raw(runtime, &alive, sizeof alive, std::vector<int>(30, ends.write.get()));
  const auto request = valid_spawn("fds#0"); // says that there are none
  send_raw(runtime, request.data(), request.size(), {ends.write.get()});
  BOOST_TEST(runtime.expect<spawn_failed>("fds#0").error == EINVAL);
  ends.write.reset();
  BOOST_TEST(read_text(ends.read.get()).empty()); // end of file: no copy is left
}

BOOST_AUTO_TEST_CASE(a_request_that_never_can_be_carried_holds_up_no_other) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  constexpr int no_fd_at_all = 1 << 20;
  BOOST_TEST(runtime.client.send(troupe::os::store_request{"bad", no_fd_at_all}));
  BOOST_TEST(runtime.client.refusal() == EBADF);
  auto request = make_request("bad#0", {"true"});
  request.cgroup_fd = no_fd_at_all;
  BOOST_TEST(runtime.client.send(request));
  BOOST_TEST(runtime.client.refusal() == EBADF);
  still_works(runtime);
  BOOST_TEST(runtime.client.refusal() == 0);
  BOOST_TEST(!runtime.client.closed());
}

BOOST_AUTO_TEST_CASE(before_hello_nothing_is_done) {
  keeper_process keeper;
  auto runtime = keeper.next_epoch();
  runtime.send(make_request("early#0", {"true"}));
  BOOST_TEST(runtime.expect<bad_request>().error == ENOTCONN);
  runtime.send(pong{});
  BOOST_TEST(runtime.greet().slots.empty());
}

BOOST_AUTO_TEST_CASE(another_version_is_refused) {
  keeper_process keeper;
  auto runtime = keeper.next_epoch();
  plain_message greeting{{protocol_version + 1, message_kind::hello, sizeof(plain_message)}};
  send_raw(runtime, &greeting, sizeof greeting);
  BOOST_TEST(runtime.expect<bad_request>().error == EPROTO);
}

BOOST_AUTO_TEST_SUITE_END()
