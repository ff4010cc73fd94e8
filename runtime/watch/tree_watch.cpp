#include "runtime/watch/tree_watch.hpp"

#include "runtime/watch/survey.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <future>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace troupe::watch {

namespace {

using clock = quiet_time::clock;

/// After a survey that took a while, a multiple of that passes until the next: a storm of new
/// directories is not to keep a processor busy.
constexpr int survey_share = 10;

constexpr std::chrono::seconds patience{1};

/// A symlink, to a directory or what may become one.
bool is_link(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode)
         && (::stat(path.c_str(), &status) != 0 || S_ISDIR(status.st_mode));
}

} // namespace

class tree_watch::watcher {
public:
  explicit watcher(options given)
      : settings_{std::move(given)}
      , root_{std::filesystem::absolute(settings_.tree).lexically_normal().string()}
      , inotify_{io_}
      , timer_{io_} {
    // nop
  }

  void run() {
    pthread_setname_np(pthread_self(), "watch");
    quiet_.note(haste::none, clock::now());
    for (bool ended = false; !ended;)
      try {
        arm();
        io_.run();
        ended = true;
      } catch (const std::exception& problem) {
        go_on_looking(problem.what());
      }
    ended_.set_value();
  }

  /// From another thread. Whether the watch's has ended.
  bool stop() {
    {
      const std::lock_guard lock{telling_};
      stopped_ = true;
    }
    io_.stop();
    return ended_.get_future().wait_for(patience) == std::future_status::ready;
  }

private:
  /// After something that should not happen: only a timer is left, and what it finds then is news.
  void go_on_looking(const std::string& why) noexcept {
    boost::system::error_code ignored;
    inotify_.close(ignored);
    places_.clear();
    quiet_ = {};
    seen_ = 0;
    stale_ = false;
    looking_ = true;
    next_look_ = clock::now() + settings_.look;
    try {
      if (std::exchange(said_, why) != why)
        warn("the watch of the config tree " + root_ + " begins anew: " + why);
    } catch (const std::exception&) {
      // whoever cannot be told is not told
    }
  }

  void open() {
    const int fd = settings_.open();
    boost::system::error_code error;
    if (fd < 0)
      error.assign(errno, boost::system::generic_category());
    else if (inotify_.assign(fd, error); error)
      ::close(fd);
    if (error)
      why_none_ = "inotify: " + error.message()
                  + (error.value() == EMFILE ? " (sysctl fs.inotify.max_user_instances)" : "");
  }

  /// Does without it until the next look.
  void lose_inotify() {
    boost::system::error_code ignored;
    inotify_.close(ignored);
    stale_ = true;
    quiet_.note(haste::writing, clock::now());
  }

  /// Finds out what there is to watch, and whether it can be.
  void look() {
    const auto begun = clock::now();
    stale_ = false;
    const bool anew = !inotify_.is_open();
    if (anew)
      open();
    auto found = survey(root_, inotify_.is_open() ? inotify_.native_handle() : -1);
    if (!inotify_.is_open())
      found.trouble = why_none_;
    if (found.refused) { // others may need them
      boost::system::error_code ignored;
      inotify_.close(ignored);
      found.places.clear();
    }
    for (const auto& [id, where] : places_)
      if (inotify_.is_open() && !anew && !found.places.contains(id))
        inotify_rm_watch(inotify_.native_handle(), id);
    places_ = std::move(found.places);
    // What events told already is not to wait for another look.
    if (seen_ && *seen_ != found.fingerprint && (looking_ || anew || !quiet_.due()))
      quiet_.note(haste::looked, clock::now());
    seen_ = found.fingerprint;
    say(found.trouble);
    if (anew && inotify_.is_open())
      await_events();
    const auto now = clock::now();
    next_survey_ = now + survey_share * (now - begun);
    next_look_ = now + (looking_ ? settings_.look : settings_.check);
  }

