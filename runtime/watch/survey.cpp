#include "runtime/watch/survey.hpp"

#include "config/tree.hpp"

#include <boost/container_hash/hash.hpp>
#include <climits>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace troupe::watch {

namespace {

using config::tree_limits;

constexpr const char* open_files = "/proc/self/fd/";

/// Symlinks behind each other; the kernel's limit too.
constexpr int most_links = 40;

struct close_directory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using directory_ptr = std::unique_ptr<DIR, close_directory>;

std::string joined(const std::string& directory, std::string_view name) {
  return directory == "/" ? directory + std::string{name} : directory + '/' + std::string{name};
}

class surveyor {
public:
  surveyor(int inotify, bool (*silent)(std::uint32_t))
      : inotify_{inotify}
      , silent_{silent} {
    // nop
  }

  findings result;

  void run(const std::string& root) {
    const auto there = follow("/", root);
    if (!there)
      return;
    directory_ptr directory{open_directory(AT_FDCWD, there->c_str())};
    if (!directory)
      return;
    visit(directory.get(), *there, true);
  }

private:
  void trouble(std::string text) {
    if (result.trouble.empty())
      result.trouble = std::move(text);
  }

  /// Looks at each file system once. `path` is on it, and no symlink.
  void enter(dev_t device, const std::string& path) {
    struct statfs status {};
    if (devices_.insert(device).second && ::statfs(path.c_str(), &status) == 0
        && silent_(static_cast<std::uint32_t>(status.f_type)))
      trouble(path + " is on a file system that does not tell of the edits of other machines");
  }

  DIR* open_directory(int at, const char* name) {
    const int fd = ::openat(at, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    DIR* directory = fd < 0 ? nullptr : ::fdopendir(fd);
    if (directory)
      return directory;
    // What is gone or forbidden tells when it is there and allowed: the directory above does.
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
      trouble("cannot open a directory: " + std::generic_category().message(errno));
    if (fd >= 0)
      ::close(fd);
    return nullptr;
  }

  /// Null: nothing is watched there.
  place* watch(const std::string& path, std::uint32_t mask) {
    if (inotify_ < 0 || result.refused)
      return nullptr;
    // A directory that stands for several things is watched for all of them.
    const int id = ::inotify_add_watch(inotify_, path.c_str(), mask | IN_ONLYDIR | IN_MASK_ADD);
    if (id >= 0)
      return &result.places[id];
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
      // It has just gone, and what is above it tells; but what is open cannot be gone.
      if (path.starts_with(open_files))
        trouble("/proc is not there");
      break;
    case EACCES:
      trouble("there is no permission to watch " + path);
      break;
    case ENOSPC:
      result.refused = true;
      trouble("the limit of inotify watches is reached (sysctl fs.inotify.max_user_watches)");
      break;
    default:
      result.refused = true;
      trouble("inotify: " + std::generic_category().message(errno));
    }
    return nullptr;
  }

