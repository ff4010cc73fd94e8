// `env`: the environment of an instance. What is or may be a secret does not leave the
// runtime.

#include "actors/commands/past.hpp"
#include "config/names.hpp"
#include "config/secret_names.hpp"

#include <array>

namespace troupe::commands {

namespace {

bool is_masked(const variable& x) {
  // What only the process has may come from a file that has changed since.
  return x.secret || x.from == variable_source::file || x.from == variable_source::unknown
         || config::names_a_secret(x.name) || config::carries_password(x.value);
}

} // namespace

json environment_document(const std::string& instance, const environment_report& found) {
  constexpr std::array sources{"built-in",    "pass_environment", "environment_file",
                               "environment", "runtime",          "process"};
  auto result = new_document();
  result["instance"] = instance;
  result["pid"] = found.pid > 0 ? json(found.pid) : json(nullptr);
  auto& rows = result["variables"] = json::array();
  for (const auto& each : found.variables) {
    const bool masked = is_masked(each);
    json row;
    row["name"] = each.name;
    row["value"] = masked ? "***" : each.value;
    row["masked"] = masked;
    row["source"] = sources.at(static_cast<std::size_t>(each.from));
    rows.push_back(std::move(row));
  }
  result["trouble"] = found.trouble;
  return result;
}

void handle_env(const request_ptr& r) {
  r->with_bot([r](const config::spec_ptr&, const chosen_bot& which) {
    const auto index = which.index.value_or(0);
    const auto instance = config::join_instance(which.bot->name, index);
    r->with_view({instance}, [r, instance,
                              of = which.bot->instances.at(index)](const ledger_view_ptr& view) {
      launch what{instance, 1, of};
      for (const auto& record : view->records)
        what.incarnation = record.incarnation + (has_process(record.now) ? 0 : 1);
      r->self->request(r->all->launcher, look_timeout, environ_atom_v, what)
          .then(
              [r, instance](const environment_report& found) {
                if (found.variables.empty() && !found.trouble.empty())
                  return r->refuse({exit_code::failed, "no-environment",
                                    instance + " would not start: " + found.trouble, ""});
                r->answer(environment_document(instance, found));
              },
              [r](caf::error& why) { r->broken("the launcher", why); });
    });
  });
}

} // namespace troupe::commands
