#include "runtime/os/host.hpp"

#include "runtime/os/files.hpp"
#include "runtime/os/leftovers.hpp"
#include "runtime/os/notify.hpp"
#include "runtime/os/overloaded.hpp"
#include "runtime/os/preparation.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <utility>

namespace troupe::os {

namespace {

// How many ends of released slots are remembered for an on_crash that comes late.
constexpr std::size_t most_ends = 1024;

// An adopted bot that nobody attends by then is one that nobody wants: its output is read
// without looking for anything.
constexpr std::chrono::seconds time_to_attend{10};

std::uint64_t now_ns(clockid_t which) {
  timespec x{};
  ::clock_gettime(which, &x);
  return static_cast<std::uint64_t>(x.tv_sec) * 1'000'000'000ull
         + static_cast<std::uint64_t>(x.tv_nsec);
}

} // namespace

keeper_host::keeper_host(boost::asio::io_context& io, unique_fd keeper, state_directory state,
                         host_options options)
    : io_(io)
    , state_(std::move(state))
    , options_(std::move(options))
    , output_(output_options())
    , task_slots_(make_task_slots())
    , tasks_(io, *task_slots_, options_.unclaimed)
    , attention_(io, output_, tasks_, surroundings())
    , client_(std::move(keeper))
    , socket_(io)
    , retry_(io)
    , unread_(io) {
  // nop
}

keeper_host::~keeper_host() {
  stop_preparing();
  output_.close();
  const std::lock_guard lock{mutex_};
  boost::system::error_code ignored;
  socket_.close(ignored);
}

// -- greeting --------------------------------------------------------------------------

std::string keeper_host::connect(std::chrono::milliseconds limit) {
  std::unique_lock lock{mutex_};
  // Asio closes what it watches; the client has its own copy.
  const int watched = ::fcntl(client_.fd(), F_DUPFD_CLOEXEC, 3);
  if (watched < 0)
    return sentence("use", "the socket of the keeper", errno);
  boost::system::error_code error;
  socket_.assign(watched, error);
  if (error) {
    ::close(watched);
    return "watch the socket of the keeper: " + error.message();
  }
  const auto deadline = clock::now() + limit;
  std::vector<slot> slots;
  bool greeted = client_.send(hello{});
  for (bool done = false; !done;) {
    if (client_.closed()) {
      lock.unlock();
      keeper_gone();
      return "the keeper is gone";
    }
    if (!greeted)
      greeted = client_.send(hello{});
    if (client_.refusal() != 0)
      return sentence("greet", "the keeper", client_.refusal());
    auto event = client_.receive();
    if (!event) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now());
      if (left.count() <= 0)
        return "the keeper did not tell its table within " + std::to_string(limit.count()) + " ms";
      pollfd ready{client_.fd(), static_cast<short>(greeted ? POLLIN : POLLIN | POLLOUT), 0};
      ::poll(&ready, 1, static_cast<int>(left.count()));
      continue;
    }
    std::visit(overloaded{
                   [&](slot& x) { slots.push_back(std::move(x)); },
                   [&](stored_fd& x) {
                     // The lock is the keeper's alone: a copy here would outlive it.
                     if (x.name != "lock")
                       stored_[x.name] = std::move(x.fd);
                   },
                   [&](ping&) { post(pong{}); },
                   [&](ready& x) {
                     keeper_pid_ = x.keeper_pid;
                     epoch_ = x.epoch;
                     done = true;
                   },
                   [&](auto&) { unheard_.push_back(std::move(*event)); },
               },
               *event);
  }
  open_cgroups();
  for (auto& x : slots)
    adopt(std::move(x));
  std::set<std::string> sockets;
  for (const auto& [key, known] : table_)
    if (known->notifies)
      sockets.insert(notify_path(state_.path(), key.instance, key.incarnation));
  lock.unlock();
  if (auto problem = clean_notify_directory(state_.path(), sockets);
      !problem.empty() && on_trouble_)
    boost::asio::post(io_, [this, problem = std::move(problem)] { on_trouble_(problem); });

  // A group without a slot is what a spawn left that the keeper never heard of, or knows no
  // more: nobody can look after it.
  if (groups_.usable()) {
    std::set<std::string> ours;
    for (const auto& [key, known] : table_)
      ours.insert(cgroup_tree::child_name(key.instance, key.incarnation));
    for (const auto& name : groups_.children()) {
      if (ours.contains(name))
        continue;
      if (const auto group = groups_.open_child(name); group && group.populated())
        group.kill();
      if (groups_.remove_child(name) != 0) {
        const std::lock_guard again{mutex_};
        undead_.push_back(name);
      }
    }
  }
  unread_.expires_after(time_to_attend);
  unread_.async_wait([this](boost::system::error_code stopped) {
    if (!stopped)
      read_all_outputs();
  });
  preparer_ = std::thread{[this] { prepare_starts(); }};
  boost::asio::post(io_, [this] {
    {
      const std::lock_guard again{mutex_};
      watch_readable();
    }
    hear_waiting();
  });
  return {};
}

void keeper_host::open_cgroups() {
  if (!options_.cgroups)
    isolation_ = "no cgroups: not wanted";
  else {
    groups_ = cgroup_tree::of_this_process("troupe-" + state_.hash(), {::getpid(), keeper_pid_});
    isolation_ = groups_.report();
  }
  if (groups_.usable())
    remember_cgroup(state_.path(), groups_.path());
  else
    isolation_ += "; process groups, rlimits and /proc instead (limits of memory, tasks and cpu are"
                  " not enforced)";
  if (::geteuid() != 0)
    isolation_ += "; not root: all bots run as uid " + std::to_string(::geteuid());
}

