#include "runtime/os/attention.hpp"

#include "config/expand.hpp"
#include "config/names.hpp"
#include "runtime/os/attention_bot.hpp"
#include "runtime/os/notify.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace troupe::os {

namespace {

using kind = config::ready_spec::kind;

/// The check of `ready.exec`: a task like any other.
class exec_probe final : public probe {
public:
  exec_probe(boost::asio::io_context& io, task_runner& tasks, launch what)
      : io_(io)
      , tasks_(tasks)
      , what_(std::move(what)) {}
  ~exec_probe() override { *alive_ = false; }

  void look(std::chrono::nanoseconds, done then) override {
    // The limit is the task's own.
    boost::asio::post(io_, [self = alive_, this, then = std::move(then)] {
      if (!*self)
        return;
      running_ = true;
      tasks_.run(what_, job::check, {}, [self, this, then](const task_end& x) {
        if (!*self)
          return;
        running_ = false;
        then({x.ok, x.text, x.gist});
      });
    });
  }

  void stop() override {
    *alive_ = false;
    alive_ = std::make_shared<bool>(true);
    if (std::exchange(running_, false))
      tasks_.cancel(what_.instance, what_.incarnation, job::check, false);
  }

private:
  boost::asio::io_context& io_;
  task_runner& tasks_;
  launch what_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool running_ = false;
};

} // namespace

attention::attention(boost::asio::io_context& io, logs::collector& output, task_runner& tasks,
                     surroundings around)
    : io_(io)
    , output_(output)
    , tasks_(tasks)
    , around_(std::move(around))
    , hands_(io, most_hands)
    , closers_(io, most_closers)
    , checks_(io) {
  // nop
}

attention::~attention() {
  boost::system::error_code ignored;
  for (auto& [of, x] : bots_)
    x->socket.close(ignored);
}

attention::bot_ptr attention::find(const slot_key& of) {
  const auto found = bots_.find(of);
  return found == bots_.end() ? nullptr : found->second;
}

attention::bot_ptr attention::find_or_make(const slot_key& of, const config::bot_spec_ptr& spec) {
  auto& x = bots_[of];
  if (!x)
    x = std::make_shared<bot>(io_);
  if (spec)
    x->spec = spec;
  return x;
}

void attention::tell(const slot_key& of, notice::kind what, std::string text,
                     std::chrono::microseconds time) {
  around_.tell(notice{of.instance, of.incarnation, what, std::move(text), time});
}

// -- the course of an incarnation ------------------------------------------------------------

void attention::expect(const launch& what) {
  if (patterns_of(*what.spec).empty())
    return;
  const slot_key of{what.instance, what.incarnation};
  boost::asio::post(io_, [this, of, spec = what.spec] { find_or_make(of, spec)->looking = true; });
}

void attention::begin(const slot_key& of, const config::bot_spec_ptr& spec, pid_t pid,
                      unique_fd& socket) {
  const bool fresh = spec != nullptr;
  if (!fresh && !find(of))
    return;
  const auto x = find_or_make(of, spec);
  if (x->begun)
    return;
  x->begun = true;
  x->pid = pid;
  open(of, x, socket);
  tell_known(of, *x);
  if (fresh || x->check_wanted)
    start_check(of, x);
}

void attention::attend(const launch& what, pid_t pid, unique_fd& socket, bool check_ready) {
  const slot_key of{what.instance, what.incarnation};
  const auto x = find_or_make(of, what.spec);
  if (!std::exchange(x->looking, true))
    if (auto patterns = patterns_of(*what.spec); !patterns.empty())
      output_.watch(of.instance, of.incarnation, std::move(patterns), listener(of));
  x->check_wanted = check_ready;
  if (pid <= 0)
    return;
  if (!x->begun)
    return begin(of, nullptr, pid, socket);
  tell_known(of, *x);
  if (check_ready)
    start_check(of, x);
}

void attention::adjust(const launch& what) {
  const slot_key of{what.instance, what.incarnation};
  boost::asio::post(io_, [this, of, spec = what.spec] {
    if (const auto x = find(of)) {
      x->spec = spec;
      x->looking = true;
    }
  });
  // At once: what it prints after the change is looked at in its light.
  output_.watch(of.instance, of.incarnation, patterns_of(*what.spec), listener(of));
}

void attention::open(const slot_key& of, const bot_ptr& x, unique_fd& socket) {
  if (!socket)
    return;
  if (x->spec->ready.how == kind::notify && noted_ready(socket.get()))
    x->ready = "it said READY=1";
  boost::system::error_code error;
  x->socket.assign(socket.get(), error);
  if (error)
    return tell(of, notice::kind::remark, "its notify socket cannot be read: " + error.message());
  static_cast<void>(socket.release());
  watch_socket(of, x);
}

