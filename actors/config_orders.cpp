// What changes begin with: apply, reload, rollback, set, unset, scale.

#include "actors/clocks.hpp"
#include "actors/config.hpp"
#include "actors/loader.hpp"
#include "config/masking.hpp"
#include "config/overrides.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

namespace troupe {

namespace {

using nlohmann::json;

/// More instances of one bot than this are a typo.
constexpr std::uint32_t max_replicas = 10'000;
/// Of what operators have set of one bot, as JSON text.
constexpr std::size_t max_override_bytes = 64 << 10;

refusal wrong(const std::string& what) {
  return {exit_code::usage, "bad-arguments", what, ""};
}

const json* member(const json& arguments, const char* key) {
  const auto at = arguments.find(key);
  return at == arguments.end() || at->is_null() ? nullptr : &*at;
}

std::optional<refusal> get(const json& arguments, const char* key, bool& into) {
  const auto* found = member(arguments, key);
  if (found && !found->is_boolean())
    return wrong(fmt::format("\"{}\" must be true or false", key));
  if (found)
    into = found->get<bool>();
  return std::nullopt;
}

std::optional<refusal> get(const json& arguments, const char* key, std::string& into) {
  const auto* found = member(arguments, key);
  if (found && !found->is_string())
    return wrong(fmt::format("\"{}\" must be text", key));
  if (found)
    into = found->get<std::string>();
  return std::nullopt;
}

std::optional<refusal> get(const json& arguments, const char* key,
                           std::optional<std::uint64_t>& into) {
  const auto* found = member(arguments, key);
  if (found && !found->is_number_unsigned())
    return wrong(fmt::format("\"{}\" must be the number of a version", key));
  if (found)
    into = found->get<std::uint64_t>();
  return std::nullopt;
}

/// `overrides` with the patch of one bot; without it when that is empty.
config::override_map with_patch(config::override_map overrides, const std::string& bot,
                                std::string patch) {
  if (patch.empty())
    overrides.erase(bot);
  else
    overrides[bot] = std::move(patch);
  return overrides;
}

std::string patch_of(const config::override_map& overrides, const std::string& bot) {
  const auto at = overrides.find(bot);
  return at == overrides.end() ? std::string{} : at->second;
}

/// Whether `number` is that of an instance, written plainly.
bool is_index(const std::string& number) {
  std::uint32_t value = 0;
  const auto* last = number.data() + number.size();
  const auto [end, error] = std::from_chars(number.data(), last, value);
  return error == std::errc{} && end == last && std::to_string(value) == number
         && value < max_replicas;
}

std::string shown_path(const std::string& pointer) {
  auto text = pointer.substr(std::min<std::size_t>(pointer.size(), 1));
  for (auto& each : text)
    if (each == '/')
      each = '.';
  return text;
}

} // namespace

caf::result<config_reply> config_state::ask(const config_request& request) {
  auto answer = self->make_response_promise<config_reply>();
  const auto arguments =
      request.arguments.empty() ? json::object() : json::parse(request.arguments, nullptr, false);
  if (!arguments.is_object()) {
    answer.deliver(config_refusal(wrong("the arguments are no JSON object")));
    return answer;
  }
  static const std::vector<std::string> orders{"apply", "reload", "rollback", "set", "unset"};
  if (std::find(orders.begin(), orders.end(), request.operation) == orders.end()) {
    look(request.operation, arguments, answer);
    return answer;
  }
  auto change = std::make_shared<config_change>();
  change->what = request.operation;
  change->by = request.by;
  change->answer = [answer](const config_reply& reply, const refusal*) mutable {
    answer.deliver(reply);
  };
  change->until = now() + longest_wait;
  auto problem = get(arguments, "if_version", change->if_version);
  if (!problem) {
    if (request.operation == "apply" || request.operation == "reload")
      problem = fill_apply(change, arguments);
    else if (request.operation == "rollback")
      problem = fill_rollback(change, arguments);
    else
      problem = fill_override(change, arguments, request.operation == "set");
  }
  if (problem)
    refuse(change, *problem);
  else
    enqueue(change);
  return answer;
}

std::optional<refusal> config_state::fill_apply(const change_ptr& change, const json& arguments) {
  change->reason = change->what;
  for (auto* flag : {&change->theirs, &change->mine})
    if (auto problem = get(arguments, flag == &change->mine ? "mine" : "theirs", *flag))
      return problem;
  for (auto [key, into] : {std::pair{"reason", &change->reason}, {"if_hash", &change->if_hash}})
    if (auto problem = get(arguments, key, *into))
      return problem;
  if (change->reason.size() > 1024)
    return wrong("a reason has at most 1024 bytes");
  if (change->theirs && change->mine)
    return wrong("a conflict is resolved by \"theirs\" or by \"mine\", not by both");
  const auto* tree = change->what == "apply" ? member(arguments, "tree") : nullptr;
  if (!tree) {
    change->from_disk = true;
    change->obtain = [this](const change_ptr& it) { read_disk(it); };
    return std::nullopt;
  }
  auto read = config::tree_from_json(tree->dump());
  if (!read)
    return wrong(problem_text(read.error()));
  auto given = std::make_shared<candidate>();
  given->tree = std::move(*read);
  change->obtain = [this, given](const change_ptr& it) { load(it, given, applied->overrides); };
  return std::nullopt;
}

std::optional<refusal> config_state::fill_rollback(const change_ptr& change,
                                                   const json& arguments) {
  std::optional<std::uint64_t> number;
  if (auto problem = get(arguments, "number", number))
    return problem;
  if (!number)
    return wrong("rollback to which version? `troupe config versions` lists them");
  change->whole = true;
  change->reason = fmt::format("rollback to {}", *number);
  change->obtain = [this, number](const change_ptr& it) {
    if (!services->loader)
      return refuse(it, {exit_code::failed, "no-loader", "this fleet has no config tree", ""});
    const auto silent = [this, it](const caf::error&) {
      refuse(it, {exit_code::failed, "no-answer",
                  fmt::format("{} got no answer in time; nothing was changed", it->reason), ""});
    };
    self->request(services->journal, request_timeout, versions_atom_v, *number)
        .then(
            [this, it, number, silent](const version_list& found) {
              if (!found.trouble.empty())
                return refuse(it, {exit_code::failed, "unreadable", found.trouble, ""});
              if (found.items.empty())
                return refuse(it, {exit_code::failed, "no-such-version",
                                   fmt::format("there is no version {}", *number),
                                   "`troupe config versions` lists those that are kept"});
              auto tree = config::tree_from_json(found.items.front().tree);
              if (!tree)
                return refuse(it,
                              {exit_code::failed, "unreadable", problem_text(tree.error()), ""});
              auto kept = std::make_shared<candidate>();
              kept->tree = std::move(*tree);
              kept->tree.root = applied->tree.root; // the fleet may have moved since
              load(it, kept, found.items.front().overrides);
            },
            silent);
  };
  return std::nullopt;
}

std::optional<refusal> config_state::fill_override(const change_ptr& change, const json& arguments,
                                                   bool set) {
  std::string who;
  std::string path;
  if (auto problem = get(arguments, "bot", who))
    return problem;
  if (auto problem = get(arguments, "path", path))
    return problem;
  const auto [bot, prefix] = bot_and_prefix(who);
  if (!prefix.empty() && !is_index(who.substr(bot.size() + 1)))
    return wrong("\"" + who + "\" names no instance");
  const auto place = pointer_of_path(path);
  if (!place)
    return wrong(place.error());
  if (set && place->empty())
    return wrong("set which value? a path is missing, such as limits.memory");
  const auto at = prefix + *place;
  const auto where = shown_path(*place);
  const auto given = arguments.find("value");
  if (set && given == arguments.end())
    return wrong("a value is missing");
  if (!set) {
    change->reason = fmt::format("{} {}unset", who, where.empty() ? "" : where + " ");
    change->obtain = [this, bot = bot, at](const change_ptr& it) {
      const auto before = patch_of(applied->overrides, bot);
      if (before.empty() && !applied->loaded.spec->bots.contains(bot))
        return refuse(it, {exit_code::no_such_bot, "no-such-bot", "there is no bot " + bot, ""});
      load(it, applied,
           with_patch(applied->overrides, bot,
                      before.empty() ? before : config::without_override(before, at)));
    };
    return std::nullopt;
  }
  const auto value = *given;
  if (value.dump(-1, ' ', false, json::error_handler_t::replace).size() > max_override_bytes)
    return wrong("such a long value belongs into the tree");
  if (!config::may_be_shown(value, *place))
    return refusal{exit_code::failed, "secret",
                   where + " looks like a secret, and an override would be kept in the store",
                   "put it into a file under secrets/ and set ${secret:NAME}"};
  change->reason = fmt::format("{} {} set", who, where);
  change->obtain = [this, bot = bot, at, value](const change_ptr& it) {
    if (!applied->loaded.spec->bots.contains(bot))
      return refuse(it, {exit_code::no_such_bot, "no-such-bot", "there is no bot " + bot, ""});
    auto patch = config::with_override(patch_of(applied->overrides, bot), at, value);
    if (patch.size() > max_override_bytes)
      return refuse(it, {exit_code::failed, "too-large",
                         fmt::format("overrides of {} have at most {} KiB together", bot,
                                     max_override_bytes >> 10),
                         "write them into the tree"});
    load(it, applied, with_patch(applied->overrides, bot, std::move(patch)));
  };
  return std::nullopt;
}

caf::result<std::string> config_state::scale(const std::string& bot, std::uint32_t replicas,
                                             const audit_entry& audit) {
  if (!applied->loaded.spec->bots.contains(bot))
    return "there is no bot " + bot;
  if (replicas > max_replicas)
    return fmt::format("{} instances of one bot are more than the limit of {}", replicas,
                       max_replicas);
  auto answer = self->make_response_promise<std::string>();
  auto change = std::make_shared<config_change>();
  change->what = "scale";
  change->until = now() + longest_wait;
  change->by = audit;
  change->reason = replicas > 0 ? fmt::format("{} scaled to {}", bot, replicas)
                                : fmt::format("{} scaled as the tree says", bot);
  change->obtain = [this, bot, replicas](const change_ptr& it) {
    const auto before = patch_of(applied->overrides, bot);
    auto patch = replicas > 0     ? config::with_override(before, "/replicas", replicas)
                 : before.empty() ? before
                                  : config::without_override(before, "/replicas");
    load(it, applied, with_patch(applied->overrides, bot, std::move(patch)));
  };
  change->answer = [answer](const config_reply&, const refusal* why) mutable {
    if (!why)
      answer.deliver(std::string{});
    else if (why->code == "config-invalid")
      answer.deliver("the config does not allow it: " + why->message);
    else if (why->code == "audit-unavailable" || why->code == "outcome-unknown")
      answer.deliver(why->code + ": " + why->message);
    else
      answer.deliver(why->message);
  };
  enqueue(change);
  return answer;
}

void config_state::reload(const std::string& why, bool asked) {
  auto change = std::make_shared<config_change>();
  change->what = "reload";
  change->reason = why;
  change->from_disk = true;
  change->automatic = !asked;
  change->by = own_entry(asked ? "keeper" : "tree", "reload (" + why + ")");
  change->obtain = [this](const change_ptr& it) { read_disk(it); };
  // One at most waits, and it reads what there is by then. That it was asked for is not forgotten.
  for (auto& each : waiting)
    if (each->what == change->what && !each->answer) {
      if (!each->automatic)
        return;
      each = std::move(change);
      return;
    }
  enqueue(change);
}

audit_entry config_state::own_entry(const std::string& origin, const std::string& command) const {
  audit_entry result;
  result.time = wall_now();
  result.uid = ::getuid();
  result.pid = ::getpid();
  result.origin = origin;
  result.command = command;
  return result;
}

} // namespace troupe
