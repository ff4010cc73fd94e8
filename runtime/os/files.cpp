#include "runtime/os/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>

namespace troupe::os {

std::optional<std::string> read_file(int directory, const std::string& name, std::size_t limit) {
  const unique_fd fd{
      ::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!fd)
    return std::nullopt;
  std::string result;
  char buffer[4096];
  while (result.size() < limit) {
    const auto count = ::read(fd.get(), buffer, std::min(sizeof(buffer), limit - result.size()));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return std::nullopt;
    if (count == 0)
      break;
    result.append(buffer, static_cast<std::size_t>(count));
  }
  return result;
}

std::optional<std::string> read_file(const std::string& path, std::size_t limit) {
  return read_file(AT_FDCWD, path, limit);
}

int write_file(int directory, const std::string& name, std::string_view text) {
  const unique_fd fd{
      ::openat(directory, name.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!fd)
    return errno;
  ssize_t count = 0;
  do {
    count = ::write(fd.get(), text.data(), text.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0)
    return errno;
  return static_cast<std::size_t>(count) == text.size() ? 0 : EIO;
}

std::string sentence(std::string_view step, std::string_view subject, int error) {
  std::string result{step};
  result += ' ';
  result += subject;
  result += ": ";
  result += std::strerror(error);
  return result;
}

} // namespace troupe::os
