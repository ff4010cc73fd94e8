#include "runtime/shell/complete.hpp"

#include "messages/commands.hpp"
#include "messages/lifecycle.hpp"
#include "runtime/shell/parse.hpp"

#include <algorithm>

namespace troupe::shell {

namespace {

std::vector<std::string> option_flags(const command_info& command) {
  std::vector<std::string> result;
  for (const auto& list : {command.options, global_options()})
    for (const auto& option : list) {
      // The long form says what it does.
      const auto comma = option.flags.rfind(',');
      result.emplace_back(option.flags.substr(comma == std::string_view::npos ? 0 : comma + 1));
    }
  return result;
}

const option_info* find_option(const command_info& command, std::string_view word) {
  for (const auto& list : {command.options, global_options()})
    for (const auto& option : list) {
      auto rest = option.flags;
      while (!rest.empty()) {
        const auto comma = std::min(rest.find(','), rest.size());
        if (rest.substr(0, comma) == word)
          return &option;
        rest.remove_prefix(std::min(comma + 1, rest.size()));
      }
    }
  return nullptr;
}

bool takes_next(const option_info* option) {
  return option && option->kind != word_kind::flag && option->bare.empty();
}

/// The kind of the word that comes after these, which follow the command.
word_kind kind_of_next(const command_info& command, const std::vector<std::string>& before) {
  std::size_t position = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (!before[i].starts_with('-')) {
      ++position;
      continue;
    }
    const auto* option = find_option(command, before[i]);
    if (!takes_next(option))
      continue;
    if (i + 1 == before.size())
      return option->kind;
    ++i;
  }
  if (command.arguments.empty())
    return word_kind::text;
  const auto last = command.arguments.size() - 1;
  if (position > last && !command.arguments[last].many)
    return word_kind::text;
  return command.arguments[std::min(position, last)].kind;
}

std::vector<std::string> words_of(word_kind kind, const name_source& names) {
  switch (kind) {
  case word_kind::bot: {
    auto all = names();
    std::erase_if(all, [](const auto& name) { return name.ends_with('/'); });
    return all;
  }
  case word_kind::target: {
    auto all = names();
    all.emplace_back("all");
    return all;
  }
  case word_kind::signal:
    return {"HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM", "CONT", "STOP"};
  case word_kind::state: {
    std::vector<std::string> all{"ready", "down"};
    for (std::size_t i = 0; i < state_count; ++i)
      all.emplace_back(to_string(static_cast<state>(i)));
    return all;
  }
  case word_kind::command:
    return command_names();
  default:
    return {};
  }
}

} // namespace

completion complete(std::string_view line, const name_source& names) {
  completion result;
  const auto blank = line.find_last_of(" \t");
  result.begin = blank == std::string_view::npos ? 0 : blank + 1;
  const auto word = line.substr(result.begin);
  const auto before = split_line(line.substr(0, result.begin));
  if (!before)
    return result;
  std::vector<std::string> offered;
  if (before->empty()) {
    offered = command_names();
    offered.emplace_back("exit");
  } else {
    const auto* command = find_command(before->front());
    if (const auto* other = find_foreign_word(before->front()); !command && other)
      command = find_command(other->means);
    if (!command || command->hidden)
      return result;
    const std::vector<std::string> rest{before->begin() + 1, before->end()};
    offered = word.starts_with('-') ? option_flags(*command)
                                    : words_of(kind_of_next(*command, rest), names);
  }
  for (auto& one : offered)
    if (one.starts_with(word))
      result.candidates.push_back(std::move(one));
  std::ranges::sort(result.candidates);
  const auto same = std::ranges::unique(result.candidates);
  result.candidates.erase(same.begin(), same.end());
  return result;
}

std::string common_beginning(const std::vector<std::string>& words) {
  if (words.empty())
    return "";
  auto result = words.front();
  for (const auto& word : words) {
    const auto [left, right] = std::ranges::mismatch(result, word);
    result.erase(left, result.end());
  }
  return result;
}

} // namespace troupe::shell
