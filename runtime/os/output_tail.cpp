#include "runtime/os/output_tail.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <re2/re2.h>
#include <utility>

namespace troupe::os {

namespace {

using key = std::pair<std::string, std::uint64_t>;

// As much as a pipe holds: one wake-up empties it, and no flood keeps the thread.
constexpr std::size_t read_size = 64 * 1024;

struct source {
  explicit source(boost::asio::io_context& io, int fd)
      : pipe(io, fd) {}

  boost::asio::posix::stream_descriptor pipe;
  std::string text; // empty until the bot says something
  std::vector<std::shared_ptr<RE2>> patterns;
  std::function<void(const std::string&, const std::string&)> found;
  std::string line; // the one that is not complete yet

  void look_for(std::string_view more) {
    while (!patterns.empty() && !more.empty()) {
      const auto end = more.find('\n');
      const auto part = more.substr(0, end);
      line.append(part.substr(0, tail_bytes - std::min(line.size(), tail_bytes)));
      more.remove_prefix(std::min(part.size() + 1, more.size()));
      if (end == std::string_view::npos)
        break;
      std::erase_if(patterns, [&](const auto& x) {
        const bool hit = RE2::PartialMatch(line, *x);
        if (hit)
          found(x->pattern(), line);
        return hit;
      });
      line.clear();
    }
  }

  void append(std::string_view more) {
    look_for(more);
    if (more.size() >= tail_bytes) {
      text.assign(more.substr(more.size() - tail_bytes));
      return;
    }
    if (text.size() + more.size() > 2 * tail_bytes)
      text.erase(0, text.size() + more.size() - tail_bytes);
    text.append(more);
  }
};

} // namespace

struct output_tail::state : std::enable_shared_from_this<state> {
  explicit state(boost::asio::io_context& x)
      : io(x) {}

  boost::asio::io_context& io;
  std::mutex mutex;
  std::map<key, std::shared_ptr<source>> sources;
  std::array<char, read_size> buffer;

  // Both with the mutex held. Returns whether the pipe may bring more.
  bool read_once(source& x) {
    if (!x.pipe.is_open())
      return false;
    const auto count = ::read(x.pipe.native_handle(), buffer.data(), buffer.size());
    if (count > 0) {
      x.append({buffer.data(), static_cast<std::size_t>(count)});
      return true;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
      return true;
    // End of file: all writers are gone. An open descriptor would wake us for ever.
    boost::system::error_code ignored;
    x.pipe.close(ignored);
    return false;
  }

  void watch(const std::shared_ptr<source>& x) {
    x->pipe.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this(), x](boost::system::error_code error) {
                         if (error)
                           return;
                         const std::lock_guard lock{self->mutex};
                         if (self->read_once(*x))
                           self->watch(x);
                       });
  }
};

std::string last_lines(std::string_view text) {
  if (text.size() > tail_bytes)
    text.remove_prefix(text.size() - tail_bytes);
  // The newline at the very end closes the last line and begins none.
  std::size_t lines = 0;
  for (auto i = text.empty() ? 0 : text.size() - 1; i > 0; --i)
    if (text[i - 1] == '\n' && ++lines == tail_lines)
      return std::string{text.substr(i)};
  return std::string{text};
}

output_tail::output_tail(boost::asio::io_context& io)
    : state_(std::make_shared<state>(io)) {
  // nop
}

output_tail::~output_tail() {
  const std::lock_guard lock{state_->mutex};
  boost::system::error_code ignored;
  for (auto& [name, x] : state_->sources)
    x->pipe.close(ignored);
  state_->sources.clear();
}

void output_tail::add(const std::string& instance, std::uint64_t incarnation, unique_fd pipe) {
  if (!pipe)
    return;
  const int flags = ::fcntl(pipe.get(), F_GETFL);
  if ((flags & O_NONBLOCK) == 0)
    ::fcntl(pipe.get(), F_SETFL, flags | O_NONBLOCK);
  const std::lock_guard lock{state_->mutex};
  auto x = std::make_shared<source>(state_->io, pipe.release());
  state_->watch(x);
  state_->sources.insert_or_assign({instance, incarnation}, std::move(x));
}

std::string output_tail::tail(const std::string& instance, std::uint64_t incarnation) {
  const std::lock_guard lock{state_->mutex};
  const auto found = state_->sources.find({instance, incarnation});
  if (found == state_->sources.end())
    return {};
  state_->read_once(*found->second);
  return last_lines(found->second->text);
}

void output_tail::watch(
    const std::string& instance, std::uint64_t incarnation, std::vector<std::string> patterns,
    std::function<void(const std::string& pattern, const std::string& line)> found) {
  const std::lock_guard lock{state_->mutex};
  const auto at = state_->sources.find({instance, incarnation});
  if (at == state_->sources.end())
    return;
  auto& x = *at->second;
  x.patterns.clear();
  for (const auto& pattern : patterns)
    x.patterns.push_back(std::make_shared<RE2>(pattern, RE2::Quiet));
  x.found = std::move(found);
  x.line.clear();
  x.look_for(x.text);
}

void output_tail::remove(const std::string& instance, std::uint64_t incarnation) {
  const std::lock_guard lock{state_->mutex};
  const auto found = state_->sources.find({instance, incarnation});
  if (found == state_->sources.end())
    return;
  boost::system::error_code ignored;
  found->second->pipe.close(ignored);
  state_->sources.erase(found);
}

} // namespace troupe::os
