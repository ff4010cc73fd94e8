#include "runtime/shell/complete.hpp"

#include "config/key_reference.hpp"
#include "messages/commands.hpp"
#include "messages/lifecycle.hpp"
#include "runtime/shell/parse.hpp"

#include <algorithm>

namespace troupe::shell {

namespace {

void add_flags(std::vector<std::string>& to, std::span<const option_info> options) {
  for (const auto& option : options) {
    // The long form says what it does.
    const auto comma = option.flags.rfind(',');
    to.emplace_back(option.flags.substr(comma == std::string_view::npos ? 0 : comma + 1));
  }
}

std::vector<std::string> global_flags() {
  std::vector<std::string> result{"--version"};
  add_flags(result, global_options());
  return result;
}

std::vector<std::string> option_flags(const command_info& command) {
  std::vector<std::string> result;
  add_flags(result, command.options);
  add_flags(result, global_options());
  return result;
}

const option_info* find_among(std::span<const option_info> options, std::string_view word) {
  for (const auto& option : options) {
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

const option_info* find_global(std::string_view word) {
  return find_among(global_options(), word);
}

const option_info* find_option(const command_info& command, std::string_view word) {
  const auto* own = find_among(command.options, word);
  return own ? own : find_global(word);
}

bool takes_next(const option_info* option) {
  return option && option->kind != word_kind::flag && option->bare.empty();
}

/// What the next word is to be.
struct expected_word {
  word_kind kind = word_kind::text;
  std::string_view choices = {};
};

/// What comes after these, which follow the command.
expected_word next_word(const command_info& command, const std::vector<std::string>& before) {
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
      return {option->kind, option->choices};
    ++i;
  }
  if (command.arguments.empty())
    return {};
  const auto last = command.arguments.size() - 1;
  if (position > last && !command.arguments[last].many)
    return {};
  const auto& argument = command.arguments[std::min(position, last)];
  return {argument.kind, argument.choices};
}

std::vector<std::string> members(const std::string& family) {
  const auto all = family_members(family);
  return {all.begin(), all.end()};
}

/// «limits.memory»
std::string path_words(std::string_view pointer) {
  std::string result{pointer.substr(std::min<std::size_t>(1, pointer.size()))};
  std::ranges::replace(result, '/', '.');
  return result;
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
  case word_kind::config_key: {
    std::vector<std::string> all;
    for (const auto& key : config::config_keys())
      if (key.file == config::schema_kind::bot)
        all.push_back(path_words(key.pointer));
    return all;
  }
  case word_kind::command:
    return command_names();
  case word_kind::duration:
    return {"5s", "10s", "30s", "1m", "5m"};
  default:
    return {};
  }
}

/// What of the offered words goes on from what was typed.
offer finish(offer result, std::vector<std::string> offered, std::string_view word) {
  for (auto& one : offered)
    if (one.starts_with(word))
      result.candidates.push_back(std::move(one));
  std::ranges::sort(result.candidates);
  const auto same = std::ranges::unique(result.candidates);
  result.candidates.erase(same.begin(), same.end());
  return result;
}

} // namespace

offer complete_after(const std::vector<std::string>& before, std::string_view word,
                     const name_source& names) {
  // Past what may stand before the command.
  std::size_t at = 0;
  const option_info* open = nullptr;
  for (; at < before.size() && before[at].starts_with('-'); ++at) {
    open = find_global(before[at]);
    if (takes_next(open) && ++at == before.size())
      break;
    open = nullptr;
  }
  offer result;
  std::vector<std::string> offered;
  if (open) {
    result.kind = open->kind;
    offered = words_of(open->kind, names);
  } else if (at >= before.size()) {
    result.kind = word_kind::command;
    offered = word.starts_with('-') ? global_flags() : command_names();
  } else {
    const auto* command = find_command(before[at]);
    auto own = at + 1; // the first word that is no part of its name
    if (!command && !family_members(before[at]).empty()) {
      if (own == before.size()) {
        result.kind = word_kind::command;
        offered = word.starts_with('-') ? global_flags() : members(before[at]);
        return finish(std::move(result), std::move(offered), word);
      }
      command = find_command(before[at] + " " + before[own++]);
    }
    if (const auto* other = find_foreign_word(before[at]); !command && other)
      command = find_command(other->means);
    if (!command || command->hidden)
      return result;
    const std::vector<std::string> rest{before.begin() + static_cast<std::ptrdiff_t>(own),
                                        before.end()};
    if (const auto equals = word.find('='); word.starts_with('-') && equals != word.npos) {
      // «--wait=3»
      const auto* option = find_option(*command, word.substr(0, equals));
      result.kind = option ? option->kind : word_kind::text;
      const auto values = option && !option->choices.empty() ? split_choices(option->choices)
                                                             : words_of(result.kind, names);
      for (const auto& value : values)
        offered.push_back(std::string{word.substr(0, equals + 1)} + value);
    } else if (word.starts_with('-')) {
      offered = option_flags(*command);
    } else {
      const auto next = next_word(*command, rest);
      result.kind = next.kind;
      if (next.kind == word_kind::command && !rest.empty())
        offered = members(rest.back()); // help state …
      else
        offered = next.choices.empty() ? words_of(next.kind, names) : split_choices(next.choices);
    }
  }
  return finish(std::move(result), std::move(offered), word);
}

completion complete(std::string_view line, const name_source& names) {
  completion result;
  const auto blank = line.find_last_of(" \t");
  result.begin = blank == std::string_view::npos ? 0 : blank + 1;
  const auto word = line.substr(result.begin);
  const auto before = split_line(line.substr(0, result.begin));
  if (!before)
    return result;
  result.candidates = complete_after(*before, word, names).candidates;
  if (before->empty() && std::string_view{"exit"}.starts_with(word)) {
    result.candidates.emplace_back("exit");
    std::ranges::sort(result.candidates);
  }
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
