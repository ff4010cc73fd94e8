// Frames that are no messages.

#include "actors/messaging/hub_impl.hpp"

#include <algorithm>

namespace troupe::messaging {

namespace {

/// Depth is bounded before anything is built; nothing: it is no JSON object within the bounds.
std::optional<json> parse_object(std::string_view text) {
  if (text.size() > wire::max_json)
    return {};
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      if (++depth > wire::max_json_depth)
        return {};
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  auto value = json::parse(text, nullptr, false);
  if (!value.is_object())
    return {};
  return value;
}

std::string text_of(const json& in, const char* name, std::size_t most) {
  const auto at = in.find(name);
  if (at == in.end() || !at->is_string())
    return {};
  auto text = at->get<std::string>();
  if (text.size() > most) {
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80)
      --most; // not within a character
    text.resize(most);
  }
  return text;
}

bool flag_of(const json& in, const char* name, bool otherwise) {
  const auto at = in.find(name);
  return at != in.end() && at->is_boolean() ? at->get<bool>() : otherwise;
}

} // namespace

void hub::impl::control(link_state& to, wire::frame_type type, const json& body) {
  touch(to);
  wire::append_frame(to.control, type, body.dump(-1, ' ', false, json::error_handler_t::replace));
  if (to.control.size() > max_control)
    fail(to, "bad_order", "it does not read what it has asked for");
}

void hub::impl::notify(const peer& who, std::uint64_t incarnation, notice::kind what,
                       std::string text) {
  notice n;
  n.instance = who.name;
  n.incarnation = incarnation;
  n.what = what;
  n.text = std::move(text);
  port.tell(std::move(n));
}

void hub::impl::on_bye(link_state& from, std::string_view body) {
  const auto said = parse_object(body);
  touch(from);
  from.ending = true;
  const auto text = said ? text_of(*said, "text", 200) : std::string{};
  from.why = "it said goodbye" + (text.empty() ? text : ": " + text);
}

void hub::impl::on_call(link_state& from, std::string_view body) {
  const auto said = parse_object(body);
  if (!said || !said->contains("id") || !said->at("id").is_number_unsigned())
    return fail(from, "bad_frame", "a CALL is a JSON object with an id");
  const auto call = said->at("id").get<std::uint64_t>();
  const auto op = text_of(*said, "op", 64);
  if (op == "subscribe")
    return subscribe(from, call, *said);
  if (op == "unsubscribe")
    return unsubscribe(from, call, *said);
  result(from, call, {code::bad_message, "there is no such op"});
}

void hub::impl::result(link_state& to, std::uint64_t call, const refusal& what) {
  if (what)
    control(to, wire::frame_type::result,
            {{"id", call}, {"error", {{"code", to_string(what.why)}, {"text", what.text}}}});
  else
    control(to, wire::frame_type::result, {{"id", call}, {"ok", true}});
}

void hub::impl::subscribe(link_state& from, std::uint64_t call, const json& said) {
  auto& who = *from.owner;
  const auto pattern = text_of(said, "pattern", 255);
  const bool durable = flag_of(said, "durable", false);
  if (!valid_pattern(pattern))
    return result(from, call, {code::bad_message, explain_pattern(pattern)});
  if (!may(who).may_subscribe(pattern))
    return result(from, call,
                  {code::not_permitted, who.name + " " + may(who).describe_subscribe()});
  // Those that are suspended must find their places again.
  if (!who.suspended.empty()
      && who.suspended.size() + topics.patterns_of(who.id).size() >= topic_tree::max_subscriptions)
    return result(from, call, {code::mailbox_full, "it has too many subscriptions"});
  if (auto trouble = topics.subscribe(who.id, pattern, durable); !trouble.empty())
    return result(from, call, {code::mailbox_full, std::move(trouble)});
  if (!durable)
    return result(from, call, {});
  // It holds once it is on disk; what ended in the same breath goes before.
  flush_store();
  auto kept = std::make_shared<queue_batch>();
  kept->subscribed.push_back({who.name, pattern});
  port.store(kept, [at = handle(), id = from.id, call](const std::string& trouble) {
    const auto hub = at.lock();
    if (!hub)
      return;
    impl::turn scope{**hub};
    if (const auto link = (*hub)->links.find(id); link != (*hub)->links.end())
      (*hub)->result(*link->second, call,
                     trouble.empty() ? refusal{} : refusal{code::store_unavailable, trouble});
  });
}

void hub::impl::unsubscribe(link_state& from, std::uint64_t call, const json& said) {
  auto& who = *from.owner;
  const auto pattern = text_of(said, "pattern", 255);
  const auto suspended = who.suspended.extract(pattern);
  if (topics.unsubscribe(who.id, pattern).durable || (suspended && suspended.mapped()))
    batch.unsubscribed.push_back({who.name, pattern});
  result(from, call, {});
}

/// Whether it has that durable subscription, though it may be suspended.
bool hub::impl::is_durable(const peer& who, const std::string& pattern) const {
  const auto at = who.suspended.find(pattern);
  return at == who.suspended.end() ? topics.durable(who.id, pattern) : at->second;
}

/// By its new settings it may listen to less, or again to what it has asked for. A rollback brings
/// its rights back, and it does not know that it would have to ask once more.
void hub::impl::review_subscriptions(peer& who) {
  const auto remark = [&](const std::string& pattern, const std::string& what) {
    if (who.linked())
      notify(who, who.incarnation, notice::kind::remark, "it listens to " + pattern + what);
  };
  for (const auto& pattern : topics.patterns_of(who.id)) {
    if (may(who).may_subscribe(pattern))
      continue;
    who.suspended[pattern] = topics.unsubscribe(who.id, pattern).durable;
    remark(pattern, " no more: its config does not allow it");
  }
  std::erase_if(who.suspended, [&](const auto& each) {
    if (!may(who).may_subscribe(each.first))
      return false;
    topics.subscribe(who.id, each.first, each.second);
    remark(each.first, " again: its config allows it");
    return true;
  });
}

