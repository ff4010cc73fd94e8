#pragma once

#include "runtime/store/queue_store.hpp"

#include <filesystem>
#include <stdlib.h>
#include <string>
#include <vector>

namespace troupe::test {

/// A directory of its own for each test, and messages to keep.
struct queue_fixture {
  queue_fixture() {
    char name[] = "/tmp/troupe-queue-XXXXXX";
    directory = ::mkdtemp(name);
    path = directory + "/queue.db";
  }
  ~queue_fixture() {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }

  using batch = messaging::queue_batch;

  static messaging::stored_message message(std::uint64_t row, std::string target = "a#0",
                                           std::size_t size = 100) {
    auto body = "message " + std::to_string(row) + std::string{"\0\xff", 2};
    body.resize(std::max(size, body.size()), 'x');
    return {row, std::move(target), 0, static_cast<std::int64_t>(row * 10), std::move(body)};
  }

  static messaging::dead_letter letter(std::uint64_t row, std::string target = "a#0",
                                       std::size_t size = 100) {
    return {row, static_cast<std::int64_t>(row), std::move(target), "expired", "its time is over",
            2,   std::string(size, 'd')};
  }

  static messaging::spilled spilled(std::uint64_t number, std::string mailbox = "a#0",
                                    std::uint8_t lane = 2, std::size_t size = 100) {
    auto body = std::to_string(number) + ' ';
    body.resize(std::max(size, body.size()), 's');
    return {std::move(mailbox), lane, 1, 77, std::move(body)};
  }

  static batch accept(std::uint64_t first, std::uint64_t count, std::size_t size = 100) {
    batch result;
    for (auto row = first; row < first + count; ++row)
      result.accepted.push_back(message(row, "a#0", size));
    return result;
  }

  static std::string write(messaging::message_store& store, const batch& what) {
    return store.write({&what});
  }

  static std::vector<std::uint64_t> rows(const messaging::queue_contents& of) {
    std::vector<std::uint64_t> result;
    for (const auto& x : of.messages)
      result.push_back(x.row);
    return result;
  }

  static std::vector<std::uint64_t> numbers(const messaging::spill_list& of) {
    std::vector<std::uint64_t> result;
    for (const auto& x : of.items)
      result.push_back(std::stoull(x.body));
    return result;
  }

  static messaging::queue_bounds sized(std::uint64_t bytes) {
    messaging::queue_bounds result;
    result.bytes = bytes;
    return result;
  }

  static bool others_may_read(const std::string& file) {
    using std::filesystem::perms;
    return (std::filesystem::status(file).permissions() & (perms::group_all | perms::others_all))
           != perms::none;
  }

  std::string directory;
  std::string path;
};

} // namespace troupe::test
