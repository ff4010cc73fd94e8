#include "runtime/logs/reading/watcher.hpp"

#include "runtime/logs/reading/names.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/inotify.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace troupe::log_reading {

namespace {

namespace fs = std::filesystem;

constexpr int most_levels = 32;
constexpr std::size_t most_directories = 4096;
constexpr std::uint32_t wanted =
    IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;

} // namespace

log_watcher::log_watcher(std::string logs)
    : logs_{std::move(logs)}
    , fd_{inotify_init1(IN_CLOEXEC | IN_NONBLOCK)} {
  watch();
}

std::chrono::milliseconds log_watcher::pause() const {
  return std::chrono::milliseconds{!fd_ || blind_ || directories_.empty() ? 250 : 2000};
}

void log_watcher::watch() {
  if (fd_)
    watch("", 0);
}

void log_watcher::watch(const std::string& directory, int depth) {
  const auto path = logs_ + "/" + directory;
  const int number = inotify_add_watch(fd_.get(), path.c_str(), wanted);
  if (number < 0) {
    blind_ = blind_ || errno == ENOSPC || errno == ENOMEM;
    return;
  }
  directories_[number] = directory;
  std::error_code error;
  for (fs::directory_iterator entry{path, error}; !error && entry != fs::directory_iterator{};
       entry.increment(error)) {
    std::error_code ignored;
    if (!entry->is_directory(ignored))
      continue;
    if (depth >= most_levels || directories_.size() >= most_directories)
      blind_ = true;
    else
      watch(directory + entry->path().filename().native() + "/", depth + 1);
  }
}

log_watcher::changes log_watcher::take() {
  changes result;
  alignas(inotify_event) std::array<char, 16 * 1024> bytes;
  ssize_t got = 0;
  while (fd_ && (got = read(fd_.get(), bytes.data(), bytes.size())) > 0) {
    for (ssize_t at = 0; at < got;) {
      inotify_event event{};
      std::memcpy(&event, bytes.data() + at, sizeof event);
      const char* name = bytes.data() + at + sizeof event;
      at += static_cast<ssize_t>(sizeof event + event.len);
      if (event.mask & (IN_ISDIR | IN_Q_OVERFLOW | IN_IGNORED)) {
        if (event.mask & IN_IGNORED)
          directories_.erase(event.wd);
        result.anything = true;
        continue;
      }
      const auto directory = directories_.find(event.wd);
      if (directory == directories_.end() || event.len == 0)
        continue;
      if (const auto instance = instance_of_file(directory->second + name); !instance.empty())
        result.instances.insert(instance);
    }
  }
  if (result.anything)
    watch();
  return result;
}

} // namespace troupe::log_reading
