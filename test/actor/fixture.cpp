#include "test/actor/fixture.hpp"

#include "actors/loader.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <stdexcept>

namespace troupe::test {

namespace {

struct settings : caf::actor_system_config {
  settings() {
    set("scheduler.policy", caf::atom("testing"));
    set("logger.inline-output", false);
    add_message_types<caf::id_block::troupe_admin>();
    add_message_types<caf::id_block::troupe_actors>();
  }
};

/// What a test says is on disk.
struct disk_view : tree_source {
  explicit disk_view(stage& given)
      : owner{given} {}

  config::expected<config::tree, std::vector<config::problem>> read() override {
    if (!owner.on_disk)
      return config::unexpected{std::vector{config::file_problem("", "the disk does not answer")}};
    return *owner.on_disk;
  }

  stage& owner;
};

command_actor::behavior_type stub_admin(command_actor::pointer self) {
  self->set_default_handler(caf::drop);
  return {
      [](wire_atom, const services_ptr&) {},
      [](const admin_request&) { return admin_reply{}; },
      [](next_atom, std::uint64_t, std::uint64_t) { return admin_reply{}; },
  };
}

// The hub as far as proxies see it.
hub_actor::behavior_type stub_hub(hub_actor::pointer self, std::shared_ptr<host_view> host) {
  self->set_default_handler(caf::drop);
  host->world().lose_links();
  return {
      [](wire_atom, const services_ptr&) {},
      [](apply_atom, const messaging::routes_ptr&) {},
      [](link_atom, const new_link&) {},
      [host](ask_atom, const std::string& instance, std::uint64_t incarnation,
             messaging::link_order what, std::uint32_t) {
        if (!host->is_cut())
          host->world().ask({instance, incarnation}, what);
      },
      [](const hub_request&) { return std::string{"{}"}; },
      [](figures_atom) { return figures{}; },
      [](stop_atom) {},
      [](tick_atom, std::uint64_t) {},
  };
}

} // namespace

// -- one life of a runtime -----------------------------------------------------------

class epoch {
public:
  epoch(stage& owner, config_args what)
      : host{std::make_shared<host_view>(owner.host)}
      , store{std::make_shared<store_view>(owner.store)}
      , sched{dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())} {
    system.await_actors_before_shutdown(false);
    move_clock(owner.now());
    guardian_args args;
    args.host = host;
    args.store = store;
    args.contents = std::make_shared<journal_contents>(owner.store.load());
    args.config = std::move(what);
    if (owner.on_disk)
      args.tree = std::make_shared<disk_view>(owner);
    args.make_admin = [](caf::actor_system& sys) { return sys.spawn(stub_admin); };
    if (owner.with_hub)
      args.make_hub = [view = host](caf::actor_system& sys) { return sys.spawn(stub_hub, view); };
    args.on_end = [this](int code) { ended = code; };
    args.on_alive = [this] { ++lives; };
    args.on_services = [this](const services_ptr& now) { all = now; };
    args.detached = false;
    top = system.spawn(troupe::guardian, std::move(args));
  }

  ~epoch() {
    host->cut();
    store->cut();
    all.reset();
    caf::anon_send_exit(std::exchange(top, {}), caf::exit_reason::kill);
    while (sched.try_run_once())
      continue;
  }

  void move_clock(stage::nanoseconds now) {
    sched.clock().current_time = caf::actor_clock::time_point{std::chrono::hours{1000}}
                                 + std::chrono::duration_cast<caf::actor_clock::duration_type>(now);
  }

  stage::nanoseconds due_of_clock() const {
    return sched.clock().schedule().begin()->first.time_since_epoch() - std::chrono::hours{1000};
  }

  std::shared_ptr<host_view> host;
  std::shared_ptr<store_view> store;
  settings caf_config;
  caf::actor_system system{caf_config};
  caf::scheduler::test_coordinator& sched;
  guardian_actor top;
  services_ptr all;
  std::optional<int> ended;
  std::size_t lives = 0;
};

// -- lives ---------------------------------------------------------------------------

stage::stage() {
  spdlog::set_level(std::getenv("TROUPE_VERBOSE") ? spdlog::level::trace : spdlog::level::off);
  host.advance_to(std::chrono::hours{1});
}

