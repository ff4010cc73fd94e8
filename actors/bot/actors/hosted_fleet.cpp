#include "actors/bot/actors/hosted_fleet.hpp"

#include "actors/bot/actors/link.hpp"
#include "actors/bot/actors/memory_store.hpp"
#include "actors/guardian.hpp"
#include "actors/ordering.hpp"
#include "config/names.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>
#include <utility>

namespace troupe::bot {

namespace {

/// Shells talk to the runtime; a hosted fleet has none of its own.
command_actor::behavior_type no_admin(command_actor::pointer self) {
  self->set_default_handler(caf::drop);
  return {
      [](wire_atom, const services_ptr&) {},
      [](const admin_request&) { return admin_reply{}; },
      [](next_atom, std::uint64_t, std::uint64_t) { return admin_reply{}; },
  };
}

std::string parent_of(const std::string& name) {
  const auto slash = name.rfind('/');
  return slash == std::string::npos ? std::string{} : name.substr(0, slash);
}

std::string last_of(const std::string& name) {
  return name.substr(name.rfind('/') + 1);
}

void check_name(const std::string& name) {
  for (std::size_t begin = 0; begin <= name.size();) {
    const auto end = std::min(name.find('/', begin), name.size());
    if (!config::valid_name(name.substr(begin, end - begin)))
      throw std::invalid_argument{"\"" + name + "\" is no name of an actor or group"};
    begin = end + 1;
  }
}

config::bot_spec spec_of(const std::string& name, const actor_options& how) {
  config::bot_spec result;
  result.command = {name};
  result.restart = how.restart;
  result.delay = how.delay;
  result.failed_starts = how.failed_starts;
  result.max_restarts = how.max_restarts;
  result.start_grace = how.start_grace;
  result.stop_timeout = how.stop_timeout;
  for (const auto& each : how.after)
    result.depends_on.push_back({each, config::condition::ready, {}});
  return result;
}

} // namespace

void configure(caf::actor_system_config& config) {
  config.add_message_types<caf::id_block::troupe_admin>();
  config.add_message_types<caf::id_block::troupe_actors>();
  config.add_message_types<caf::id_block::troupe_bot>();
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-throughput", std::size_t{300});
}

struct hosted_fleet::impl {
  impl(caf::actor_system& in, client& of)
      : system{in}
      , bot{of} {
    groups[""];
  }

  caf::actor_system& system;
  client& bot;
  std::map<std::string, group_options> groups;
  std::map<std::string, actor_options> actors;
  std::map<std::string, factory> factories;
  std::function<void(int)> ended;
  link_actor link;
  std::shared_ptr<actor_host> host;
  guardian_actor guardian;

  mutable std::mutex mutex;
  std::condition_variable changed;
  services_ptr all;
  std::optional<int> code;
  bool stopping = false;
  bool gone = false; ///< the fleet is destroyed