  /// Goes along `path`, from `directory` (without symlinks) on, and watches each step for its
  /// name. The path without symlinks; nothing when it ends before.
  std::optional<std::string> follow(std::string directory, std::string_view path) {
    std::deque<std::string> steps;
    const auto put_before = [&](std::string_view text) {
      std::vector<std::string> parts;
      for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('/', at), text.size());
        if (end > at)
          parts.emplace_back(text.substr(at, end - at));
        at = end + 1;
      }
      steps.insert(steps.begin(), parts.begin(), parts.end());
    };
    put_before(path);
    struct stat status {};
    int links = 0;
    while (!steps.empty()) {
      const auto step = std::move(steps.front());
      steps.pop_front();
      if (step == ".")
        continue;
      if (step == "..") {
        const auto slash = directory.rfind('/');
        directory = slash == 0 ? "/" : directory.substr(0, slash);
        continue;
      }
      // Watched before it is looked at, so that nothing slips in between.
      if (auto* at = watch(directory, way_mask))
        at->names.insert(step);
      auto next = joined(directory, step);
      if (::lstat(next.c_str(), &status) != 0)
        return std::nullopt;
      if (!S_ISLNK(status.st_mode)) {
        if (steps.empty() && !S_ISDIR(status.st_mode))
          watch(directory, whole_mask);
        directory = std::move(next);
        continue;
      }
      enter(status.st_dev, directory);
      std::string target(PATH_MAX, '\0');
      const auto size = ::readlink(next.c_str(), target.data(), target.size());
      if (size <= 0 || ++links > most_links)
        return std::nullopt;
      target.resize(static_cast<std::size_t>(size));
      put_before(target);
      if (target.front() == '/')
        directory = "/";
    }
    return directory;
  }

  void visit(DIR* directory, const std::string& path, bool root) {
    struct stat status {};
    const int fd = dirfd(directory);
    if (::fstat(fd, &status) != 0)
      return;
    const std::pair self{status.st_dev, status.st_ino};
    if (above_.size() >= tree_limits::depth
        || std::find(above_.begin(), above_.end(), self) != above_.end())
      return; // the loader complains
    enter(status.st_dev, path);
    if (auto* here = watch(open_files + std::to_string(fd), whole_mask)) {
      here->path = path;
      here->in_tree = true;
      here->root = here->root || root;
    }
    add(path, status);
    above_.push_back(self);
    for (const auto& name : names(directory, root))
      entry(fd, path, name);
    above_.pop_back();
  }

  std::vector<std::string> names(DIR* directory, bool root) {
    std::vector<std::string> found;
    while (const auto* item = ::readdir(directory)) {
      if (++entries_ > tree_limits::entries)
        break;
      const std::string_view name = item->d_name;
      if (name.front() == '.' || name.front() == '_' || (root && name == "secrets")
          || (item->d_type == DT_REG && !name.ends_with(".json")))
        continue;
      found.emplace_back(name);
    }
    // The order of a directory may change without an edit.
    std::sort(found.begin(), found.end());
    return found;
  }

  void entry(int fd, const std::string& directory, const std::string& name) {
    struct stat status {};
    if (::fstatat(fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return;
    auto path = joined(directory, name);
    if (S_ISLNK(status.st_mode)) {
      struct stat target {};
      if (!name.ends_with(".json") && ::fstatat(fd, name.c_str(), &target, 0) == 0
          && !S_ISDIR(target.st_mode))
        return; // a link to a log, say
      add(path, status);
      const auto end = follow(directory, name);
      if (!end || ::fstatat(fd, name.c_str(), &status, 0) != 0)
        return;
      path = *end;
    }
    if (S_ISDIR(status.st_mode)) {
      const directory_ptr child{open_directory(fd, name.c_str())};
      if (child)
        visit(child.get(), path, false);
    } else if (name.ends_with(".json")) {
      enter(status.st_dev, path);
      add(path, status);
    }
  }

  /// Directories count by their modes only: their times change with files that are no config.
  void add(const std::string& path, const struct stat& status) {
    auto& hash = hash_;
    boost::hash_combine(hash, path);
    boost::hash_combine(hash, status.st_dev);
    boost::hash_combine(hash, status.st_ino);
    boost::hash_combine(hash, status.st_mode);
    boost::hash_combine(hash, status.st_uid);
    if (!S_ISDIR(status.st_mode)) {
      boost::hash_combine(hash, status.st_size);
      // What sets the time of a file back cannot set the time of that.
      for (const auto& when : {status.st_mtim, status.st_ctim}) {
        boost::hash_combine(hash, when.tv_sec);
        boost::hash_combine(hash, when.tv_nsec);
      }
    }
    result.fingerprint = hash;
  }

  int inotify_;
  bool (*silent_)(std::uint32_t);
  std::set<dev_t> devices_;
  std::size_t hash_ = 0;
  std::size_t entries_ = 0;
  std::vector<std::pair<dev_t, ino_t>> above_;
};

} // namespace

bool is_remote(std::uint32_t type) {
  constexpr std::uint32_t fuse = 0x65735546;
  constexpr std::uint32_t cifs = 0xff534d42;
  constexpr std::uint32_t smb2 = 0xfe534d42;
  constexpr std::uint32_t ceph = 0x00c36400;
  switch (type) {
  case NFS_SUPER_MAGIC:
  case SMB_SUPER_MAGIC:
  case V9FS_MAGIC:
  case AFS_SUPER_MAGIC:
  case CODA_SUPER_MAGIC:
  case fuse:
  case cifs:
  case smb2:
  case ceph:
    return true;
  default:
    return false;
  }
}

findings survey(const std::string& root, int inotify, bool (*silent)(std::uint32_t)) {
  surveyor one{inotify, silent};
  one.run(root);
  return std::move(one.result);
}

} // namespace troupe::watch
