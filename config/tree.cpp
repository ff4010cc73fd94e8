#include "config/tree.hpp"

#include "config/names.hpp"
#include "config/problem.hpp"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace troupe::config {

namespace {

class file_descriptor {
public:
  explicit file_descriptor(int number)
      : number_{number} {}
  file_descriptor(const file_descriptor&) = delete;
  file_descriptor& operator=(const file_descriptor&) = delete;
  ~file_descriptor() {
    if (number_ >= 0)
      ::close(number_);
  }
  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }

private:
  int number_;
};

struct close_directory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using directory_ptr = std::unique_ptr<DIR, close_directory>;

std::string error_text(int number) {
  return std::generic_category().message(number);
}

std::string_view kind_of(mode_t mode) {
  if (S_ISFIFO(mode))
    return "a FIFO";
  if (S_ISCHR(mode) || S_ISBLK(mode))
    return "a device";
  if (S_ISSOCK(mode))
    return "a socket";
  return "no regular file";
}

/// Walks the directories depth first. Problems of single files are collected; a passed
/// limit ends the walk, because what follows would only be noise.
class tree_reader {
public:
  explicit tree_reader(tree& out)
      : out_{out} {}

  std::vector<problem> problems;

  void read(const std::string& directory) {
    file_descriptor root{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (root.get() < 0) {
      auto why = errno;
      problems.push_back(file_problem(
          "", "cannot open " + directory + ": " + error_text(why), "a directory with a config tree",
          why == ENOTDIR ? "give the directory that holds the fleet" : ""));
      return;
    }
    visit(root, "");
    std::sort(out_.documents.begin(), out_.documents.end(),
              [](const document& a, const document& b) { return a.path < b.path; });
  }

  /// Just the one file in it.
  void read_one(const std::string& directory, const std::string& name) {
    file_descriptor root{::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (root.get() < 0)
      add(name, "cannot open " + directory + ": " + error_text(errno));
    else
      entry(root.get(), name, name);
  }

private:
  struct identity {
    dev_t device;
    ino_t inode;
    bool operator==(const identity&) const = default;
  };

  void stop(std::string file, std::string message, std::string expected, std::string hint = {}) {
    problems.clear();
    problems.push_back(
        file_problem(std::move(file), std::move(message), std::move(expected), std::move(hint)));
    stopped_ = true;
  }

  void add(std::string file, std::string message, std::string expected = {},
           std::string hint = {}) {
    problems.push_back(
        file_problem(std::move(file), std::move(message), std::move(expected), std::move(hint)));
  }

  /// Whoever may write here may run any program as the bots' users.
  bool refuse_world_writable(const std::string& path, const struct stat& status) {
    if ((status.st_mode & S_IWOTH) == 0)
      return false;
    auto shown = path.empty() ? std::string{"."} : path;
    add(path, (path.empty() ? "the tree's directory" : shown) + " may be written by everyone",
        "write permission for its owner (and group) only", "chmod o-w " + shown);
    return true;
  }

  void visit(file_descriptor& opened, const std::string& path) {
    struct stat status {};
    if (::fstat(opened.get(), &status) != 0) {
      add(path, "cannot read the directory: " + error_text(errno));
      return;
    }
    identity self{status.st_dev, status.st_ino};
    if (std::find(above_.begin(), above_.end(), self) != above_.end()) {
      add(path, "this symlink leads back to a directory above it", "a tree without loops",
          "remove the symlink");
      return;
    }
    if (above_.size() >= tree_limits::depth) {
      stop(path, "directories are nested too deep",
           "at most " + std::to_string(tree_limits::depth) + " levels");
      return;
    }
    if (refuse_world_writable(path, status))
      return;
    directory_ptr directory{::fdopendir(opened.get())};
    if (!directory) {
      add(path, "cannot read the directory: " + error_text(errno));
      return;
    }
    int number = opened.release(); // closedir closes it
    above_.push_back(self);
    for (const auto& name : names(directory.get(), path)) {
      if (stopped_)
        break;
      entry(number, name, join_name(path, name));
    }
    above_.pop_back();
  }

  std::vector<std::string> names(DIR* directory, const std::string& path) {
    std::vector<std::string> result;
    while (true) {
      errno = 0;
      const auto* item = ::readdir(directory);
      if (!item) {
        if (errno != 0)
          add(path, "cannot read the directory: " + error_text(errno));
        break;
      }
      if (++entries_ > tree_limits::entries) {
        stop(path, "the tree holds too many files and directories",
             "at most " + std::to_string(tree_limits::entries) + " entries",
             "keep the data of bots out of the config tree");
        return {};
      }
      std::string_view name = item->d_name;
      if (name.front() == '.' || name.front() == '_')
        continue;
      if (path.empty() && name == "secrets")
        continue;
      // Saves a stat for the scripts and data that lie beside the config.
      if (item->d_type == DT_REG && !name.ends_with(".json"))
        continue;
      result.emplace_back(name);
    }
    std::sort(result.begin(), result.end());
    return result;
  }

  void entry(int directory, const std::string& name, const std::string& path) {
    bool json = name.ends_with(".json");
    struct stat status {};
    // Looked at before it is opened: opening some devices has effects, and a FIFO blocks.
    if (::fstatat(directory, name.c_str(), &status, 0) != 0) {
      auto why = errno;
      // A dangling symlink that is no config is none of our business.
      if (json || why != ENOENT)
        add(path, "cannot read it: " + error_text(why), {},
            why == ELOOP    ? "remove the symlink that leads back to itself"
            : why == ENOENT ? "the symlink leads nowhere"
                            : "");
      return;
    }
    if (S_ISDIR(status.st_mode)) {
      file_descriptor child{
          ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC)};
      if (child.get() < 0)
        add(path, "cannot open the directory: " + error_text(errno));
      else
        visit(child, path);
    } else if (json && !S_ISREG(status.st_mode)) {
      add(path, "is " + std::string{kind_of(status.st_mode)}, "a regular file");
    } else if (json) {
      file_descriptor file{
          ::openat(directory, name.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
      if (file.get() < 0)
        add(path, "cannot open it: " + error_text(errno));
      else
        read_file(file, path);
    }
  }

  void read_file(const file_descriptor& file, const std::string& path) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      add(path, "changed while it was read", "a regular file");
      return;
    }
    if (refuse_world_writable(path, status))
      return;
    auto too_large = [&] {
      add(path, "the file is too large", "at most 16 MiB",
          "keep the data of bots out of the config tree");
    };
    if (static_cast<std::uint64_t>(status.st_size) > tree_limits::file_bytes) {
      too_large();
      return;
    }
    // One byte more than it should have, so that its end is seen at the first try.
    std::string text(static_cast<std::size_t>(status.st_size) + 1, '\0');
    std::size_t length = 0;
    while (true) {
      auto got = ::read(file.get(), text.data() + length, text.size() - length);
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0) {
        add(path, "cannot read it: " + error_text(errno));
        return;
      }
      if (got == 0)
        break;
      length += static_cast<std::size_t>(got);
      if (length > tree_limits::file_bytes) {
        too_large();
        return;
      }
      if (length == text.size())
        text.resize(std::min<std::size_t>(text.size() * 2, tree_limits::file_bytes + 1));
    }
    text.resize(length);
    total_ += length;
    if (total_ > tree_limits::total_bytes) {
      stop(path, "the JSON files of the tree are too large together", "at most 128 MiB",
           "keep the data of bots out of the config tree");
      return;
    }
    out_.documents.push_back({path, std::move(text)});
  }

