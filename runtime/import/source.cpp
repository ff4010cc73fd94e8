#include "runtime/import/source.hpp"

#include "config/escape.hpp"
#include "runtime/os/files.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

namespace troupe::importing {

namespace fs = std::filesystem;

std::string source::directory() const {
  std::error_code error;
  const auto full = fs::absolute(path, error);
  return full.parent_path().lexically_normal().string();
}

config::expected<source, failure> read_source(const std::string& path) {
  const auto no = [&](std::string message, std::string hint = {}) {
    return config::unexpected{failure{path, 0, std::move(message), std::move(hint)}};
  };
  struct stat about {};
  if (stat(path.c_str(), &about) != 0)
    return no(std::strerror(errno));
  if (S_ISDIR(about.st_mode))
    return no("is a directory", "name the files in it: " + path + "/*");
  // A masked unit is a link to /dev/null.
  if (S_ISCHR(about.st_mode) && fs::is_symlink(path))
    return source{path, ""};
  if (!S_ISREG(about.st_mode))
    return no("is no regular file");
  auto text = os::read_file(path, source::max_bytes + 1);
  if (!text)
    return no(std::strerror(errno));
  if (text->size() > source::max_bytes)
    return no("is larger than 4 MiB",
              "nobody has written a config of that size; is it the right file?");
  if (text->starts_with("\xef\xbb\xbf"))
    text->erase(0, 3);
  if (text->find('\0') != std::string::npos || !config::is_utf8(*text))
    return no("is no UTF-8 text", "`iconv -f latin1 -t utf-8` makes it UTF-8");
  return source{path, std::move(*text)};
}

std::string absolute_in(const std::string& directory, std::string_view path) {
  return (fs::path{directory} / fs::path{path}).lexically_normal().string();
}

} // namespace troupe::importing
