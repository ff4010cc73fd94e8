#include "runtime/logs/reading/reader.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace troupe::log_reading {

namespace {

/// So many bytes before the place of reading tell whether a file was written anew.
constexpr std::size_t remembered = 64;

} // namespace

log_reader::log_reader(log_history history, const log_range& range, bool timed, std::size_t block)
    : history_{std::move(history)}
    , end_{range.end}
    , timed_{timed}
    , block_{block} {
  enter(range.begin.file, range.begin.offset);
}

void log_reader::enter(log_file_ptr file, std::uint64_t offset) {
  file_ = std::move(file);
  offset_ = offset;
  head_ = seen_ = fill_ = 0;
  tail_.clear();
  restart_ = false;
  if (!file_)
    return;
  if (offset > 0) {
    std::array<char, remembered> bytes{};
    const auto length = std::min<std::uint64_t>(offset, bytes.size());
    tail_.assign(bytes.data(), file_->read(offset - length, bytes.data(), length));
  }
  if (timed_)
    find_time(offset);
}

/// Finds the records around an offset.
void log_reader::find_time(std::uint64_t offset) {
  const auto& index = file_->index();
  edition_ = index.edition();
  now_.reset();
  place_ = index.first_not([offset](const logs::index_record& x) { return x.offset <= offset; });
  if (place_ > 0)
    now_ = index.at(place_ - 1);
  then_ = index.at(place_);
}

void log_reader::know_time(std::uint64_t offset, log_line& line) {
  const auto& index = file_->index();
  while (then_ && then_->offset <= offset) {
    now_ = then_;
    then_ = index.at(++place_);
  }
  if (now_) {
    line.time = now_->time;
    line.incarnation = now_->incarnation;
  }
}

void log_reader::take(std::size_t length, std::size_t skip, log_line& line) {
  line = {{buffer_.data() + head_, length}, std::nullopt, 0};
  if (timed_)
    know_time(offset_ - (fill_ - head_), line);
  head_ += length + skip;
  seen_ = head_;
}

bool log_reader::next(log_line& line) {
  for (;;) {
    if (const auto* found = static_cast<const char*>(
            seen_ < fill_ ? std::memchr(buffer_.data() + seen_, '\n', fill_ - seen_) : nullptr)) {
      const auto at = static_cast<std::size_t>(found - buffer_.data());
      take(std::min(at - head_, longest_line), at - head_ > longest_line ? 0 : 1, line);
      return true;
    }
    seen_ = fill_;
    if (fill_ - head_ > longest_line) {
      take(longest_line, 0, line);
      seen_ = fill_;
      return true;
    }
    if (next_file_ || restart_) {
      // What has no newline there will never get one.
      if (rest(line))
        return true;
      enter(next_file_ ? std::exchange(next_file_, nullptr) : file_, 0);
    }
    switch (fill()) {
    case filled::some:
    case filled::file_over:
      break;
    case filled::nothing:
      return false;
    }
  }
}

bool log_reader::rest(log_line& line) {
  if (head_ == fill_)
    return false;
  take(fill_ - head_, 0, line);
  return true;
}

/// Whether the file holds other bytes before the place of reading than it did.
bool log_reader::was_replaced() const {
  std::array<char, remembered> bytes{};
  const auto got = file_->read(offset_ - tail_.size(), bytes.data(), tail_.size());
  return std::string_view{bytes.data(), got} != tail_;
}

log_reader::filled log_reader::fill() {
  if (!file_) {
    if (end_)
      return filled::nothing;
    enter(history_.oldest(), 0);
    if (!file_)
      return filled::nothing;
  }
  auto length = block_;
  const bool last = end_ && end_->file && end_->file->id() == file_->id();
  if (last)
    length = std::min<std::uint64_t>(length, end_->offset - std::min(end_->offset, offset_));
  if (last && length == 0)
    return filled::nothing;
  if (head_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + head_, fill_ - head_);
    fill_ -= head_;
    seen_ -= head_;
    head_ = 0;
  }
  if (buffer_.size() < fill_ + length)
    buffer_.resize(fill_ + length);
  if (!end_ && was_replaced()) {
    restart_ = true;
    return filled::file_over;
  }
  const auto got = file_->read(offset_, buffer_.data() + fill_, length);
  if (got == 0)
    return at_end();
  fill_ += got;
  offset_ += got;
  tail_.append(buffer_.data() + fill_ - got, got);
  tail_.erase(0, tail_.size() - std::min(tail_.size(), remembered));
  if (timed_ && !end_) {
    file_->refresh_index();
    const auto& index = file_->index();
    if (index.edition() != edition_)
      find_time(offset_ - (fill_ - head_));
    else if (!then_)
      then_ = index.at(place_);
  }
  return filled::some;
}

/// There is nothing more in this file: is there another one?
log_reader::filled log_reader::at_end() {
  const bool last = end_ && (!end_->file || end_->file->id() == file_->id());
  if (last)
    return filled::nothing;
  next_file_ = end_ ? history_.newer(*file_, end_->file) : history_.newer(*file_);
  if (!next_file_)
    return filled::nothing;
  // Whoever wrote it did so until the next one was there.
  char more = 0;
  if (file_->read(offset_, &more, 1) > 0)
    next_file_ = nullptr;
  return filled::file_over;
}

} // namespace troupe::log_reading
