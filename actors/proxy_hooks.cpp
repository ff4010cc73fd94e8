// The commands beside a bot: stop_command in place of the stop signal, on_crash for what
// a bot could not clean up itself.

#include "actors/clocks.hpp"
#include "actors/proxy.hpp"

#include <algorithm>
#include <csignal>

namespace troupe {

using namespace std::chrono_literals;

namespace {

/// The host ends a hook at its timeout and tells; after so long we go on without.
constexpr std::chrono::seconds hook_slack{10};

bool contains(const std::vector<int>& codes, int code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

} // namespace

void proxy_state::order_hook(hook which, std::uint64_t incarnation) {
  self->send(args.services->launcher, hook_atom_v, launch{record.name, incarnation, spec}, which);
}

void proxy_state::on_hook_end(const hook_end& what) {
  if (!adopted)
    return;
  if (what.which == hook::on_crash) {
    if (!cleaning || !end || what.incarnation != end->how.incarnation)
      return;
    note(what.text);
    return end_cleaning();
  }
  if (what.incarnation != record.incarnation || record.now != state::stopping)
    return;
  note(what.text);
  hook_failed = !what.ok;
  if (!what.ok && !end)
    ask_to_end(); // by its signal now
}

// -- on_crash ------------------------------------------------------------------------------

// Whatever died of a signal could not clean up, were it the one that asked it to end; nor
// could what we had to end ourselves. An exit with a code that is expected is the bot's own word.
bool proxy_state::is_crash(const exited& how, bool asked) const {
  const auto code = how.status.code;
  if (expired || how.status.signal != 0)
    return true;
  return !contains(spec->success_codes, code) && !contains(spec->no_restart_codes, code)
         && !(asked && code == 128 + spec->stop_signal); // as a shell says it
}

void proxy_state::begin_cleaning() {
  if (cleaning)
    return;
  cleaning = true;
  order_hook(hook::on_crash, end->how.incarnation);
  arm(timer::hook, spec->on_crash->timeout + hook_slack);
}

void proxy_state::end_cleaning() {
  disarm(timer::hook);
  cleaned = true;
  swept(0);
}

} // namespace troupe
