#include "runtime/blackbox/event_ring.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace troupe::blackbox {

namespace {

constexpr std::uint32_t ring_version = 1;

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<ring_page::state>::is_always_lock_free);

} // namespace

event_ring::event_ring(pid_t pid, std::uint32_t epoch)
    : file_{memfd_create("troupe events", MFD_CLOEXEC)} {
  void* place = MAP_FAILED;
  if (file_ && ftruncate(file_.get(), sizeof(ring_page)) == 0)
    place = mmap(nullptr, sizeof(ring_page), PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
  mapped_ = place != MAP_FAILED;
  if (mapped_) {
    page_ = new (place) ring_page{};
  } else {
    file_.reset();
    page_ = new ring_page{};
  }
  page_->version = ring_version;
  page_->pid = pid;
  page_->epoch = epoch;
}

event_ring::~event_ring() {
  if (mapped_)
    munmap(page_, sizeof(ring_page));
  else
    delete page_;
}

void event_ring::add(std::string_view text) {
  const auto number = page_->next.load(std::memory_order_relaxed);
  auto& line = page_->lines[number % ring_lines];
  const auto length = std::min(text.size(), sizeof line.text);
  line.length = 0; // whoever looks now sees no mixture
  std::transform(
      text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length), line.text,
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c; });
  line.length = static_cast<std::uint32_t>(length);
  page_->next.store(number + 1, std::memory_order_release);
}

void event_ring::end() {
  page_->now = ring_page::ended;
}

ring_contents read_ring(int fd) {
  ring_contents result;
  struct stat info {};
  if (fstat(fd, &info) != 0 || info.st_size != static_cast<off_t>(sizeof(ring_page)))
    return result;
  void* place = mmap(nullptr, sizeof(ring_page), PROT_READ, MAP_SHARED, fd, 0);
  if (place == MAP_FAILED)
    return result;
  const auto& page = *static_cast<const ring_page*>(place);
  if (page.version == ring_version) {
    result.state = page.now;
    result.pid = page.pid;
    result.epoch = page.epoch;
    result.report.assign(page.report, strnlen(page.report, sizeof page.report));
    const std::uint64_t next = page.next;
    for (auto i = next > ring_lines ? next - ring_lines : 0; i < next; ++i) {
      const auto& line = page.lines[i % ring_lines];
      result.lines.emplace_back(line.text, std::min<std::size_t>(line.length, sizeof line.text));
    }
  }
  munmap(place, sizeof(ring_page));
  return result;
}

} // namespace troupe::blackbox
