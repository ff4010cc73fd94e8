// What bots write: the collector reads it, and its remarks become events.

#include "runtime/os/host.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace troupe::os {

logs::collector_options keeper_host::output_options() {
  logs::collector_options result;
  result.state = state_.path();
  result.on_remark = [this](const logs::remark& x) { hear(x); };
  result.on_trouble = [this](const std::string& text) {
    boost::asio::post(io_, [this, text] {
      if (on_trouble_)
        on_trouble_(text);
    });
  };
  return result;
}

// In the collector's thread.
void keeper_host::hear(const logs::remark& x) {
  if (x.closed) {
    // That a process which has ended writes no more is no news.
    const std::lock_guard lock{mutex_};
    const auto known = find({x.instance, x.incarnation});
    if (!known || known->pid <= 0 || known->end)
      return;
  }
  // A task writes into the log of its bot. That one of them closes its output is no news.
  auto owner = split_slot_name(x.instance);
  if (x.closed && owner.as != job::bot)
    return;
  boost::asio::post(
      io_, [this, event = notice{
                      std::move(owner.instance), x.incarnation, notice::kind::remark, x.text, {}}] {
        deliver({event});
      });
}

// With the mutex held. `spec` says what is looked for; none: nothing.
void keeper_host::read_output(const slot_key& key, entry& known, const config::bot_spec* spec) {
  if (!known.output)
    return;
  logs::source_options options{known.log, {}, {}, true};
  if (spec) {
    options.patterns = attention::patterns_of(*spec);
    options.found = attention_.listener(key);
  }
  output_.add(key.instance, key.incarnation, std::move(known.output), std::move(options));
}

void keeper_host::read_all_outputs() {
  const std::lock_guard lock{mutex_};
  for (const auto& [key, known] : table_)
    read_output(key, *known, nullptr);
}

std::string keeper_host::tail(const std::string& instance, std::uint64_t incarnation) {
  {
    const slot_key key{instance, incarnation};
    const std::lock_guard lock{mutex_};
    if (const auto known = find(key))
      read_output(key, *known, nullptr);
  }
  return output_.tail(instance, incarnation);
}

} // namespace troupe::os
