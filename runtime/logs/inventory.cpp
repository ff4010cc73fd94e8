#include "runtime/logs/inventory.hpp"

#include "runtime/logs/names.hpp"

#include <algorithm>
#include <filesystem>
#include <sys/stat.h>

namespace troupe::logs {

namespace fs = std::filesystem;

namespace {

constexpr int attempts = 5;

} // namespace

void inventory::scan(const std::string& root) {
  // A directory that goes meanwhile ends the walk.
  for (int i = 0; i < attempts && !walk(root); ++i) {
    // nop
  }
}

bool inventory::walk(const std::string& root) {
  logs_.clear();
  total_ = 0;
  std::error_code error;
  fs::recursive_directory_iterator i{root, fs::directory_options::skip_permission_denied, error};
  for (; !error && i != fs::recursive_directory_iterator{}; i.increment(error)) {
    const auto& path = i->path().native();
    struct stat info {};
    const auto name = parse_file_name(std::string_view{path}.substr(root.size() + 1));
    if (!name || ::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
      continue;
    auto& x = logs_[name->stem];
    const auto size = static_cast<std::uint64_t>(info.st_size);
    total_ += size;
    if (name->number == 0) {
      x.size += size;
      x.written = std::max<std::int64_t>(x.written, info.st_mtime);
      continue;
    }
    if (x.old.size() < name->number)
      x.old.resize(name->number);
    auto& old = x.old[name->number - 1];
    old.size += size;
    old.written = std::max<std::int64_t>(old.written, info.st_mtime);
  }
  return !error;
}

void inventory::resize(const std::string& stem, std::uint64_t size, std::int64_t now) {
  auto& x = logs_[stem];
  total_ = total_ - x.size + size;
  x.size = size;
  x.written = now;
}

void inventory::rotated(const std::string& stem, std::uint32_t keep) {
  auto& x = logs_[stem];
  x.old.insert(x.old.begin(), old_files{x.size, x.written});
  x.size = 0;
  while (x.old.size() > keep) {
    total_ -= x.old.back().size;
    x.old.pop_back();
  }
}

std::optional<inventory::victim> inventory::oldest(const std::string& spared) const {
  std::optional<victim> result;
  std::int64_t written = 0;
  const auto offer = [&](const std::string& stem, std::uint32_t number, std::int64_t when) {
    if (!result || when < written) {
      result = victim{stem, number};
      written = when;
    }
  };
  for (const auto& [stem, x] : logs_)
    if (!x.old.empty())
      offer(stem, static_cast<std::uint32_t>(x.old.size()), x.old.back().written);
  if (result)
    return result;
  for (const auto& [stem, x] : logs_)
    if (x.size > 0 && stem != spared)
      offer(stem, 0, x.written);
  return result;
}

void inventory::removed(const victim& x) {
  const auto found = logs_.find(x.stem);
  if (found == logs_.end())
    return;
  auto& log = found->second;
  if (x.number == 0) {
    total_ -= log.size;
    log.size = 0;
  } else if (x.number <= log.old.size()) {
    total_ -= log.old[x.number - 1].size;
    log.old.resize(x.number - 1);
  }
  if (log.size == 0 && log.old.empty())
    logs_.erase(found);
}

} // namespace troupe::logs
