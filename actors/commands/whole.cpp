// Commands about the runtime as a whole: ping, version, shutdown.

#include "actors/commands/change.hpp"
#include "troupe_version.hpp"

#include <caf/config.hpp>

#include <string>
#include <unistd.h>

namespace troupe::commands {

void handle_ping(const request_ptr& r) {
  auto result = new_document();
  result["ok"] = true;
  result["version"] = troupe::version;
  result["pid"] = getpid();
  result["uptime_s"] = static_cast<double>((now_micros() - r->self->state.started) / 1000) / 1e3;
  r->answer(result);
}

void handle_version(const request_ptr& r) {
  auto result = new_document();
  result["version"] = troupe::version;
  result["protocol"] = admin_protocol;
  result["caf"] = std::to_string(CAF_VERSION / 10000) + "."
                  + std::to_string(CAF_VERSION / 100 % 100) + "."
                  + std::to_string(CAF_VERSION % 100);
  r->answer(result);
}

void handle_shutdown(const request_ptr& r) {
  audited(r, {}, [r](const audit_ptr& audit) {
    settle(r, audit, "accepted", [r](std::string notice) {
      auto result = new_document();
      result["command"] = r->info.name;
      result["accepted"] = 1;
      if (!notice.empty())
        result["notice"] = notice;
      r->answer(result);
      // After the answer: from here on the runtime may be gone at any time.
      r->self->send(r->all->guardian, stop_atom_v, "shutdown, " + r->cause());
    });
  });
}

} // namespace troupe::commands
