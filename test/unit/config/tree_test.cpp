// Reading directories: F03 (size), F04 (what is no file), F10 (encodings), F11 (permissions).
#include "test/unit/config/fixture.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace troupe::config;
using namespace troupe::config::test;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> paths(const tree& source) {
  std::vector<std::string> result;
  for (const auto& item : source.documents)
    result.push_back(item.path);
  return result;
}

/// The only problem of reading a directory.
problem refused(const fs::path& directory) {
  auto result = read_tree(directory);
  BOOST_REQUIRE(!result);
  BOOST_REQUIRE_MESSAGE(result.error().size() == 1, all(result.error()));
  return result.error().front();
}

const char* const plain_bot = R"({"command": ["x"]})";

/// Runs `body` in a child process with at most `bytes` of address space; its exit code.
template <class F>
int in_small_process([[maybe_unused]] rlim_t bytes, F body) {
  auto child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
#ifndef TROUPE_SANITIZED // the sanitizers reserve terabytes
    rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_AS, &limit);
#endif
    rlimit seconds{20, 20};
    ::setrlimit(RLIMIT_CPU, &seconds);
    ::_exit(body());
  }
  int status = 0;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

BOOST_AUTO_TEST_SUITE(trees)

BOOST_AUTO_TEST_CASE(json_files_are_read_and_others_ignored) {
  scratch_directory dir;
  for (const auto* name : {"a.json", "m/group.json", "m/b.json", "m/n/c.json", "profiles/p.json",
                           "runtime.json", "a.py", "README.md", "m/b.json~", ".hidden.json",
                           ".git/x.json", "_build/x.json", "secrets/key.json", "m/secrets/d.json"})
    dir.write(name, "{}");
  auto source = read_tree(dir.path(), "p");
  BOOST_REQUIRE(source);
  BOOST_TEST(source->root == dir.path().string());
  BOOST_TEST(source->profile == "p");
  const std::vector<std::string> wanted{"a.json",      "m/b.json",         "m/group.json",
                                        "m/n/c.json",  "m/secrets/d.json", "profiles/p.json",
                                        "runtime.json"};
  BOOST_TEST(paths(*source) == wanted, boost::test_tools::per_element());
  BOOST_TEST(source->find("m/b.json")->text == "{}");
  BOOST_CHECK(!source->find("nope.json"));
}

BOOST_AUTO_TEST_CASE(the_root_is_made_absolute) {
  scratch_directory dir;
  dir.write("m/a.json", plain_bot);
  auto source = read_tree(dir.path() / "." / "m" / ".." / "m/");
  BOOST_REQUIRE(source);
  BOOST_TEST(source->root == (dir.path() / "m").string());
}

BOOST_AUTO_TEST_CASE(what_is_not_there_or_no_directory_is_told) {
  scratch_directory dir;
  auto file = dir.write("a.json", plain_bot);
  BOOST_TEST(contains(refused(dir.path() / "gone").message, "No such file"));
  BOOST_TEST(contains(refused(file).message, "Not a directory"));
}

BOOST_AUTO_TEST_CASE(a_stored_tree_comes_back) {
  auto source = make_tree({{"a.json", "{\"x\": \"ä\\n\"}\n"}, {"m/b.json", ""}}, "prod");
  auto copy = tree_from_json(to_json(source));
  BOOST_REQUIRE(copy);
  BOOST_CHECK(*copy == source);
  for (std::string text :
       {"", "[]", "{}", "{\"root\":1}", R"({"root":"","profile":"","documents":1})",
        R"({"root":"","profile":"","documents":[1]})",
        R"({"root":"","profile":"","documents":[{"path":"a"}]})"}) {
    auto broken = tree_from_json(text);
    BOOST_TEST(!broken, text);
  }
}

BOOST_AUTO_TEST_CASE(f04_what_is_no_regular_file_is_refused_and_never_blocks) {
  scratch_directory dir;
  dir.write("ok.json", plain_bot);
  BOOST_REQUIRE(::mkfifo((dir.path() / "pipe.json").c_str(), 0644) == 0);
  BOOST_TEST(contains(refused(dir.path()).message, "FIFO"));
  fs::remove(dir.path() / "pipe.json");
  fs::create_symlink("/dev/zero", dir.path() / "zero.json");
  BOOST_TEST(contains(refused(dir.path()).message, "device"));
  fs::remove(dir.path() / "zero.json");
  fs::create_symlink("nowhere", dir.path() / "gone.json");
  BOOST_TEST(contains(refused(dir.path()).hint, "leads nowhere"));
  fs::remove(dir.path() / "gone.json");
  fs::create_symlink("self.json", dir.path() / "self.json");
  BOOST_TEST(contains(refused(dir.path()).hint, "back to itself"));
  fs::remove(dir.path() / "self.json");
  // What is no config may be anything.
  BOOST_REQUIRE(::mkfifo((dir.path() / "pipe").c_str(), 0644) == 0);
  fs::create_symlink("nowhere", dir.path() / "gone");
  BOOST_TEST(read_tree(dir.path()).has_value());
}

BOOST_AUTO_TEST_CASE(f04_symlinks_are_followed_and_loops_refused) {
  scratch_directory dir;
  dir.write("..v1/a.json", plain_bot);
  fs::create_directory_symlink("..v1", dir.path() / "..data");
  fs::create_symlink("..data/a.json", dir.path() / "a.json");
  dir.write("m/b.json", plain_bot);
  fs::create_directory_symlink("m", dir.path() / "twin");
  auto source = read_tree(dir.path());
  BOOST_REQUIRE(source);
  const std::vector<std::string> wanted{"a.json", "m/b.json", "twin/b.json"};
  BOOST_TEST(paths(*source) == wanted, boost::test_tools::per_element());
  fs::create_directory_symlink("..", dir.path() / "m" / "up");
  auto result = read_tree(dir.path());
  BOOST_REQUIRE(!result);
  BOOST_TEST(contains(all(result.error()), "leads back"), all(result.error()));
}

