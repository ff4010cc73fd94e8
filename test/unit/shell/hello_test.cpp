#include "messages/admin.hpp"
#include "runtime/shell/basp_unix.hpp"
#include "runtime/shell/hello.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::shell;

BOOST_AUTO_TEST_SUITE(hello)

BOOST_AUTO_TEST_CASE(what_a_client_says_is_understood) {
  auto line = client_hello();
  BOOST_REQUIRE(line.ends_with('\n'));
  line.pop_back();
  BOOST_TEST(check_client_hello(line) == "");
}

BOOST_AUTO_TEST_CASE(another_protocol_is_refused_with_both_numbers) {
  const auto reason = check_client_hello("troupe/2 9.9.9");
  BOOST_TEST(reason.find("protocol 1") != std::string::npos);
  BOOST_TEST(reason.find("client 2") != std::string::npos);
  for (const auto* bad : {"troupe/", "troupe/x 1", "troupe/1", "troupe/1x 1", "TROUPE/1 1",
                          "GET / HTTP/1.1", "troupe/-1 1", "troupe/99999999999 1"})
    BOOST_TEST(!check_client_hello(bad).empty(), bad);
}

BOOST_AUTO_TEST_CASE(a_welcome_comes_across) {
  auto line = to_line({18446744073709551615ull, "my fleet (Ω)", "0.1.0"});
  BOOST_TEST(line == "ok 18446744073709551615 my%20fleet%20%28%CE%A9%29 0.1.0\n");
  line.pop_back();
  const auto got = read_welcome(line);
  BOOST_REQUIRE(got.has_value());
  BOOST_TEST(got->session == 18446744073709551615ull);
  BOOST_TEST(got->fleet == "my fleet (Ω)");
  BOOST_TEST(got->version == "0.1.0");
}

BOOST_AUTO_TEST_CASE(a_refusal_carries_its_reason) {
  BOOST_TEST(read_welcome("no too many sessions are open").error() == "too many sessions are open");
  for (const auto* bad : {"", "ok", "ok 0 a b", "ok x a b", "ok 1 a", "ok 1 a b c", "yes 1 a b"})
    BOOST_TEST(read_welcome(bad).error() == "the other side is no runtime of troupe", bad);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(guard)

namespace {

constexpr std::uint64_t admin_id = 42;
constexpr std::uint8_t server_handshake = 0, client_handshake = 1, direct = 2, routed = 3,
                       monitor = 4, down = 5, heartbeat = 6;

bool after_handshake(const basp_frame& frame) {
  basp_guard g{admin_id};
  BOOST_REQUIRE(g.pass({client_handshake, 0, 64, 0}));
  return g.pass(frame);
}

} // namespace

BOOST_AUTO_TEST_CASE(the_handshake_comes_first) {
  for (std::uint8_t operation = 0; operation < 255; ++operation) {
    basp_guard g{admin_id};
    BOOST_TEST(g.pass({operation, 0, 64, admin_id}) == (operation == client_handshake));
  }
  BOOST_TEST(!basp_guard{admin_id}.pass({client_handshake, 0, 0, 0}));
  BOOST_TEST(!basp_guard{admin_id}.pass({client_handshake, 0, 4097, 0}));
}

BOOST_AUTO_TEST_CASE(only_the_admin_actor_is_reached) {
  BOOST_TEST(after_handshake({direct, 0, 100, admin_id}));
  BOOST_TEST(!after_handshake({direct, 0, 100, admin_id + 1}));
  BOOST_TEST(!after_handshake({direct, 0, 0, admin_id}));
  BOOST_TEST(!after_handshake({direct, 1, 100, admin_id})); // a receiver by name
  BOOST_TEST(!after_handshake({direct, 0, 1024 * 1024 + 1, admin_id}));
  BOOST_TEST(!after_handshake({routed, 0, 100, admin_id}));
  BOOST_TEST(!after_handshake({server_handshake, 0, 100, admin_id}));
  BOOST_TEST(after_handshake({monitor, 0, 60, admin_id}));
  BOOST_TEST(!after_handshake({monitor, 0, 60, admin_id + 1}));
  BOOST_TEST(after_handshake({down, 0, 60, 0}));
  BOOST_TEST(after_handshake({heartbeat, 0, 0, 0}));
  BOOST_TEST(!after_handshake({heartbeat, 0, 1, 0}));
  BOOST_TEST(!after_handshake({7, 0, 0, 0}));
}

BOOST_AUTO_TEST_CASE(a_header_is_read_in_the_order_of_the_net) {
  unsigned char bytes[basp_header_bytes] = {};
  bytes[0] = 2;
  bytes[3] = 1;
  bytes[5] = 0x12;
  bytes[7] = 0x34;
  bytes[31] = 42;
  const auto frame = read_basp_header(bytes);
  BOOST_TEST(int{frame.operation} == 2);
  BOOST_TEST(int{frame.flags} == 1);
  BOOST_TEST(frame.payload == 0x120034u);
  BOOST_TEST(frame.receiver == 42);
}

BOOST_AUTO_TEST_SUITE_END()