  config::spec_ptr build() const;
  config::group_ptr build_group(const std::string& name, const config::fleet_spec&) const;
  void check() const;
};

void hosted_fleet::impl::check() const {
  for (const auto& [name, how] : actors) {
    if (groups.contains(name))
      throw std::invalid_argument{name + " is both an actor and a group"};
    for (const auto& each : how.after)
      if (!actors.contains(each))
        throw std::invalid_argument{name + " is to start after " + each + ", which is no actor"};
  }
  for (const auto& [name, how] : groups)
    for (const auto& each : how.order)
      if (const auto full = name.empty() ? each : name + '/' + each;
          !actors.contains(full) && !groups.contains(full))
        throw std::invalid_argument{"the order of the group \"" + name + "\" names " + each
                                    + ", which is not in it"};
}

config::spec_ptr hosted_fleet::impl::build() const {
  auto fleet = std::make_shared<config::fleet_spec>();
  fleet->name = bot.instance();
  for (const auto& [name, how] : actors) {
    auto entry = std::make_shared<config::bot_entry>();
    entry->name = name;
    entry->instances.push_back(std::make_shared<const config::bot_spec>(spec_of(name, how)));
    fleet->bots.emplace(name, std::move(entry));
  }
  fleet->root = build_group({}, *fleet);
  return fleet;
}

config::group_ptr hosted_fleet::impl::build_group(const std::string& name,
                                                  const config::fleet_spec& fleet) const {
  const auto& how = groups.at(name);
  auto group = std::make_shared<config::group_entry>();
  group->name = name;
  group->how = how.strategy;
  group->intensity = how.intensity;
  group->order = how.order;
  for (const auto& [full_name, entry] : fleet.bots)
    if (parent_of(full_name) == name)
      group->children.push_back({last_of(full_name), entry, nullptr});
  for (const auto& [full_name, settings] : groups)
    if (!full_name.empty() && parent_of(full_name) == name)
      group->children.push_back({last_of(full_name), nullptr, build_group(full_name, fleet)});
  const auto place = [&](const auto& child) {
    return std::find(how.order.begin(), how.order.end(), child.name) - how.order.begin();
  };
  std::stable_sort(group->children.begin(), group->children.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return group;
}

hosted_fleet::hosted_fleet(caf::actor_system& system, client& bot)
    : impl_{std::make_shared<impl>(system, bot)} {
  // nop
}

hosted_fleet::~hosted_fleet() {
  auto& x = *impl_;
  if (!x.guardian)
    return;
  stop(std::chrono::seconds{5});
  caf::anon_send_exit(std::exchange(x.guardian, {}), caf::exit_reason::kill);
  caf::anon_send_exit(std::exchange(x.link, {}), caf::exit_reason::kill);
  const std::lock_guard lock{x.mutex};
  x.ended = nullptr;
  x.all = nullptr;
  x.gone = true;
}

void hosted_fleet::group(const std::string& name, group_options how) {
  check_name(name);
  impl_->groups[name] = std::move(how);
  for (auto each = parent_of(name); !each.empty(); each = parent_of(each))
    impl_->groups.try_emplace(each);
}

void hosted_fleet::actor(const std::string& name, factory make, actor_options how) {
  check_name(name);
  impl_->actors[name] = std::move(how);
  impl_->factories[name] = std::move(make);
  for (auto each = parent_of(name); !each.empty(); each = parent_of(each))
    impl_->groups.try_emplace(each);
}

void hosted_fleet::on_end(std::function<void(int)> what) {
  impl_->ended = std::move(what);
}

void hosted_fleet::start() {
  auto& x = *impl_;
  x.check();
  const auto fleet = x.build();
  std::set<std::string> names;
  for (const auto& [name, how] : x.actors)
    names.insert(name);
  x.link = x.system.spawn<caf::detached>(troupe::bot::link, &x.bot, names);
  x.host = std::make_shared<actor_host>(
      x.system, x.factories,
      [to = x.link](const std::string& name, const hosted_actor& who) {
        caf::anon_send(to, link_atom_v, name, who);
      },
      [to = x.link](const std::string& name) { caf::anon_send(to, drop_atom_v, name); });
  guardian_args args;
  args.host = x.host;
  args.store = std::make_shared<memory_store>();
  args.contents = std::make_shared<journal_contents>();
  auto config = std::make_shared<candidate>();
  config->loaded.spec = fleet;
  args.config.applied = std::move(config);
  args.make_admin = [](caf::actor_system& system) { return system.spawn(no_admin); };
  args.on_services = [kept = impl_](const services_ptr& now) {
    const std::lock_guard lock{kept->mutex};
    if (!kept->gone)
      kept->all = now;
  };
  args.on_end = [kept = impl_](int code) {
    std::function<void(int)> ended;
    {
      const std::lock_guard lock{kept->mutex};
      kept->code = code;
      ended = kept->ended;
    }
    kept->changed.notify_all();
    if (ended)
      ended(code);
  };
  args.detached = false; // nothing here waits for a disk
  x.guardian = x.system.spawn(troupe::guardian, std::move(args));
}

bool hosted_fleet::stop(std::chrono::milliseconds within) {
  auto& x = *impl_;
  if (!x.guardian)
    return true;
  std::unique_lock lock{x.mutex};
  if (!x.code && !std::exchange(x.stopping, true)) // a second order would be one to hurry
    caf::anon_send(x.guardian, stop_atom_v, std::string{"the bot ends"});
  return x.changed.wait_for(lock, within, [&x] { return x.code.has_value(); }) && *x.code == 0;
}

link_actor hosted_fleet::link() const {
  return impl_->link;
}

std::vector<std::string> hosted_fleet::states() const {
  services_ptr now;
  {
    const std::lock_guard lock{impl_->mutex};
    now = impl_->all;
  }
  std::vector<std::string> result;
  if (!now)
    return result;
  caf::scoped_actor self{impl_->system};
  self->request(now->ledger, std::chrono::seconds{5}, view_atom_v, std::vector<std::string>{})
      .receive(
          [&result](const ledger_view_ptr& seen) {
            for (const auto& each : seen->records)
              result.push_back(each.bot + ' ' + std::string{to_string(each.now)});
          },
          [](const caf::error&) {});
  return result;
}

} // namespace troupe::bot
