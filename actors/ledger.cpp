#include "actors/ledger.hpp"

#include "actors/clocks.hpp"
#include "actors/ordering.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace troupe {

namespace {

constexpr std::uint64_t flush_tick = 0;
constexpr std::uint64_t retry_tick = 1;
constexpr std::uint64_t look_tick = 2;

/// Between two looks whether a disk has room again.
constexpr std::chrono::seconds look_again{5};

} // namespace

void ledger_state::init(services_ptr given, journal_contents_ptr contents) {
  services = std::move(given);
  if (contents)
    return recall(*contents);
  // A replacement: what was committed is all that is left of the last one. Nothing
  // else is heard before that is known.
  self->request(services->journal, request_timeout, view_atom_v)
      .await([this](const journal_contents_ptr& kept) { recall(*kept); },
             [this](const caf::error& reason) { self->quit(reason); });
}

void ledger_state::recall(const journal_contents& contents) {
  last_seq = committed_seq = contents.last_seq;
  last_incarnation = contents.last_incarnation;
  version = contents.version;
  for (const auto& record : contents.records) {
    auto& kept = records[record.name] = record;
    if (const auto at = contents.intents.find(record.name); at != contents.intents.end())
      kept.wanted = !at->second; // committed before the order was given: the newer word
  }
  for (const auto& [instance, stop] : contents.intents)
    if (stop)
      stopped.insert(instance);
}

// -- what happens --------------------------------------------------------------------------

void ledger_state::on_entry(const ledger_entry& entry) {
  const auto& record = entry.record;
  // One that was replaced may still say a last word after its successor has begun.
  auto& owner = owners[record.name];
  if (entry.by < owner)
    return;
  owner = entry.by;
  auto change = entry.change;
  // What came before may have been lost with another ledger: the chain of events has
  // no gap all the same. One that came back before it was forgotten goes on as it was.
  const auto& leaving = pending.forgotten;
  const bool is_known = std::find(leaving.begin(), leaving.end(), record.name) != leaving.end();
  if (const auto at = records.find(record.name); at != records.end())
    change.from = at->second.now;
  else if (change.from == change.to && !is_known && (!expected || expected->contains(record.name)))
    change.from = state::defined;
  const auto before = records.find(record.name);
  if (change.from != change.to || before == records.end()
      || before->second.printed != record.printed)
    tell_watchers(record);
  if (before == records.end() || before->second.now != record.now
      || before->second.incarnation != record.incarnation || before->second.wanted != record.wanted)
    tell_services(record);
  if (change.from != change.to || entry.remark) {
    change.seq = ++last_seq;
    pending.transitions.push_back(std::move(change));
  }
  if (expected && !expected->contains(record.name) && !has_process(record.now)) {
    last_incarnation = std::max(last_incarnation, record.incarnation);
    forget(record.name);
  } else {
    records[record.name] = record;
    dirty.insert(record.name);
    std::erase(pending.forgotten, record.name); // it came back before that was written
  }
  gather_or_flush();
}

void ledger_state::tell_watchers(const instance_record& record) {
  for (const auto& [address, each] : watchers)
    if (std::any_of(each.targets.begin(), each.targets.end(),
                    [&](const auto& target) { return matches(target, record.name); }))
      self->send(each.who, note_atom_v, record.name, static_cast<std::uint8_t>(record.now),
                 record.printed);
}

void ledger_state::tell_services(const instance_record& record) {
  if (services->switchboard)
    self->send(services->switchboard, note_atom_v, record);
  if (services->config)
    self->send(services->config, note_atom_v, record);
}

void ledger_state::on_death(const death& what) {
  pending.deaths.push_back(what);
  const auto at = records.find(what.instance);
  if (at != records.end() && at->second.incarnation == what.incarnation
      && has_process(at->second.now) && expected && !expected->contains(what.instance)
      && !owners.contains(what.instance))
    end_of_stranger(at->second, what);
  gather_or_flush();
}

/// Of an instance that the config lost while no runtime was there, only the launcher tells.
void ledger_state::end_of_stranger(instance_record record, const death& what) {
  const auto step = [&](state to, std::string why) {
    transition change;
    change.time = wall_now();
    change.instance = record.name;
    change.incarnation = record.incarnation;
    change.from = record.now;
    change.to = record.now = to;
    change.cause = record.why = std::move(why);
    record.since = change.time;
    on_entry({std::move(change), record, {}, false});
  };
  record.wanted = false;
  if (record.now != state::stopping && record.now != state::draining)
    step(state::stopping, "it is no longer in the config");
  record.pid = 0;
  record.started = 0;
  record.settings = 0;
  step(state::stopped, what.cause);
}

void ledger_state::on_group(const group_record& what) {
  if (auto& known = groups[what.name]; !(what.by < known.by))
    known = what;
}

void ledger_state::remark(const std::string& text) {
  transition said;
  said.seq = ++last_seq;
  said.time = wall_now();
  said.instance = config_subject;
  said.cause = text;
  pending.transitions.push_back(std::move(said));
  gather_or_flush();
}

