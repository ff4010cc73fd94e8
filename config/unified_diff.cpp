#include "config/difference.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

// Why this is no library's: docs/decisions/0017.

namespace troupe::config {

namespace {

/// Texts that are further apart, or take more steps to compare, are shown as one replaced by the
/// other.
constexpr int max_distance = 1000;
constexpr std::size_t max_steps = 20'000'000;
constexpr std::size_t context = 3;

struct edit {
  char mark; ///< ' ', '-' or '+'
  std::string_view line;
};

/// The lines with their line ends; the last may have none.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> result;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto length = end == std::string_view::npos ? text.size() : end + 1;
    result.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return result;
}

/// E. W. Myers, «An O(ND) difference algorithm and its variations», the greedy one: finds the
/// shortest script from `a` to `b`, as marks.
class shortest_script {
public:
  shortest_script(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b)
      : a_{a}
      , b_{b}
      , size_a_{static_cast<int>(a.size())}
      , size_b_{static_cast<int>(b.size())} {
    // nop
  }

  /// Empty when it would be too long.
  std::optional<std::string> find() {
    const auto most = std::min(max_distance, size_a_ + size_b_);
    // furthest[k + most + 1]: how far along `a` diagonal k = x - y was reached.
    std::vector<int> furthest(2 * static_cast<std::size_t>(most) + 3, 0);
    const auto at = [&](int k) -> int& { return furthest[static_cast<std::size_t>(k + most + 1)]; };
    std::size_t steps = 0;
    for (int d = 0; d <= most; ++d) {
      auto& row = rows_.emplace_back();
      row.reserve(static_cast<std::size_t>(d) + 1);
      for (int k = -d; k <= d; k += 2) {
        auto x = k == -d || (k != d && at(k - 1) < at(k + 1)) ? at(k + 1) : at(k - 1) + 1;
        const auto from = x;
        while (x < size_a_ && x - k < size_b_ && a_[index(x)] == b_[index(x - k)])
          ++x;
        steps += static_cast<std::size_t>(x - from) + 1;
        at(k) = x;
        row.push_back(x);
        if (x >= size_a_ && x - k >= size_b_)
          return trace(d, k);
      }
      if (steps > max_steps)
        return std::nullopt;
    }
    return std::nullopt;
  }

private:
  static std::size_t index(int x) { return static_cast<std::size_t>(x); }

  /// The way back from the end; the marks are found last to first.
  std::string trace(int d, int k) const {
    std::string marks;
    auto x = size_a_;
    for (; d > 0; --d) {
      const auto& row = rows_[index(d - 1)]; // of the diagonals 1-d, 3-d, …, d-1
      const auto reached = [&](int diagonal) { return row[index((diagonal + d - 1) / 2)]; };
      const bool down = k == -d || (k != d && reached(k - 1) < reached(k + 1));
      const auto before = down ? reached(k + 1) : reached(k - 1);
      const auto start = down ? before : before + 1;
      marks.append(index(x - start), ' ');
      marks += down ? '+' : '-';
      k += down ? 1 : -1;
      x = before;
    }
    marks.append(index(x), ' ');
    std::ranges::reverse(marks);
    return marks;
  }

  const std::vector<std::uint32_t>& a_;
  const std::vector<std::uint32_t>& b_;
  int size_a_;
  int size_b_;
  std::vector<std::vector<int>> rows_;
};

std::vector<edit> script_of(const std::vector<std::string_view>& a,
                            const std::vector<std::string_view>& b) {
  const auto first = std::ranges::mismatch(a, b).in1 - a.begin();
  const auto rest = std::min(a.size(), b.size()) - static_cast<std::size_t>(first);
  std::size_t last = 0;
  while (last < rest && a[a.size() - 1 - last] == b[b.size() - 1 - last])
    ++last;
  // Numbers are quicker to compare than lines.
  std::unordered_map<std::string_view, std::uint32_t> numbers;
  const auto numbered = [&](const std::vector<std::string_view>& lines) {
    std::vector<std::uint32_t> result;
    for (auto i = static_cast<std::size_t>(first); i < lines.size() - last; ++i)
      result.push_back(
          numbers.emplace(lines[i], static_cast<std::uint32_t>(numbers.size())).first->second);
    return result;
  };
  const auto middle_a = numbered(a);
  const auto middle_b = numbered(b);
  auto marks = shortest_script{middle_a, middle_b}.find();
  if (!marks)
    marks = std::string(middle_a.size(), '-') + std::string(middle_b.size(), '+');
  std::vector<edit> result;
  auto from = a.begin();
  auto to = b.begin();
  for (const auto mark :
       std::string(static_cast<std::size_t>(first), ' ') + *marks + std::string(last, ' ')) {
    result.push_back({mark, mark == '+' ? *to : *from});
    from += mark != '+';
    to += mark != '-';
  }
  return result;
}

/// «12», «12,3»; a range of no lines is named by the line before it.
std::string range(std::size_t before, std::size_t count) {
  const auto first = std::to_string(count == 0 ? before : before + 1);
  return count == 1 ? first : first + "," + std::to_string(count);
}

void append_hunk(std::string& out, const std::vector<edit>& edits, std::size_t begin,
                 std::size_t end, std::size_t line_a, std::size_t line_b) {
  const auto of = [&](char other) {
    return static_cast<std::size_t>(
        std::count_if(edits.begin() + static_cast<std::ptrdiff_t>(begin),
                      edits.begin() + static_cast<std::ptrdiff_t>(end),
                      [&](const edit& x) { return x.mark != other; }));
  };
  out += "@@ -" + range(line_a, of('+')) + " +" + range(line_b, of('-')) + " @@\n";
  for (auto i = begin; i < end; ++i) {
    out += edits[i].mark;
    out += edits[i].line;
    if (!edits[i].line.ends_with('\n'))
      out += "\n\\ No newline at end of file\n";
  }
}

} // namespace

std::string unified_diff(std::string_view before, std::string_view after,
                         const std::string& before_label, const std::string& after_label) {
  if (before == after)
    return {};
  auto result = "--- " + before_label + "\n+++ " + after_label + "\n";
  const auto edits = script_of(lines_of(before), lines_of(after));
  std::size_t line_a = 0; // lines that stand before edits[at]
  std::size_t line_b = 0;
  std::size_t at = 0;
  const auto pass_to = [&](std::size_t end) {
    for (; at < end; ++at) {
      line_a += edits[at].mark != '+';
      line_b += edits[at].mark != '-';
    }
  };
  const auto next_change = [&](std::size_t from) {
    while (from < edits.size() && edits[from].mark == ' ')
      ++from;
    return from;
  };
  for (auto change = next_change(0); change < edits.size(); change = next_change(at)) {
    pass_to(std::max(at, change - std::min(change, context)));
    auto end = change;
    // Changes that would share a line of context are one hunk.
    for (auto next = change; next < edits.size() && next <= end + 2 * context;
         next = next_change(end))
      for (end = next; end < edits.size() && edits[end].mark != ' ';)
        ++end;
    end = std::min(edits.size(), end + context);
    append_hunk(result, edits, at, end, line_a, line_b);
    pass_to(end);
  }
  return result;
}

} // namespace troupe::config
