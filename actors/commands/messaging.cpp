#include "actors/commands/messaging.hpp"

#include "actors/commands/change.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <utility>

namespace troupe::commands {

namespace {

constexpr std::string_view micros = "_us";

/// To the microsecond, for that is what messages take.
json precise_time(std::int64_t time) {
  auto result = time_or_null(time);
  if (!result.is_string())
    return result;
  auto text = result.get<std::string>();
  char fraction[16];
  std::snprintf(fraction, sizeof fraction, ".%06dZ", static_cast<int>(time % 1'000'000));
  return text.substr(0, text.find_first_of(".Z")) + fraction;
}

/// `at_us` becomes an `at` of RFC 3339, wherever it stands; but for the bots' own values.
json with_times(json value) {
  if (value.is_array())
    for (auto& one : value)
      one = with_times(std::move(one));
  if (!value.is_object())
    return value;
  auto result = json::object();
  for (auto& [key, member] : value.items())
    if (key.size() > micros.size() && key.ends_with(micros) && member.is_number_integer())
      result[key.substr(0, key.size() - micros.size())] =
          precise_time(member.template get<std::int64_t>());
    else
      result[key] = key == "value" ? std::move(member) : with_times(std::move(member));
  return result;
}

struct known_trouble {
  std::string_view code;
  exit_code exit;
  std::string_view message; ///< before what the hub says
  std::string_view hint;
};

constexpr known_trouble troubles[] = {
    {"no_such_address", exit_code::no_such_bot, "nobody has this address",
     "`troupe status` lists all names"},
    {"not_permitted", exit_code::not_permitted, "this is not permitted", ""},
    {"mailbox_full", exit_code::failed, "the mailbox is full",
     "`troupe queues` shows what waits for whom"},
    {"not_running", exit_code::failed, "the receiver is down",
     "`troupe why BOT` says why, `troupe start BOT` starts it"},
    {"not_linked", exit_code::failed, "the receiver runs, and has no link",
     "`troupe links` shows who has; messages need a client such as troupe.Bot of Python"},
    {"expired", exit_code::failed, "its time has passed", ""},
    {"too_many_deliveries", exit_code::failed, "its receiver died with it too often",
     "`troupe dead-letters list` has it"},
    {"dropped", exit_code::failed, "it was dropped to make room", ""},
    {"store_unavailable", exit_code::failed, "the disk does not take it",
     "see to the disk of the state directory"},
    {"receiver_died", exit_code::failed, "the receiver died before it was done",
     "`troupe deaths BOT` says of what"},
    {"refused", exit_code::failed, "the receiver's handler failed", "`troupe logs BOT`"},
    {"stopping", exit_code::failed, "the fleet is being ended", ""},
    {"bad_message", exit_code::usage, "this is no message", ""},
    {"bad_arguments", exit_code::usage, "the arguments are wrong", ""},
    {"bad_request", exit_code::usage, "the arguments are wrong", ""},
    {"starting", exit_code::failed, "messaging is starting", "try again in a moment"},
    {"too_many", exit_code::failed, "too much of this is going on", "try again in a moment"},
    {"no_such_trace", exit_code::failed, "there is no such trace",
     "`troupe trace` lists the last ones; only sampled messages are traced"},
    {"no_such_dead_letter", exit_code::failed, "there is no such dead letter",
     "`troupe dead-letters list`"},
    {"too_big", exit_code::usage, "this is too big", ""},
    {"conflict", exit_code::failed, "the entry has another version", "`troupe state get KEY`"},
    {"full", exit_code::failed, "the state has no room for it", ""},
};

/// «mailbox-full», as codes of commands are written.
std::string with_dashes(std::string code) {
  std::ranges::replace(code, '_', '-');
  return code;
}

refusal refusal_of(const std::string& operation, const std::string& code, const std::string& text) {
  if (operation == "request" && code == "expired")
    return {exit_code::timed_out, "timed-out", "no reply came in time",
            "`troupe queues` shows what waits for whom; --timeout waits longer"};
  const auto known = std::ranges::find(troubles, code, &known_trouble::code);
  if (known == std::end(troubles))
    return {exit_code::failed, with_dashes(code), text.empty() ? code : text, ""};
  auto message = std::string{known->message};
  if (!text.empty())
    message += ": " + text;
  return {known->exit, with_dashes(code), std::move(message), std::string{known->hint}};
}

hub_answer read(const std::string& operation, const std::string& text) {
  hub_answer result;
  auto document = json::parse(text, nullptr, false);
  if (document.is_object() && document.contains("error") && document["error"].is_object()) {
    const auto& error = document["error"];
    const auto word = [&](const char* key) {
      const auto found = error.find(key);
      return found != error.end() && found->is_string() ? found->get<std::string>() : "";
    };
    result.trouble = refusal_of(operation, word("code"), word("text"));
  } else if (document.is_object() && document.contains("ok") && document["ok"].is_object()) {
    result.ok = with_times(std::move(document["ok"]));
  } else {
    result.trouble = refusal{exit_code::failed, "no-answer", "the hub's answer makes no sense",
                             "this is a bug of troupe"};
  }
  return result;
}

} // namespace

void ask_hub(const request_ptr& r, std::string operation, const json& arguments,
             std::chrono::milliseconds within, std::function<void(hub_answer&)> then) {
  if (!r->all->hub) {
    hub_answer none;
    none.trouble = refusal{exit_code::failed, "no-messaging", "nothing carries messages now",
                           "the hub is being replaced, try again in a moment"};
    return then(none);
  }
  r->self->request(r->all->hub, within + look_timeout, hub_request{operation, dump(arguments)})
      .then(
          [operation, then](const std::string& text) {
            auto answer = read(operation, text);
            then(answer);
          },
          [then](const caf::error& why) {
            hub_answer none;
            const bool late = why == caf::sec::request_timeout;
            none.trouble =
                refusal{exit_code::failed, "no-answer",
                        std::string{"the hub "} + (late ? "did not answer in time" : "went away"),
                        "it may be done or not; `troupe queues` shows how things stand"};
            then(none);
          });
}

void look_at_hub(const request_ptr& r, std::string operation, const json& arguments,
                 std::function<void(json)> then) {
  const auto wait = std::chrono::milliseconds{arguments.value("wait_ms", 0)};
  ask_hub(r, std::move(operation), arguments, wait,
          [r, then = std::move(then)](hub_answer& answer) {
            if (answer.trouble)
              return r->refuse(*answer.trouble);
            then(std::move(answer.ok));
          });
}

void change_by_hub(const request_ptr& r, std::string operation, const json& arguments,
                   std::chrono::milliseconds within,
                   std::function<std::string(const json&)> outcome,
                   std::function<void(json, json)> then) {
  audited(r, {}, [=](const audit_ptr& audit) {
    ask_hub(r, operation, arguments, within, [=](hub_answer& answer) {
      auto trouble = answer.trouble;
      auto ok = std::move(answer.ok);
      auto text = trouble ? trouble->code + ": " + trouble->message : outcome(ok);
      settle(r, audit, std::move(text), [=](const std::string& notice) {
        if (trouble)
          return r->refuse(*trouble);
        auto document = new_document();
        document["command"] = r->info.name;
        if (!notice.empty())
          document["notice"] = notice;
        then(std::move(document), ok);
      });
    });
  });
}

void merge(json& document, json from) {
  for (auto& [key, value] : from.items())
    document[key] = std::move(value);
}

bool get_time(const request_ptr& r, const char* key, std::chrono::milliseconds otherwise,
              std::chrono::milliseconds most, std::chrono::milliseconds& into) {
  std::string text;
  if (!r->get(key, text))
    return false;
  into = otherwise;
  if (text.empty())
    return true;
  const auto value = config::parse_duration(text);
  if (!value || *value < std::chrono::milliseconds{0} || *value > most) {
    r->refuse({exit_code::usage, "bad-arguments",
               std::string{"\""} + key + "\" must be a duration up to "
                   + std::to_string(std::chrono::duration_cast<std::chrono::minutes>(most).count())
                   + "m",
               "`troupe help " + std::string{r->info.name} + "`"});
    return false;
  }
  into = std::chrono::ceil<std::chrono::milliseconds>(*value);
  return true;
}

namespace {

constexpr std::size_t instances_at_once = 500;

struct parts {
  std::string operation;
  std::vector<std::string> names;
  std::size_t asked = 0;
  hub_answer whole;
  std::function<void(hub_answer&)> then;
};

void ask_next(const request_ptr& r, const std::shared_ptr<parts>& all) {
  const auto end = std::min(all->names.size(), all->asked + instances_at_once);
  auto some = json::array();
  for (; all->asked < end; ++all->asked)
    some.push_back(all->names[all->asked]);
  ask_hub(r, all->operation, {{"instances", std::move(some)}}, {}, [r, all](hub_answer& part) {
    if (part.trouble)
      return all->then(part);
    for (auto& [key, value] : part.ok.items())
      if (auto& into = all->whole.ok[key]; into.is_array() && value.is_array())
        into.insert(into.end(), value.begin(), value.end());
      else
        into = std::move(value);
    if (all->asked < all->names.size())
      return ask_next(r, all);
    all->then(all->whole);
  });
}

} // namespace

void ask_of_instances(const request_ptr& r, std::string operation, std::vector<std::string> names,
                      std::function<void(hub_answer&)> then) {
  auto all = std::make_shared<parts>();
  all->operation = std::move(operation);
  all->names = std::move(names);
  all->then = std::move(then);
  ask_next(r, all);
}

void add_messaging(const request_ptr& r, json rows, std::function<void(json)> then) {
  std::vector<std::string> names;
  std::map<std::string, std::size_t> places;
  for (auto& row : rows) {
    places[row.value("name", "")] = names.size();
    names.push_back(row.value("name", ""));
    row["link"] = nullptr;
    row["mailbox"] = nullptr;
  }
  const auto put = [places](json& into, const char* key, json& from, const char* list) {
    if (const auto found = from.find(list); found != from.end())
      for (auto& one : *found)
        if (const auto place = places.find(one.value("instance", "")); place != places.end()) {
          one.erase("instance");
          into[place->second][key] = std::move(one);
        }
  };
  ask_of_instances(r, "links", names, [=, rows = std::move(rows)](hub_answer& links) mutable {
    put(rows, "link", links.ok, "links");
    if (links.trouble)
      return then(std::move(rows));
    ask_of_instances(r, "queues", names,
                     [put, then, rows = std::move(rows)](hub_answer& queues) mutable {
                       put(rows, "mailbox", queues.ok, "mailboxes");
                       then(std::move(rows));
                     });
  });
}

} // namespace troupe::commands
