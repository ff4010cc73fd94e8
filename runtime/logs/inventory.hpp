#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace troupe::logs {

/// How much the logs of all instances take, by file, index included: a running total, made by
/// one look at the folder and corrected by another one now and then. Of the writer's thread.
class inventory {
public:
  /// A pair of files that is not written any more.
  struct old_files {
    std::uint64_t size = 0;
    std::int64_t written = 0; ///< Unix seconds
  };
  struct entry {
    std::uint64_t size = 0;     ///< of the current files
    std::int64_t written = 0;   ///< Unix seconds
    std::vector<old_files> old; ///< number 1 first
  };

  /// Looks at all that is in the folder.
  void scan(const std::string& root);

  std::uint64_t total() const { return total_; }
  entry& at(const std::string& stem) { return logs_[stem]; }

  /// The current files of that log have so many bytes.
  void resize(const std::string& stem, std::uint64_t size, std::int64_t now);

  /// The current files became number 1, and those from number `keep` on are gone. With 0 the
  /// current ones are gone as well.
  void rotated(const std::string& stem, std::uint32_t keep);

  /// The files to go next when room is needed: the oldest of all, current ones (number 0) of
  /// other logs than `spared` only when there are no others. Nothing when there is none.
  struct victim {
    std::string stem;
    std::uint32_t number = 0;
  };
  std::optional<victim> oldest(const std::string& spared) const;
  void removed(const victim& x);

private:
  bool walk(const std::string& root);

  std::map<std::string, entry> logs_;
  std::uint64_t total_ = 0;
};

} // namespace troupe::logs
