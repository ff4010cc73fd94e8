#include "runtime/blackbox/crash_files.hpp"

#include "runtime/blackbox/event_ring.hpp"
#include "troupe_version.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <vector>

namespace troupe::blackbox {

namespace {

namespace fs = std::filesystem;

/// crash-20261126T001451Z-4711.txt
bool is_report(const std::string& name) {
  constexpr std::string_view shape = "crash-00000000T000000Z-0";
  if (name.size() < shape.size() + 4 || !name.ends_with(".txt"))
    return false;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (is_digit(shape[i]) ? !is_digit(name[i]) : shape[i] != name[i])
      return false;
  return std::all_of(name.begin() + static_cast<std::ptrdiff_t>(shape.size()), name.end() - 4,
                     is_digit);
}

std::string timestamp() {
  const auto now = std::time(nullptr);
  tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return text;
}

} // namespace

void make_room_for_report(const std::string& state_directory) {
  std::vector<std::string> reports;
  std::error_code error;
  for (fs::directory_iterator entry{state_directory, error}, end; !error && entry != end;
       entry.increment(error))
    if (auto name = entry->path().filename().string(); is_report(name))
      reports.push_back(std::move(name));
  std::sort(reports.begin(), reports.end());
  for (std::size_t i = 0; i + crash_files_kept <= reports.size(); ++i)
    fs::remove(fs::path{state_directory} / reports[i], error);
}

std::string report_of_the_dead(const std::string& state_directory, int ring_fd) {
  const auto left = ring_fd < 0 ? ring_contents{} : read_ring(ring_fd);
  if (left.state == ring_page::ended)
    return {};
  const auto who = "the runtime before this one (pid " + std::to_string(left.pid) + ") ";
  if (left.state == ring_page::reported)
    return who + "crashed: see " + state_directory + '/' + left.report;
  make_room_for_report(state_directory);
  const auto now = timestamp();
  const auto path = state_directory + "/crash-" + now + '-' + std::to_string(left.pid) + ".txt";
  std::string text =
      "troupe-runtime " + std::string{version} + ", pid " + std::to_string(left.pid) + ", epoch "
      + std::to_string(left.epoch) + "\n" + now
      + ": found to have ended without a word: killed, most likely\n\nlast events:\n";
  for (const auto& line : left.lines)
    text += line + '\n';
  const os::unique_fd file{
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    auto problem = who + "was killed; its last events cannot be written to " + path + ": "
                   + std::strerror(errno);
    ::unlink(path.c_str());
    return problem;
  }
  return who + "was killed: its last events are in " + path;
}

} // namespace troupe::blackbox
