#pragma once

#include "config/problem.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace troupe::config {

/// Collects the problems of one load: a bounded number for each file, the first one for
/// each place.
class problem_bag {
public:
  /// More than this of one file help nobody, and each costs a scan of the file.
  static constexpr std::size_t per_file = 100;

  /// Whether further problems of that file are dropped. To be asked before one is made.
  bool full(const std::string& file) const;

  void add(problem what);
  /// Drops it when something is wrong at the same place already.
  void add_unless_known(problem what);
  /// Notes that some were not made because the file is `full`.
  void skip(const std::string& file) { skipped_.insert(file); }

  bool empty() const { return errors_.empty(); }
  bool has_errors_in(const std::string& file) const;

  std::vector<problem> take_errors(std::size_t limit);
  std::vector<problem> take_warnings(std::size_t limit);

private:
  std::vector<problem> errors_;
  std::vector<problem> warnings_;
  std::map<std::string, std::size_t> per_file_;
  std::set<std::string> skipped_;
  std::set<std::string> files_with_errors_;
  std::set<std::tuple<std::string, std::uint32_t, std::uint32_t>> places_;
};

} // namespace troupe::config
