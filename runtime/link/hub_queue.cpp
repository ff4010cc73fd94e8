// What the hub wants of the queue. An answer that does not come is one that says so: the hub never
// waits for ever.

#include "runtime/link/hub_broker.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace troupe::link {

namespace {

constexpr std::chrono::seconds pause_of_loading{1};

std::string only_text(const std::string& why) {
  return why;
}

messaging::spill_list no_spills(const std::string& why) {
  return {{}, why};
}

messaging::dead_letter_list no_letters(const std::string& why) {
  return {{}, 0, why};
}

} // namespace

void hub_broker_state::wire(const services_ptr& x) {
  all = x;
  load_queue();
}

/// Once in a life of this hub, however often the queue is replaced.
void hub_broker_state::load_queue() {
  if (loaded || loading || !all)
    return;
  if (!all->queue) {
    loaded = true;
    return turn([this] { hub->restore({}); });
  }
  loading = true;
  self->request(all->queue, options.queue_wait, view_atom_v)
      .then(
          [this](const messaging::queue_contents_ptr& x) {
            loaded = true;
            loading = false;
            if (!x->trouble.empty())
              spdlog::error("hub: not all that the queue kept could be read: {}", x->trouble);
            turn([&] { hub->restore(*x); });
          },
          [this](const caf::error& why) {
            spdlog::error("hub: the queue does not say what it kept, it is asked again: {}",
                          self->system().render(why));
            loading = false;
            self->delayed_send(self, pause_of_loading, tick_atom_v, std::uint64_t{0});
          });
}

/// The hub must not be called back within a call of it.
template <class T, class Request>
void hub_broker_state::ask_queue(std::function<void(T)> done, T (*failed)(const std::string&),
                                 Request request) {
  if (!all || !all->queue) {
    later.push_back([done = std::move(done), failed] { done(failed("there is no queue")); });
    return;
  }
  request(all->queue)
      .then(
          [this, done](const T& x) { turn([&] { done(x); }); },
          [this, done, failed](const caf::error& why) {
            turn([&] { done(failed("the queue does not answer: " + self->system().render(why))); });
          });
}

void hub_broker_state::store(messaging::queue_batch_ptr x, std::function<void(std::string)> done) {
  ask_queue<std::string>(std::move(done), only_text, [&](const queue_actor& queue) {
    return self->request(queue, options.queue_wait, write_atom_v, std::move(x));
  });
}

void hub_broker_state::spill(messaging::spill_batch_ptr x, std::function<void(std::string)> done) {
  ask_queue<std::string>(std::move(done), only_text, [&](const queue_actor& queue) {
    return self->request(queue, options.queue_wait, spill_atom_v, std::move(x));
  });
}

void hub_broker_state::unspill(const std::string& mailbox, std::uint8_t lane, std::uint32_t count,
                               std::uint64_t bytes,
                               std::function<void(messaging::spill_list)> done) {
  ask_queue<messaging::spill_list>(std::move(done), no_spills, [&](const queue_actor& queue) {
    return self->request(queue, options.queue_wait, unspill_atom_v, mailbox, lane, count, bytes);
  });
}

void hub_broker_state::drop_spilled(const std::string& mailbox) {
  if (all && all->queue)
    self->send(all->queue, drop_atom_v, mailbox);
}

void hub_broker_state::dead_letters(messaging::dead_letter_query x,
                                    std::function<void(messaging::dead_letter_list)> done) {
  ask_queue<messaging::dead_letter_list>(
      std::move(done), no_letters, [&](const queue_actor& queue) {
        return self->request(queue, options.queue_wait, query_atom_v, std::move(x));
      });
}

void hub_broker_state::tell(notice x) {
  if (all && all->launcher)
    self->send(all->launcher, std::move(x));
}

} // namespace troupe::link
