#include "runtime/logs/reader_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

namespace troupe::logs {

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

log_file_ptr log_file::open(const log_place& place, std::uint32_t number) {
  const auto path = place.log(number);
  auto result = std::make_shared<log_file>();
  for (int i = 0; i < attempts; ++i) {
    result->fd_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!result->fd_)
      return nullptr;
    struct stat about {};
    if (fstat(result->fd_.get(), &about) != 0 || !S_ISREG(about.st_mode)) {
      errno = EINVAL;
      return nullptr;
    }
    result->id_ = {about.st_dev, about.st_ino};
    result->index_ = index_view{place.index(number)};
    result->number = number;
    // The index is the file's own only if the names did not change meanwhile.
    if (identify(path) == result->id_)
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

index_view& log_file::index() {
  if (!index_read_)
    index_.refresh();
  index_read_ = true;
  return index_;
}

} // namespace troupe::logs
