#include "actors/messaging/state_store.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <set>

using namespace troupe::messaging;

namespace {

constexpr std::int64_t second = 1'000'000;

struct shared : state_store {
  std::vector<std::string> told;

  explicit shared(state_bounds bounds = {})
      : state_store{bounds} {
    on_change = [this](watcher who, const state_entry& x) {
      told.push_back(std::to_string(who) + ' ' + x.group + ' ' + x.key + '='
                     + (x.erased ? "-" : x.value));
    };
  }
  std::uint64_t put(const std::string& key, std::string value, state_options how = {},
                    std::int64_t now = 0) {
    const auto result = set("g", key, std::move(value), how, now);
    BOOST_TEST(result.code == "");
    return result.version;
  }
  std::string value(const std::string& key, std::int64_t now = 0) {
    const auto* found = get("g", key, now);
    return found ? found->value : "-";
  }
};

std::optional<std::uint64_t> version(std::uint64_t x) {
  return x;
}

} // namespace

BOOST_AUTO_TEST_CASE(versions_grow_over_all_keys_and_groups) {
  shared x;
  BOOST_TEST(x.value("a") == "-");
  const auto first = x.put("a", "1");
  const auto second_one = x.put("b", "2");
  BOOST_TEST(second_one > first);
  const auto other = x.set("h", "a", "3", {}, 0).version;
  BOOST_TEST(other > second_one);
  BOOST_TEST(x.value("a") == "1");
  BOOST_TEST(x.get("h", "a", 0)->value == "3");
  const auto gone = x.erase("g", "a", {}, 0);
  BOOST_TEST(gone.version > other);
  BOOST_TEST(x.value("a") == "-");
  BOOST_TEST(x.erase("g", "a", {}, 0).version == 0u);
  BOOST_TEST(x.entries() == 2u);
}

BOOST_AUTO_TEST_CASE(a_change_can_depend_on_the_version) {
  shared x;
  BOOST_TEST(x.set("g", "a", "1", {version(3)}, 0).code == "conflict");
  const auto made = x.set("g", "a", "1", {version(0)}, 0);
  BOOST_TEST(made.code == "");
  const auto again = x.set("g", "a", "2", {version(0)}, 0);
  BOOST_TEST(again.code == "conflict");
  BOOST_TEST(again.version == made.version);
  const auto next = x.set("g", "a", "2", {version(made.version)}, 0);
  BOOST_TEST(next.code == "");
  BOOST_TEST(x.erase("g", "a", version(made.version), 0).code == "conflict");
  BOOST_TEST(x.erase("g", "a", version(next.version), 0).code == "");
  BOOST_TEST(x.erase("g", "a", version(next.version), 0).code == "conflict");
  BOOST_TEST(x.erase("g", "a", version(0), 0).code == "");
}

BOOST_AUTO_TEST_CASE(what_has_a_time_to_live_ends) {
  shared x;
  x.watch(1, "g", "");
  x.put("a", "1", {{}, 5 * second, false}, second);
  x.put("b", "2", {{}, 3 * second, true}, second);
  BOOST_REQUIRE(x.next_expiry());
  BOOST_TEST(*x.next_expiry() == 4 * second);
  BOOST_TEST(x.value("b", 4 * second - 1) == "2");
  BOOST_TEST(x.value("b", 4 * second) == "-"); // even if nobody has ticked yet
  BOOST_TEST(x.set("g", "b", "3", {version(0)}, 4 * second).code == ""); // it is free
  x.put("b", "2", {{}, second, true}, 4 * second);
  x.told.clear();
  const auto gone = x.expire(5 * second);
  BOOST_REQUIRE(gone.size() == 1u);
  BOOST_TEST(gone[0].key == "b");
  BOOST_TEST(gone[0].erased);
  BOOST_TEST(x.expire(6 * second).empty()); // a was not durable
  const std::vector<std::string> told{"1 g b=-", "1 g a=-"};
  BOOST_TEST(x.told == told, boost::test_tools::per_element());
  BOOST_TEST(!x.next_expiry());
  BOOST_TEST(x.entries() == 0u);
  BOOST_TEST(x.bytes() == 0u);
  // Set again without one, it stays.
  x.put("c", "1", {{}, second, false}, 0);
  x.put("c", "2", {}, 0);
  x.expire(100 * second);
  BOOST_TEST(x.value("c", 100 * second) == "2");
}

