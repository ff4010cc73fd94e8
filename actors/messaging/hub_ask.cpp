// What shells ask (docs/messages.md, «Operations»), and what is counted.

#include "actors/messaging/hub_impl.hpp"
#include "actors/messaging/json_text.hpp"
#include "actors/messaging/shell_json.hpp"

#include <algorithm>

namespace troupe::messaging {

namespace {

constexpr std::size_t page = 1000;
constexpr std::size_t max_named = 20;

double seconds(monotonic time) {
  return std::chrono::duration<double>(time).count();
}

std::string_view name_of_overflow(config::overflow what) {
  static constexpr std::string_view names[] = {"reject", "drop_oldest", "drop_newest", "spill"};
  return names[static_cast<std::size_t>(what) % 4];
}

/// The instances that are asked for; null: all.
std::optional<std::vector<std::string>> instances_in(const json& in) {
  const auto at = in.find("instances");
  if (at == in.end() || at->is_null())
    return {};
  if (!at->is_array())
    throw bad_argument{"instances is a list of names"};
  std::vector<std::string> names;
  for (const auto& each : *at) {
    if (!each.is_string())
      throw bad_argument{"instances is a list of names"};
    names.push_back(each.get<std::string>());
  }
  return names;
}

} // namespace

void hub::ask(const std::string& operation, const std::string& arguments,
              std::function<void(std::string)> answer) {
  impl::turn scope{*impl_};
  impl_->ask(operation, arguments, [answer = std::move(answer)](const json& what) {
    answer(what.dump(-1, ' ', false, json::error_handler_t::replace));
  });
}

void hub::impl::ask(const std::string& operation, const std::string& arguments, shell_answer give) {
  json in;
  if (const auto wrong = read_object(arguments.empty() ? "{}" : arguments, 64, in); !wrong.empty())
    return give(shell_error("bad_arguments", wrong));
  using method = void (impl::*)(const json&, shell_answer);
  static const std::map<std::string, method, std::less<>> operations{
      {"queues", &impl::ask_queues},
      {"links", &impl::ask_links},
      {"topics", &impl::ask_topics},
      {"tap_open", &impl::ask_tap_open},
      {"tap_read", &impl::ask_tap_read},
      {"tap_close", &impl::ask_tap_close},
      {"trace", &impl::ask_trace},
      {"state", &impl::ask_state},
      {"dead_letters_list", &impl::letters_list},
      {"dead_letters_show", &impl::letters_show},
      {"dead_letters_requeue", &impl::letters_requeue},
      {"dead_letters_purge", &impl::letters_purge},
  };
  try {
    if (operation == "send" || operation == "publish" || operation == "request")
      return shell_send(operation, in, give);
    const auto at = operations.find(operation);
    if (at == operations.end())
      return give(shell_error("no_such_operation", "the hub has no operation " + operation));
    (this->*at->second)(in, give);
  } catch (const bad_argument& wrong) {
    give(shell_error("bad_arguments", wrong.what()));
  }
}

/// Every instance of the table that is asked for, in order of names; the first 1000.
std::vector<const messaging::route*> hub::impl::asked_for(const json& in, bool& more) const {
  std::vector<const messaging::route*> found;
  if (!routing.routes())
    return found;
  const auto& all = routing.routes()->instances;
  if (const auto names = instances_in(in)) {
    for (const auto& each : *names)
      if (const auto* at = all.get(each))
        found.push_back(at->get());
  } else {
    for (const auto& [name, each] : all)
      found.push_back(each.get());
  }
  std::sort(found.begin(), found.end(), [](const auto* a, const auto* b) {
    return a->bot != b->bot ? a->bot < b->bot : a->index < b->index;
  });
  more = found.size() > page;
  if (more)
    found.resize(page);
  return found;
}

void hub::impl::ask_queues(const json& in, shell_answer give) {
  bool more = false;
  auto rows = json::array();
  static const peer nobody;
  for (const auto* each : asked_for(in, more)) {
    const auto* known = find(each->instance);
    const auto& who = known ? *known : nobody;
    monotonic oldest{};
    json waiting, spilled_now;
    std::uint64_t under_way = 0;
    for (std::size_t i = 0; i < wire::lanes; ++i) {
      const auto lane = static_cast<wire::lane>(i);
      waiting[std::string{to_string(lane)}] = who.box.waiting(lane);
      for (const auto& first : who.box.lane(lane)) {
        if (oldest.count() == 0 || first.taken < oldest)
          oldest = first.taken;
        break;
      }
      if (who.link)
        under_way += who.link->windows[i].under_way();
    }
    const auto& bounds = each->spec->mailbox;
    rows.push_back({{"instance", each->instance},
                    {"linked", who.linked()},
                    {"waiting", std::move(waiting)},
                    {"waiting_bytes", who.box.bytes()},
                    {"limit_messages", bounds.messages},
                    {"limit_bytes", bounds.bytes},
                    {"overflow", name_of_overflow(bounds.when_full)},
                    {"under_way", under_way},
                    {"unresolved", who.sent.unresolved()},
                    {"spilled", who.box.spilled_messages()},
                    {"spilled_bytes", who.box.spilled_bytes()},
                    {"dropped", who.dropped},
                    {"rejected", who.rejected},
                    {"oldest_s", oldest.count() == 0 ? json{} : json(seconds(now - oldest))},
                    {"pressure", !who.pressed.empty()}});
  }
  std::uint64_t messages = 0;
  for (const auto& [name, each] : peers)
    messages += each->box.messages();
  json ok{{"mailboxes", std::move(rows)},
          {"messages", messages},
          {"bytes", memory},
          {"limit_bytes", options.memory}};
  if (more)
    ok["more"] = true;
  give({{"ok", std::move(ok)}});
}

void hub::impl::ask_links(const json& in, shell_answer give) {
  bool more = false;
  auto rows = json::array(), unlinked = json::array();
  for (const auto* each : asked_for(in, more)) {
    const auto* who = find(each->instance);
    if (!who || !who->linked()) {
      if (each->alive())
        unlinked.push_back(each->instance);
      continue;
    }
    const auto& link = *who->link;
    auto features = json::array(), handles = json::array();
    if (link.hello.zstd)
      features.push_back("zstd");
    if (link.hello.drains)
      handles.push_back("drain");
    if (link.hello.flattens)
      handles.push_back("flatten");
    if (link.hello.takes_config)
      handles.push_back("config");
    json under_way;
    for (std::size_t i = 0; i < wire::lanes; ++i)
      under_way[std::string{to_string(static_cast<wire::lane>(i))}] = link.windows[i].under_way();
    rows.push_back({{"instance", who->name},
                    {"incarnation", link.hello.incarnation},
                    {"pid", link.hello.pid},
                    {"since_us", link.since},
                    {"client", link.hello.client},
                    {"version", link.hello.version},
                    {"features", std::move(features)},
                    {"handles", std::move(handles)},
                    {"messages_in", link.in.messages},
                    {"bytes_in", link.in.bytes},
                    {"messages_out", link.sent.messages},
                    {"bytes_out", link.sent.bytes},
                    {"unsent_bytes", port.unsent(link.id)},
                    {"window_messages", link.hello.window_messages},
                    {"window_bytes", link.hello.window_bytes},
                    {"under_way", std::move(under_way)},
                    {"subscriptions", topics.patterns_of(who->id).size()},
                    {"heard_s", seconds(now - link.heard)},
                    {"status", link.status},
                    {"silent", link.silent}});
  }
  json ok{{"links", std::move(rows)}, {"unlinked", std::move(unlinked)}};
  if (more)
    ok["more"] = true;
  give({{"ok", std::move(ok)}});
}

void hub::impl::ask_topics(const json& in, shell_answer give) {
  const auto wanted = text_in(in, "pattern", wire::max_address);
  if (!wanted.empty() && !valid_pattern(wanted))
    throw bad_argument{explain_pattern(wanted)};
  struct row {
    std::vector<std::string> names;
    std::size_t number = 0, durable = 0;
  };
  std::map<std::string, row> found;
  topics.each([&](const std::string& pattern, topic_tree::subscriber id, bool durable) {
    if (!wanted.empty() && !covers(wanted, pattern) && !covers(pattern, wanted))
      return;
    auto& at = found[pattern];
    ++at.number;
    at.durable += durable;
    if (const auto* who = find(id); who && at.names.size() < max_named)
      at.names.push_back(who->name);
  });
  auto rows = json::array();
  for (auto& [pattern, each] : found) {
    if (rows.size() == page)
      break;
    std::sort(each.names.begin(), each.names.end());
    rows.push_back({{"pattern", pattern},
                    {"subscribers", each.names},
                    {"count", each.number},
                    {"durable", each.durable}});
  }
  json ok{{"subscriptions", std::move(rows)}, {"published", count.published}};
  if (found.size() > page)
    ok["more"] = true;
  give({{"ok", std::move(ok)}});
}

void hub::impl::ask_tap_open(const json& in, shell_answer give) {
  tap_options wanted;
  wanted.what = text_in(in, "what", wire::max_address);
  wanted.every = static_cast<std::uint32_t>(number_in(in, "every", 1, 1, 1'000'000));
  wanted.rate = static_cast<std::uint32_t>(number_in(in, "rate", 100, 1, taps::max_rate));
  wanted.payload =
      static_cast<std::uint32_t>(number_in(in, "payload_bytes", 256, 0, taps::max_payload));
  const auto opened = seen.open(wanted, now);
  if (opened.id == 0)
    return give(
        shell_error(seen.count() >= taps::max_taps ? "too_many" : "bad_arguments", opened.trouble));
  give({{"ok", {{"tap", opened.id}}}});
}

void hub::impl::ask_tap_read(const json& in, shell_answer give) {
  const auto wait = std::chrono::milliseconds{number_in(in, "wait_ms", 0, 0, 60'000)};
  tap_reader reader{number_in(in, "tap", 0, 0, ~std::uint64_t{0}),
                    number_in(in, "cursor", 0, 0, ~std::uint64_t{0}), now + wait, std::move(give)};
  if (read_tap(reader))
    return;
  if (tap_readers.size() >= 256)
    return reader.give(shell_error("too_many", "256 operations wait"));
  clock.add(reader.until, due::service);
  tap_readers.push_back(std::move(reader));
}

/// True: it was answered.
bool hub::impl::read_tap(const tap_reader& by) {
  const auto got = seen.read(by.tap, by.cursor, 500, now);
  if (!got.known) {
    by.give(shell_error("no_such_tap", "there is no such tap, or nobody has read it for a minute"));
    return true;
  }
  if (got.items.empty() && now < by.until && !stopping)
    return false;
  auto rows = json::array();
  for (const auto& each : got.items)
    rows.push_back(to_json(each));
  by.give({{"ok",
            {{"messages", std::move(rows)},
             {"next", got.next},
             {"seen", got.seen},
             {"dropped", got.dropped}}}});
  return true;
}

void hub::impl::read_taps() {
  if (!tap_readers.empty())
    std::erase_if(tap_readers, [this](const tap_reader& each) { return read_tap(each); });
}

void hub::impl::ask_tap_close(const json& in, shell_answer give) {
  if (!seen.close(number_in(in, "tap", 0, 0, ~std::uint64_t{0})))
    return give(shell_error("no_such_tap", "there is no such tap"));
  give({{"ok", json::object()}});
}

void hub::impl::ask_trace(const json& in, shell_answer give) {
  const auto id = text_in(in, "id", 32);
  if (id.empty())
    return give({{"ok", {{"traces", paths.last(100)}}}});
  const auto found = paths.find(id);
  if (found.trace.empty())
    return give(shell_error("no_such_trace", found.trouble));
  auto rows = json::array();
  for (const auto& each : found.spans)
    rows.push_back(to_json(each));
  give({{"ok", {{"trace", found.trace}, {"spans", std::move(rows)}}}});
}

void hub::impl::ask_state(const json& in, shell_answer give) {
  const auto text = in.dump();
  service_request request;
  request.service = "state";
  request.payload = text;
  desk.ask(request, [give = std::move(give)](const service_reply& reply) {
    auto said_back = json::parse(reply.payload, nullptr, false);
    give(reply.failed ? std::move(said_back) : json{{"ok", std::move(said_back)}});
  });
}

figures hub::counts() const {
  const auto& of = impl_->count;
  figures out;
  std::uint64_t messages = 0;
  for (const auto& [name, each] : impl_->peers)
    messages += each->box.messages();
  out.set("links", impl_->links.size());
  out.set("mailbox_messages", messages);
  out.set("mailbox_bytes", impl_->memory);
  out.set("messages_in", of.messages_in);
  out.set("bytes_in", of.bytes_in);
  out.set("messages_out", of.messages_out);
  out.set("bytes_out", of.bytes_out);
  out.set("published", of.published);
  out.set("rejected", of.rejected);
  out.set("dropped", of.dropped);
  out.set("expired", of.expired);
  out.set("dead_letters", of.dead);
  out.set("dead_letters_not_kept", of.dead_not_kept);
  out.set("redelivered", of.redelivered);
  out.set("duplicates", of.duplicates);
  out.set("links_failed", of.links_failed);
  out.set("spilled", of.spilled);
  out.set("spill_lost", of.spill_lost);
  out.set("queue_failures", of.queue_failures);
  out.set("subscriptions", impl_->topics.subscriptions());
  out.set("state_entries", impl_->desk.store().entries());
  return out;
}

} // namespace troupe::messaging
