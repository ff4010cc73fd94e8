// `limits`: what is in force, and how much of it is used.

#include "actors/commands/past.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace troupe::commands {

namespace {

/// Above this share of a limit it is worth a word.
constexpr double much = 0.8;

json number(const std::optional<double>& value) {
  if (!value || !std::isfinite(*value))
    return nullptr;
  if (std::floor(*value) == *value && std::abs(*value) < 9e15)
    return static_cast<std::int64_t>(*value);
  return std::round(*value * 1000) / 1000;
}

json share_of(const std::optional<double>& used, const std::optional<double>& limit) {
  if (!used || !limit || *limit <= 0)
    return nullptr;
  return std::round(*used / *limit * 1000) / 1000;
}

json limit_row(const limit_use& x) {
  json row;
  row["name"] = x.name;
  row["used"] = number(x.used);
  row["limit"] = number(x.limit);
  row["share"] = share_of(x.used, x.limit);
  row["unenforced"] = x.unenforced.empty() ? json(nullptr) : json(x.unenforced);
  return row;
}

struct gathered {
  config::spec_ptr spec;
  ledger_view_ptr view;
  limits_report found;
  std::map<std::string, usage> sampled;
  bool with_runtime = false;
  figures launcher;
  figures ledger;
  figures journal;
};

using gathered_ptr = std::shared_ptr<gathered>;

/// Rows about the runtime itself.
class runtime_rows {
public:
  runtime_rows(const request& r, const gathered& all) {
    const auto& sessions = *r.self->state.sessions;
    add("sessions", sessions.size(), sessions.bound(), "");
    add("unfetched_bytes", sessions.rest_bytes(), session_registry::max_rest_bytes, "");
    from(all.ledger, "waiting_shells");
    from(all.ledger, "unwritten");
    for (const char* name : {"events", "deaths", "audits", "versions"})
      from(all.journal, name, "the oldest go");
    const auto& limits = all.spec->runtime;
    add_if(all.launcher, "starts_under_way", limits.start_parallelism);
    add_if(all.launcher, "starts_queued", std::nullopt);
    if (const auto tokens = find(all.launcher, "restart_tokens"))
      add("restart_burst", limits.restart_burst - *tokens, limits.restart_burst, "");
    constexpr double most_slots = 65'536;
    add_if(all.launcher, "slots", most_slots);
    from(all.launcher, "runtime_files");
    from(all.launcher, "keeper_files");
    add_if(all.launcher, "runtime_memory_bytes", std::nullopt);
    add_if(all.launcher, "keeper_memory_bytes", std::nullopt);
    add_if(all.launcher, "logs_bytes", static_cast<double>(limits.log_space));
    const auto disk = find(all.launcher, "disk_bytes");
    const auto left = find(all.launcher, "disk_free_bytes");
    if (disk && left)
      add("disk_bytes", *disk - *left, *disk, "");
  }

  json rows = json::array();

private:
  static std::optional<double> find(const figures& in, const std::string& name) {
    const auto found = in.of.find(name);
    return found == in.of.end() ? std::nullopt : std::optional{found->second};
  }

  void add(const std::string& name, auto used, std::optional<double> limit, const char* note) {
    const std::optional<double> value{static_cast<double>(used)};
    json row;
    row["name"] = name;
    row["used"] = number(value);
    row["limit"] = number(limit);
    row["share"] = share_of(value, limit);
    row["note"] = note;
    rows.push_back(std::move(row));
  }

  void add_if(const figures& in, const char* name, std::optional<double> limit) {
    if (const auto used = find(in, name))
      add(name, *used, limit, "");
  }

