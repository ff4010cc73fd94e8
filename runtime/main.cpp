// troupe-runtime: started by troupe-keeper, never by hand.

#include "messages/admin.hpp"
#include "runtime/application.hpp"
#include "runtime/blackbox/event_ring.hpp"
#include "runtime/blackbox/log.hpp"
#include "troupe_version.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <unistd.h>

int main(int argc, char** argv) {
  troupe::runtime_options options;
  CLI::App app{"The part of Troupe that holds the actors; `troupe run` starts it."};
  app.set_version_flag("--version", troupe::version);
  app.add_option("--state", options.state, "state directory")->required();
  app.add_option("--tree", options.tree, "config tree of a fresh run")->required();
  app.add_option("--profile", options.profile, "profile of that tree");
  app.add_flag("-v,--verbose", options.verbose, "log more");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : troupe::failure_code(troupe::exit_code::usage);
  }
  std::signal(SIGPIPE, SIG_IGN);
  const char* epoch = std::getenv("TROUPE_EPOCH");
  auto& ring = *new troupe::blackbox::event_ring{
      getpid(), static_cast<std::uint32_t>(epoch ? std::atoll(epoch) : 0)};
  troupe::blackbox::open(options.verbose, ring);
  int code = 70; // EX_SOFTWARE: the keeper starts it again
  try {
    code = troupe::run_runtime(options, ring);
  } catch (const std::exception& problem) {
    spdlog::critical("troupe-runtime: {}", problem.what());
  }
  ring.end();
  troupe::blackbox::finish();
  // Whoever hangs (an actor, the reader of the log) must not hang us. What had to reach the disk
  // has.
  _exit(code);
}