void attention::tell_known(const slot_key& of, bot& x) {
  if (!x.ready.empty())
    tell(of, notice::kind::ready, x.ready);
  for (const auto& pattern : x.printed)
    tell(of, notice::kind::printed, pattern);
}

void attention::end(const slot_key& of) {
  checks_.stop(of);
  const auto x = find(of);
  if (!x)
    return;
  if (x->begun && x->socket.is_open() && !x->dropping)
    read_socket(of, *x, 64);
  bots_.erase(of);
  boost::system::error_code ignored;
  x->socket.close(ignored);
  x->pause.cancel();
  x->later.cancel();
}

void attention::stop_check(const slot_key& of) {
  checks_.stop(of);
}

void attention::forget(const slot_key& of, bool has_socket) {
  if (has_socket)
    ::unlink(notify_path(around_.state, of.instance, of.incarnation).c_str());
  {
    const std::lock_guard lock{mutex_};
    says_.erase(of);
  }
  boost::asio::post(io_, [this, of] {
    if (const auto x = find(of))
      x->begun = false; // what it may still say is of no interest
    end(of);
  });
}

std::string attention::says(const slot_key& of) {
  const std::lock_guard lock{mutex_};
  const auto found = says_.find(of);
  return found == says_.end() ? std::string{} : found->second;
}

// -- readiness ------------------------------------------------------------------------------

void attention::ready(const slot_key& of, bot& x, const std::string& how) {
  if (!x.ready.empty())
    return;
  x.ready = how;
  if (x.begun)
    tell(of, notice::kind::ready, how);
}

void attention::start_check(const slot_key& of, const bot_ptr& x) {
  const auto& check = x->spec->ready;
  if (!x->ready.empty() || checks_.has(of))
    return;
  if (check.how == kind::notify && !x->socket.is_open())
    return tell(of, notice::kind::not_ready,
                "it was started without a NOTIFY_SOCKET, so it cannot say READY=1");
  if (check.how == kind::none || check.how == kind::notify || check.how == kind::output
      || check.how == kind::link)
    return; // nothing to probe
  const auto how = probe_of(of, *x);
  if (!how)
    return;
  checks_.start(of, how, check.interval, check.timeout,
                [this, of, weak = std::weak_ptr{x}](const verdict& result) {
                  const auto still = weak.lock();
                  if (!still)
                    return;
                  if (result.passed)
                    ready(of, *still, result.text);
                  else
                    tell(of, notice::kind::not_ready, result.text);
                });
}

std::shared_ptr<probe> attention::probe_of(const slot_key& of, bot& x) {
  const auto& check = x.spec->ready;
  if (check.how == kind::exec)
    return std::make_shared<exec_probe>(io_, tasks_, launch{of.instance, of.incarnation, x.spec});
  // Secrets are not for what is shown to people.
  config::expand_context context;
  if (const auto name = config::split_instance(of.instance)) {
    context.bot = name->bot;
    context.index = name->index.value_or(0);
  }
  context.env = around_.environment;
  const auto value = config::expand(check.value, context);
  const auto directory = config::expand(x.spec->directory, context);
  if (!value || !directory) {
    tell(of, notice::kind::not_ready,
         "its ready check: " + (value ? directory.error() : value.error()));
    return nullptr;
  }
  auto made = make_probe(io_, hands_, check.how, *value, *directory);
  if (made)
    return *made;
  tell(of, notice::kind::not_ready, made.error());
  return nullptr;
}

// -- output ---------------------------------------------------------------------------------

std::vector<std::string> attention::patterns_of(const config::bot_spec& spec) {
  auto result = spec.awaited_output;
  if (spec.ready.how == kind::output
      && std::find(result.begin(), result.end(), spec.ready.value) == result.end())
    result.push_back(spec.ready.value);
  return result;
}

std::function<void(const std::string&, const std::string&)>
attention::listener(const slot_key& of) {
  return [this, &io = io_, of](const std::string& pattern, const std::string&) {
    boost::asio::post(io, [this, of, pattern] { printed(of, pattern); });
  };
}

void attention::printed(const slot_key& of, const std::string& pattern) {
  const auto x = find(of);
  if (!x)
    return;
  const auto& awaited = x->spec->awaited_output;
  if (std::find(awaited.begin(), awaited.end(), pattern) != awaited.end()
      && x->printed.insert(pattern).second && x->begun)
    tell(of, notice::kind::printed, pattern);
  if (x->spec->ready.how == kind::output && x->spec->ready.value == pattern)
    ready(of, *x, "it wrote a line that matches " + pattern);
}

} // namespace troupe::os