void hub::impl::on_tell(link_state& from, std::string_view body) {
  const auto said = parse_object(body);
  if (!said)
    return fail(from, "bad_frame", "a TELL is a JSON object");
  const auto op = text_of(*said, "op", 64);
  const auto text = text_of(*said, "text", 512);
  const auto tell = [&](notice::kind what, std::string words) {
    notify(*from.owner, from.hello.incarnation, what, std::move(words));
  };
  if (op == "ready")
    tell(notice::kind::says_ready, "it says so over its link");
  else if (op == "stopping")
    tell(notice::kind::stopping, text);
  else if (op == "status")
    from.status = text;
  else if (op == "drained" || op == "flattened")
    tell(op == "drained" ? notice::kind::drained : notice::kind::flattened,
         flag_of(*said, "ok", true) ? ""
         : text.empty()             ? "it says that it could not"
                                    : "it failed: " + text);
  // What a newer client tells beyond that is ignored.
}

void hub::impl::on_credit(link_state& from, std::string_view body) {
  wire::credits finished;
  if (const char* problem = decode(body, finished))
    return fail(from, "bad_frame", problem);
  for (std::size_t i = 0; i < wire::lanes; ++i)
    if (!from.windows[i].finish(finished[i]))
      return fail(from, "bad_order", "a CREDIT goes backwards or beyond what was sent");
  if (!from.owner->box.empty() || from.owner->box.spilled_messages() != 0)
    touch(from);
}

void hub::impl::on_done(link_state& from, std::string_view body) {
  std::vector<wire::done> list;
  if (const char* problem = decode(body, list))
    return fail(from, "bad_frame", problem);
  auto& flights = from.owner->flights;
  for (const auto& each : list) {
    // Flights of earlier links have the tag 0 and stand in front.
    const auto at =
        std::lower_bound(flights.begin(), flights.end(), each.tag,
                         [](const flight& f, std::uint64_t tag) { return f.tag < tag; });
    if (each.tag == 0 || at == flights.end() || at->tag != each.tag)
      return fail(from, "bad_order", "a DONE names what was not sent, or is done");
    if (at->over)
      return fail(from, "bad_order", "a DONE came twice");
    land(*from.owner, *at, each.how);
  }
  drop_landed(*from.owner);
}

void hub::impl::on_known(link_state& from, std::string_view body) {
  std::vector<wire::known_message> list;
  if (const char* problem = decode(body, list))
    return fail(from, "bad_frame", problem);
  auto& who = *from.owner;
  const bool announced = from.known_missing != 0;
  for (const auto& each : list) {
    auto key = identity_of(each);
    if (from.known_missing != 0) {
      --from.known_missing;
      if (!each.failed) // it may have that again
        from.known[std::move(key)] = each.handled;
      continue;
    }
    // Later ones say how something has ended that was being handled.
    const auto known = from.known.find(key);
    if ((!each.handled && !each.failed) || known == from.known.end())
      continue;
    if (each.failed)
      from.known.erase(known);
    else
      known->second = true;
    for (auto& flight : who.flights)
      if (flight.tag == 0 && !flight.over && identity_of(flight.what.open().view) == key) {
        land(who, flight, each.failed ? wire::done::result::failed : wire::done::result::done);
        break;
      }
  }
  drop_landed(who);
  if (announced && from.known_missing == 0)
    settle_flights(who);
}

json hub::impl::config_of(const peer& of) const {
  json result{{"version", routing.routes() ? routing.routes()->version : 0},
              {"labels", json::object()},
              {"settings", json::object()}};
  if (of.where && of.where->spec) {
    result["labels"] = of.where->spec->labels;
    if (auto settings = json::parse(of.where->spec->settings, nullptr, false); settings.is_object())
      result["settings"] = std::move(settings);
  }
  return result;
}

/// Only when something of it is new to the bot: the version alone is not.
void hub::impl::tell_config(peer& to) {
  if (!to.linked())
    return;
  auto& link = *to.link;
  auto config = config_of(to);
  auto before = json::parse(link.last_config);
  if (before["labels"] == config["labels"] && before["settings"] == config["settings"])
    return;
  link.last_config = config.dump();
  if (!link.hello.takes_config)
    return;
  config["op"] = "config";
  control(link, wire::frame_type::order, config);
}

void hub::impl::order(const std::string& instance, std::uint64_t incarnation, link_order which,
                      std::chrono::milliseconds within) {
  auto* who = find(instance);
  const bool drain = which == link_order::drain;
  const auto kind = drain ? notice::kind::drained : notice::kind::flattened;
  if (!who || !who->linked() || who->incarnation != incarnation) {
    notice n;
    n.instance = instance;
    n.incarnation = incarnation;
    n.what = kind;
    n.text = "it has no link";
    return port.tell(std::move(n));
  }
  auto& link = *who->link;
  if (drain)
    who->draining = true;
  if (drain ? !link.hello.drains : !link.hello.flattens)
    notify(*who, incarnation, kind, "it has no handler for that");
  else
    control(link, wire::frame_type::order,
            {{"op", drain ? "drain" : "flatten"},
             {"within_s", static_cast<double>(within.count()) / 1000}});
  settle(*who);
}

} // namespace troupe::messaging