  void say(const std::string& trouble) {
    const bool looking = !trouble.empty();
    if (looking && trouble != said_)
      warn("the config tree " + root_ + " cannot be watched: " + trouble
           + "; it is looked at every " + std::to_string(settings_.look.count()) + " ms instead");
    else if (!looking && looking_)
      warn("the config tree " + root_ + " is watched by inotify again");
    looking_ = looking;
    said_ = trouble;
  }

  void await_events() {
    inotify_.async_wait(inotify_.wait_read, [this](boost::system::error_code error) {
      // Of one that was closed meanwhile: there is another one, or none.
      if (error == boost::asio::error::operation_aborted)
        return;
      if (error)
        lose_inotify();
      else
        hear_all();
      if (inotify_.is_open())
        await_events();
      arm();
    });
  }

  /// Hears what was not heard yet. What was edited before it is asked is heard.
  void hear_all() {
    while (inotify_.is_open()) {
      const auto size = ::read(inotify_.native_handle(), buffer_.data(), buffer_.size());
      if (size < 0 && errno == EAGAIN)
        return;
      if (size < 0 && errno == EINTR)
        continue;
      if (size <= 0)
        return lose_inotify();
      for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
        inotify_event event{};
        std::memcpy(&event, buffer_.data() + at, sizeof event);
        hear(event, event.len > 0 ? buffer_.data() + at + sizeof event : "");
        at += sizeof event + event.len;
      }
      // Under a storm others are to have their turn.
      if (quiet_.due() && *quiet_.due() <= clock::now())
        return;
    }
  }

  void hear(const inotify_event& event, const char* name) {
    const auto at = places_.find(event.wd);
    const auto* where = at == places_.end() ? nullptr : &at->second;
    auto what = meaning_of(event.mask, name, where);
    if (what.if_link && !is_link(where->path + '/' + name))
      return;
    if (what.told)
      quiet_.note(*what.told, clock::now());
    stale_ = stale_ || what.survey;
  }

  /// Does what is due, and waits for what comes next.
  void arm() {
    const auto now = clock::now();
    // Before it is told it is looked whether it is quiet; and a later look knows what was told.
    const bool telling = quiet_.due() && *quiet_.due() <= now;
    if (telling || now >= next_look_ || (stale_ && now >= next_survey_))
      look();
    if (quiet_.take(now))
      tell();
    auto next = std::min(quiet_.due().value_or(next_look_), next_look_);
    if (stale_)
      next = std::min(next, next_survey_);
    timer_.expires_at(next);
    timer_.async_wait([this](boost::system::error_code error) {
      if (error)
        return;
      hear_all();
      arm();
    });
  }

  void tell() {
    const std::lock_guard lock{telling_};
    if (!stopped_)
      settings_.on_change();
  }

  void warn(const std::string& line) {
    const std::lock_guard lock{telling_};
    if (!stopped_)
      settings_.warn(line);
  }

  options settings_;
  std::string root_;
  boost::asio::io_context io_{1};
  boost::asio::posix::stream_descriptor inotify_;
  boost::asio::steady_timer timer_;
  alignas(inotify_event) std::array<char, 64 << 10> buffer_{};
  std::map<int, place> places_;
  quiet_time quiet_;
  std::optional<std::uint64_t> seen_;
  bool stale_ = false;   ///< what is watched may not be all
  bool looking_ = false; ///< because inotify alone does not do
  std::string why_none_;
  std::string said_;
  clock::time_point next_survey_;
  clock::time_point next_look_;
  std::mutex telling_;
  bool stopped_ = false;
  std::promise<void> ended_;
};

int tree_watch::real_inotify() {
  return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

tree_watch::tree_watch(options given)
    : watcher_{std::make_shared<watcher>(std::move(given))}
    , thread_{[kept = watcher_] { kept->run(); }} {
  // nop
}

tree_watch::~tree_watch() {
  if (watcher_->stop())
    thread_.join();
  else
    thread_.detach();
}

} // namespace troupe::watch
