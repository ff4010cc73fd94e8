#include "runtime/report/bundle.hpp"

#include "runtime/os/files.hpp"
#include "runtime/os/unique_fd.hpp"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace troupe::report {

namespace {

using writer = std::unique_ptr<archive, decltype(&archive_write_free)>;
using head = std::unique_ptr<archive_entry, decltype(&archive_entry_free)>;

bool put(archive* out, const std::string& name, const std::string& text, std::time_t now) {
  const head entry{archive_entry_new(), archive_entry_free};
  if (!entry)
    return false;
  archive_entry_set_pathname_utf8(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0600);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(text.size()));
  archive_entry_set_mtime(entry.get(), now, 0);
  return archive_write_header(out, entry.get()) == ARCHIVE_OK
         && archive_write_data(out, text.data(), text.size())
                == static_cast<la_ssize_t>(text.size());
}

bool pack(const bundle& from, int fd, const std::string& top, std::string& why) {
  const writer out{archive_write_new(), archive_write_free};
  const auto now = std::time(nullptr);
  bool good = out && archive_write_set_format_pax_restricted(out.get()) == ARCHIVE_OK
              && archive_write_add_filter_gzip(out.get()) == ARCHIVE_OK
              && archive_write_open_fd(out.get(), fd) == ARCHIVE_OK;
  for (const auto& one : from.entries())
    good = good && put(out.get(), top + '/' + one.name, one.text, now);
  good = good && archive_write_close(out.get()) == ARCHIVE_OK;
  if (!good) {
    const char* text = out ? archive_error_string(out.get()) : nullptr;
    why = text ? text : "not enough memory";
  }
  return good;
}

} // namespace

void bundle::add(std::string name, std::string text) {
  const auto most = std::min(bounds::file_bytes, bounds::total_bytes - total_);
  if (text.size() > most) {
    lacks(name, std::to_string(text.size() - most) + " bytes at its end, for the sake of size");
    text.resize(most);
  }
  total_ += text.size();
  if (!text.empty())
    entries_.push_back({std::move(name), std::move(text)});
}

config::expected<std::uint64_t, std::string>
write_bundle(const bundle& from, const std::string& path, const std::string& top) {
  const os::unique_fd fd{
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!fd)
    return config::unexpected{os::sentence("make", path, errno)};
  std::string why;
  struct stat info {};
  if (!pack(from, fd.get(), top, why) || ::fsync(fd.get()) != 0 || ::fstat(fd.get(), &info) != 0) {
    if (why.empty())
      why = os::sentence("write", path, errno);
    else
      why = "write " + path + ": " + why;
    ::unlink(path.c_str());
    return config::unexpected{why};
  }
  return static_cast<std::uint64_t>(info.st_size);
}

} // namespace troupe::report
