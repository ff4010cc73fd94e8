#include "runtime/import/supervisord.hpp"

#include "config/names.hpp"
#include "runtime/import/supervisord_program.hpp"
#include "runtime/import/words.hpp"

#include <algorithm>
#include <glob.h>
#include <iterator>
#include <unistd.h>

namespace troupe::importing {

namespace {

/// Files that one [include] may name.
constexpr std::size_t max_included = 1000;

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

/// `%(here)s` in a file that is included is that file's directory.
void put_here(std::vector<ini_section>& sections, const std::string& directory) {
  static constexpr std::string_view name = "%(here)s";
  const auto text = percent_literal(directory);
  for (auto& section : sections)
    for (auto& entry : section.entries)
      for (auto at = entry.value.find(name); at != std::string::npos;
           at = entry.value.find(name, at + text.size()))
        entry.value.replace(at, name.size(), text);
}

/// A program, or a group as a whole, with where it stands in the order.
struct child {
  std::string name;
  long long priority = 999;
  bool waits_for_nobody = false; ///< is not started with the fleet
};

/// Carries over one supervisord.conf.
class supervisord_importer {
public:
  explicit supervisord_importer(imported_fleet& fleet)
      : fleet_{fleet} {}

  std::optional<failure> run(const source& from) {
    file_.here = from.directory();
    file_.host = host_name();
    auto sections = parse_ini(from);
    if (!sections)
      return sections.error();
    sections_ = std::move(*sections);
    if (auto why = include(from))
      return why;
    for (const auto& section : sections_)
      if (section.name == "supervisord")
        read_supervisord(section);
    read_groups();
    for (const auto& section : sections_)
      read_other(section);
    set_order();
    return std::nullopt;
  }

private:
  std::optional<failure> include(const source& from) {
    const auto section = std::ranges::find(sections_, "include", &ini_section::name);
    if (section == sections_.end())
      return std::nullopt;
    const auto* files = section->find("files");
    if (!files)
      return std::nullopt;
    const percent_context context{{{"here", file_.here}, {"host_node_name", file_.host}}, {}, {}};
    const auto text = percent_expand(files->value, context, percent_use::plain);
    if (!text)
      return failure{from.path, files->where.line, "files: " + text.error(), ""};
    const auto where = files->where;
    std::size_t count = 0;
    std::vector<ini_section> more;
    for (const auto& word : split(*text, " \t\n")) {
      glob_t found{};
      const auto pattern = absolute_in(file_.here, word);
      const int result = glob(pattern.c_str(), 0, nullptr, &found);
      const std::vector<std::string> paths{found.gl_pathv, found.gl_pathv + found.gl_pathc};
      globfree(&found);
      if (result != 0)
        fleet_.remark_on(weight::lost, where, "include",
                         "there is no file " + config::in_quotes(pattern));
      for (const auto& path : paths) {
        if (++count > max_included)
          return failure{from.path, where.line, "more than 1000 files are included", ""};
        const auto included = read_source(path);
        if (!included)
          return included.error();
        auto sections = parse_ini(*included);
        if (!sections)
          return sections.error();
        put_here(*sections, included->directory());
        std::ranges::move(*sections, std::back_inserter(more));
      }
    }
    for (auto& each : more) {
      const auto known = std::ranges::find(sections_, each.name, &ini_section::name);
      if (known == sections_.end())
        sections_.push_back(std::move(each));
      else
        std::ranges::move(each.entries, std::back_inserter(known->entries));
    }
    return std::nullopt;
  }

  void read_supervisord(const ini_section& section) {
    const percent_context context{{{"here", file_.here}, {"host_node_name", file_.host}}, {}, {}};
    for (const auto& entry : section.entries) {
      if (entry.key == "environment") {
        const auto variables = supervisord_environment(entry.value, context);
        if (!variables) {
          fleet_.remark_on(weight::lost, entry.where, entry.key, variables.error());
          continue;
        }
        // Where a secret may be is told by whoever takes a bot's environment.
        imported_bot root;
        for (const auto& [name, value] : *variables) {
          file_.env[name] = value;
          set_variable(root, name, value, entry.where);
        }
        for (const auto& one : root.remarks)
          fleet_.remark_on(one.how, one.where, one.key, one.why, one.advice);
        if (root.settings.contains("environment"))
          fleet_.group("")["defaults"]["environment"] = root.settings["environment"];
      } else if (entry.key == "umask") {
        fleet_.group("")["defaults"]["umask"] = entry.value;
      } else if (entry.key == "directory") {
        const auto text = percent_expand(entry.value, context, percent_use::expanded);
        if (text)
          file_.directory = absolute_in(file_.here, *text);
        else
          fleet_.remark_on(weight::lost, entry.where, entry.key, text.error());
      } else if (entry.key == "user") {
        // supervisord becomes that user, and all its programs are started by it.
        const auto id = number(entry.value);
        fleet_.group("")["defaults"]["user"] = id ? json(*id) : json(entry.value);
      } else if (entry.key == "minfds" || entry.key == "minprocs") {
        fleet_.remark_on(weight::lost, entry.where, entry.key, "is a limit of supervisord itself",
                         entry.key == "minfds" ? "\"limits\": {\"open_files\": …} limits each bot"
                                               : "\"limits\": {\"processes\": …} limits each bot");
      } else {
        fleet_.remark_on(weight::lost, entry.where, entry.key,
                         "concerns supervisord itself, not its programs",
                         "troupe keeps all its files under the state directory (--state)");
      }
    }
  }