void ledger_state::on_intents(const journal_batch& batch) {
  for (const auto& [instance, stop] : batch.intents)
    if (stop)
      stopped.insert(instance);
    else
      stopped.erase(instance);
}

void ledger_state::retain(const config::spec_ptr& fleet, std::uint64_t applied_version) {
  version = applied_version;
  expected.emplace();
  for (const auto& [bot, entry] : fleet->bots)
    for (std::size_t i = 0; i < entry->instances.size(); ++i)
      expected->insert(instance_name(bot, i));
  std::vector<std::string> gone;
  for (const auto& [instance, record] : records)
    if (!expected->contains(instance) && !has_process(record.now))
      gone.push_back(instance);
  for (const auto& instance : gone)
    forget(instance);
  std::erase_if(groups, [&](const auto& x) {
    return !x.first.empty()
           && std::none_of(fleet->bots.begin(), fleet->bots.end(),
                           [&](const auto& bot) { return lies_in(bot.first, x.first); });
  });
  gather_or_flush();
}

void ledger_state::forget(const std::string& instance) {
  if (const auto at = records.find(instance); at != records.end())
    last_incarnation = std::max(last_incarnation, at->second.incarnation);
  records.erase(instance);
  owners.erase(instance);
  dirty.erase(instance);
  if (stopped.size() > records.size() + max_gone_stops)
    stopped.erase(instance);
  pending.forgotten.push_back(instance);
}

// -- what is asked -------------------------------------------------------------------------

caf::result<instance_record, std::uint64_t> ledger_state::adopt(const std::string& instance,
                                                                const lineage& by) {
  auto& owner = owners[instance];
  owner = std::max(owner, by);
  instance_record record;
  if (const auto at = records.find(instance); at != records.end())
    record = at->second;
  record.name = instance;
  if (stopped.contains(instance)) {
    record.wanted = false;
    if (record.since == 0) {
      record.now = state::stopped;
      record.why = "stopped by an operator before it left the fleet";
    }
  }
  // One that was forgotten and comes back must not count from the start again.
  const auto last = record.incarnation > 0 ? record.incarnation : last_incarnation;
  return {std::move(record), last};
}

bool ledger_state::matches(const std::string& target, const std::string& instance) {
  if (target == instance || target == bot_of(instance))
    return true;
  return !target.empty() && target.back() == '/'
         && lies_in(instance, std::string_view{target}.substr(0, target.size() - 1));
}

ledger_view_ptr ledger_state::view(const std::vector<std::string>& names) const {
  auto result = std::make_shared<ledger_view>();
  result->version = version;
  result->trouble = trouble;
  result->records.reserve(names.empty() ? records.size() : names.size());
  for (const auto& [instance, record] : records)
    if (names.empty() || std::any_of(names.begin(), names.end(), [&](const auto& asked_for) {
          return matches(asked_for, instance);
        }))
      result->records.push_back(record);
  for (const auto& [group, record] : groups)
    result->groups.push_back(record);
  return result;
}

