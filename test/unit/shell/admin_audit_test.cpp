// The admin actor: audit list, show and verify.

#include "virtual_time.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

struct audited_fleet : virtual_time {
  audited_fleet() {
    w->audits = {{7, 1'000'000, 1000, 12, "admin.sock", "stop flaky", "accepted by 1", "", 0},
                 {9, 2'000'000, 0, 13, "admin.sock", "scale flaky 4", "done",
                  R"([{"op":"replace","path":"/bots/flaky/replicas","value":4}])", 3},
                 {11, 3'000'000, 0, 14, "keeper", "shutdown", "", "", 0}};
    begin();
  }
};

const std::string some_hash(64, 'a');

} // namespace

BOOST_FIXTURE_TEST_SUITE(the_audit, audited_fleet)

BOOST_AUTO_TEST_CASE(entries_are_listed_without_their_patches) {
  auto r = ask("audit list");
  BOOST_TEST(r.exit == 0);
  BOOST_REQUIRE(r.document["entries"].size() == 3);
  const auto& first = r.document["entries"][0];
  BOOST_TEST(first["id"] == 7);
  BOOST_TEST(first["uid"] == 1000);
  BOOST_TEST(first["pid"] == 12);
  BOOST_TEST(first["origin"] == "admin.sock");
  BOOST_TEST(first["command"] == "stop flaky");
  BOOST_TEST(first["outcome"] == "accepted by 1");
  BOOST_TEST(first["version"].is_null());
  BOOST_TEST(!first.contains("patch"));
  BOOST_TEST(r.document["entries"][1]["version"] == 3);
  BOOST_TEST(r.document["entries"][2]["outcome"].is_null());
  BOOST_TEST(w->asked_audits.back().last.value_or(0) == 50u);
}

BOOST_AUTO_TEST_CASE(what_is_asked_for_goes_to_the_journal) {
  ask("audit list", R"({"text":"flaky","last":2,"since":"1970-01-01T00:00:02Z"})");
  const auto& asked = w->asked_audits.back();
  BOOST_TEST(asked.text == "flaky");
  BOOST_TEST(asked.last.value_or(0) == 2u);
  BOOST_TEST(asked.since == 2'000'000);
  BOOST_TEST(ask("audit list", R"({"since":"soon"})").document["error"]["code"] == "bad-time");
  BOOST_TEST(ask("audit list", R"({"last":1001})").exit == 2);
  BOOST_TEST(ask("audit list", R"({"text":5})").exit == 2);
}

BOOST_AUTO_TEST_CASE(one_is_shown_with_its_patch) {
  auto r = ask("audit show", R"({"id":9})");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.document["entry"]["command"] == "scale flaky 4");
  BOOST_TEST(r.document["entry"]["patch"][0]["value"] == 4);
  BOOST_TEST(ask("audit show", R"({"id":7})").document["entry"]["patch"].is_null());
  for (const auto* id : {"0", "8", "12"}) {
    r = ask("audit show", R"({"id":)" + std::string{id} + "}");
    BOOST_TEST(r.exit == 1);
    BOOST_TEST(r.document["error"]["code"] == "no-such-entry");
  }
}

BOOST_AUTO_TEST_CASE(a_good_chain_is_verified_with_its_last_hash) {
  w->audit.entries = 6;
  w->audit.first = 7;
  w->audit.last = 12;
  w->audit.hash = some_hash;
  auto r = ask("audit verify");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.document["ok"] == true);
  BOOST_TEST(r.document["entries"] == 6);
  BOOST_TEST(r.document["last"] == 12);
  BOOST_TEST(r.document["hash"] == some_hash);
  BOOST_TEST(r.document["problem"].is_null());
  BOOST_TEST(!r.document.contains("noted"));
}

BOOST_AUTO_TEST_CASE(a_bad_chain_is_exit_code_1) {
  w->audit.bad = 8;
  w->audit.problem = "it is missing: after 7 comes 9";
  const auto r = ask("audit verify");
  BOOST_TEST(r.exit == 1);
  BOOST_TEST(r.document["ok"] == false);
  BOOST_TEST(r.document["bad"] == 8);
  BOOST_TEST(r.document["problem"] == "it is missing: after 7 comes 9");
}

BOOST_AUTO_TEST_CASE(a_noted_hash_must_still_be_in_it) {
  w->audit.hash = some_hash;
  w->audit.last = 12;
  w->audit_hashes = {{some_hash, 9}};
  auto r = ask("audit verify", R"({"hash":")" + std::string(64, 'A') + R"("})");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.document["noted"]["id"] == 9);
  r = ask("audit verify", R"({"hash":")" + std::string(64, 'b') + R"("})");
  BOOST_TEST(r.exit == 1);
  BOOST_TEST(r.document["ok"] == false);
  BOOST_TEST(r.document["noted"]["id"].is_null());
  for (const auto& wrong : {std::string{"xyz"}, std::string(63, 'a'), std::string(64, 'g')})
    BOOST_TEST(ask("audit verify", R"({"hash":")" + wrong + R"("})").exit == 2);
}

BOOST_AUTO_TEST_CASE(a_store_that_cannot_be_read_says_so) {
  w->audit_trouble = "disk I/O error";
  for (const auto* command : {"audit list", "audit verify"})
    BOOST_TEST(ask(command).document["error"]["code"] == "store-unreadable", command);
}

BOOST_AUTO_TEST_SUITE_END()
