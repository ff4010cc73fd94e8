#include "actors/commands/configuring.hpp"

#include "actors/commands/change.hpp"
#include "actors/commands/packed_tree.hpp"
#include "config/document.hpp"
#include "config/masking.hpp"
#include "config/names.hpp"
#include "config/schema.hpp"
#include "config/secret_names.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

namespace troupe::commands {

namespace {

/// A change waits for those before it, and its tree for the disk. Clients wait for longer.
constexpr std::chrono::seconds config_timeout{35};
/// So long a status waits for the config actor at most.
constexpr std::chrono::seconds standing_timeout{1};

constexpr std::uint64_t any_number = std::numeric_limits<std::int64_t>::max();

using given = std::optional<std::uint64_t>;

/// A number that need not be there. False: the request was refused.
bool get(const request_ptr& r, const char* key, given& into) {
  std::uint64_t number = 0;
  const auto found = r->arguments.find(key);
  if (found == r->arguments.end() || found->is_null())
    return true;
  if (!r->get(key, number, any_number))
    return false;
  into = number;
  return true;
}

void put(json& into, const char* key, const given& number) {
  if (number)
    into[key] = *number;
}

config_request made(std::string operation, const json& arguments) {
  config_request result;
  result.operation = std::move(operation);
  result.arguments = dump(arguments);
  return result;
}

void look(const request_ptr& r, std::string operation, const json& arguments) {
  r->self->request(r->all->config, config_timeout, made(std::move(operation), arguments))
      .then([r](config_reply& reply) { r->answer_text(std::move(reply.document), reply.exit); },
            [r](caf::error& why) { r->broken("the config actor", why); });
}

/// «refused: conflict: market/trader/limits was set by an operator …»; empty when it was carried
/// out, or may have been: then the config actor enters it, or has done so, with the version.
std::string outcome_of(const config_reply& reply) {
  const auto document = json::parse(reply.document, nullptr, false);
  if (!document.is_object() || !document.contains("error") || !document["error"].is_object())
    return "";
  const auto& error = document["error"];
  const auto word = [&](const char* key) {
    const auto at = error.find(key);
    return at != error.end() && at->is_string() ? at->get<std::string>() : std::string{};
  };
  if (word("code") == outcome_unknown)
    return "";
  return "refused: " + word("code") + ": " + word("message");
}

/// The same with its audit. What becomes of one that is carried out is entered by the config
/// actor, together with the new version.
void change(const request_ptr& r, std::string operation, const json& arguments) {
  audited(r, {}, [r, operation = std::move(operation), arguments](const audit_ptr& audit) {
    auto order = made(operation, arguments);
    order.by = *audit;
    r->self->request(r->all->config, config_timeout, std::move(order))
        .then(
            [r, audit](config_reply& reply) {
              auto refused = outcome_of(reply);
              if (refused.empty())
                return r->answer_text(std::move(reply.document), reply.exit);
              settle(r, audit, std::move(refused), [r, reply](const std::string&) {
                r->answer_text(reply.document, reply.exit);
              });
            },
            [r](caf::error& why) { r->broken("the config actor", why); });
  });
}

/// Takes the tree that came with the request out of it, so that the audit does not have it.
/// False: the request was refused.
bool take_tree(const request_ptr& r, json& into) {
  const auto found = r->arguments.find("files");
  if (found == r->arguments.end() || found->is_null())
    return true;
  auto files = std::move(*found);
  r->arguments.erase("files");
  const auto refuse = [&](const std::string& why) {
    r->refuse({exit_code::usage, "bad-arguments", why, ""});
    return false;
  };
  if (files.is_string()) {
    auto text = unpack_tree(files.get_ref<const std::string&>());
    if (!text)
      return refuse(text.error());
    files = parse_given(*text);
  }
  if (!files.is_object())
    return refuse("\"files\" must be a tree: an object, or that packed");
  into["tree"] = std::move(files);
  return true;
}

/// How conflicts are resolved.
bool get_choice(const request_ptr& r, json& into) {
  bool theirs = false;
  bool mine = false;
  if (!r->get("theirs", theirs) || !r->get("mine", mine))
    return false;
  into["theirs"] = theirs;
  into["mine"] = mine;
  return true;
}

bool get_options(const request_ptr& r, json& into) {
  std::string reason;
  std::string if_hash;
  given if_version;
  if (!get_choice(r, into) || !r->get("reason", reason) || !r->get("if_hash", if_hash)
      || !get(r, "if_version", if_version))
    return false;
  if (!reason.empty())
    into["reason"] = reason;
  if (!if_hash.empty())
    into["if_hash"] = if_hash;
  r->arguments.erase("if_hash"); // nothing that anybody typed
  put(into, "if_version", if_version);
  return true;
}

/// The bot that is meant, as it is called; empty: the request was refused.
std::string given_bot(const request_ptr& r) {
  std::string name;
  if (!r->get("bot", name))
    return "";
  name = without_root(name);
  if (name.empty())
    r->refuse({exit_code::usage, "bad-name", std::string{r->info.name} + " what? A bot is missing",
               "`troupe help " + std::string{r->info.name} + "`"});
  return name;
}

/// Calls `then` when there is such a bot; else who asks learns which was probably meant.
void with_known(const request_ptr& r, const std::string& name, std::function<void()> then) {
  r->with_spec([r, name, then = std::move(then)](const config::spec_ptr& spec) {
    if (const auto which = resolve_bot(*spec, name, r->info.name); !which)
      return r->refuse(which.error());
    then();
  });
}

/// What was typed, as a value: JSON, or a word that is none.
config::expected<json, std::string> value_of(const std::string& text) {
  auto value = parse_given(text);
  if (!value.is_discarded())
    return value;
  // Who begins so means JSON, and would wonder at a text.
  if (const auto first = text.find_first_not_of(" \t\r\n");
      first != std::string::npos && std::string_view{"{[\""}.find(text[first]) != std::string::npos)
    return config::unexpected{config::in_quotes(text) + " is no JSON"};
  return json(text);
}

/// Whether what is set may stand in the audit as it was typed. The path may be one that is wrong,
/// and then nobody knows what the value is.
bool is_harmless(const std::string& path, const std::string& text) {
  auto tokens = config::pointer_tokens(config::pointer_of_path(path));
  if (!tokens.empty() && tokens.front() == "instances")
    tokens.erase(tokens.begin(), tokens.begin() + std::min<std::ptrdiff_t>(2, std::ssize(tokens)));
  const auto& known = config::keys_of(config::schema_kind::bot);
  if (tokens.empty() || std::ranges::find(known, tokens.front()) == known.end())
    return false;
  tokens.erase(tokens.begin());
  const bool named = std::ranges::any_of(tokens, config::names_a_secret);
  return !config::tells_a_secret(text) && (!named || text.starts_with("${secret:"));
}

} // namespace

void handle_plan(const request_ptr& r) {
  auto arguments = json::object();
  if (get_choice(r, arguments) && take_tree(r, arguments))
    look(r, "plan", arguments);
}

void handle_apply(const request_ptr& r) {
  auto arguments = json::object();
  if (get_options(r, arguments) && take_tree(r, arguments))
    change(r, "apply", arguments);
}

void handle_reload(const request_ptr& r) {
  auto arguments = json::object();
  if (get_options(r, arguments))
    change(r, "reload", arguments);
}

void handle_rollback(const request_ptr& r) {
  given number;
  given if_version;
  if (!get(r, "number", number) || !get(r, "if_version", if_version))
    return;
  auto arguments = json::object();
  put(arguments, "number", number);
  put(arguments, "if_version", if_version);
  change(r, "rollback", arguments);
}

void handle_set(const request_ptr& r) {
  std::string path;
  std::string text;
  given if_version;
  const auto name = given_bot(r);
  if (name.empty() || !r->get("path", path) || !r->get("value", text)
      || !get(r, "if_version", if_version))
    return;
  const auto value = value_of(text);
  if (!value)
    return r->refuse(
        {exit_code::usage, "bad-arguments", value.error(),
         "a text needs no quotes; one that looks like a number has its own, inside the "
         "shell's: '\"1\"'"});
  // Before the audit has it.
  const auto plain = nlohmann::json::parse(dump(*value));
  if (!config::may_be_shown(plain, config::pointer_of_path(path)))
    return r->refuse({exit_code::failed, "secret",
                      path + " looks like a secret, and what is set is kept in the store",
                      "put it into a file under secrets/ and set ${secret:NAME}"});
  if (config::tells_a_secret(path))
    r->arguments["path"] = config::mask;
  if (!is_harmless(path, text))
    r->arguments["value"] = config::mask;
  with_known(r, name, [r, name, path, value = *value, if_version] {
    auto arguments = json{{"bot", name}, {"path", path}, {"value", value}};
    put(arguments, "if_version", if_version);
    change(r, "set", arguments);
  });
}

void handle_unset(const request_ptr& r) {
  std::string path;
  given if_version;
  const auto name = given_bot(r);
  if (name.empty() || !r->get("path", path) || !get(r, "if_version", if_version))
    return;
  auto arguments = json{{"bot", name}};
  if (!path.empty())
    arguments["path"] = path;
  put(arguments, "if_version", if_version);
  // A bot that is no more may have left what was set of it.
  change(r, "unset", arguments);
}

void handle_config_explain(const request_ptr& r) {
  std::string path;
  const auto name = given_bot(r);
  if (name.empty() || !r->get("path", path))
    return;
  auto arguments = json{{"bot", name}};
  if (!path.empty())
    arguments["path"] = path;
  if (name.ends_with('/'))
    return look(r, "explain", arguments);
  with_known(r, name, [r, arguments] { look(r, "explain", arguments); });
}

void handle_config_versions(const request_ptr& r) {
  given last;
  if (!get(r, "last", last))
    return;
  auto arguments = json::object();
  put(arguments, "last", last);
  look(r, "versions", arguments);
}

namespace {

void look_at_version(const request_ptr& r, const char* operation) {
  given number;
  if (!get(r, "number", number))
    return;
  auto arguments = json::object();
  put(arguments, "number", number);
  look(r, operation, arguments);
}

} // namespace

void handle_config_show(const request_ptr& r) {
  look_at_version(r, "show");
}

void handle_config_export(const request_ptr& r) {
  look_at_version(r, "export");
}

void handle_config_diff(const request_ptr& r) {
  given from;
  given to;
  if (!get(r, "from", from) || !get(r, "to", to))
    return;
  auto arguments = json::object();
  put(arguments, "from", from);
  put(arguments, "to", to);
  look(r, "diff", arguments);
}

void handle_config_standing(const request_ptr& r) {
  look(r, "standing", json::object());
}

void add_standing(const request_ptr& r, json document, std::function<void(json)> then) {
  const auto whole = std::make_shared<json>(std::move(document)); // large, and there are two ends
  r->self->request(r->all->config, standing_timeout, made("standing", json::object()))
      .then(
          [whole, then](config_reply& reply) {
            auto standing = json::parse(reply.document, nullptr, false);
            if (reply.exit == exit_code::done && standing.is_object()) {
              standing.erase("schema_version");
              (*whole)["config"] = std::move(standing);
            }
            then(std::move(*whole));
          },
          [whole, then](const caf::error&) { then(std::move(*whole)); });
}

} // namespace troupe::commands
