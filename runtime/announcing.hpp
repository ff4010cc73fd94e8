#pragma once

// What the runtime tells whoever started the keeper: systemd, mostly.

#include "actors/interfaces.hpp"
#include "config/spec.hpp"
#include "runtime/os/service_manager.hpp"

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <sys/types.h>

namespace troupe {

/// Who started the keeper and wants to know. Its variables end here: no bot may speak to it.
/// To be called before other threads look at the environment.
std::shared_ptr<const os::service_manager> find_manager(pid_t keeper);

/// What the service manager shows of the fleet.
std::string status_line(const config::fleet_spec& fleet, std::uint64_t epoch);

/// How long systemd may have to wait for the end, in the words of NOTIFY_SOCKET: as long as
/// the guardian waits, the hurry after that, and what the keeper needs.
std::string stopping_lines(const config::fleet_spec& fleet);

/// Waits until every supervisor has made what the config in force says, or the runtime ends.
/// Actors are looked up each time: any of them may be replaced meanwhile. For the main thread.
void await_applied(caf::actor_system& system,
                   const std::atomic<std::shared_ptr<const services>>& current,
                   std::future<int>& ended);

} // namespace troupe
