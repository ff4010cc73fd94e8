#include "runtime/logs/index.hpp"
#include "runtime/logs/names.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/mman.h>
#include <unistd.h>

using namespace troupe::logs;

BOOST_AUTO_TEST_SUITE(index_suite)

BOOST_AUTO_TEST_CASE(a_record_is_24_bytes_little_endian) {
  const auto bytes = encode({1, -2, 0x0102030405060708});
  BOOST_TEST(std::string_view(bytes.data(), bytes.size())
             == std::string_view("\x01\0\0\0\0\0\0\0"
                                 "\xfe\xff\xff\xff\xff\xff\xff\xff"
                                 "\x08\x07\x06\x05\x04\x03\x02\x01",
                                 24));
  const auto again = decode_index_record({bytes.data(), bytes.size()});
  BOOST_REQUIRE(again.has_value());
  BOOST_CHECK((*again == index_record{1, -2, 0x0102030405060708}));
  BOOST_CHECK(!decode_index_record({bytes.data(), 23}).has_value());
}

BOOST_AUTO_TEST_CASE(half_a_record_at_the_end_is_left_out) {
  const int fd = ::memfd_create("index", MFD_CLOEXEC);
  BOOST_REQUIRE(fd >= 0);
  std::vector<index_record> written;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    written.push_back({i * 100, static_cast<std::int64_t>(i), 7});
    const auto bytes = encode(written.back());
    BOOST_REQUIRE(::write(fd, bytes.data(), bytes.size()) == 24);
  }
  BOOST_REQUIRE(::write(fd, "half", 4) == 4);
  const auto records = read_index(fd);
  BOOST_REQUIRE(records.has_value());
  BOOST_CHECK(*records == written);
  ::close(fd);
  BOOST_CHECK(!read_index(-1).has_value());
}

BOOST_AUTO_TEST_CASE(names_of_files) {
  BOOST_TEST(instance_of("market/trader#0:on_crash") == "market/trader#0");
  BOOST_TEST(stem_of("market/trader#12") == "market/trader.12");
  BOOST_TEST(stem_of("market/trader#12:on_crash") == "market/trader.12");
  BOOST_TEST(log_name("market/trader.0", 0) == "market/trader.0.log");
  BOOST_TEST(index_name("market/trader.0", 3) == "market/trader.0.index.3");
  const auto parsed = [](const char* name, file_name expected) {
    const auto result = parse_file_name(name);
    return result && *result == expected;
  };
  BOOST_TEST(parsed("a/b.0.log", {"a/b.0", 0, false}));
  BOOST_TEST(parsed("a/b.0.index.17", {"a/b.0", 17, true}));
  // A bot may be called «a.0.log».
  BOOST_TEST(parsed("a.0.log.1.log.2", {"a.0.log.1", 2, false}));
  for (const auto* name : {"", "log", ".log", "a/.log", "a.log.01", "a.log.0", "a.log.x", "a.txt",
                           "a.log.1000001", "a.log.99999999999", "a.log."})
    BOOST_TEST(!parse_file_name(name).has_value(), name);
}

BOOST_AUTO_TEST_SUITE_END()
