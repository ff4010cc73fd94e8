// What became of a message: outcomes, DONE, dead letters.

#include "actors/messaging/hub_impl.hpp"

namespace troupe::messaging {

void hub::impl::tell_sender(link_state& to, wire::outcome what) {
  if (to.ending)
    return;
  touch(to);
  to.outcomes.push_back(std::move(what));
}

void hub::impl::answer(const passing& m, code what, std::string_view text) {
  const auto& v = m.view;
  const bool bad = what >= code::no_such_address;
  if (bad && m.asks())
    close(m);
  if (v.from == "runtime/shell")
    return shell_part(m, what, text);
  auto* source = find(instance_of(v.from));
  if (!source || source->sent.incarnation() != v.incarnation)
    return; // whoever sent it is gone
  if (v.how != wire::delivery::fire) {
    if (const auto* last = source->sent.end(v.in, v.sequence, what, text); last && source->link)
      tell_sender(*source->link, *last);
    return;
  }
  if (!bad || !source->link)
    return;
  tell_sender(*source->link, {v.in, what, v.sequence, std::string{text}});
}

void hub::impl::complete(const passing& m, const peer& by) {
  if (m.row != 0)
    batch.finished.push_back(m.row);
  record(m.view, trace_step::done, by.name);
  answer(m, m.how() == wire::delivery::durable ? code::accepted : code::done, by.name);
}

void hub::impl::reject(const passing& m, code why, std::string_view text, peer* at) {
  ++count.rejected;
  // Of a fire message to several, those who did not get it are nobody's business.
  bool several = false;
  if (m.how() == wire::delivery::fire && at) {
    const auto kind = parse_address(m.view.to).what;
    several = !shell_of(m.view) && (kind == address::kind::group || kind == address::kind::topic);
  }
  if (!several)
    answer(m, why, text);
  record(m.view, why == code::expired ? trace_step::expired : trace_step::rejected, to_string(why));
  bury(m, why, text, at ? std::string_view{at->name} : m.view.to);
}

/// What was accepted for good, or was tried often enough, is always kept; of the rest so many a
/// second.
void hub::impl::bury(const passing& m, code why, std::string_view text, std::string_view target) {
  ++count.dead;
  if (m.row == 0 && why != code::too_many_deliveries) {
    if (now - dead_second >= std::chrono::seconds{1}) {
      dead_second = now;
      dead_in_second = 0;
    }
    if (!restored || ++dead_in_second > dead_rate) {
      ++count.dead_not_kept;
      return;
    }
  }
  dead_letter letter;
  letter.row = m.row != 0 ? m.row : ++last_row;
  letter.at = port.wall();
  letter.target = target;
  letter.reason = to_string(why);
  letter.detail = text;
  letter.deliveries = m.deliveries;
  letter.body.reserve(body_size(m.view));
  wire::append_body(letter.body, m.view);
  record(m.view, trace_step::dead, letter.reason);
  batch.dead.push_back(std::move(letter));
  if (m.row != 0)
    batch.finished.push_back(m.row);
}

/// A receiver has answered for what was under way to it.
void hub::impl::land(peer& at, flight& which, wire::done::result how) {
  which.over = true;
  --at.flying;
  count_out(which.what);
  auto what = std::move(which.what);
  const auto m = what.open();
  switch (how) {
  case wire::done::result::done:
    return complete(m, at);
  case wire::done::result::no_such_actor:
    return reject(m, code::no_such_address,
                  at.name + " hosts no actor " + std::string{parse_address(m.view.to).actor}, &at);
  case wire::done::result::failed:
    return redeliver(at, std::move(what), code::refused, "the handler of " + at.name + " failed");
  }
}

void hub::impl::redeliver(peer& from, parcel what, code last_word, std::string_view text) {
  ++what.deliveries;
  what.again = true;
  const std::uint32_t most = from.where ? from.where->spec->max_deliveries : 5;
  auto m = what.open();
  if (m.deliveries >= most)
    return reject(m, last_word, std::string{text} + ", " + std::to_string(m.deliveries) + " times",
                  &from);
  ++count.redelivered;
  if (m.asks())
    assign(m, nullptr);
  if (m.row != 0)
    batch.changed.push_back({m.row,
                             m.pooled ? std::string{parse_address(m.view.to).name} : from.name,
                             m.deliveries,
                             0,
                             {}});
  if (m.pooled && send_elsewhere(from, m))
    return;
  put_back(from, std::move(what));
}

/// Those in front, and the others when they are most of all that is kept.
void hub::impl::drop_landed(peer& at) {
  auto& all = at.flights;
  while (!all.empty() && all.front().over)
    all.pop_front();
  if (all.size() > 2 * at.flying + 64)
    std::erase_if(all, [](const flight& each) { return each.over; });
}

/// What waits for one that is not there goes to another instance, if any will do; what may not
/// wait is rejected then. What was accepted for good waits as long as its receiver is known.
void hub::impl::purge(peer& of) {
  const bool away = !of.linked() && (!of.where || !of.where->takes());
  if (of.box.empty() || (!away && !of.draining && now - of.unlinked < options.link_grace))
    return;
  auto moving = of.box.extract([&](const parcel& what) {
    return !what.reply && ((what.pooled && (away || of.draining)) || refuse(of, what.open()));
  });
  std::vector<parcel> staying;
  for (auto& each : moving) {
    count_out(each);
    auto m = each.open();
    if (m.pooled && send_elsewhere(of, m))
      continue;
    const auto no = refuse(of, m);
    if (!no || (m.row != 0 && of.where))
      staying.push_back(std::move(each));
    else
      reject(m, no.why, no.text, &of);
  }
  for (auto each = staying.rbegin(); each != staying.rend(); ++each)
    put_back(of, std::move(*each));
  relax(of);
}

/// To another instance of the bot that is there; false: there is none.
bool hub::impl::send_elsewhere(const peer& from, passing& m) {
  const auto to = parse_address(m.view.to);
  const auto chosen = routing.pick(to, m.view.key, from.name);
  if (!chosen || chosen.to->instance == from.name)
    return false;
  auto& other = peer_of(chosen.to->instance);
  if ((!other.linked() && !chosen.to->takes()) || refuse(other, m))
    return false;
  place(other, m, true);
  return true;
}

} // namespace troupe::messaging