caf::result<std::uint64_t> ledger_state::await(std::uint64_t after, std::uint32_t milliseconds) {
  if (committed_seq > after || milliseconds == 0 || waiters.size() >= max_waiting)
    return committed_seq;
  auto answer = self->make_response_promise<std::uint64_t>();
  waiters.emplace(++last_waiter, waiter{after, answer});
  self->delayed_send(self, std::chrono::milliseconds{std::min(milliseconds, 30'000u)}, tick_atom_v,
                     last_waiter);
  return answer;
}

bool ledger_state::idle() const {
  return !in_flight && dirty.empty() && pending.transitions.empty() && pending.deaths.empty()
         && pending.forgotten.empty();
}

caf::result<bool> ledger_state::when_committed() {
  flush();
  if (idle())
    return true;
  auto answer = self->make_response_promise<bool>();
  until_committed.push_back(answer);
  return answer;
}

figures ledger_state::counts() const {
  const auto under_way = in_flight ? in_flight->transitions.size() : 0;
  figures result;
  result.set("instances", records.size());
  result.set("groups", groups.size());
  result.set("last_seq", last_seq);
  result.set("committed_seq", committed_seq);
  result.set("unwritten", pending.transitions.size() + under_way);
  result.set("unwritten_limit", max_pending);
  result.set("lost", lost);
  result.set("waiting_shells", waiters.size());
  result.set("waiting_shells_limit", max_waiting);
  return result;
}

void ledger_state::watch(const std::vector<std::string>& targets) {
  auto who = caf::actor_cast<supervisor_actor>(self->current_sender());
  if (!who)
    return;
  if (!watchers.contains(who.address()))
    self->monitor(who);
  watchers[who.address()] = {who, targets};
  for (const auto& [instance, record] : records)
    for (const auto& target : targets)
      if (matches(target, instance)) {
        self->send(who, note_atom_v, instance, static_cast<std::uint8_t>(record.now),
                   record.printed);
        break;
      }
}

void ledger_state::on_down(const caf::down_msg& message) {
  watchers.erase(message.source);
}

// -- committing ----------------------------------------------------------------------------

void ledger_state::gather_or_flush() {
  bound_pending();
  if (gathering || in_flight)
    return;
  gathering = true;
  self->delayed_send(self, gather, tick_atom_v, flush_tick);
}

void ledger_state::flush() {
  gathering = false;
  if (in_flight)
    return;
  for (const auto& instance : dirty)
    if (const auto at = records.find(instance); at != records.end())
      pending.records.push_back(at->second);
  dirty.clear();
  if (pending.transitions.empty() && pending.deaths.empty() && pending.records.empty()
      && pending.forgotten.empty())
    return;
  in_flight = std::make_shared<journal_batch>(std::exchange(pending, {}));
  write();
}

void ledger_state::write() {
  self->request(services->journal, request_timeout, write_atom_v, in_flight, false)
      .then([this](const std::string& problem) { on_written(problem); },
            [this](const caf::error& reason) {
              on_written("the journal does not answer: " + self->system().render(reason));
            });
}

void ledger_state::on_written(const std::string& problem) {
  if (!problem.empty()) {
    const auto now = monotonic_now(self);
    if (!std::exchange(failing, true)) {
      spdlog::error("ledger cannot commit: {}; it tries again", problem);
      troubled_since = now;
    }
    trouble = problem;
    if (now - troubled_since >= patience) {
      release_deaths(*in_flight);
      release_deaths(pending);
    }
    self->delayed_send(self, std::chrono::seconds{1}, tick_atom_v, retry_tick);
    return;
  }
  trouble = in_flight->alarm;
  if (std::exchange(failing, false))
    spdlog::info("ledger commits again; {} changes were lost", std::exchange(lost, 0));
  if (!trouble.empty() && !std::exchange(looking, true))
    self->delayed_send(self, look_again, tick_atom_v, look_tick);
  release_deaths(*in_flight);
  if (!in_flight->transitions.empty())
    committed_seq = in_flight->transitions.back().seq;
  in_flight.reset();
  answer_waiters();
  if (idle()) {
    for (auto& each : std::exchange(until_committed, {}))
      each.deliver(true);
  } else if (until_committed.empty()) {
    gather_or_flush();
  } else {
    flush();
  }
}

void ledger_state::release_deaths(const journal_batch& batch) {
  for (const auto& each : batch.deaths)
    self->send(services->launcher, commit_atom_v, each.instance, each.incarnation);
}

void ledger_state::bound_pending() {
  while (pending.transitions.size() > max_pending) {
    pending.transitions.erase(pending.transitions.begin(),
                              pending.transitions.begin() + max_pending / 10);
    lost += max_pending / 10;
  }
  while (pending.deaths.size() > max_pending / 10) {
    const auto& oldest = pending.deaths.front();
    self->send(services->launcher, commit_atom_v, oldest.instance, oldest.incarnation);
    pending.deaths.erase(pending.deaths.begin());
    ++lost;
  }
}

void ledger_state::answer_waiters() {
  for (auto at = waiters.begin(); at != waiters.end();) {
    if (committed_seq > at->second.after) {
      at->second.answer.deliver(committed_seq);
      at = waiters.erase(at);
    } else {
      ++at;
    }
  }
}

void ledger_state::tick(std::uint64_t what) {
  if (what == flush_tick)
    return flush();
  if (what == retry_tick) {
    if (in_flight)
      write(); // the same batch again: the journal knows doubles
    return;
  }
  if (what == look_tick) {
    looking = false;
    if (in_flight)
      return; // that will tell
    in_flight = std::make_shared<journal_batch>();
    return write();
  }
  if (auto node = waiters.extract(what))
    node.mapped().answer.deliver(committed_seq);
}

ledger_actor::behavior_type ledger(ledger_state::pointer self, services_ptr services,
                                   journal_contents_ptr contents) {
  auto* st = &self->state;
  self->set_default_handler(caf::drop);
  self->set_down_handler([st](caf::down_msg& x) { st->on_down(x); });
  st->init(std::move(services), std::move(contents));
  return {
      [st](wire_atom, const services_ptr& x) { st->wire(x); },
      [st](const ledger_entry& x) { st->on_entry(x); },
      [st](const death& x) { st->on_death(x); },
      [st](const group_record& x) { st->on_group(x); },
      [st](remark_atom, const std::string& text) { st->remark(text); },
      [st](note_atom, const journal_batch_ptr& x) { st->on_intents(*x); },
      [st](retain_atom, const config::spec_ptr& fleet, std::uint64_t version) {
        st->retain(fleet, version);
      },
      [st](adopt_atom, const std::string& instance, const lineage& by) {
        return st->adopt(instance, by);
      },
      [st](view_atom, const std::vector<std::string>& names) { return st->view(names); },
      [st](await_atom, std::uint64_t after, std::uint32_t ms) { return st->await(after, ms); },
      [st](flush_atom) { return st->when_committed(); },
      [st](figures_atom) { return st->counts(); },
      [st](watch_atom, const std::vector<std::string>& targets) { st->watch(targets); },
      [st](tick_atom, std::uint64_t what) { st->tick(what); },
  };
}

} // namespace troupe
