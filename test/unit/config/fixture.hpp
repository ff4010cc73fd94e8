#pragma once

#include "config/loader.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace troupe::config::test {

using file = std::pair<std::string, std::string>;

/// A tree made of texts.
inline tree make_tree(std::vector<file> files, std::string profile = {}) {
  tree result{"/fleet", std::move(profile), {}};
  for (auto& [path, text] : files)
    result.documents.push_back({std::move(path), std::move(text)});
  std::sort(result.documents.begin(), result.documents.end(),
            [](const document& a, const document& b) { return a.path < b.path; });
  return result;
}

/// Options under which the environment is empty.
inline load_options no_environment() {
  load_options options;
  options.env = [](const std::string&) { return std::nullopt; };
  return options;
}

/// All problems in one text, for the message of a failed check.
inline std::string all(const std::vector<problem>& problems, const tree* source = nullptr) {
  std::string result;
  for (const auto& one : problems)
    result += render(one, source, false);
  return result;
}

/// The spec of a tree that must be fine.
inline spec_ptr must_load(const tree& source, const load_options& options = no_environment()) {
  auto result = load(source, options);
  BOOST_REQUIRE_MESSAGE(result.spec, all(result.errors, &source));
  BOOST_TEST(result.errors.empty());
  return result.spec;
}

inline const bot_spec& first(const spec_ptr& spec, const std::string& bot) {
  return *spec->bots.at(bot)->instances.front();
}

/// The only error of a tree that must have one.
inline problem only_error(const tree& source) {
  auto result = load(source, no_environment());
  BOOST_REQUIRE_MESSAGE(result.errors.size() == 1, "errors: " + all(result.errors, &source));
  BOOST_TEST(!result.spec);
  return result.errors.front();
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A directory of its own, gone at the end.
class scratch_directory {
public:
  scratch_directory() {
    auto pattern = (std::filesystem::temp_directory_path() / "troupe-config-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(pattern.data()));
    path_ = pattern;
    std::filesystem::permissions(path_, std::filesystem::perms{0755});
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    auto full = path_ / name;
    for (auto folder = path_; const auto& part : std::filesystem::path{name}.parent_path()) {
      folder /= part;
      if (std::filesystem::create_directory(folder))
        std::filesystem::permissions(folder, std::filesystem::perms{0755});
    }
    std::ofstream{full, std::ios::binary} << text;
    std::filesystem::permissions(full, std::filesystem::perms{0644});
    return full;
  }

private:
  std::filesystem::path path_;
};

} // namespace troupe::config::test
