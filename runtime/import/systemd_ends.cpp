#include "config/names.hpp"
#include "runtime/import/systemd_part.hpp"
#include "runtime/import/words.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace troupe::importing {

namespace {

/// Exit codes that SuccessExitStatus may name.
const std::map<std::string, int, std::less<>> exit_names{
    {"SUCCESS", 0},      {"FAILURE", 1},      {"INVALIDARGUMENT", 2}, {"NOTIMPLEMENTED", 3},
    {"NOPERMISSION", 4}, {"NOTINSTALLED", 5}, {"NOTCONFIGURED", 6},   {"NOTRUNNING", 7},
    {"USAGE", 64},       {"DATAERR", 65},     {"NOINPUT", 66},        {"NOUSER", 67},
    {"NOHOST", 68},      {"UNAVAILABLE", 69}, {"SOFTWARE", 70},       {"OSERR", 71},
    {"OSFILE", 72},      {"CANTCREAT", 73},   {"IOERR", 74},          {"TEMPFAIL", 75},
    {"PROTOCOL", 76},    {"NOPERM", 77},      {"CONFIG", 78},
};

/// Carries over how a service ends and starts again.
class ends_importer : service_part {
public:
  explicit ends_importer(const service_part& of)
      : service_part{of} {}

  void run(bool by_shell) {
    set_restarts();
    set_times();
    set_stop(by_shell);
  }

private:
  void set_restarts() {
    const auto* entry = service("Restart");
    const auto when = entry ? entry->value : std::string{"no"};
    const auto where = entry ? entry->where : bot_.where;
    if (when == "no")
      bot_.set("restart", "temporary", where);
    else if (when == "always" || when == "on-success")
      bot_.set("restart", "permanent", where);
    else
      bot_.set("restart", "transient", where);
    if (when == "on-success")
      bot_.changed(where, "Restart", "on-success: here it is restarted after a failure too");
    else if (when == "on-abnormal" || when == "on-abort" || when == "on-watchdog")
      bot_.changed(where, "Restart", when + ": here every failure restarts it");
    else if (when != "no" && when != "always" && when != "on-failure")
      bot_.lost(where, "Restart", config::in_quotes(when) + " is not known here");
    if (const auto* codes = service("SuccessExitStatus"))
      bot_.set("success_codes", exit_codes("SuccessExitStatus", {0}), codes->where);
    if (const auto* codes = service("RestartPreventExitStatus"))
      if (auto list = exit_codes("RestartPreventExitStatus", {}); !list.empty())
        bot_.set("no_restart_codes", std::move(list), codes->where);
    set_delay();
    set_budget(when != "no");
  }

  json exit_codes(std::string_view key, std::set<int> codes) {
    for (const auto* entry : unit_.all("Service", key))
      for (const auto& word : split(entry->value, " \t")) {
        const auto named = exit_names.find(word);
        const auto value = number(word);
        if (named != exit_names.end())
          codes.insert(named->second);
        else if (value && *value >= 0 && *value < 256)
          codes.insert(static_cast<int>(*value));
        else
          bot_.lost(entry->where, entry->key,
                    signal_of(word)
                        ? "a death by " + word + " that was not asked for is a failure"
                        : config::in_quotes(word) + " is no exit code that is known here");
      }
    return json(codes);
  }

  void set_delay() {
    const auto* entry = service("RestartSec");
    const auto first = entry ? seconds("RestartSec") : std::nullopt;
    if (!first || *first < 0)
      return;
    const auto steps = number(unit_.value("Service", "RestartSteps")).value_or(0);
    const double most = seconds("RestartMaxDelaySec").value_or(0);
    const bool grows = steps > 0 && *first > 0 && most > *first;
    // An even pause has no jitter at systemd.
    auto delay = json::object();
    delay["initial"] = duration_of(*first);
    delay["factor"] =
        grows ? std::round(std::pow(most / *first, 1.0 / static_cast<double>(steps)) * 100) / 100
              : 1.0;
    delay["max"] = duration_of(grows ? most : *first);
    delay["jitter"] = 0;
    bot_.set("delay", std::move(delay), entry->where);
  }

  void set_budget(bool restarts) {
    const unit_entry* interval = nullptr;
    const unit_entry* burst = nullptr;
    for (const auto* section : {"Service", "Unit"}) {
      for (const auto* key : {"StartLimitInterval", "StartLimitIntervalSec"})
        if (const auto* found = unit_.find(section, key))
          interval = found;
      if (const auto* found = unit_.find(section, "StartLimitBurst"))
        burst = found;
    }
    if (!restarts || (!interval && !burst))
      return;
    const auto within = interval ? unit_seconds(interval->value) : std::optional{10.0};
    const auto count = burst ? number(burst->value) : std::optional{5LL};
    const auto where = interval ? interval->where : burst->where;
    if (!within || !count) {
      bot_.lost(where, "StartLimit", "is no number or time");
      return;
    }
    const bool unlimited = *within == 0 || *count <= 0;
    if (unlimited) {
      bot_.set("max_restarts", {{"count", 1'000'000}, {"within", "10m"}}, where);
      bot_.set("failed_starts", 1'000'000, where);
    } else {
      bot_.set("max_restarts",
               {{"count", std::min(*count, 1'000'000LL)},
                {"within", duration_of(*within < 0 ? 86400.0 : *within)}},
               where);
    }
  }

  void set_times() {
    const auto place_of = [&](const char* key) {
      const auto* entry = service(key);
      return entry ? entry->where : service("TimeoutSec")->where;
    };
    for (const auto* key : {"TimeoutStartSec", "TimeoutStopSec", "TimeoutSec"})
      seconds(key);
    if (const auto start = start_timeout())
      bot_.set("start_timeout", *start <= 0 ? json(0) : json(duration_of(*start)),
               place_of("TimeoutStartSec"));
    else if (oneshot())
      bot_.set("start_timeout", 0, bot_.where);
    // systemd waits 90 s where nothing is said.
    const auto stop = stop_timeout();
    bot_.set("stop_timeout", duration_of(limited(stop, 90)),
             stop ? place_of("TimeoutStopSec") : bot_.where);
    if (stop && *stop <= 0)
      bot_.changed(place_of("TimeoutStopSec"), "TimeoutStopSec",
                   "no stop takes longer than 24h here");
    if (const auto silence = seconds("WatchdogSec"); silence && *silence > 0)
      bot_.set("watchdog", duration_of(*silence), service("WatchdogSec")->where);
  }

  void set_stop(bool by_shell) {
    const auto* entry = service("KillMode");
    const auto mode = entry ? entry->value : std::string{"control-group"};
    const auto where = entry ? entry->where : bot_.where;
    // A shell between them does not pass the signal on.
    bot_.set("kill_mode", mode == "control-group" || by_shell ? "group" : "process", where);
    if (mode == "process" || mode == "none")
      bot_.changed(where, "KillMode",
                   mode
                       + ": what is left of a bot after stop_timeout is always "
                         "killed",
                   "what is to live on must be a bot of its own");
    if (const auto* signal = service("KillSignal")) {
      if (const auto name = signal_of(signal->value))
        bot_.set("stop_signal", *name, signal->where);
      else
        bot_.lost(signal->where, "KillSignal", config::in_quotes(signal->value) + " is no signal");
    }
  }
};

} // namespace

void set_ends(const service_part& of, bool by_shell) {
  ends_importer{of}.run(by_shell);
}

} // namespace troupe::importing
