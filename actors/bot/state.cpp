#include "actors/bot/core.hpp"
#include "actors/bot/state_words.hpp"

#include <stdexcept>

namespace troupe::bot {

namespace {

using namespace std::chrono_literals;

constexpr milliseconds within = 5s;
const send_options as_json{.content = content::json};

template <class T>
T said(const answer& from) {
  T result;
  result.code = from.code;
  result.text = from.code == code::done ? std::string{} : from.payload;
  const auto words = detail::read_state(from.payload);
  if (!words)
    return result;
  result.problem = words->problem;
  if (!words->text.empty())
    result.text = words->text;
  if constexpr (std::is_same_v<T, state_result>) {
    result.entry = words->entry;
  } else {
    result.entries = words->entries;
    result.more = words->more;
  }
  return result;
}

template <class T>
T ask(client& bot, const std::string& body) {
  return said<T>(bot.request(detail::state_address, body, within, as_json));
}

} // namespace

state::state(client& bot)
    : bot_{&bot} {
  // nop
}

state::state(client& bot, std::string group)
    : bot_{&bot}
    , group_{std::move(group)} {
  // nop
}

state_result state::get(std::string_view key) {
  return ask<state_result>(*bot_, detail::key_words("get", key, group_));
}

state_result state::set(std::string_view key, std::string_view value, const state_options& how) {
  const auto body = detail::set_words(key, value, group_, how);
  if (body)
    return ask<state_result>(*bot_, *body);
  state_result result;
  result.code = code::bad_message;
  result.text = "the value is no JSON";
  return result;
}

state_result state::erase(std::string_view key, std::optional<std::uint64_t> if_version) {
  return ask<state_result>(*bot_, detail::key_words("delete", key, group_, if_version));
}

state_page state::list(std::string_view prefix, std::string_view after, unsigned limit) {
  return ask<state_page>(*bot_, detail::page_words("list", prefix, group_, after, limit));
}

code state::watch(std::string_view prefix, state_handler handler) {
  return detail::access::core_of(*bot_).watch(group_, prefix, std::move(handler));
}

void state::unwatch(std::string_view prefix) {
  detail::access::core_of(*bot_).unwatch(group_, prefix);
}

// -- watches, as the engine has them --------------------------------------------------------

namespace detail {

namespace {

constexpr std::size_t most_watches = 64;

} // namespace

std::string core::own_group() const {
  const auto slash = who_.instance.rfind('/');
  return slash == std::string::npos ? std::string{} : who_.instance.substr(0, slash);
}

code core::watch(const std::optional<std::string>& group, std::string_view prefix,
                 state_handler handler) {
  if (!managed_)
    return code::unlinked;
  const auto of = std::pair{group.value_or(own_group()), std::string{prefix}};
  {
    const std::lock_guard guard{mutex_};
    if (!watches_.contains(of) && watches_.size() >= most_watches)
      return code::too_many;
    watches_.insert_or_assign(of, std::make_shared<const state_handler>(std::move(handler)));
    if (stage_ != stage::up)
      return code::accepted; // it is made with the link
  }
  return ask_watch(of, {});
}

void core::unwatch(const std::optional<std::string>& group, std::string_view prefix) {
  const auto of = std::pair{group.value_or(own_group()), std::string{prefix}};
  {
    const std::lock_guard guard{mutex_};
    if (watches_.erase(of) == 0 || stage_ != stage::up)
      return;
  }
  const auto body = page_words("unwatch", of.second, of.first);
  draft words{state_address, body, as_json, 0, 0, {}, {}};
  words.waits.emplace();
  words.waits->handler = [](const answer&) {};
  words.waits->until = within;
  send(words);
}

/// What is there, a page at a time; with the first one the watch begins.
code core::ask_watch(const watched& of, const std::string& from) {
  const auto body = page_words(from.empty() ? "watch" : "list", of.second, of.first, from);
  draft words{state_address, body, as_json, 0, 0, {}, {}};
  words.how.ttl = within;
  words.waits.emplace();
  words.waits->until = within;
  words.waits->handler = [this, of](const answer& a) {
    const auto page = said<state_page>(a);
    if (page.code == code::closed)
      return;
    if (!page)
      throw std::runtime_error{"the watch of '" + of.second
                               + "': " + (page.text.empty() ? to_string(page.code) : page.text)};
    for (auto each : page.entries) {
      each.group = of.first;
      tell_watch(of, each);
    }
    if (page.more && !page.entries.empty())
      must_watch(of, page.entries.back().key);
  };
  return send(words).code;
}

void core::must_watch(const watched& of, const std::string& from) {
  if (const auto said = ask_watch(of, from); said != code::accepted && said != code::closed)
    throw std::runtime_error{"the watch of '" + of.second + "': " + to_string(said)};
}

void core::tell_watch(const watched& of, const state_entry& entry) {
  shared<state_handler> handler;
  {
    const std::lock_guard guard{mutex_};
    if (const auto found = watches_.find(of); found != watches_.end())
      handler = found->second;
  }
  if (handler)
    (*handler)(entry);
}

/// With a new link.
void core::watch_again() {
  std::vector<watched> all;
  {
    const std::lock_guard guard{mutex_};
    for (const auto& [of, _] : watches_)
      all.push_back(of);
  }
  for (const auto& of : all)
    must_watch(of, {});
}

/// A change has come.
void core::take_change(std::string_view body) {
  const auto words = read_state(body);
  if (!words)
    return;
  std::vector<watched> all;
  {
    const std::lock_guard guard{mutex_};
    for (const auto& [of, _] : watches_)
      if (of.first == words->entry.group && words->entry.key.starts_with(of.second))
        all.push_back(of);
  }
  for (const auto& of : all)
    tell_watch(of, words->entry);
}

} // namespace detail

} // namespace troupe::bot
