#include "actors/commands/request.hpp"

#include "actors/commands/audit.hpp"
#include "actors/commands/configuring.hpp"
#include "actors/commands/messaging.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace troupe::commands {

namespace {

constexpr std::size_t max_typed_bytes = 1024;

/// A word as a shell would need it typed, without control characters.
std::string typed_word(const std::string& word) {
  const bool plain = !word.empty() && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || std::string_view{"._-/#*?=+:,@%"}.find(c) != std::string_view::npos;
  });
  return plain ? word : dump(json(word));
}

std::string typed_value(const json& value) {
  return typed_word(value.is_string() ? value.get<std::string>() : dump(value));
}

} // namespace

request::request(admin_pointer admin, std::uint64_t session_number, peer asker,
                 const command_info& which, json given)
    : self{admin}
    , all{admin->state.all}
    , session{session_number}
    , who{std::move(asker)}
    , info{which}
    , arguments(std::move(given))
    , promise{admin->make_response_promise<admin_reply>()} {}

void request::answer(const json& document, exit_code exit) {
  answer_text(dump(document), exit);
}

void request::answer_text(std::string document, exit_code exit) {
  admin_reply reply;
  reply.exit = static_cast<std::int32_t>(exit);
  if (document.size() <= max_reply_bytes) {
    reply.document = std::move(document);
    promise.deliver(std::move(reply));
    return;
  }
  if (document.size() > session_registry::max_rest_bytes)
    return refuse({exit_code::failed, "too-long",
                   "the answer is longer than "
                       + std::to_string(session_registry::max_rest_bytes >> 20) + " MiB",
                   "ask for less of it"});
  reply.document = document.substr(0, max_reply_bytes);
  reply.cursor =
      self->state.sessions->keep(session, {std::move(document), max_reply_bytes, reply.exit});
  promise.deliver(std::move(reply));
}

void request::refuse(const refusal& why) {
  answer(error_document(why), why.exit);
}

void request::broken(std::string_view service, const caf::error& why) {
  const bool late = why == caf::sec::request_timeout;
  refuse({exit_code::failed, "no-answer",
          std::string{service} + (late ? " did not answer in time" : " went away"),
          "try again; `troupe status` shows how things stand"});
}

bool request::wrong(const char* key, std::string_view wanted) {
  refuse({exit_code::usage, "bad-arguments",
          std::string{"\""} + key + "\" must be " + std::string{wanted},
          "`troupe help " + std::string{info.name} + "`"});
  return false;
}

bool request::get(const char* key, bool& into) {
  const auto found = arguments.find(key);
  if (found == arguments.end() || found->is_null())
    return true;
  if (!found->is_boolean())
    return wrong(key, "true or false");
  into = found->get<bool>();
  return true;
}

bool request::get(const char* key, std::string& into) {
  const auto found = arguments.find(key);
  if (found == arguments.end() || found->is_null())
    return true;
  if (!found->is_string())
    return wrong(key, "text");
  into = found->get<std::string>();
  return true;
}

bool request::get(const char* key, std::uint64_t& into, std::uint64_t max) {
  const auto found = arguments.find(key);
  if (found == arguments.end() || found->is_null())
    return true;
  if (!found->is_number_unsigned() || found->get<std::uint64_t>() > max)
    return wrong(key, "a whole number from 0 to " + std::to_string(max));
  into = found->get<std::uint64_t>();
  return true;
}

bool request::get(const char* key, std::vector<std::string>& into) {
  const auto found = arguments.find(key);
  if (found == arguments.end() || found->is_null())
    return true;
  if (!found->is_array())
    return wrong(key, "a list of texts");
  for (const auto& one : *found) {
    if (!one.is_string())
      return wrong(key, "a list of texts");
    into.push_back(one.get<std::string>());
  }
  return true;
}

bool request::get(selection& into) {
  return get("targets", into.targets) && get("labels", into.labels);
}

std::string request::as_typed() const {
  auto result = std::string{info.name};
  const auto add = [&](const json& value, const std::string& before) {
    if (value.is_array()) {
      for (const auto& one : value)
        result += " " + before + typed_value(one);
    } else {
      result += " " + before + typed_value(value);
    }
  };
  for (const auto& one : info.arguments)
    if (const auto found = arguments.find(one.name); found != arguments.end())
      add(*found, "");
  for (const auto& one : info.options) {
    const auto found = arguments.find(one.key);
    if (found == arguments.end() || *found == json(false))
      continue;
    const auto flag = std::string{one.flags.substr(0, one.flags.find(','))};
    if (*found == json(true))
      result += " " + flag;
    else
      add(*found, flag + (one.bare.empty() ? " " : "="));
  }
  if (result.size() > max_typed_bytes) {
    result.resize(max_typed_bytes);
    result += "…";
  }
  return result;
}

std::string request::cause() const {
  return "asked by uid " + std::to_string(who.uid);
}