  void from(const figures& in, const std::string& name, const char* note = "") {
    if (const auto used = find(in, name))
      add(name, *used, find(in, name + "_limit"), note);
  }
};

json instance_limits(const gathered& all, const instance_record& record) {
  json result;
  result["name"] = record.name;
  result["state"] = troupe::to_string(record.now);
  result["pid"] = record.pid > 0 ? json(record.pid) : json(nullptr);
  auto& rows = result["limits"] = json::array();
  const auto found = all.found.of.find(record.name);
  if (found == all.found.of.end())
    return result;
  const auto sampled = all.sampled.find(record.name);
  for (auto each : found->second) {
    // Where no cgroup counts, /proc does.
    if (sampled != all.sampled.end() && !each.used && each.name.starts_with("memory"))
      each.used = static_cast<double>(sampled->second.memory);
    if (sampled != all.sampled.end() && each.name == "cpu")
      each.used = sampled->second.cpu_percent / 100;
    rows.push_back(limit_row(each));
  }
  return result;
}

void warn(json& warnings, const std::string& of, const json& row) {
  if (row["share"].is_number() && row["share"].get<double>() > much
      && row.value("note", "").empty())
    warnings.push_back(of + row["name"].get<std::string>() + " is at "
                       + std::to_string(std::lround(row["share"].get<double>() * 100)) + "%");
}

void finish(const request_ptr& r, const gathered_ptr& all) {
  auto result = new_document();
  auto warnings = json::array();
  auto& instances = result["instances"] = json::array();
  for (const auto& record : all->view->records) {
    instances.push_back(instance_limits(*all, record));
    for (const auto& row : instances.back()["limits"])
      warn(warnings, record.name + ": ", row);
  }
  result["runtime"] = all->with_runtime ? runtime_rows{*r, *all}.rows : json(nullptr);
  if (all->with_runtime)
    for (const auto& row : result["runtime"])
      warn(warnings, "the runtime: ", row);
  result["warnings"] = std::move(warnings);
  result["trouble"] = all->found.trouble;
  r->answer(result);
}

void add_runtime(const request_ptr& r, const gathered_ptr& all) {
  with_figures(r, [r, all](const figures& launcher, const figures& ledger, const figures& journal) {
    all->launcher = launcher;
    all->ledger = ledger;
    all->journal = journal;
    finish(r, all);
  });
}

} // namespace

void with_figures(const request_ptr& r,
                  std::function<void(const figures&, const figures&, const figures&)> then) {
  auto parts = std::make_shared<std::pair<figures, figures>>();
  const auto journal = [r, parts, then] {
    r->self->request(r->all->journal, look_timeout, figures_atom_v)
        .then([parts, then](figures& found) { then(parts->first, parts->second, found); },
              [r](caf::error& why) { r->broken("the journal", why); });
  };
  const auto ledger = [r, parts, journal] {
    r->self->request(r->all->ledger, look_timeout, figures_atom_v)
        .then(
            [parts, journal](figures& found) {
              parts->second = std::move(found);
              journal();
            },
            [r](caf::error& why) { r->broken("the ledger", why); });
  };
  r->self->request(r->all->launcher, look_timeout, figures_atom_v)
      .then(
          [parts, ledger](figures& found) {
            parts->first = std::move(found);
            ledger();
          },
          [r](caf::error& why) { r->broken("the launcher", why); });
}

void handle_limits(const request_ptr& r) {
  selection what;
  if (!r->get(what))
    return;
  const bool whole = what.empty();
  r->with_targets(what, [r, whole](const config::spec_ptr& spec, const ledger_view_ptr& all,
                                   const chosen& targets) {
    auto parts = std::make_shared<gathered>();
    parts->spec = spec;
    parts->view = shown_of(all, targets);
    parts->with_runtime = whole;
    with_usage(r, parts->view, [r, parts](const std::map<std::string, usage>& sampled) {
      parts->sampled = sampled;
      r->self
          ->request(r->all->launcher, look_timeout, limits_atom_v,
                    launches_of(*parts->spec, parts->view->records))
          .then(
              [r, parts](limits_report& found) {
                parts->found = std::move(found);
                if (parts->with_runtime)
                  return add_runtime(r, parts);
                finish(r, parts);
              },
              [r](caf::error& why) { r->broken("the launcher", why); });
    });
  });
}

} // namespace troupe::commands
