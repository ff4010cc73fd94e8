#include "config/problem_bag.hpp"

namespace troupe::config {

namespace {

std::vector<problem> take(std::vector<problem>& from, std::size_t limit, severity level) {
  sort_problems(from);
  if (from.size() > limit) {
    auto hidden = from.size() - limit;
    from.resize(limit);
    auto last = file_problem("", std::to_string(hidden) + " further problems are not shown", {},
                             "mend these first");
    last.level = level;
    from.push_back(std::move(last));
  }
  return std::move(from);
}

} // namespace

bool problem_bag::full(const std::string& file) const {
  auto count = per_file_.find(file);
  return !file.empty() && count != per_file_.end() && count->second >= per_file;
}

bool problem_bag::has_errors_in(const std::string& file) const {
  return files_with_errors_.contains(file);
}

void problem_bag::add(problem what) {
  if (full(what.file)) {
    skip(what.file);
    return;
  }
  ++per_file_[what.file];
  if (what.level == severity::warning) {
    warnings_.push_back(std::move(what));
    return;
  }
  places_.emplace(what.file, what.line, what.column);
  files_with_errors_.insert(what.file);
  errors_.push_back(std::move(what));
}

void problem_bag::add_unless_known(problem what) {
  if (!places_.contains({what.file, what.line, what.column}))
    add(std::move(what));
}

std::vector<problem> problem_bag::take_errors(std::size_t limit) {
  for (const auto& file : skipped_)
    errors_.push_back(file_problem(file, "further problems of this file are not shown", {},
                                   "mend those that are"));
  skipped_.clear();
  return take(errors_, limit, severity::error);
}

std::vector<problem> problem_bag::take_warnings(std::size_t limit) {
  return take(warnings_, limit, severity::warning);
}

} // namespace troupe::config
