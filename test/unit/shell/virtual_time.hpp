#pragma once

// An actor system on CAF's test scheduler: nothing happens unless the test says so.

#include "stubs.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <nlohmann/json.hpp>

#include <optional>

namespace troupe::test {

struct virtual_time {
  struct settings : caf::actor_system_config {
    settings() {
      set("scheduler.policy", caf::atom("testing"));
      add_message_types<caf::id_block::troupe_admin>();
    }
  };

  settings config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler =
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  caf::scoped_actor self{system, true};
  world_ptr w = std::make_shared<world>();
  std::shared_ptr<commands::session_registry> sessions =
      std::make_shared<commands::session_registry>();
  std::uint64_t session = *sessions->open({1000, 4242, "admin.sock", role::admin});
  services_ptr all;

  /// The fleet: market/feed, market/trader ×3, flaky.
  void begin() {
    if (!w->spec)
      w->spec = make_fleet({make_bot("market/feed", 1, {{"env", "prod"}}),
                            make_bot("market/trader", 3), make_bot("flaky")});
    if (w->records.empty())
      fill_records(*w);
    all = spawn_services(system, w, sessions);
    scheduler.run();
  }

  ~virtual_time() {
    if (!all)
      return;
    const auto end = [&](const auto& actor) {
      self->send_exit(actor, caf::exit_reason::user_shutdown);
    };
    end(all->journal);
    end(all->ledger);
    end(all->launcher);
    end(all->config);
    end(all->root);
    end(all->guardian);
    if (all->hub)
      end(all->hub);
    end(all->admin);
    scheduler.run();
  }

  struct result {
    int exit = -1;
    nlohmann::json document;
    std::string text;
    std::uint64_t cursor = 0;
  };

  result receive(auto response) {
    result r;
    scheduler.run();
    response.receive(
        [&](const admin_reply& reply) {
          r.exit = reply.exit;
          r.text = reply.document;
          r.cursor = reply.cursor;
          r.document = nlohmann::json::parse(reply.document, nullptr, false);
        },
        [&](const caf::error& e) { r.text = system.render(e); });
    return r;
  }

  result ask(const std::string& command, const std::string& arguments = "{}",
             std::optional<std::uint64_t> as = {}) {
    return receive(self->request(all->admin, std::chrono::seconds{60},
                                 admin_request{as.value_or(session), command, arguments}));
  }

  /// The same for what waits: lets the time pass.
  result ask_and_wait(const std::string& command, const std::string& arguments,
                      std::chrono::milliseconds time) {
    auto response = self->request(all->admin, std::chrono::seconds{60},
                                  admin_request{session, command, arguments});
    scheduler.run();
    scheduler.advance_time(time);
    return receive(std::move(response));
  }

  result next(std::uint64_t cursor, std::optional<std::uint64_t> as = {}) {
    return receive(self->request(all->admin, std::chrono::seconds{60}, next_atom_v,
                                 as.value_or(session), cursor));
  }
};

} // namespace troupe::test