stage::~stage() = default;

void stage::raise(config::spec_ptr fleet) {
  epoch_.reset();
  auto given = std::make_shared<candidate>();
  given->loaded.spec = std::move(fleet);
  config_args config;
  config.applied = std::move(given);
  config.last = config.version.number = store.versions.size();
  epoch_ = std::make_unique<epoch>(*this, std::move(config));
}

void stage::raise(config::tree tree) {
  epoch_.reset();
  const auto kept = store.load();
  // As the runtime does it: what is on disk only when nothing was applied.
  on_disk = std::move(tree);
  auto applied = make_candidate(
      kept.applied ? *config::tree_from_json(kept.applied->tree) : *on_disk, kept.overrides);
  if (!applied->loaded.spec)
    throw std::invalid_argument{"the test's tree is wrong: "
                                + applied->loaded.errors.front().message};
  epoch_ = std::make_unique<epoch>(*this, config_args_for(std::move(applied), kept));
}

void stage::drop() {
  epoch_.reset();
}

void stage::run(config::spec_ptr fleet) {
  raise(std::move(fleet));
  settle();
}

// -- time ----------------------------------------------------------------------------

void stage::settle() {
  step(std::numeric_limits<std::size_t>::max());
}

void stage::step(std::size_t messages) {
  if (!epoch_)
    return;
  auto& jobs = epoch_->sched.jobs;
  for (; messages > 0 && !jobs.empty(); --messages) {
    if (schedule_ && jobs.size() > 1) {
      const auto which = std::uniform_int_distribution<std::size_t>{0, jobs.size() - 1}(*schedule_);
      std::swap(jobs.front(), jobs[which]);
    }
    epoch_->sched.run_once();
  }
}

void stage::random_order(std::uint32_t seed) {
  schedule_.emplace(seed);
}

std::optional<stage::nanoseconds> stage::next_due() const {
  auto result = host.next();
  if (epoch_ && epoch_->sched.has_pending_timeout()) {
    const auto due = epoch_->due_of_clock();
    result = result ? std::min(*result, due) : due;
  }
  return result;
}

void stage::pass_to(nanoseconds when) {
  host.advance_to(when);
  if (!epoch_)
    return;
  epoch_->move_clock(host.now());
  while (epoch_->sched.has_pending_timeout() && epoch_->due_of_clock() <= host.now())
    epoch_->sched.trigger_timeout();
}

void stage::advance(nanoseconds time) {
  const auto until = now() + time;
  settle();
  for (auto due = next_due(); due && *due <= until; due = next_due()) {
    pass_to(*due);
    settle();
  }
  pass_to(until);
  settle();
}

// -- orders --------------------------------------------------------------------------

caf::actor_system& stage::system() {
  return epoch_->system;
}

bool stage::up() const {
  return epoch_ && epoch_->all;
}

const services& stage::all() const {
  return *epoch_->all;
}

void stage::apply(const config::spec_ptr& fleet) {
  // As the config actor does it.
  caf::anon_send(all().ledger, retain_atom_v, fleet, std::uint64_t{store.versions.size()});
  caf::anon_send(all().launcher, apply_atom_v, fleet);
  caf::anon_send(all().launcher, retain_atom_v, fleet);
  caf::anon_send(all().root, apply_atom_v, fleet->root, fleet);
}

namespace {

operation make_operation(verb what, std::vector<std::string> instances, int signal) {
  return {what, signal, "asked by a test",
          std::make_shared<const std::set<std::string>>(instances.begin(), instances.end())};
}

} // namespace

outcomes stage::operate(verb what, std::vector<std::string> instances, int signal) {
  outcomes result;
  caf::scoped_actor self{system(), true};
  auto pending = self->request(all().root, std::chrono::seconds{5},
                               make_operation(what, std::move(instances), signal));
  settle();
  pending.receive([&](const outcomes& x) { result = x; },
                  [&](const caf::error& reason) {
                    throw std::runtime_error{"no answer: " + system().render(reason)};
                  });
  return result;
}

void stage::order(verb what, std::vector<std::string> instances, int signal) {
  caf::anon_send(all().root, make_operation(what, std::move(instances), signal));
}

