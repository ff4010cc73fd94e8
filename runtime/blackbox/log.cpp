#include "runtime/blackbox/log.hpp"

#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <string>
#include <unistd.h>

namespace troupe::blackbox {

namespace {

constexpr const char* pattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";

using spdlog::details::log_msg;

/// Writes to stderr, and may wait there. Of the writing thread alone.
class stderr_sink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
  std::weak_ptr<spdlog::details::thread_pool> pool;

  /// Until all that was queued before is written.
  bool wait_flushed(std::uint64_t number, std::chrono::milliseconds limit) {
    std::unique_lock lock{flushed_mutex_};
    return flushed_changed_.wait_for(lock, limit, [&] { return flushed_ >= number; });
  }

private:
  void sink_it_(const log_msg& message) override {
    tell_dropped(message);
    put(message);
  }

  void flush_() override {
    const std::lock_guard lock{flushed_mutex_};
    ++flushed_;
    flushed_changed_.notify_all();
  }

  void put(const log_msg& message) {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (!write_all(line.data(), line.size()))
      ++unwritten_;
  }

  void tell_dropped(const log_msg& before) {
    const auto overrun = pool.lock() ? pool.lock()->overrun_counter() : 0;
    const auto dropped = overrun + unwritten_ - told_;
    if (dropped == 0)
      return;
    const auto text = std::to_string(dropped) + " lines of the log were dropped: nobody read them";
    told_ += dropped;
    put(log_msg{before.time, {}, before.logger_name, spdlog::level::warn, text});
  }

  static bool write_all(const char* data, std::size_t size) {
    while (size > 0) {
      const auto count = ::write(STDERR_FILENO, data, size);
      if (count >= 0) {
        data += count;
        size -= static_cast<std::size_t>(count);
      } else if (errno == EAGAIN) {
        pollfd ready{STDERR_FILENO, POLLOUT, 0};
        ::poll(&ready, 1, -1);
      } else if (errno != EINTR) {
        return false; // nobody is there to read it
      }
    }
    return true;
  }

  std::size_t unwritten_ = 0;
  std::size_t told_ = 0;
  std::mutex flushed_mutex_;
  std::condition_variable flushed_changed_;
  std::uint64_t flushed_ = 0;
};

/// Hands on to the writing thread.
class queue_sink final : public spdlog::sinks::sink {
public:
  explicit queue_sink(std::shared_ptr<stderr_sink> to)
      : to_{std::move(to)}
      // spdlog joins the thread when this goes: it never does, for that could wait for ever.
      , pool_{*new auto(std::make_shared<spdlog::details::thread_pool>(
            queue_lines, 1, [] { pthread_setname_np(pthread_self(), "log"); }))}
      , writer_{std::make_shared<spdlog::async_logger>("troupe", to_, pool_, policy)} {
    to_->pool = pool_;
    writer_->set_level(spdlog::level::trace);
  }

  void log(const log_msg& message) override {
    pool_->post_log(std::shared_ptr{writer_}, message, policy);
  }
  void flush() override { pool_->post_flush(std::shared_ptr{writer_}, policy); }
  void set_pattern(const std::string& text) override { to_->set_pattern(text); }
  void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override {
    to_->set_formatter(std::move(formatter));
  }

  bool finish(std::chrono::milliseconds limit) {
    flush();
    return to_->wait_flushed(++flushes_, limit);
  }

private:
  static constexpr auto policy = spdlog::async_overflow_policy::overrun_oldest;

  std::shared_ptr<stderr_sink> to_;
  std::shared_ptr<spdlog::details::thread_pool>& pool_;
  std::shared_ptr<spdlog::async_logger> writer_;
  std::atomic<std::uint64_t> flushes_ = 0;
};

class ring_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
  explicit ring_sink(event_ring& ring)
      : ring_{ring} {}

private:
  void sink_it_(const log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    ring_.add({line.data(), line.size() - 1}); // without the newline
  }
  void flush_() override {}

  event_ring& ring_;
};

/// Never destroyed, as the thread that it feeds.
std::shared_ptr<queue_sink>& queue() {
  static auto& result = *new std::shared_ptr<queue_sink>;
  return result;
}

} // namespace

void open(bool verbose, event_ring& ring) {
  queue() = std::make_shared<queue_sink>(std::make_shared<stderr_sink>());
  queue()->set_level(verbose ? spdlog::level::debug : spdlog::level::info);
  const spdlog::sinks_init_list sinks{queue(), std::make_shared<ring_sink>(ring)};
  auto log = std::make_shared<spdlog::logger>("troupe", sinks);
  log->set_pattern(pattern, spdlog::pattern_time_type::utc);
  log->set_level(spdlog::level::debug);
  spdlog::set_default_logger(std::move(log));
}

void finish(std::chrono::milliseconds limit) {
  if (queue())
    queue()->finish(limit);
}

} // namespace troupe::blackbox
