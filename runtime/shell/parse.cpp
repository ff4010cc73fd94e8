#include "runtime/shell/parse.hpp"

#include "config/escape.hpp"
#include "config/names.hpp"
#include "config/units.hpp"
#include "runtime/shell/text.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace troupe::shell {

namespace {

using json = nlohmann::ordered_json;
using words = std::vector<std::string>;

constexpr std::size_t max_words = 2000;

refusal usage(const std::string& message, const std::string& hint) {
  return {exit_code::usage, "usage", message, hint};
}

std::string see_help(const command_info& command) {
  return "`troupe help " + std::string{command.name} + "`";
}

/// The first flag of «-n,--last».
std::vector<std::string_view> flags_of(const option_info& option) {
  std::vector<std::string_view> result;
  auto rest = option.flags;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    result.push_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return result;
}

bool is_flag(const option_info& option, std::string_view word) {
  return std::ranges::any_of(flags_of(option), [&](auto flag) { return flag == word; });
}

/// The first word from `i` on that is neither an option nor the value of one.
std::optional<std::size_t> find_argument(const words& all, std::size_t i,
                                         std::span<const option_info> own) {
  for (; i < all.size(); ++i) {
    if (!all[i].starts_with('-') || all[i] == "-")
      return i;
    if (all[i] == "--")
      return i + 1 < all.size() ? std::optional{i + 1} : std::nullopt;
    const auto takes_value = [&word = all[i]](const option_info& option) {
      return option.kind != word_kind::flag && option.bare.empty() && is_flag(option, word);
    };
    if (std::ranges::any_of(global_options(), takes_value) || std::ranges::any_of(own, takes_value))
      ++i; // past the value, or the end
  }
  return std::nullopt;
}

/// Where the command's name stands, if there is one; of one of a family both its words.
struct command_words {
  std::optional<std::size_t> first;
  std::optional<std::size_t> second;