BOOST_AUTO_TEST_CASE(only_what_is_durable_goes_to_disk) {
  shared x;
  BOOST_TEST(x.set("g", "a", "1", {}, 0).keep.empty());
  const auto durable = x.set("g", "a", "2", {{}, 9, true}, 1);
  BOOST_REQUIRE(durable.keep.size() == 1u);
  BOOST_TEST(durable.keep[0].value == "2");
  BOOST_TEST(durable.keep[0].version == durable.version);
  BOOST_TEST(durable.keep[0].expires == 10);
  const auto plain = x.set("g", "a", "3", {}, 2); // what is on disk must not come back
  BOOST_REQUIRE(plain.keep.size() == 1u);
  BOOST_TEST(plain.keep[0].erased);
  BOOST_TEST(x.erase("g", "a", {}, 2).keep.empty());
  x.set("g", "a", "4", {{}, 0, true}, 2);
  const auto erased = x.erase("g", "a", {}, 2);
  BOOST_REQUIRE(erased.keep.size() == 1u);
  BOOST_TEST(erased.keep[0].erased);
}

BOOST_AUTO_TEST_CASE(a_version_of_an_earlier_runtime_never_fits) {
  shared x;
  x.restore({}, 0, 1);
  const auto remembered = x.put("a", "old"); // not durable: it dies with the runtime
  shared y;
  y.restore({{"g", "b", "7", 5, 0, false}, {"g", "gone", "", 6, 0, true}}, 6, 2);
  BOOST_TEST(y.value("b") == "7");
  BOOST_TEST(y.get("g", "b", 0)->version == 5u);
  BOOST_TEST(y.value("gone") == "-");
  for (int i = 0; i < 100; ++i)
    BOOST_TEST(y.put("a", "new") > remembered);
  BOOST_TEST(y.set("g", "a", "x", {version(remembered)}, 0).code == "conflict");
  BOOST_TEST(y.set("g", "b", "8", {version(5)}, 0).code == "");
}

BOOST_AUTO_TEST_CASE(everything_is_bounded) {
  state_bounds bounds;
  bounds.entries = 3;
  bounds.bytes = 1000;
  shared x{bounds};
  BOOST_TEST(x.set("g", std::string(200, 'k'), "1", {}, 0).code == "");
  BOOST_TEST(x.set("g", std::string(201, 'k'), "1", {}, 0).code == "too_big");
  BOOST_TEST(x.set("g", "a", std::string((64 << 10) + 1, '1'), {}, 0).code == "too_big");
  x.put("a", "1");
  x.put("b", "1");
  const auto full = x.set("g", "c", "1", {}, 0);
  BOOST_TEST(full.code == "full");
  BOOST_TEST(full.text.find("3 keys") != std::string::npos);
  x.put("b", "2"); // one that is there can change
  BOOST_TEST(x.set("h", "a", "1", {}, 0).code == "");
  BOOST_TEST(x.set("h", "b", std::string(600, '1'), {}, 0).code == "full");
  BOOST_TEST(x.set("i", "b", std::string(600, '1'), {}, 0).code == "full");
  BOOST_TEST(!x.of("i"));
  BOOST_TEST(x.bytes() <= bounds.bytes);
  for (const char* key : {"a", "b"})
    x.erase("g", key, {}, 0);
  x.erase("g", std::string(200, 'k'), {}, 0);
  x.erase("h", "a", {}, 0);
  BOOST_TEST(x.bytes() == 0u);
  BOOST_TEST(x.entries() == 0u);
}

BOOST_AUTO_TEST_CASE(watchers_hear_of_their_keys_once) {
  shared x;
  BOOST_TEST(x.watch(1, "g", "limits.") == "");
  BOOST_TEST(x.watch(1, "g", "limits.btc") == "");
  BOOST_TEST(x.watch(2, "g", "") == "");
  BOOST_TEST(x.watch(3, "h", "") == "");
  x.put("limits.btc", "1");
  x.put("other", "2");
  x.erase("g", "limits.btc", {}, 0);
  const std::vector<std::string> told{"1 g limits.btc=1", "2 g limits.btc=1", "2 g other=2",
                                      "1 g limits.btc=-", "2 g limits.btc=-"};
  BOOST_TEST(x.told == told, boost::test_tools::per_element());
  BOOST_TEST(x.unwatch(1, "g", "limits."));
  BOOST_TEST(!x.unwatch(1, "g", "limits."));
  BOOST_TEST(!x.unwatch(1, "nowhere", ""));
  x.drop(2);
  x.drop(99);
  BOOST_TEST(x.watches() == 2u);
  x.told.clear();
  x.put("limits.eth", "1");
  BOOST_TEST(x.told.empty());
  x.drop(1);
  x.drop(3);
  BOOST_TEST(x.watches() == 0u);
  for (std::size_t i = 0; i < 64; ++i)
    BOOST_REQUIRE(x.watch(1, "g", std::to_string(i)) == "");
  BOOST_TEST(x.watch(1, "g", "more").find("64 watches") != std::string::npos);
  BOOST_TEST(x.watch(1, "g", "5") == ""); // it has that one
}
