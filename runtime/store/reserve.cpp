#include "runtime/store/reserve.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>

namespace troupe::store {

disk_reserve::disk_reserve(std::string path, std::uint64_t bytes)
    : path_{std::move(path)}
    , bytes_{bytes} {
  // nop
}

bool disk_reserve::ensure() {
  if (there_ || bytes_ == 0)
    return true;
  const auto size = static_cast<off_t>(bytes_);
  struct stat info {};
  const bool left = lstat(path_.c_str(), &info) == 0 && S_ISREG(info.st_mode)
                    && info.st_size >= size && info.st_blocks * 512 >= size;
  if (left)
    return there_ = true; // by an earlier life
  if (room() < 2 * bytes_)
    return false;
  const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return false;
  there_ = ::posix_fallocate(fd, 0, size) == 0;
  ::close(fd);
  if (!there_)
    ::unlink(path_.c_str());
  return there_;
}

bool disk_reserve::release_if_full() {
  if (!there_ || bytes_ == 0 || room() > bytes_ / 2)
    return false;
  there_ = false;
  return ::unlink(path_.c_str()) == 0;
}

std::uint64_t disk_reserve::room() const {
  struct statvfs disk {};
  const auto slash = path_.rfind('/');
  const auto directory = slash == std::string::npos ? std::string{"."} : path_.substr(0, slash);
  return ::statvfs(directory.c_str(), &disk) == 0 ? disk.f_bavail * disk.f_frsize : 0;
}

} // namespace troupe::store
