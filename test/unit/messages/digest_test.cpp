// The vectors are those of FIPS 180-4's examples and of NIST's CAVP («SHA256ShortMsg»).

#include "messages/digest.hpp"

#include <boost/test/unit_test.hpp>

using troupe::sha256_hex;
using namespace std::string_view_literals;

BOOST_AUTO_TEST_SUITE(digest_suite)

BOOST_AUTO_TEST_CASE(sha256_is_that_of_the_standard) {
  BOOST_TEST(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  BOOST_TEST(sha256_hex("abc")
             == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  BOOST_TEST(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
             == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  BOOST_TEST(sha256_hex("\xd3"sv)
             == "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1");
  BOOST_TEST(sha256_hex("\x11\xaf"sv)
             == "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98");
  BOOST_TEST(sha256_hex(std::string(1'000'000, 'a'))
             == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

BOOST_AUTO_TEST_CASE(every_byte_counts_zeros_too) {
  BOOST_TEST(sha256_hex("a\0b"sv) != sha256_hex("a"));
  BOOST_TEST(sha256_hex("\0"sv)
             == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}

BOOST_AUTO_TEST_SUITE_END()