void keeper_host::adopt(slot&& x) {
  auto known = std::make_shared<entry>();
  known->pid = x.state == slot_state::pending ? 0 : std::max(x.pid, 0); // as before `spawned`
  known->started = started_from_blob(x.blob);
  known->settings = settings_from_blob(x.blob);
  if (known->started == 0)
    known->started = wall_clock(x.started_ns);
  known->stopped_by = x.stopped_by;
  if (groups_.usable())
    known->group = groups_.open(x.instance, x.incarnation);
  if (!x.keep.empty()) {
    known->output = std::move(x.keep.front());
    known->log = log_from_blob(x.blob);
  }
  if (x.keep.size() > 1) {
    known->notify = std::move(x.keep[1]);
    known->notifies = true;
  }
  if (const auto link = link_from_blob(x.blob))
    keys_.add(x.instance, x.incarnation, link->key, link->uid);
  if (x.exit) {
    known->end = make_exited(x, *x.exit, *known);
    keys_.end(x.instance, x.incarnation);
  }
  // Which lines of a living bot somebody waits for, is known when it is attended.
  const bool task = split_slot_name(x.instance).as != job::bot;
  if (task || known->end)
    read_output(x, *known, nullptr);
  if (task)
    tasks_.adopt(x, known->started, known->pid > 0, known->end);
  if (known->pid > 0)
    mains_.insert(known->pid);
  table_[{x.instance, x.incarnation}] = std::move(known);
}

std::vector<slot_info> keeper_host::adoptable() {
  const std::lock_guard lock{mutex_};
  std::vector<slot_info> result;
  result.reserve(table_.size());
  for (const auto& [key, known] : table_)
    if (split_slot_name(key.instance).as == job::bot)
      result.push_back({key.instance, key.incarnation, known->pid, known->started, known->end,
                        known->stopped_by, known->settings});
  return result;
}

// -- the seam, as far as it is about the keeper ---------------------------------------------

keeper_host::entry_ptr keeper_host::find(const slot_key& key) {
  const auto found = table_.find(key);
  return found == table_.end() ? nullptr : found->second;
}

void keeper_host::release(const std::string& instance, std::uint64_t incarnation) {
  const std::lock_guard lock{mutex_};
  // What would not go then may go now.
  for (auto tries = std::min<std::size_t>(undead_.size(), 4); tries > 0; --tries) {
    auto name = std::move(undead_.front());
    undead_.pop_front();
    if (groups_.remove_child(name) != 0)
      undead_.push_back(std::move(name));
  }
  const slot_key key{instance, incarnation};
  if (split_slot_name(instance).as == job::bot) {
    if (const auto known = find(key); known && known->end)
      remember_end(key, *known->end);
    cancel_tasks(key, false);
  }
  forget(key);
  release_request order;
  order.instance = instance;
  order.incarnation = incarnation;
  post(std::move(order));
}

// With the mutex held.
void keeper_host::forget(const slot_key& key) {
  output_.remove(key.instance, key.incarnation);
  keys_.end(key.instance, key.incarnation);
  const auto found = table_.find(key);
  if (found == table_.end())
    return;
  if (split_slot_name(key.instance).as == job::bot)
    attention_.forget(key, found->second->notifies);
  mains_.erase(found->second->pid);
  table_.erase(found);
  if (groups_.usable() && groups_.remove(key.instance, key.incarnation) != 0)
    undead_.push_back(cgroup_tree::child_name(key.instance, key.incarnation));
}

void keeper_host::remember_end(const slot_key& key, const troupe::exited& end) {
  ends_.emplace_back(key, end);
  if (ends_.size() > most_ends)
    ends_.pop_front();
}

std::string keeper_host::isolation() {
  return isolation_;
}

void keeper_host::set_tree(std::string tree) {
  const std::lock_guard lock{mutex_};
  options_.tree = std::move(tree);
}

void keeper_host::remove_groups() {
  if (groups_.usable())
    kill_and_remove_tree(groups_.path(), 1000);
}

unique_fd keeper_host::fetch_fd(const std::string& name) {
  const std::lock_guard lock{mutex_};
  const auto found = stored_.find(name);
  if (found == stored_.end())
    return {};
  auto result = std::move(found->second);
  stored_.erase(found);
  return result;
}

std::int64_t keeper_host::wall_clock(std::uint64_t monotonic_ns) const {
  const auto age = static_cast<std::int64_t>(now_ns(CLOCK_MONOTONIC) - monotonic_ns);
  return (static_cast<std::int64_t>(now_ns(CLOCK_REALTIME)) - age) / 1000;
}

troupe::exited keeper_host::make_exited(const slot_key& key, const exit_info& x,
                                        const entry& known) const {
  troupe::exited result;
  result.instance = key.instance;
  result.incarnation = key.incarnation;
  result.status = {x.code, x.signal, x.core};
  result.at = wall_clock(x.ended_ns);
  result.uptime = static_cast<std::int64_t>((x.ended_ns - x.started_ns) / 1000);
  result.cpu_time = static_cast<std::int64_t>(x.user_us + x.system_us);
  result.max_memory = static_cast<std::int64_t>(x.max_rss_kib * 1024);
  result.out_of_memory =
      x.signal == SIGKILL && groups_.has("memory") && known.group && known.group.out_of_memory();
  return result;
}

} // namespace troupe::os
