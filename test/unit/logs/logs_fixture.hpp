#pragma once

#include "runtime/logs/collector.hpp"
#include "runtime/logs/index.hpp"
#include "test/unit/os/temporary.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace troupe::test {

inline std::string slurp(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// A collector over a state directory of its own, and the writing ends of its pipes.
struct logs_fixture : temporary {
  logs_fixture() { std::signal(SIGPIPE, SIG_IGN); }

  virtual ~logs_fixture() { collector.reset(); }

  logs::collector& start() {
    options.state = path;
    options.on_remark = [this](const logs::remark& x) {
      note(x.instance + '@' + std::to_string(x.incarnation) + ": " + x.text);
    };
    options.on_trouble = [this](const std::string& text) { note(text); };
    collector = std::make_unique<logs::collector>(options);
    return *collector;
  }

  /// The writing end, which is the caller's.
  os::unique_fd add(const std::string& source, std::uint64_t incarnation,
                    logs::source_options how = {}) {
    int ends[2];
    BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    collector->add(source, incarnation, os::unique_fd{ends[0]}, std::move(how));
    return os::unique_fd{ends[1]};
  }

  static void say(const os::unique_fd& end, std::string_view text) {
    while (!text.empty()) {
      const auto count = ::write(end.get(), text.data(), text.size());
      BOOST_REQUIRE(count > 0);
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  std::string file(const std::string& name) const { return path + "/logs/" + name; }
  std::string log(const std::string& name) const { return slurp(file(name)); }

  /// The log with all that was rotated away, oldest first.
  std::string whole(const std::string& stem) const {
    std::string result;
    for (int i = 1000; i > 0; --i)
      result += log(stem + ".log." + std::to_string(i));
    return result + log(stem + ".log");
  }

  std::vector<logs::index_record> index(const std::string& name) const {
    const os::unique_fd fd{::open(file(name).c_str(), O_RDONLY | O_CLOEXEC)};
    return logs::read_index(fd.get()).value_or(std::vector<logs::index_record>{});
  }

  std::uint64_t space() const {
    std::uint64_t result = 0;
    for (const auto& x : std::filesystem::recursive_directory_iterator{path + "/logs"})
      if (x.is_regular_file())
        result += x.file_size();
    return result;
  }

  template <class F>
  static bool eventually(F f) {
    for (int i = 0; i < 4000; ++i) {
      if (f())
        return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return false;
  }

  bool becomes(const std::string& name, const std::string& text) const {
    const bool result = eventually([&] { return log(name) == text; });
    if (!result)
      BOOST_TEST_MESSAGE(name << " is «" << log(name).substr(0, 1000) << "»");
    return result;
  }

  void note(const std::string& what) {
    const std::lock_guard lock{mutex};
    notes.push_back(what);
    changed.notify_all();
  }

  bool noted(const std::string& part) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, std::chrono::seconds{20}, [&] { return count_notes(part) > 0; });
  }

  /// With the mutex held, or when nothing can come any more.
  std::size_t count_notes(const std::string& part) const {
    return static_cast<std::size_t>(
        std::count_if(notes.begin(), notes.end(),
                      [&](const std::string& x) { return x.find(part) != std::string::npos; }));
  }

  logs::collector_options options;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> notes;
  std::unique_ptr<logs::collector> collector; // first to go
};

} // namespace troupe::test