BOOST_AUTO_TEST_CASE(f11_what_everyone_may_write_is_refused) {
  scratch_directory dir;
  dir.write("m/a.json", plain_bot);
  fs::permissions(dir.path() / "m/a.json", fs::perms{0666});
  auto what = refused(dir.path());
  BOOST_TEST(what.file == "m/a.json");
  BOOST_TEST(what.hint == "chmod o-w m/a.json");
  fs::permissions(dir.path() / "m/a.json", fs::perms{0644});
  fs::permissions(dir.path() / "m", fs::perms{0777});
  BOOST_TEST(refused(dir.path()).file == "m");
  fs::permissions(dir.path() / "m", fs::perms{0755});
  fs::permissions(dir.path(), fs::perms{0777});
  BOOST_TEST(contains(refused(dir.path()).message, "tree's directory"));
  fs::permissions(dir.path(), fs::perms{0775});
  BOOST_TEST(read_tree(dir.path()).has_value());
}

BOOST_AUTO_TEST_CASE(f11_what_cannot_be_read_is_told_with_the_reason) {
  scratch_directory dir;
  dir.write("a.json", plain_bot);
  dir.write("m/b.json", plain_bot);
  dir.write("n/c.json", plain_bot);
  fs::permissions(dir.path() / "a.json", fs::perms::none);
  fs::permissions(dir.path() / "m", fs::perms::none);
  // Nothing is closed to root, so this looks through the eyes of someone else.
  auto code = in_small_process(1ull << 32, [&] {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0))
      return 9;
    auto result = read_tree(dir.path());
    if (result || result.error().size() != 2)
      return 1;
    const auto& problems = result.error();
    bool fine = problems[0].file == "a.json" && problems[1].file == "m"
                && contains(problems[0].message, "Permission denied")
                && contains(problems[1].message, "Permission denied");
    return fine ? 0 : 2;
  });
  BOOST_TEST(code == 0);
  fs::permissions(dir.path() / "m", fs::perms{0755});
}

BOOST_AUTO_TEST_CASE(f03_a_huge_file_is_refused_unread) {
  scratch_directory dir;
  auto path = dir.write("big.json", "{}");
  fs::resize_file(path, 1ull << 30);
  auto code = in_small_process(256ull << 20, [&] {
    auto result = read_tree(dir.path());
    return !result && contains(all(result.error()), "too large") ? 0 : 1;
  });
  BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(f03_a_huge_line_costs_bounded_memory) {
  auto code = in_small_process(512ull << 20, [] {
    auto text = "{\"command\": [\"" + std::string(10u << 20, 'x') + "\"], \"nice\": 99}";
    auto source = make_tree({{"a.json", text}});
    auto result = load(source, no_environment());
    bool fine = result.errors.size() == 1 && result.errors[0].column > (10u << 20)
                && render(result.errors[0], &source, false).size() < 1000;
    return fine ? 0 : 1;
  });
  BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(f03_a_file_of_a_million_entries_costs_bounded_memory) {
  auto code = in_small_process(512ull << 20, [] {
    std::string text = "{";
    for (int i = 0; i < 1'000'000; ++i)
      text += "\"k" + std::to_string(i) + "\":1,";
    text.back() = '}';
    auto result = load(make_tree({{"a.json", text}}), no_environment());
    return result.errors.size() == 1 && contains(result.errors[0].message, "values") ? 0 : 1;
  });
  BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(f03_too_many_entries_are_refused) {
  scratch_directory dir;
  auto code = in_small_process(512ull << 20, [&] {
    // Hard links are far cheaper to make than files; one inode takes 65000 of them.
    for (int folder = 0; folder < 2; ++folder) {
      auto base = dir.path() / ("d" + std::to_string(folder));
      ::mkdir(base.c_str(), 0755);
      auto first = (base / "f").string();
      ::close(::open(first.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
      for (int i = 0; i < 50'001; ++i)
        if (::link(first.c_str(), (first + std::to_string(i)).c_str()) != 0)
          return 3;
    }
    auto result = read_tree(dir.path());
    return !result && contains(all(result.error()), "at most 100000 entries") ? 0 : 1;
  });
  BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(f03_deep_directories_are_refused) {
  scratch_directory dir;
  auto path = dir.path();
  for (int depth = 0; depth < 40; ++depth) {
    path /= "d";
    fs::create_directory(path);
    fs::permissions(path, fs::perms{0755});
  }
  BOOST_TEST(contains(refused(dir.path()).message, "too deep"));
}

BOOST_AUTO_TEST_CASE(f10_a_file_of_another_encoding_is_told_by_the_loader) {
  scratch_directory dir;
  dir.write("bom.json", std::string("\xef\xbb\xbf") + plain_bot);
  dir.write("crlf.json", "{\r\n\"command\": [\"x\"]\r\n}\r\n");
  auto fine = read_tree(dir.path());
  BOOST_REQUIRE(fine);
  must_load(*fine);
  dir.write("latin.json", "{\"command\": [\"x\"], \"description\": \"\xe4\"}");
  dir.write("nul.json", std::string("{\0}", 3));
  auto broken = read_tree(dir.path());
  BOOST_REQUIRE(broken);
  auto result = load(*broken, no_environment());
  BOOST_REQUIRE(result.errors.size() == 2u);
  BOOST_TEST(contains(result.errors[0].message, "byte 35"), result.errors[0].message);
  BOOST_TEST(contains(result.errors[1].message, "NUL"));
}

BOOST_AUTO_TEST_SUITE_END()
