// troupe-runtime: started by troupe-keeper, never by hand.

#include "messages/admin.hpp"
#include "runtime/application.hpp"
#include "troupe_version.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <exception>

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
  auto log = spdlog::stderr_logger_mt("troupe");
  log->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  log->set_level(options.verbose ? spdlog::level::debug : spdlog::level::info);
  log->flush_on(spdlog::level::info);
  spdlog::set_default_logger(log);
  try {
    return troupe::run_runtime(options);
  } catch (const std::exception& problem) {
    spdlog::critical("troupe-runtime: {}", problem.what());
    return 70; // EX_SOFTWARE: the keeper starts it again
  }
}
