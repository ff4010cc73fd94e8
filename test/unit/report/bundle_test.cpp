#include "runtime/report/bundle.hpp"
#include "runtime/report/kept.hpp"

#include <boost/test/unit_test.hpp>

#include <archive.h>
#include <archive_entry.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <sys/stat.h>
#include <unistd.h>

using namespace troupe::report;
namespace fs = std::filesystem;

namespace {

struct directory {
  directory() {
    auto pattern = (fs::temp_directory_path() / "troupe-bundle-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(pattern.data()));
    path = pattern;
  }
  ~directory() { fs::remove_all(path); }
  fs::path path;
};

std::map<std::string, std::string> unpack(const std::string& path) {
  std::map<std::string, std::string> result;
  auto* in = archive_read_new();
  archive_read_support_filter_gzip(in);
  archive_read_support_format_tar(in);
  BOOST_REQUIRE(archive_read_open_filename(in, path.c_str(), 65536) == ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(in, &entry) == ARCHIVE_OK) {
    std::string text(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
    BOOST_TEST(archive_read_data(in, text.data(), text.size())
               == static_cast<la_ssize_t>(text.size()));
    BOOST_TEST(archive_entry_perm(entry) == 0600u);
    result[archive_entry_pathname(entry)] = text;
  }
  archive_read_free(in);
  return result;
}

} // namespace

BOOST_AUTO_TEST_SUITE(bundles)

BOOST_AUTO_TEST_CASE(what_goes_in_comes_out) {
  const directory place;
  const auto file = (place.path / "x.tar.gz").string();
  bundle x;
  x.add("a.json", "{}");
  const auto long_name = "show/" + std::string(120, 'n') + "/" + std::string(120, 'm') + ".json";
  x.add(long_name, std::string(100'000, 'z'));
  x.add("empty", "");
  const auto size = write_bundle(x, file, "top");
  BOOST_REQUIRE(size.has_value());
  BOOST_TEST(*size == fs::file_size(file));
  BOOST_TEST(*size < 5000u);
  struct stat info {};
  BOOST_REQUIRE(stat(file.c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 0777) == 0600u);
  const auto found = unpack(file);
  BOOST_TEST(found.size() == 2u);
  BOOST_TEST(found.at("top/a.json") == "{}");
  BOOST_TEST(found.at("top/" + long_name).size() == 100'000u);
}

BOOST_AUTO_TEST_CASE(it_is_bounded_and_says_what_was_cut) {
  bundle x;
  x.add("one", std::string(bounds::file_bytes + 5, 'x'));
  BOOST_TEST(x.entries().front().text.size() == bounds::file_bytes);
  BOOST_REQUIRE(x.gaps().size() == 1u);
  BOOST_TEST(x.gaps().front().why.starts_with("5 bytes"));
  for (int i = 0; i < 10; ++i)
    x.add("more", std::string(bounds::file_bytes, 'x'));
  std::size_t total = 0;
  for (const auto& one : x.entries())
    total += one.text.size();
  BOOST_TEST(total == bounds::total_bytes);
}

BOOST_AUTO_TEST_CASE(no_file_is_replaced_and_none_is_left_half) {
  const directory place;
  const auto file = (place.path / "x").string();
  std::ofstream{file} << "mine";
  bundle x;
  x.add("a", "b");
  BOOST_TEST(!write_bundle(x, file, "top").has_value());
  BOOST_TEST(fs::file_size(file) == 4u);
  BOOST_TEST(!write_bundle(x, (place.path / "no/x").string(), "top").has_value());
  fs::create_symlink(place.path / "target", place.path / "link");
  BOOST_TEST(!write_bundle(x, (place.path / "link").string(), "top").has_value());
  BOOST_TEST(!fs::exists(place.path / "target"));
  if (access("/dev/full", W_OK) == 0)
    BOOST_TEST(!write_bundle(x, "/dev/full", "top").has_value());
}

BOOST_AUTO_TEST_CASE(a_store_that_is_none_is_told) {
  const directory place;
  BOOST_TEST(!read_kept(place.path.string(), 10, 10).has_value());
  std::ofstream{place.path / "state.db"} << "this is no database, however long one looks at it";
  const auto found = read_kept(place.path.string(), 10, 10);
  BOOST_REQUIRE(!found.has_value());
  BOOST_TEST(found.error().find("state.db") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
