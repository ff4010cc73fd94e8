// What a bot lets us know while it runs: that it is ready, that it is alive, that it
// needs more time.

#include "actors/clocks.hpp"
#include "actors/proxy.hpp"

#include <algorithm>

namespace troupe {

using namespace std::chrono_literals;

namespace {

/// By so much, in all, a bot may put off one deadline: of its start, or of its stop.
constexpr std::chrono::minutes longest_extension{10};

/// Events are kept, and what a bot says must not drive others out.
constexpr std::uint32_t remarks_of_one_life = 100;

/// What is kept of a process before its exec is confirmed.
constexpr std::size_t early_notices = 16;

} // namespace

void proxy_state::on_notice(const notice& what) {
  if (!adopted)
    return; // the launcher tells what still holds
  if (launched && !taken_back && what.incarnation == last_number) {
    if (what.what == notice::kind::begun)
      return limit_start();
    // It may link and speak before its exec is confirmed.
    if (early.size() < early_notices)
      early.push_back(what);
    return;
  }
  if (what.incarnation == record.incarnation)
    heed(what);
}

void proxy_state::heed(const notice& what) {
  using enum notice::kind;
  switch (what.what) {
  case linked:
  case unlinked:
  case silent:
  case answers:
  case drained:
  case flattened:
    return on_link_notice(what);
  case remark: // of a process that may have ended meanwhile, too
    return note(what.text);
  case says_ready: // as READY=1: it counts where it is the check
    if (spec->ready.how != config::ready_spec::kind::link)
      break;
    [[fallthrough]];
  case ready:
    if (record.now == state::starting)
      raise(event::ready, what.text.empty() ? "it says that it is ready" : what.text);
    break;
  case not_ready:
    if (record.now == state::starting)
      hold_back(what.text);
    break;
  case alive:
    watch_silence();
    break;
  case hung:
    raise_hung("it said that it hangs (WATCHDOG=trigger)");
    break;
  case begun:
    break; // an older start
  case notice::kind::stopping:
    if (has_been_ready(record.now)) {
      disarm(timer::watchdog);
      note("it says that it is stopping");
    }
    break;
  case extend:
    extend_deadline(what.time);
    break;
  case printed:
    add_printed(what.text);
    break;
  }
}

// Why it is not ready yet is no event, but `status` and `why` say it.
void proxy_state::hold_back(const std::string& reason) {
  last_check = reason;
  record.why = "not ready yet: " + reason;
  tell_ledger(record.now, record.why);
}

void proxy_state::note(const std::string& text) {
  if (text == last_remark || ++remarks > remarks_of_one_life)
    return;
  last_remark = text;
  ledger_entry entry;
  entry.change = {0, wall_now(), record.name, record.incarnation, record.now, record.now, text};
  entry.record = record;
  entry.by = args.by;
  entry.remark = true;
  self->send(args.services->ledger, std::move(entry));
}

void proxy_state::add_printed(const std::string& pattern) {
  if (std::find(record.printed.begin(), record.printed.end(), pattern) != record.printed.end())
    return;
  record.printed.push_back(pattern);
  publish(record.now, record.why);
}

// -- the watchdog ------------------------------------------------------------------------

// A new runtime, or one that thawed it, grants a full period.
void proxy_state::watch_silence() {
  if (spec->watchdog && counts_as_up(record.now))
    arm(timer::watchdog, *spec->watchdog);
}

void proxy_state::raise_hung(std::string cause) {
  const auto* row = find_transition(record.now, event::hung);
  if (!row)
    return;
  expired = expired || row->to != record.now; // one that is ended already is ended as asked
  raise(event::hung, std::move(cause));
}

// -- more time ---------------------------------------------------------------------------

// As systemd's EXTEND_TIMEOUT_USEC: never less time than there is, and not for ever.
void proxy_state::extend_deadline(std::chrono::microseconds by) {
  const auto which = record.now == state::starting ? timer::start_limit : timer::kill;
  if ((record.now != state::starting && record.now != state::stopping) || kills > 0)
    return;
  if (record.now == state::starting && spec->start_timeout <= 0ns)
    return; // it has all the time there is
  const auto now = monotonic_now(self);
  const auto limit = deadline_began
                     + (record.now == state::starting ? spec->start_timeout : spec->stop_timeout)
                     + longest_extension;
  // What a bot asks for may be any number.
  const auto wanted = now + std::min<std::chrono::microseconds>(by, longest_extension);
  const auto until = std::min<std::chrono::nanoseconds>(wanted, limit);
  if (until <= deadline)
    return;
  arm_deadline(which, until - now);
  if (record.next)
    record.next->at = wall_now() + micros(until - now);
  tell_ledger(record.now, record.why);
}

void proxy_state::arm_deadline(timer which, std::chrono::nanoseconds delay) {
  deadline = monotonic_now(self) + delay;
  arm(which, delay);
}

} // namespace troupe
