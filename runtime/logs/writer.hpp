#pragma once

#include "runtime/logs/hand_over.hpp"
#include "runtime/logs/inventory.hpp"
#include "runtime/logs/log_file.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace troupe::logs {

struct writer_options {
  std::string folder;           ///< of all logs
  write_call write;             ///< empty: `::write`
  std::size_t most_open = 1024; ///< logs that are open at a time, with two descriptors each
};

/// Puts blocks into files, rotates them and keeps all of them together within their space. One
/// thread runs it, and a disk that hangs hangs only that.
class writer {
public:
  /// `trouble` gets a sentence when writing begins to fail and when it works again.
  writer(writer_options options, hand_over& blocks,
         std::function<void(const std::string&)> trouble);

  /// Until the hand-over is closed and empty.
  void run();

  /// Bytes that all files together may have; 0: any number. Any thread.
  void set_space(std::uint64_t bytes) { space_ = bytes; }

private:
  using clock = log_file::clock;

  void put(std::vector<piece>& pieces);
  void put(const piece& x);
  void store(log_file& file, const piece& x, std::string_view bytes);
  void drop(const piece& x, std::size_t bytes, int reason);
  log_file& file_of(const piece& x);
  bool ready(log_file& file, const piece& x);
  int make_room(log_file& file, std::uint64_t bytes);
  int write_some(log_file& file, const piece& x, std::string_view bytes, std::size_t& done);
  int rotate(log_file& file, std::uint32_t keep);
  void failed(log_file& file, int error);
  void worked(log_file& file);
  void close_idle();
  void close_oldest();
  void look_again();

  writer_options options_;
  hand_over& blocks_;
  std::function<void(const std::string&)> trouble_;
  std::atomic<std::uint64_t> space_{0};
  inventory inventory_;
  std::map<std::string, log_file> files_; // those that are open, or are in trouble
  log_file* last_ = nullptr;              // most blocks are of one log
  std::string gathered_;                  // the bytes of several small pieces
  clock::time_point now_{};
  clock::time_point scanned_{};
  clock::time_point swept_{};
  // The disk as a whole: full, or broken.
  bool disk_troubled_ = false;
  clock::time_point disk_retry_{};
  int reason_ = 0; // errno of the last failure
  std::uint64_t lost_ = 0;
};

} // namespace troupe::logs