  tree& out_;
  std::vector<identity> above_;
  std::size_t entries_ = 0;
  std::uint64_t total_ = 0;
  bool stopped_ = false;
};

} // namespace

const document* tree::find(std::string_view path) const {
  auto found =
      std::lower_bound(documents.begin(), documents.end(), path,
                       [](const document& a, std::string_view wanted) { return a.path < wanted; });
  return found != documents.end() && found->path == path ? &*found : nullptr;
}

expected<tree, std::vector<problem>> read_tree(const std::filesystem::path& directory,
                                               std::string profile) {
  tree result;
  std::error_code why;
  auto absolute = std::filesystem::absolute(directory, why).lexically_normal();
  result.root = absolute.string();
  while (result.root.size() > 1 && result.root.back() == '/')
    result.root.pop_back();
  result.profile = std::move(profile);
  tree_reader reader{result};
  if (why)
    reader.problems.push_back(
        file_problem("", "cannot find " + directory.string() + ": " + why.message()));
  else
    reader.read(result.root);
  if (!reader.problems.empty()) {
    sort_problems(reader.problems);
    return unexpected{std::move(reader.problems)};
  }
  return result;
}

expected<tree, std::vector<problem>> read_bot_file(const std::filesystem::path& file) {
  tree result;
  std::error_code why;
  const auto absolute = std::filesystem::absolute(file, why).lexically_normal();
  result.root = absolute.parent_path().string();
  tree_reader reader{result};
  if (why)
    reader.problems.push_back(
        file_problem("", "cannot find " + file.string() + ": " + why.message()));
  else
    reader.read_one(result.root, absolute.filename().string());
  if (!reader.problems.empty())
    return unexpected{std::move(reader.problems)};
  return result;
}

} // namespace troupe::config
