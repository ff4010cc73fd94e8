#include "runtime/report/secrets.hpp"

#include "config/expand.hpp"
#include "config/loader.hpp"
#include "config/secret_names.hpp"
#include "runtime/os/environment.hpp"
#include "runtime/os/files.hpp"
#include "runtime/os/process_table.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>

namespace troupe::report {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_file = 1024 * 1024;
constexpr std::size_t most_files = 10'000;

class finder {
public:
  finder(blotter& into, pid_t keeper)
      : into_{into}
      , keeper_{keeper} {
    // nop
  }

  void directory(const fs::path& path) {
    std::error_code error;
    if (!fs::exists(path, error) && !error)
      return;
    fs::directory_iterator files{path, error};
    std::size_t count = 0;
    for (; !error && files != fs::directory_iterator{} && count < most_files; ++count) {
      std::error_code ignored;
      if (files->is_regular_file(ignored))
        if (const auto text = read(files->path().string()))
          into_.learn_secret(*text);
      files.increment(error);
    }
    if (error)
      unreadable_.insert(path.string() + ": " + error.message());
  }

  void bot(const config::bot_entry& entry) {
    for (std::size_t i = 0; i < entry.instances.size(); ++i) {
      const auto& spec = *entry.instances[i];
      if (i > 0 && entry.instances[i] == entry.instances[i - 1] && !spec.environment_file)
        continue; // equal ones are one object
      config::expand_context context;
      context.bot = entry.name;
      context.index = static_cast<std::uint32_t>(i);
      context.env = [this](const std::string& name) { return variable(name); };
      for (const auto& [name, value] : spec.environment) {
        names_in(value);
        // One that names a secret file is known by what is in that.
        into_.learn_passwords(value);
        if (const auto whole = config::expand(value, context))
          config::names_a_secret(name) ? into_.learn_secret(*whole) : into_.learn_value(*whole);
      }
      command(spec.command);
      for (const auto* hook : {&spec.start_command, &spec.stop_command, &spec.on_crash})
        if (*hook)
          command((*hook)->command);
      for (const auto& name : spec.pass_environment)
        learn_variable(name);
      if (spec.environment_file)
        environment_file(spec, context);
    }
  }

  std::optional<std::string> variable(const std::string& name) const {
    return keeper_ > 0 ? os::variable_of(keeper_, name) : os::real_environment(name);
  }

  /// What could not be read.
  const std::set<std::string>& unreadable() const { return unreadable_; }

private:
  std::optional<std::string> read(const std::string& path) {
    auto text = os::read_file(path, largest_file);
    if (!text)
      unreadable_.insert(path + ": " + std::strerror(errno));
    return text;
  }

  void learn_variable(const std::string& name) {
    if (!variables_.insert(name).second)
      return;
    if (const auto value = variable(name))
      config::names_a_secret(name) ? into_.learn_secret(*value) : into_.learn_value(*value);
  }

  void command(const std::vector<std::string>& words) {
    for (const auto& [index, begin] : secret_arguments(words))
      into_.learn_secret(std::string_view{words[index]}.substr(begin));
    for (const auto& word : words) {
      names_in(word);
      into_.learn_passwords(word);
    }
  }

  /// Variables that a text names.
  void names_in(const std::string& text) {
    for (const auto& one : config::placeholders(text))
      if (one.what == config::placeholder::kind::env)
        learn_variable(one.name);
  }

  void environment_file(const config::bot_spec& spec, const config::expand_context& context) {
    auto path = config::expand(*spec.environment_file, context);
    const auto directory = config::expand(spec.directory, context);
    if (!path || !directory) {
      unreadable_.insert(*spec.environment_file + ": its name cannot be known");
      return;
    }
    if (!path->starts_with('/'))
      *path = *directory + '/' + *path;
    if (!files_.insert(*path).second)
      return;
    const auto text = read(*path);
    const auto values = text ? os::parse_environment_file(*text) : os::parse_environment_file("");
    if (!values)
      unreadable_.insert(*path + ": " + values.error());
    else
      for (const auto& [name, value] : *values)
        into_.learn_secret(value);
  }

  blotter& into_;
  pid_t keeper_;
  std::set<std::string> unreadable_;
  std::set<std::string> files_;
  std::set<std::string> variables_;
};

} // namespace

std::set<std::string> learn_secrets(blotter& into, const config::tree& tree, pid_t keeper) {
  finder find{into, keeper};
  find.directory(fs::path{tree.root} / "secrets");
  if (const auto credentials = find.variable("CREDENTIALS_DIRECTORY"))
    find.directory(*credentials);
  const auto loaded = config::load(tree);
  if (loaded.spec)
    for (const auto& [name, bot] : loaded.spec->bots)
      find.bot(*bot);
  auto result = find.unreadable();
  if (!loaded.spec)
    result.emplace("the applied tree cannot be read by this version");
  return result;
}

} // namespace troupe::report
