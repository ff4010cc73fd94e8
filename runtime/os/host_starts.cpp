// Starts. What comes before the keeper is asked reads files and asks the name service, which
// may hang: a thread of its own does it, one start after the other.

#include "runtime/os/host.hpp"
#include "runtime/os/notify.hpp"
#include "runtime/os/preparation.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace troupe::os {

namespace {

// The keeper's own queue is a few hundred; what waits here has fds open.
constexpr std::size_t most_waiting = 4096;

} // namespace

void keeper_host::spawn(const launch& what) {
  const slot_key key{what.instance, what.incarnation};
  const std::lock_guard lock{mutex_};
  if (const auto known = find(key))
    return say_again(key, *known);
  if (queue_.size() + starts_.size() >= most_waiting)
    return not_started(key, "the keeper takes no more requests now");
  auto place = std::make_shared<entry>();
  place->preparing = true;
  table_[key] = place;
  boost::asio::post(io_, [this, key] { tasks_.make_way(key.instance, key.incarnation); });
  if (what.spec->start_command) {
    boost::asio::post(io_, [this, what, place] { run_start_command(what, place); });
    return;
  }
  starts_.push_back({what, job::bot, {}, std::move(place), {}});
  starts_changed_.notify_one();
}

void keeper_host::prepare_starts() {
  std::unique_lock lock{mutex_};
  for (;;) {
    starts_changed_.wait(lock, [this] { return ending_ || !starts_.empty(); });
    if (ending_)
      return;
    const auto [what, as, variables, place, remark] = std::move(starts_.front());
    starts_.pop_front();
    const slot_key key{slot_name(what.instance, as), what.incarnation};
    if (find(key) != place)
      continue; // called off
    const auto tree = options_.tree;
    lock.unlock();
    auto ready =
        prepare({what, as, variables}, state_, groups_, tree, options_.original, accounts_);
    lock.lock();
    if (find(key) != place) {
      if (ready && groups_.usable())
        groups_.remove(key.instance, key.incarnation);
      if (ready && ready->notify)
        ::unlink(notify_path(state_.path(), key.instance, key.incarnation).c_str());
      continue;
    }
    if (!ready) {
      table_.erase(key);
      not_started(key, std::move(ready.error()));
      continue;
    }
    logs::source_options options{what.spec->log, {}, {}, false};
    if (as == job::bot) {
      // With the pipe, not after it: the first look at it may find all that the bot has to say.
      attention_.expect(what);
      options.patterns = attention::patterns_of(*what.spec);
      options.found = attention_.listener(key);
    }
    output_.add(key.instance, key.incarnation, std::move(ready->output), std::move(options));
    if (ready->link)
      keys_.add(key.instance, key.incarnation, ready->link->key, ready->link->uid);
    // A new one: of an entry that others have seen the group never changes.
    auto known = std::make_shared<entry>();
    known->started = started_from_blob(ready->request.blob);
    known->settings = what.spec->fingerprint;
    known->spec = what.spec;
    known->limits = what.spec->limits;
    known->directory = ready->request.directory;
    known->group = std::move(ready->group);
    known->notifies = static_cast<bool>(ready->notify);
    known->notify = std::move(ready->notify);
    known->remark = remark;
    table_[key] = std::move(known);
    post(std::move(ready->request));
  }
}

// False when there is nothing to call off any more.
bool keeper_host::call_off(const target& to) {
  const std::lock_guard lock{mutex_};
  if (find(to.key) != to.known)
    return false;
  table_.erase(to.key);
  not_started(to.key, "ended before it was started");
  return true;
}

void keeper_host::not_started(const slot_key& key, std::string reason) {
  if (split_slot_name(key.instance).as != job::bot) {
    boost::asio::post(io_, [this, key, reason] { tasks_.failed(key, reason); });
    return;
  }
  boost::asio::post(
      io_, [this, event = troupe::spawn_failed{key.instance, key.incarnation, std::move(reason)}] {
        deliver({event});
      });
}

void keeper_host::stop_preparing() {
  {
    const std::lock_guard lock{mutex_};
    ending_ = true;
  }
  starts_changed_.notify_one();
  if (preparer_.joinable())
    preparer_.join();
}

// A launcher that lost its memory orders what is there already. One that is not confirmed
// yet will be.
void keeper_host::say_again(const slot_key& key, const entry& known) {
  std::vector<process_event> events;
  if (known.pid > 0)
    events.push_back(troupe::spawned{key.instance, key.incarnation, known.pid, known.settings});
  if (known.end)
    events.push_back(*known.end);
  boost::asio::post(io_,
                    [this, events = std::move(events)]() mutable { deliver(std::move(events)); });
}

} // namespace troupe::os
