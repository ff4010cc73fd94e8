#include "actors/messaging/hub_impl.hpp"

namespace troupe::messaging {

hub::impl::impl(hub_port& p, hub_options o)
    : port{p}
    , options{std::move(o)}
    , self{std::make_shared<impl*>(this)}
    , routing{*this}
    , desk{*this}
    , own_messages{static_cast<std::uint64_t>(p.wall())} {
  // nop
}

peer* hub::impl::find(std::string_view instance) {
  const auto at = peers.find(instance);
  return at == peers.end() ? nullptr : at->second.get();
}

peer* hub::impl::find(std::uint64_t id) {
  const auto at = by_id.find(id);
  return at == by_id.end() ? nullptr : at->second;
}

peer& hub::impl::peer_of(std::string_view instance) {
  if (auto* known = find(instance))
    return *known;
  auto fresh = std::make_unique<peer>();
  fresh->name = instance;
  fresh->id = ++last_peer;
  fresh->unlinked = now;
  if (const auto* where = routing.routes() ? routing.routes()->instances.get(instance) : nullptr) {
    fresh->where = *where;
    fresh->box.set_bounds((*where)->spec->mailbox);
  }
  auto& result = *fresh;
  by_id.emplace(result.id, &result);
  peers.emplace(result.name, std::move(fresh));
  return result;
}

std::uint64_t hub::impl::load(const messaging::route& of) {
  const auto* who = find(of.instance);
  if (!who)
    return 0;
  std::uint64_t sum = who->box.messages() + who->box.spilled_messages();
  if (who->link)
    for (const auto& each : who->link->windows)
      sum += each.under_way();
  return sum;
}

bool hub::impl::linked(const messaging::route& of) {
  const auto* who = find(of.instance);
  return who && who->linked();
}

link_state& hub::impl::touch(link_state& of) {
  if (!of.touched) {
    of.touched = true;
    const auto unsent = port.unsent(of.id);
    if (unsent == 0)
      of.progress = now;
    of.room = static_cast<std::int64_t>(options.unsent) - static_cast<std::int64_t>(unsent);
    touched.push_back(&of);
  }
  return of;
}

void hub::impl::finish() {
  // What is written for one may end something for another, so this goes on until all is still.
  ++depth;
  do {
    for (std::size_t i = 0; i < touched.size(); ++i)
      flush(*touched[i]);
    touched.clear();
    flush_spills();
    flush_store();
  } while (!touched.empty());
  read_taps();
  schedule_services();
  --depth;
  gone.clear();
}

/// Orders, outcomes and the receipt go before what waits in the mailbox.
void hub::impl::flush(link_state& of) {
  if (!of.touched)
    return;
  if (!of.ending) {
    const auto before = of.out.size();
    if (of.room > 0) {
      if (!of.pong.empty()) {
        wire::append_frame(of.out, wire::frame_type::pong, of.pong);
        of.pong.clear();
      }
      of.out += of.control;
      of.control.clear();
      wire::append_frame(of.out, of.outcomes);
      of.outcomes.clear();
    }
    // A receipt goes with whatever goes, so that a busy link needs no timer for it.
    if (of.unreceipted != 0 && of.room > 0
        && (of.receipt_due || of.unreceipted >= receipt_after
            || of.unreceipted_bytes >= window_bytes / 4 || !of.out.empty())) {
      wire::append_frame(of.out, of.owner->sent.taken());
      of.unreceipted = of.unreceipted_bytes = 0;
      of.receipt_due = false;
    }
    of.room -= static_cast<std::int64_t>(of.out.size() - before);
    pump(*of.owner);
  }
  of.touched = false;
  if (!of.out.empty()) {
    of.sums.settle(of.out);
    port.write(of.id, of.out);
    of.out.clear();
    if (of.out.capacity() > (256u << 10))
      of.out.shrink_to_fit();
  }
  if (of.ending) {
    port.close(of.id);
    forget(of);
  }
}

// -- the public side -----------------------------------------------------------------------

hub::hub(hub_port& port, hub_options options)
    : impl_{std::make_unique<impl>(port, std::move(options))} {
  // nop
}

hub::~hub() = default;

void hub::on_link(link_id id, link_hello hello) {
  impl::turn scope{*impl_};
  impl_->on_link(id, std::move(hello));
}

void hub::on_data(link_id id, std::string_view bytes) {
  impl::turn scope{*impl_};
  if (const auto at = impl_->links.find(id); at != impl_->links.end())
    impl_->on_data(*at->second, bytes);
}

void hub::on_sent(link_id id) {
  impl::turn scope{*impl_};
  if (const auto at = impl_->links.find(id); at != impl_->links.end()) {
    at->second->progress = impl_->now;
    impl_->touch(*at->second);
  }
}

void hub::on_closed(link_id id) {
  impl::turn scope{*impl_};
  const auto at = impl_->links.find(id);
  if (at == impl_->links.end())
    return;
  auto& who = *at->second->owner;
  impl_->forget(*at->second);
  impl_->drop_idle(who);
}

void hub::set_routes(routes_ptr routes) {
  impl::turn scope{*impl_};
  impl_->set_routes(std::move(routes));
}

void hub::restore(const queue_contents& contents) {
  impl::turn scope{*impl_};
  impl_->restore(contents);
}

void hub::order(const std::string& instance, std::uint64_t incarnation, link_order which,
                std::chrono::milliseconds within) {
  impl::turn scope{*impl_};
  impl_->order(instance, incarnation, which, within);
}

void hub::stop() {
  impl::turn scope{*impl_};
  impl_->stopping = true;
  for (auto& [id, each] : impl_->links)
    impl_->fail(*each, "stopping", "the fleet is being ended");
  while (!impl_->shells.empty())
    impl_->shell_fail(impl_->shells.begin()->first, code::stopping, "the fleet is being ended");
}

void hub::tick() {
  impl::turn scope{*impl_};
  impl_->tick();
}

std::optional<monotonic> hub::next_tick() const {
  return impl_->clock.next();
}

} // namespace troupe::messaging
