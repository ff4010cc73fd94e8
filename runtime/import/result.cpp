#include "runtime/import/result.hpp"

#include "config/document.hpp"
#include "config/escape.hpp"
#include "config/names.hpp"
#include "runtime/import/pretty.hpp"
#include "runtime/import/words.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace troupe::importing {

namespace {

/// What the loader refuses is taken out key by key; no bot has more keys than this.
constexpr int max_rounds = 100;

void comment(std::string& to, const std::string& text) {
  to += "// " + config::escape(text) + "\n";
}

std::string bot_text(const imported_bot& bot) {
  std::string result;
  comment(result, "From " + bot.where.file
                      + (bot.where.line > 0 ? ":" + std::to_string(bot.where.line) : std::string{})
                      + (bot.title.empty() ? std::string{} : ", " + bot.title) + ".");
  for (const auto& line : bot.comments)
    comment(result, line);
  // Keys of which the same is to be said stand in one line.
  std::vector<std::pair<std::string, std::string>> lines;
  for (const auto& one : bot.remarks) {
    if (one.how == weight::warning)
      continue;
    const auto text =
        ": " + one.why + (one.advice.empty() ? std::string{} : " (" + one.advice + ")");
    const auto known = std::ranges::find(lines, text, &std::pair<std::string, std::string>::second);
    if (known == lines.end())
      lines.emplace_back(one.key, text);
    else if ((", " + known->first + ",").find(", " + one.key + ",") == std::string::npos)
      known->first += ", " + one.key;
  }
  if (!lines.empty())
    comment(result, "What is not as it was there:");
  for (const auto& [keys, text] : lines)
    comment(result, "- " + keys + text);
  return result + pretty(bot.settings);
}

config::tree tree_of(const imported_fleet& fleet, const std::string& root) {
  config::tree result;
  result.root = root;
  for (const auto& bot : fleet.bots())
    result.documents.push_back({bot.name + ".json", bot_text(bot)});
  for (const auto& [group, settings] : fleet.groups())
    if (group.empty() || !settings.empty())
      result.documents.push_back(
          {(group.empty() ? group : group + '/') + "group.json", pretty(settings)});
  for (const auto& [profile, settings] : fleet.profiles())
    if (!settings["bots"].empty())
      result.documents.push_back({"profiles/" + profile + ".json", pretty(settings)});
  std::ranges::sort(result.documents, {}, &config::document::path);
  return result;
}

/// Takes the key out that a problem names. False: the problem is of no bot.
bool mend(imported_fleet& fleet, const config::problem& what) {
  if (!what.file.ends_with(".json"))
    return false;
  auto* bot = fleet.find(what.file.substr(0, what.file.size() - 5));
  if (!bot)
    return false;
  const auto tokens = config::pointer_tokens(what.pointer);
  const auto why = "is not taken: " + what.message
                   + (what.expected.empty() ? std::string{} : "; expected " + what.expected);
  const auto key = tokens.empty() ? std::string{"command"} : tokens.front();
  const auto known = bot->places.find(key);
  const auto where = known == bot->places.end() ? bot->where : known->second;
  bot->lost(where, key, why, what.hint);
  if (key == "user" || key == "group")
    bot->hold_back(where, key, not_as_account, "set \"" + key + "\"");
  if (key == "command" || !bot->settings.contains(key)) {
    fleet.drop_bot(std::string{bot->name});
    return true;
  }
  auto& value = bot->settings[key];
  const bool member = value.is_object() && tokens.size() > 1 && value.contains(tokens[1]);
  if (member)
    value.erase(tokens[1]);
  if (!member || value.empty())
    bot->settings.erase(key);
  return true;
}

} // namespace

import_result make_tree(imported_fleet& fleet, const std::string& root) {
  for (int round = 0;; ++round) {
    import_result result;
    result.tree = tree_of(fleet, root);
    result.loaded = config::load(result.tree);
    if (result.loaded.errors.empty() || round == max_rounds)
      return result;
    // One of each bot: the next may be gone with it.
    std::string last;
    bool mended = false;
    for (const auto& error : result.loaded.errors) {
      if (error.file == last)
        continue;
      last = error.file;
      mended = mend(fleet, error) || mended;
    }
    if (!mended)
      return result;
  }
}

} // namespace troupe::importing
