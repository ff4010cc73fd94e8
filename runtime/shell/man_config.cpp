// troupe(5), from the schemas of the config.

#include "config/key_reference.hpp"
#include "runtime/shell/help.hpp"
#include "runtime/shell/roff.hpp"

namespace troupe::shell {

namespace {

constexpr std::string_view layout = R"(fleet/
  runtime.json         the runtime itself (optional)
  group.json           the root supervisor; "defaults" for all below it (optional)
  profiles/prod.json   changes that hold with --profile prod only
  secrets/exchange     a secret, mode 0600
  flaky.json           a bot in the root, named "flaky"
  market/              a group
    group.json         {"strategy": "rest_for_one", "order": ["feed", "trader"]}
    feed.json          the bot "market/feed"
    trader.json        the bot "market/trader")";

constexpr std::string_view sample = R"({
  "description": "Trades what the feed says",
  "command": ["python3", "trader.py", "--index", "${bot.index}"],
  "replicas": 4,
  "depends_on": {"feed": "ready"},
  "environment": {"API_KEY": "${secret:exchange}", "LEVEL": "info"},
  "limits": {"memory": "256MiB", "cpu": 0.5}
})";

std::string file_name(config::schema_kind which) {
  switch (which) {
  case config::schema_kind::bot:
    return "BOT.json";
  case config::schema_kind::group:
    return "group.json";
  case config::schema_kind::profile:
    return "profiles/NAME.json";
  case config::schema_kind::tenant:
    return "tenants/NAME.json";
  default:
    return "runtime.json";
  }
}

std::string section_of(config::schema_kind which) {
  const auto& schema = config::plain_schema(which);
  auto result = roff::section("KEYS OF " + file_name(which))
                + roff::prose(schema["description"].get<std::string>()) + "\n";
  for (const auto& row : config::key_reference(which)) {
    auto text = row.meaning;
    if (!row.value.empty())
      text += " Value: " + row.value + ".";
    if (!row.otherwise.empty())
      text += " Default: " + row.otherwise + ".";
    text += " In force: " + row.in_force + ".";
    result += roff::item(row.key, text);
  }
  return result;
}

} // namespace

std::string config_man(const std::string& date) {
  using enum config::schema_kind;
  auto result = roff::page("troupe", "5", date, "File Formats", "the config tree of a fleet");
  result +=
      roff::section("DESCRIPTION")
      + roff::prose("A fleet is a directory of JSON files, and the directories are the "
                    "supervision tree: a file is a bot, a directory is a group, a group "
                    "supervises what is in it.")
      + "\n" + roff::example(layout)
      + roff::paragraph("Comments, `//` and `/* */`, are allowed; a key that is there twice "
                        "is not. Files that do not end in `.json`, and names that begin with "
                        "`.` or `_`, are ignored. Each part of a name is made of small "
                        "letters, digits and `._-`, at most 64. `troupe check` reports every "
                        "mistake with its place.")
      + roff::paragraph("The settings of a bot are, weakest first: what is built in, "
                        "`defaults` of the root, of the profile, and of each group on the way "
                        "down, the bot's file, what the profile has for this bot, and what "
                        "`instances` has for one instance. Objects are merged key by key.");
  result += roff::section("VALUES")
            + roff::item("durations", "text such as `250ms`, `10s`, `1m30s`; a bare number is an "
                                      "error, except 0")
            + roff::item("sizes", "text such as `512KiB`, `64MiB`, `10MB`; a bare number is an "
                                  "error, except 0")
            + roff::item("rates", "text such as `50/s`, `600/m`, and for bytes `1MiB/s`")
            + roff::item("null", "takes what was inherited away")
            + roff::item("paths", "count from the folder of the file that sets them");
  result += roff::section("PLACEHOLDERS")
            + roff::prose("In `command`, `directory`, `environment` and `environment_file`, "
                          "expanded at each start:")
            + "\n"
            + roff::item("${bot.name}, ${bot.index}", "the bot and the number of its instance")
            + roff::item("${env:NAME}", "a variable of the environment of `troupe run`")
            + roff::item("${secret:NAME}", "the content of `secrets/NAME`, which nobody else may "
                                           "read, or of a systemd credential")
            + roff::item("$$", "a dollar");
  for (const auto which : {bot, group, profile, tenant, runtime})
    result += section_of(which);
  return result + roff::section("EXAMPLES") + roff::prose("A bot, `market/trader.json`:") + "\n"
         + roff::example(sample) + roff::section("SEE ALSO") + roff::bold("troupe") + "(1)\n";
}

} // namespace troupe::shell
