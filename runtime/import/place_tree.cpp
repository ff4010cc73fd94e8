#include "runtime/import/place_tree.hpp"

#include "runtime/os/files.hpp"
#include "runtime/os/unique_fd.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace troupe::importing {

namespace fs = std::filesystem;

namespace {

/// Removes a half-made tree again.
struct scratch {
  std::string path;
  ~scratch() {
    std::error_code ignored;
    if (!path.empty())
      fs::remove_all(path, ignored);
  }
};

std::string write_file(const std::string& path, std::string_view text) {
  const os::unique_fd file{open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (file.get() < 0)
    return os::sentence("create", path, errno);
  while (!text.empty()) {
    const auto written = write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return os::sentence("write", path, errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return fsync(file.get()) == 0 ? std::string{} : os::sentence("fsync", path, errno);
}

std::string make_directories(const std::string& root, const fs::path& relative) {
  auto path = fs::path{root};
  for (const auto& part : relative) {
    path /= part;
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
      return os::sentence("mkdir", path.string(), errno);
  }
  return {};
}

/// Into a directory that is there and stays, for someone may be in it: all or nothing.
std::string move_into(const std::string& from, const std::string& to) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{from})
    names.push_back(entry.path().filename().string());
  std::size_t moved = 0;
  for (; moved < names.size(); ++moved)
    if (rename((from + "/" + names[moved]).c_str(), (to + "/" + names[moved]).c_str()) != 0)
      break;
  if (moved == names.size())
    return {};
  auto why = os::sentence("rename", to + "/" + names[moved], errno);
  while (moved-- > 0)
    if (rename((to + "/" + names[moved]).c_str(), (from + "/" + names[moved]).c_str()) != 0)
      why += "; " + names[moved] + " is left there";
  return why;
}

/// The first of `path.1`, `path.2` … that is free.
std::string free_beside(const std::string& path) {
  for (int number = 1;; ++number) {
    auto candidate = path + "." + std::to_string(number);
    struct stat about {};
    if (lstat(candidate.c_str(), &about) != 0)
      return candidate;
  }
}

} // namespace

destination look_at_destination(const std::string& path) {
  std::error_code error;
  const auto status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::not_found)
    return destination::free;
  if (!fs::is_directory(fs::status(path, error)))
    return destination::no_directory;
  return fs::is_empty(path, error) && !error ? destination::empty : destination::occupied;
}

placed_tree place_tree(const config::tree& tree, const std::string& path, bool replace) {
  const auto parent = fs::path{path}.parent_path();
  std::error_code error;
  fs::create_directories(parent, error);
  if (error)
    return {os::sentence("mkdir", parent.string(), error.value()), ""};
  scratch made;
  auto pattern = (parent / (".troupe-import-XXXXXX")).string();
  if (!mkdtemp(pattern.data()))
    return {os::sentence("mkdir", pattern, errno), ""};
  made.path = pattern;
  for (const auto& document : tree.documents) {
    const auto relative = fs::path{document.path};
    if (auto why = make_directories(made.path, relative.parent_path()); !why.empty())
      return {std::move(why), ""};
    if (auto why = write_file(made.path + "/" + document.path, document.text); !why.empty())
      return {std::move(why), ""};
  }
  placed_tree result;
  const auto there = look_at_destination(path);
  if (there == destination::empty)
    return {move_into(made.path, path), ""};
  if (there == destination::occupied || there == destination::no_directory) {
    if (!replace)
      return {path + " is not empty", ""};
    result.earlier = free_beside(path);
    if (rename(path.c_str(), result.earlier.c_str()) != 0)
      return {os::sentence("rename", path, errno), ""};
  }
  if (rename(made.path.c_str(), path.c_str()) != 0) {
    result.error = os::sentence("rename", path, errno);
    if (!result.earlier.empty() && rename(result.earlier.c_str(), path.c_str()) == 0)
      result.earlier.clear();
    return result;
  }
  made.path.clear();
  return result;
}

} // namespace troupe::importing
