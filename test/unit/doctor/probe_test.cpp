// The probes, on the host that this runs on.

#include "runtime/doctor/probe.hpp"

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace troupe;
using namespace troupe::doctor;
namespace fs = std::filesystem;

namespace {

struct directory {
  directory() {
    auto pattern = (fs::temp_directory_path() / "troupe-doctor-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(pattern.data()));
    path = pattern;
  }
  ~directory() { fs::remove_all(path); }

  void write(const std::string& name, const std::string& text, mode_t mode) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream{path / name} << text;
    chmod((path / name).c_str(), mode);
  }

  fs::path path;
};

probe_options options_for(const fs::path& state) {
  return {state.string(), "", "", {}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(probes_of_a_host)

BOOST_AUTO_TEST_CASE(this_host_is_read) {
  const directory place;
  const auto host = look_at_host(options_for(place.path));
  BOOST_TEST(host.uid == geteuid());
  BOOST_TEST(host.open_files.hard > 0u);
  BOOST_TEST(host.pid_max > 0u);
  BOOST_TEST(host.memory_total > 0u);
  BOOST_TEST(host.memory_available > 0u);
  BOOST_TEST(host.clock.now > 1'600'000'000);
  BOOST_TEST(host.clock.advances);
  BOOST_TEST(host.calls.size() == 5u);
  BOOST_TEST(host.getrandom_error == 0);
}

BOOST_AUTO_TEST_CASE(a_state_directory_is_tried_out_and_left_as_it_was) {
  const directory place;
  host_facts host;
  look_at_state(host, options_for(place.path));
  BOOST_TEST(host.state.directory);
  BOOST_TEST(host.state.owner == geteuid());
  BOOST_TEST(host.state_disk.tried);
  BOOST_TEST(host.state_disk.fails == "");
  BOOST_TEST(host.state_disk.total_bytes > 0u);
  BOOST_TEST(fs::is_empty(place.path));
}

BOOST_AUTO_TEST_CASE(one_that_is_not_there_is_not_made) {
  const directory place;
  host_facts host;
  look_at_state(host, options_for(place.path / "a/b"));
  BOOST_TEST(host.state.error == ENOENT);
  BOOST_TEST(host.state_disk.path == place.path.string());
  BOOST_TEST(!host.state_disk.tried);
  BOOST_TEST(fs::is_empty(place.path));
}

BOOST_AUTO_TEST_CASE(secrets_that_others_may_read_are_named) {
  const directory place;
  place.write("group.json", "{}", 0644);
  place.write("one.json", R"({"command": ["true"], "replicas": 3})", 0644);
  place.write("secrets/closed", "x", 0600);
  place.write("secrets/open", "x", 0640);
  auto options = options_for(place.path / "state");
  options.tree = place.path.string();
  host_facts host;
  host.uid = geteuid();
  look_at_tree(host, options);
  BOOST_REQUIRE(host.tree.has_value());
  BOOST_TEST(host.tree->first_error == "");
  BOOST_TEST(host.tree->instances == 3u);
  BOOST_REQUIRE(host.tree->secrets.has_value());
  BOOST_TEST((host.tree->open_secrets == std::vector<std::string>{"open"}));
  place.write("one.json", "{", 0644);
  look_at_tree(host, options);
  BOOST_TEST(host.tree->errors == 1u);
  BOOST_TEST(host.tree->first_error.starts_with("one.json: "), host.tree->first_error);
}

BOOST_AUTO_TEST_CASE(programs_are_asked_for_their_version) {
  host_facts host;
  probe_options options{config::unexpected{std::string{"none"}},
                        "",
                        "",
                        {{"a", "/bin/sh", ""}, {"b", "", ""}, {"c", "/nonexistent", ""}}};
  look_at_service(host, options);
  BOOST_TEST(host.companions.size() == 3u);
  BOOST_TEST(host.companions[1].version == "");
  BOOST_TEST(host.companions[2].version == "");
  BOOST_TEST(output_of({"/bin/echo", "troupe-x", "1.2.3,"}).value_or("") == "troupe-x 1.2.3,\n");
  BOOST_TEST(!output_of({"/bin/false"}));
  BOOST_TEST(!output_of({"/bin/sh", "-c", "exec yes"})); // bounded
}

BOOST_AUTO_TEST_SUITE_END()
