#include "runtime/logs/reading/file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

namespace troupe::log_reading {

namespace {

/// A rotation between two calls shows; it cannot come this often.
constexpr int attempts = 5;

} // namespace

std::optional<file_id> identify(const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode))
    return std::nullopt;
  return file_id{about.st_dev, about.st_ino};
}

bool log_file::open_log() {
  fd_.reset(::open(place_.log(number).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat about {};
  if (!fd_ || fstat(fd_.get(), &about) != 0)
    return false;
  id_ = {about.st_dev, about.st_ino};
  if (!S_ISREG(about.st_mode))
    errno = EINVAL;
  return S_ISREG(about.st_mode);
}

/// False: the names changed meanwhile, so it may be that of another log.
bool log_file::open_index() {
  index_ = index_view{place_.index(number)};
  return identify(place_.log(number)) == id_;
}

log_file_ptr log_file::open(const log_place& place, std::uint32_t number) {
  auto result = std::make_shared<log_file>();
  result->place_ = place;
  result->number = number;
  for (int i = 0; i < attempts; ++i) {
    if (!result->open_log())
      return nullptr;
    if (result->open_index())
      break;
  }
  return result;
}

std::uint64_t log_file::size() const {
  struct stat about {};
  return fstat(fd_.get(), &about) == 0 ? static_cast<std::uint64_t>(about.st_size) : 0;
}

std::int64_t log_file::changed() const {
  struct stat about {};
  if (fstat(fd_.get(), &about) != 0)
    return 0;
  return std::int64_t{about.st_mtim.tv_sec} * 1'000'000'000 + about.st_mtim.tv_nsec;
}

std::size_t log_file::read(std::uint64_t offset, char* into, std::size_t length) const {
  for (;;) {
    const auto got = pread(fd_.get(), into, length, static_cast<off_t>(offset));
    if (got >= 0)
      return static_cast<std::size_t>(got);
    if (errno != EINTR)
      return 0;
  }
}

const index_view& log_file::index() {
  if (!index_read_)
    refresh_index();
  return index_;
}

void log_file::refresh_index() {
  // It is made a moment after its log, and renamed a moment after it.
  if (!index_.is_open() && !open_index())
    index_ = {};
  index_.refresh();
  index_read_ = true;
}

} // namespace troupe::log_reading