std::string stage::scale(const std::string& bot, std::uint32_t replicas) {
  std::string result;
  caf::scoped_actor self{system(), true};
  auto pending = self->request(all().config, std::chrono::seconds{5}, scale_atom_v, bot, replicas,
                               audit_entry{});
  settle();
  pending.receive([&](const std::string& x) { result = x; },
                  [&](const caf::error& reason) {
                    throw std::runtime_error{"no answer: " + system().render(reason)};
                  });
  settle();
  return result;
}

change_handle stage::begin_change(const std::string& operation, const nlohmann::json& arguments) {
  change_handle result;
  result.reply = std::make_shared<std::optional<config_reply>>();
  audit_entry by;
  by.origin = "admin.sock";
  by.command = operation;
  system().spawn([to = all().config, operation, text = arguments.dump(), by,
                  reply = result.reply](caf::event_based_actor* self) {
    self->request(to, std::chrono::minutes{5}, config_request{operation, text, by})
        .then([reply](const config_reply& x) { *reply = x; },
              [reply](const caf::error&) {
                *reply = config_reply{exit_code::failed, "{}"};
              });
  });
  return result;
}

nlohmann::json stage::change(const std::string& operation, const nlohmann::json& arguments) {
  const auto begun = begin_change(operation, arguments);
  settle();
  if (!*begun.reply)
    throw std::runtime_error{operation + " got no answer"};
  last_exit = (*begun.reply)->exit;
  return nlohmann::json::parse((*begun.reply)->document);
}

void stage::stop_fleet(const std::string& cause) {
  caf::anon_send(epoch_->top, stop_atom_v, cause);
}

// -- looking -------------------------------------------------------------------------

ledger_view_ptr stage::view() {
  ledger_view_ptr result;
  caf::scoped_actor self{system(), true};
  auto pending =
      self->request(all().ledger, std::chrono::seconds{5}, view_atom_v, std::vector<std::string>{});
  settle();
  pending.receive([&](const ledger_view_ptr& x) { result = x; },
                  [&](const caf::error& reason) {
                    throw std::runtime_error{"no answer: " + system().render(reason)};
                  });
  return result;
}

instance_record stage::record(const std::string& instance) {
  const auto now = view();
  const auto at = std::find_if(now->records.begin(), now->records.end(),
                               [&](const auto& x) { return x.name == instance; });
  return at == now->records.end() ? instance_record{} : *at;
}

std::optional<group_record> stage::group(const std::string& name) {
  const auto now = view();
  for (const auto& each : now->groups)
    if (each.name == name)
      return each;
  return std::nullopt;
}

std::size_t stage::ask_for_life() {
  caf::anon_send(epoch_->top, alive_atom_v);
  settle();
  return epoch_->lives;
}

std::optional<int> stage::ended() const {
  return epoch_ ? epoch_->ended : std::nullopt;
}

std::string stage::problems() {
  advance(std::chrono::milliseconds{200}); // the last changes get committed
  std::string result;
  auto add = [&](const std::string& line) { result += line + "\n"; };
  for (const auto& each : host.violations)
    add(each);
  for (const auto& each : store.check())
    add(each);
  for (const auto& [instance, incarnation] : host.ended)
    if (!store.deaths.contains({instance, incarnation}))
      add("the end of " + instance + " " + std::to_string(incarnation) + " was not kept");
  for (const auto& [which, each] : store.deaths)
    if (!host.ended.contains(which))
      add("an end of " + which.first + " " + std::to_string(which.second)
          + " was kept that never was");
  for (const auto& which : host.ended)
    if (!host.released.contains(which))
      add("the keeper still holds " + which.first + " " + std::to_string(which.second));
  return result;
}

// -- seeds ---------------------------------------------------------------------------

std::uint32_t first_seed() {
  if (const char* given = std::getenv("TROUPE_SEED"))
    return static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10));
  return std::random_device{}();
}

std::size_t rounds(std::size_t usual) {
  if (std::getenv("TROUPE_SEED"))
    return 1;
  return std::getenv("TROUPE_LONG") ? usual * 20 : usual;
}

} // namespace troupe::test
