#include "runtime/logs/reading/index_view.hpp"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <vector>

namespace troupe::log_reading {

namespace {

constexpr std::size_t at_once = 64 * 1024 / logs::index_record_size;
/// So many records at the end are all looked at when an index is opened.
constexpr std::uint64_t looked_at = 4096;

} // namespace

index_view::index_view(const std::string& path)
    : fd_{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)} {
  struct stat about {};
  if (fd_ && (fstat(fd_.get(), &about) != 0 || !S_ISREG(about.st_mode)))
    fd_.reset();
}

void index_view::refresh() {
  struct stat about {};
  if (!fd_ || fstat(fd_.get(), &about) != 0)
    return;
  const auto there = static_cast<std::uint64_t>(about.st_size) / logs::index_record_size;
  if (there < count_) { // it was cut off
    first_ = count_ = top_ = 0;
    ++edition_;
  }
  if (there == count_)
    return;
  if (count_ == 0 && there > looked_at)
    skip_to(there - looked_at);
  std::vector<char> block(std::min<std::uint64_t>(there - count_, at_once)
                          * logs::index_record_size);
  while (count_ < there) {
    const auto wanted =
        std::min<std::uint64_t>(block.size(), (there - count_) * logs::index_record_size);
    const auto got = pread(fd_.get(), block.data(), wanted,
                           static_cast<off_t>(count_ * logs::index_record_size));
    if (got < static_cast<ssize_t>(logs::index_record_size))
      return;
    const auto whole = static_cast<std::size_t>(got) / logs::index_record_size;
    for (std::size_t i = 0; i < whole; ++i, ++count_) {
      const auto record = logs::decode_index_record(
          {block.data() + i * logs::index_record_size, logs::index_record_size});
      if (record->offset < top_)
        first_ = count_, ++edition_;
      top_ = record->offset;
    }
  }
}

/// Takes the records before `place` for good, unless some of them tell otherwise.
void index_view::skip_to(std::uint64_t place) {
  constexpr std::uint64_t probes = 64;
  count_ = place + 1;
  std::uint64_t before = 0;
  for (std::uint64_t i = 0; i <= probes; ++i) {
    const auto record = at(place * i / probes);
    if (!record || record->offset < before) {
      count_ = 0;
      return;
    }
    before = record->offset;
  }
  count_ = place;
  top_ = before;
}

std::optional<logs::index_record> index_view::at(std::uint64_t place) const {
  std::array<char, logs::index_record_size> bytes{};
  if (place >= size()
      || pread(fd_.get(), bytes.data(), bytes.size(),
               static_cast<off_t>((first_ + place) * logs::index_record_size))
             != static_cast<ssize_t>(bytes.size()))
    return std::nullopt;
  return logs::decode_index_record({bytes.data(), bytes.size()});
}

std::optional<logs::index_record> index_view::last() const {
  return empty() ? std::nullopt : at(size() - 1);
}

std::uint64_t
index_view::first_not(const std::function<bool(const logs::index_record&)>& before) const {
  std::uint64_t low = 0;
  std::uint64_t high = size();
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    const auto record = at(middle);
    if (record && before(*record))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

} // namespace troupe::log_reading