  void read_groups() {
    for (const auto& section : sections_) {
      if (!section.name.starts_with("group:"))
        continue;
      const auto name = fleet_.add_group(section.name.substr(6), section.where);
      root_.push_back({name, priority_of(section), false});
      const auto* programs = section.find("programs");
      if (!programs)
        fleet_.remark_on(weight::lost, section.where, section.name, "names no programs");
      for (const auto& program : split(programs ? programs->value : "", ","))
        add_program(program, name, programs->where);
      for (const auto& entry : section.entries)
        if (entry.key != "programs" && entry.key != "priority")
          fleet_.remark_on(weight::lost, entry.where, entry.key, "is no key of a group");
    }
    for (const auto& section : sections_)
      if (section.name.starts_with("program:") && !grouped_.contains(section.name.substr(8)))
        add_program(section.name.substr(8), "", section.where);
  }

  void add_program(const std::string& program, const std::string& group, const place& from) {
    grouped_.insert(program);
    const auto section = std::ranges::find(sections_, "program:" + program, &ini_section::name);
    if (section == sections_.end()) {
      fleet_.remark_on(weight::lost, from, program, "there is no [program:" + program + "]");
      return;
    }
    const auto before = fleet_.bots().size();
    import_program(*section, file_, group, fleet_);
    if (fleet_.bots().size() == before)
      return;
    const auto& bot = fleet_.bots().back();
    auto& children = group.empty() ? root_ : in_group_[group];
    children.push_back({std::string{config::leaf_name(bot.name)}, priority_of(*section),
                        !bot.settings.value("autostart", true)});
  }

  void read_other(const ini_section& section) {
    static const std::map<std::string, std::pair<const char*, const char*>, std::less<>> kinds{
        {"eventlistener",
         {"there are no event listeners", "`troupe events -f --json` prints what "
                                          "happens, one event a line"}},
        {"fcgi-program",
         {"nobody holds a FastCGI socket for bots",
          "let the program listen itself, such as with spawn-fcgi -n or php-fpm"}},
        {"rpcinterface", {"there is no XML-RPC", "`troupe … --json` and docs/admin-protocol.md"}},
        {"unix_http_server", {"there is no XML-RPC", "the admin socket is in the state directory"}},
        {"inet_http_server", {"there is no XML-RPC", "`troupe … --json` over ssh"}},
        {"supervisorctl", {"concerns supervisorctl", "`troupe shell`"}},
        {"ctlplugin", {"concerns supervisorctl", ""}},
    };
    const auto kind = section.name.substr(0, section.name.find(':'));
    if (kind == "program" || kind == "group" || kind == "supervisord" || kind == "include")
      return;
    const auto known = kinds.find(kind);
    fleet_.remark_on(weight::lost, section.where, "[" + section.name + "]",
                     known == kinds.end() ? "is no section that is known here"
                                          : known->second.first,
                     known == kinds.end() ? "" : known->second.second);
  }

  /// `order` where priorities say one: smaller numbers first, among equals by name.
  static json order_of(std::vector<child> children) {
    const bool said = std::ranges::any_of(
        children, [&](const auto& one) { return one.priority != children.front().priority; });
    if (!said)
      return json::array();
    std::ranges::sort(children, {},
                      [](const child& one) { return std::tie(one.priority, one.name); });
    auto result = json::array();
    for (const auto& one : children)
      if (!one.waits_for_nobody)
        result.push_back(one.name);
    return result;
  }

  void set_order() {
    in_group_[""] = root_;
    for (const auto& [group, children] : in_group_)
      if (auto order = order_of(children); order.size() > 1)
        fleet_.group(group)["order"] = std::move(order);
  }

  imported_fleet& fleet_;
  supervisord_file file_;
  std::vector<ini_section> sections_;
  std::set<std::string> grouped_;
  std::vector<child> root_;
  std::map<std::string, std::vector<child>> in_group_;
};

} // namespace

std::optional<failure> import_supervisord(const source& from, imported_fleet& fleet) {
  return supervisord_importer{fleet}.run(from);
}

} // namespace troupe::importing