void request::with_spec(std::function<void(const config::spec_ptr&)> then) {
  auto keep = shared_from_this();
  self->request(all->config, look_timeout, view_atom_v)
      .then(
          [keep, then = std::move(then)](config::spec_ptr& spec) {
            if (spec)
              then(spec);
            else
              keep->refuse({exit_code::failed, "starting", "the fleet is not loaded yet",
                            "try again in a moment"});
          },
          [keep](caf::error& why) { keep->broken("the config actor", why); });
}

void request::with_bot(std::function<void(const config::spec_ptr&, const chosen_bot&)> then) {
  std::string name;
  if (!get("bot", name))
    return;
  with_spec([me = shared_from_this(), name, then = std::move(then)](const config::spec_ptr& spec) {
    const auto which = resolve_bot(*spec, name, me->info.name);
    if (!which)
      return me->refuse(which.error());
    then(spec, *which);
  });
}

void request::with_view(std::vector<std::string> names,
                        std::function<void(const ledger_view_ptr&)> then) {
  // The ledger compares each name with each record; of many, only instances are asked for,
  // and finding them here takes less of its time.
  constexpr std::size_t few = 64;
  std::set<std::string> wanted;
  if (names.size() > few)
    wanted = {names.begin(), names.end()};
  if (!wanted.empty())
    names.clear();
  auto keep = shared_from_this();
  self->request(all->ledger, look_timeout, view_atom_v, std::move(names))
      .then([then = std::move(then), wanted = std::move(wanted)](
                ledger_view_ptr& view) { then(wanted.empty() ? view : part_of(*view, wanted)); },
            [keep](caf::error& why) { keep->broken("the ledger", why); });
}

void request::with_targets(const selection& what, targets_callback then) {
  auto keep = shared_from_this();
  with_spec([keep, what, then = std::move(then)](const config::spec_ptr& spec) {
    keep->with_view({}, [keep, what, then, spec](const ledger_view_ptr& view) {
      std::set<std::string> leaving;
      for (const auto& record : view->records) {
        const auto bot = spec->bots.find(record.bot);
        if (bot == spec->bots.end() || record.index >= bot->second->instances.size())
          leaving.insert(record.name);
      }
      auto targets = resolve(*spec, what, leaving);
      if (!targets)
        return keep->refuse(targets.error());
      then(spec, view, *targets);
    });
  });
}

ledger_view_ptr part_of(const ledger_view& view, const std::set<std::string>& names) {
  auto result = std::make_shared<ledger_view>();
  std::ranges::copy_if(view.records, std::back_inserter(result->records),
                       [&](const auto& record) { return names.contains(record.name); });
  result->groups = view.groups;
  result->version = view.version;
  result->trouble = view.trouble;
  return result;
}

std::int64_t now_micros() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

std::uint32_t whole_milliseconds(std::chrono::nanoseconds time) {
  return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::milliseconds>(time).count());
}

handler find_handler(std::string_view command) {
  static constexpr std::pair<std::string_view, handler> handlers[] = {
      {"status", handle_status},
      {"tree", handle_tree},
      {"show", handle_show},
      {"events", handle_events},
      {"deaths", handle_deaths},
      {"ping", handle_ping},
      {"version", handle_version},
      {"await", handle_await},
      {"start", handle_start},
      {"stop", handle_stop},
      {"restart", handle_restart},
      {"pause", handle_pause},
      {"resume", handle_resume},
      {"reset", handle_reset},
      {"recover", handle_recover},
      {"signal", handle_signal},
      {"scale", handle_scale},
      {"shutdown", handle_shutdown},
      {"wait", handle_wait},
      {"why", handle_why},
      {"graph", handle_graph},
      {"env", handle_env},
      {"limits", handle_limits},
      {"stats", handle_stats},
      {"send", handle_send},
      {"publish", handle_publish},
      {"request", handle_request},
      {"queues", handle_queues},
      {"links", handle_links},
      {"topics", handle_topics},
      {"tap", handle_tap},
      {"trace", handle_trace},
      {"dead-letters list", handle_dead_letters_list},
      {"dead-letters show", handle_dead_letters_show},
      {"dead-letters requeue", handle_dead_letters_requeue},
      {"dead-letters purge", handle_dead_letters_purge},
      {"audit list", handle_audit_list},
      {"audit show", handle_audit_show},
      {"audit verify", handle_audit_verify},
      {"plan", handle_plan},
      {"apply", handle_apply},
      {"reload", handle_reload},
      {"rollback", handle_rollback},
      {"set", handle_set},
      {"unset", handle_unset},
      {"config explain", handle_config_explain},
      {"config versions", handle_config_versions},
      {"config show", handle_config_show},
      {"config diff", handle_config_diff},
      {"config export", handle_config_export},
      {"config standing", handle_config_standing},
      {"state get", handle_state_get},
      {"state set", handle_state_set},
      {"state delete", handle_state_delete},
      {"state list", handle_state_list},
      {"state watch", handle_state_list},
  };
  const auto found =
      std::ranges::find(handlers, command, &std::pair<std::string_view, handler>::first);
  return found == std::end(handlers) ? nullptr : found->second;
}

} // namespace troupe::commands