  bool is(std::size_t i) const { return i == first || i == second; }
};

command_words find_command_words(const words& all) {
  command_words result;
  result.first = find_argument(all, 0, {});
  if (!result.first)
    return result;
  std::vector<option_info> own;
  for (const auto member : family_members(all[*result.first]))
    if (const auto* one = find_command(all[*result.first] + " " + std::string{member}))
      own.insert(own.end(), one->options.begin(), one->options.end());
  if (!own.empty())
    result.second = find_argument(all, *result.first + 1, own);
  return result;
}

std::string command_name(const words& all, const command_words& where) {
  return all[*where.first] + (where.second ? " " + all[*where.second] : "");
}

/// Where the words of a program that is to be run begin; the number of words without one.
std::size_t own_words(const words& all, const program_test& is_program) {
  const auto where = find_command_words(all).first;
  const auto command = where && config::is_utf8(all[*where])
                           ? named_command(all[*where])
                           : config::expected<const command_info*, refusal>{nullptr};
  if (!command || !*command || !takes_program(**command))
    return all.size();
  const auto program = find_argument(all, *where + 1, (*command)->options);
  return program && is_program(all[*program]) ? *program : all.size();
}

/// Checks a word by what it is to be; the error says what was expected.
config::expected<json, std::string> convert(word_kind kind, const std::string& word) {
  switch (kind) {
  case word_kind::number: {
    std::uint64_t value = 0;
    const auto end = word.data() + word.size();
    const auto [at, error] = std::from_chars(word.data(), end, value);
    if (error != std::errc{} || at != end || value > 0xffff'ffff)
      return config::unexpected{std::string{"a whole number"}};
    return json(value);
  }
  case word_kind::duration:
    if (!config::parse_duration(word))
      return config::unexpected{std::string{"a duration such as 30s or 2m"}};
    return json(word);
  default:
    return json(word);
  }
}

/// One command's options and arguments as CLI11 knows them.
struct parser {
  explicit parser(const command_info& which)
      : command{which}
      , app{std::string{which.summary}, std::string{which.name}} {
    app.set_help_flag();
    app.allow_extras();
    for (const auto& option : global_options())
      if (!has_own(which, option))
        add(option);
    for (const auto& option : which.options)
      add(option);
    for (const auto& argument : which.arguments) {
      if (!positionals.empty() && takes_program(which))
        break; // those of the program never come here
      const std::string name{argument.name};
      positionals.push_back(argument.many ? app.add_option(name, sink)
                                          : app.add_option(name, text));
    }
  }

  void add(const option_info& option) {
    if (option.kind == word_kind::flag) {
      options.emplace_back(&option, app.add_flag(std::string{option.flags}));
    } else if (!option.bare.empty()) {
      auto names = std::string{option.flags} + "{" + std::string{option.bare} + "}";
      options.emplace_back(&option, app.add_flag(names, text));
    } else {
      auto* added = option.many ? app.add_option(std::string{option.flags}, sink)
                                : app.add_option(std::string{option.flags}, text);
      // One value each time; whether it may be given again is checked by us.
      added->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      options.emplace_back(&option, added);
    }
  }

  const command_info& command;
  CLI::App app;
  std::vector<std::string> sink;
  std::string text;
  std::vector<std::pair<const option_info*, CLI::Option*>> options;
  std::vector<CLI::Option*> positionals;
};

refusal unexpected_word(const command_info& command, const std::string& word) {
  if (!word.starts_with('-'))
    return usage(std::string{command.name} + ": " + in_quotes(word) + " is one argument too many",
                 see_help(command));
  words known;
  for (const auto& list : {command.options, global_options()})
    for (const auto& option : list)
      for (const auto flag : flags_of(option))
        if (flag.starts_with("--")) // any two letters are alike
          known.emplace_back(flag);
  auto hint = config::did_you_mean(word.substr(0, word.find('=')), known);
  if (hint.empty())
    hint = see_help(command);
  return usage(std::string{command.name} + " has no option " + in_quotes(word), hint);
}

/// What CLI11 would let pass of «--option=value».
std::optional<refusal> wrong_value(const command_info& command, const std::string& word) {
  const auto at = word.find('=');
  if (!word.starts_with("--") || at == std::string::npos)
    return std::nullopt;
  const auto name = std::string{command.name} + ": ";
  // Nothing, and {}, which it takes for an empty list.
  if (at + 1 == word.size() || word.compare(at + 1, std::string::npos, "{}") == 0)
    return usage(name + in_quotes(word) + " has no value after the '='", see_help(command));
  const auto flag = std::string_view{word}.substr(0, at);
  for (const auto& list : {command.options, global_options()})
    for (const auto& option : list)
      if (option.kind == word_kind::flag && is_flag(option, flag))
        return usage(name + std::string{flag} + " takes no value", see_help(command));
  return std::nullopt;
}

/// «--wait 5s»: the value would be taken for a target.
std::optional<refusal> loose_value(const command_info& command, const std::string& word,
                                   const std::string& next) {
  const auto takes_it = [&](const option_info& option) {
    return option.kind == word_kind::duration && !option.bare.empty() && is_flag(option, word);
  };
  if (!std::ranges::any_of(command.options, takes_it) || !config::parse_duration(next))
    return std::nullopt;
  return usage(std::string{command.name} + ": " + word + " takes its time only with a '='",
               "write " + word + "=" + next);
}

/// Of an argument or option, which is called `name` to people.
template <class T>
std::optional<refusal> no_choice(const command_info& command, const T& which,
                                 const std::string& name, const std::string& word) {
  const auto known = split_choices(which.choices);
  if (known.empty() || std::ranges::count(known, word) > 0)
    return std::nullopt;
  auto hint = config::did_you_mean(word, known);
  return usage(std::string{command.name} + ": " + name + " is " + std::string{which.summary}
                   + ", not " + in_quotes(word),
               hint.empty() ? see_help(command) : hint);
}

/// The value of an option; false when it is wrong.
std::optional<refusal> take(const command_info& command, const option_info& option,
                            const words& given, json& into) {
  if (given.empty())
    return std::nullopt;
  const auto flag = std::string{flags_of(option).back()};
  if (option.kind == word_kind::flag) {
    into[option.key] = given.back() != "false";
    return std::nullopt;
  }
  if (!option.many && given.size() > 1)
    return usage(std::string{command.name} + ": " + flag + " is given twice", see_help(command));
  for (const auto& word : given) {
    auto value = convert(option.kind, word);
    if (!value)
      return usage(std::string{command.name} + ": " + flag + " needs " + value.error() + ", not "
                       + in_quotes(word),
                   see_help(command));
    if (auto wrong = no_choice(command, option, flag, word))
      return wrong;
    if (option.many)
      into[option.key].push_back(*value);
    else
      into[option.key] = *value;
  }
  return std::nullopt;
}

std::optional<refusal> take_positional(const command_info& command, const argument_info& argument,
                                       const words& given, json& into) {
  if (given.empty()) {
    if (argument.required)
      return usage(std::string{command.name} + " what? " + upper(argument.name) + " is missing",
                   see_help(command));
    return std::nullopt;
  }
  for (const auto& word : given) {
    auto value = convert(argument.kind, word);
    if (!value)
      return usage(std::string{command.name} + ": " + upper(argument.name) + " must be "
                       + value.error() + ", not " + in_quotes(word),
                   see_help(command));
    if (auto wrong = no_choice(command, argument, upper(argument.name), word))
      return wrong;
    if (argument.many)
      into[argument.name].push_back(*value);
    else
      into[argument.name] = *value;
  }
  return std::nullopt;
}

void settle_globals(invocation& result) {
  auto& all = result.arguments;
  if (const auto found = all.find("state"); found != all.end())
    result.global.state = found->get<std::string>();
  if (const auto found = all.find("json"); found != all.end())
    result.global.json = found->get<bool>();
  if (const auto found = all.find("help"); found != all.end())
    result.help = found->get<bool>();
  if (const auto found = all.find("timeout"); found != all.end())
    if (const auto value = config::parse_duration(found->get<std::string>()))
      result.global.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(*value);
  for (const auto& option : global_options())
    all.erase(std::string{option.key});
}

} // namespace

std::vector<std::string> split_choices(std::string_view choices) {
  std::vector<std::string> result;
  while (!choices.empty()) {
    const auto bar = std::min(choices.find('|'), choices.size());
    result.emplace_back(choices.substr(0, bar));
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return result;
}

std::vector<std::string> command_names() {
  std::vector<std::string> result;
  for (const auto& command : all_commands())
    if (auto first = command.name.substr(0, command.name.find(' '));
        !command.hidden && (result.empty() || result.back() != first))
      result.emplace_back(first);
  return result;
}

bool has_own(const command_info& command, const option_info& global) {
  return std::ranges::any_of(command.options, [&](const auto& own) {
    return std::ranges::any_of(flags_of(own),
                               [&](const auto flag) { return is_flag(global, flag); });
  });
}

namespace {

/// «state what? get, set or list»
refusal no_member(const std::string& family, const std::string& second) {
  std::string all;
  words known;
  for (const auto member : family_members(family))
    known.emplace_back(member);
  for (std::size_t i = 0; i < known.size(); ++i)
    all += (i == 0 ? "" : i + 1 == known.size() ? " or " : ", ") + known[i];
  if (second.empty())
    return usage(family + " what? " + all, "`troupe help " + family + "`");
  auto hint = config::did_you_mean(second, known);
  return usage(family + " has no " + in_quotes(second) + ", but " + all,
               hint.empty() ? "`troupe help " + family + "`" : hint);
}

} // namespace

config::expected<const command_info*, refusal> named_command(const std::string& word) {
  if (const auto* found = find_command(word); found && !found->hidden)
    return found;
  if (const auto* other = find_foreign_word(word)) {
    if (!other->means.empty())
      return find_command(other->means);
    return config::unexpected{
        usage("there is no command " + in_quotes(word), std::string{other->advice})};
  }
  const auto blank = std::min(word.find(' '), word.size());
  if (const auto family = word.substr(0, blank); !family_members(family).empty())
    return config::unexpected{no_member(family, word.substr(std::min(blank + 1, word.size())))};
  auto hint = config::did_you_mean(word, command_names());
  if (hint.empty())
    hint = "`troupe help` lists all commands";
  return config::unexpected{usage("there is no command " + in_quotes(word), hint)};
}

bool takes_program(const command_info& command) {
  return std::ranges::any_of(command.arguments,
                             [](const auto& one) { return one.kind == word_kind::program; });
}

bool wants_json(const words& given) {
  const auto end =
      given.begin() + static_cast<std::ptrdiff_t>(own_words(given, solo::takes_arguments));
  const auto stop = std::find(given.begin(), end, "--");
  return std::find(given.begin(), stop, "--json") != stop;
}

config::expected<invocation, refusal> parse(const words& all, const global_settings& before,
                                            const program_test& is_program) {
  invocation result;
  result.global = before;
  const auto own = static_cast<std::ptrdiff_t>(own_words(all, is_program));
  const words given{all.begin(), all.begin() + own};
  result.program.assign(all.begin() + own, all.end());
  if (given.size() > max_words)
    return config::unexpected{
        usage("more than " + std::to_string(max_words) + " words", "name groups, or use a glob")};
  // Everything goes on as JSON, which has no way to say such bytes.
  for (const auto& word : given)
    if (!config::is_utf8(word))
      return config::unexpected{usage(in_quotes(word) + " is no UTF-8", "")};
  const auto where = find_command_words(given);
  if (!where.first) {
    const auto has = [&](std::string_view word) { return std::ranges::count(given, word) > 0; };
    result.version = has("--version") || has("-V");
    result.help = !result.version;
    result.global.json = result.global.json || has("--json");
    for (const auto& word : given) {
      const bool known = word == "--version" || word == "-V" || word == "-h" || word == "--help"
                         || word == "--json";
      if (!known)
        return config::unexpected{
            usage(in_quotes(word) + " is no command", "`troupe help` lists all commands")};
    }
    return result;
  }
  const auto command = named_command(command_name(given, where));
  if (!command) {
    const bool help = std::ranges::count(given, "--help") + std::ranges::count(given, "-h") > 0;
    if (!help || where.second || family_members(given[*where.first]).empty())
      return config::unexpected{command.error()};
    result.help = true;
    result.family = given[*where.first];
    result.global.json = result.global.json || std::ranges::count(given, "--json") > 0;
    return result;
  }
  result.command = *command;

  for (std::size_t i = 0; i < given.size() && given[i] != "--"; ++i) {
    auto wrong = wrong_value(**command, given[i]);
    if (!wrong && i + 1 < given.size())
      wrong = loose_value(**command, given[i], given[i + 1]);
    if (wrong)
      return config::unexpected{*wrong};
  }
  // CLI11 takes them from the back.
  words rest;
  for (std::size_t i = given.size(); i-- > 0;)
    if (!where.is(i))
      rest.push_back(given[i]);
  parser with{**command};
  try {
    with.app.parse(std::move(rest));
  } catch (const CLI::Error& e) {
    return config::unexpected{
        usage(std::string{result.command->name} + ": " + escape(e.what()), see_help(**command))};
  }
  auto extras = with.app.remaining();
  std::erase(extras, "--");
  if (!extras.empty()) {
    // A wrong option is the cause, a word too many often its consequence.
    const auto option =
        std::ranges::find_if(extras, [](const auto& word) { return word.starts_with('-'); });
    return config::unexpected{
        unexpected_word(**command, option == extras.end() ? extras.front() : *option)};
  }
  for (const auto& [option, parsed] : with.options)
    if (auto wrong = take(**command, *option, parsed->results(), result.arguments))
      return config::unexpected{*wrong};
  settle_globals(result);
  if (result.help)
    return result;
  if (!result.program.empty())
    return result;
  for (std::size_t i = 0; i < with.positionals.size(); ++i)
    if (auto wrong = take_positional(**command, (*command)->arguments[i],
                                     with.positionals[i]->results(), result.arguments))
      return config::unexpected{*wrong};
  // Nothing is changed by a slip: what is meant has to be named.
  const bool open_ended = std::ranges::any_of(
      (*command)->arguments, [](const auto& one) { return one.kind == word_kind::target; });
  if (open_ended && (*command)->changes && !result.arguments.contains("targets")
      && !result.arguments.contains("labels"))
    return config::unexpected{usage(std::string{(*command)->name} + " what? no target was given",
                                    "name bots, a group with a trailing '/', or all")};
  return result;
}

config::expected<words, std::string> split_line(std::string_view line) {
  words result;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == '\'') {
      if (c == '\'')
        quote = 0;
      else
        word += c;
    } else if (c == '\\') {
      if (++i == line.size())
        return config::unexpected{std::string{"the line ends with a backslash"}};
      word += line[i];
      in_word = true;
    } else if (quote == '"') {
      if (c == '"')
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      if (in_word)
        result.push_back(std::exchange(word, {}));
      in_word = false;
    } else if (c == '#' && !in_word) {
      break;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote)
    return config::unexpected{std::string{"a quote is not closed: "} + quote};
  if (in_word)
    result.push_back(std::move(word));
  return result;
}

std::string quote_word(std::string_view word) {
  const bool plain = !word.empty() && word.front() != '#'
                     && word.find_first_of(" \t\r\n'\"\\") == std::string_view::npos;
  if (plain)
    return std::string{word};
  std::string result{"'"};
  for (const char c : word) {
    if (c == '\'')
      result += "'\\''";
    else
      result += c;
  }
  return result + "'";
}

} // namespace troupe::shell
