#include "runtime/os/tasks.hpp"

#include "runtime/os/notify.hpp"

#include <algorithm>
#include <utility>

namespace troupe::os {

namespace {

using namespace std::chrono_literals;

// A killed process is gone at once, or hangs in the kernel; nobody waits for that.
constexpr std::chrono::milliseconds patience_with_killed = 2s;
constexpr std::size_t longest_last_line = 200;

std::string time_text(std::chrono::nanoseconds x) {
  return uptime_text(std::chrono::duration_cast<std::chrono::microseconds>(x).count());
}

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

slot_key key_of(const std::string& instance, std::uint64_t incarnation, job as) {
  return {slot_name(instance, as), incarnation};
}

std::string last_line(std::string_view text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos)
    return {};
  text = text.substr(0, end + 1);
  return fit_line(text.substr(text.rfind('\n') + 1), longest_last_line);
}

} // namespace

task_runner::task_runner(boost::asio::io_context& io, task_slots& slots,
                         std::chrono::milliseconds unclaimed, std::size_t most)
    : io_(io)
    , slots_(slots)
    , unclaimed_(unclaimed)
    , most_(most) {
  // nop
}

task_runner::task_ptr task_runner::find(const slot_key& key) {
  const auto found = tasks_.find(key);
  return found == tasks_.end() ? nullptr : found->second;
}

void task_runner::run(const launch& what, job as, std::map<std::string, std::string> variables,
                      done then) {
  const auto key = key_of(what.instance, what.incarnation, as);
  const auto limit = task_timeout(*what.spec, as);
  if (const auto known = find(key)) {
    if (known->told)
      return then({false, std::string{to_string(as)} + ": the one before cannot be killed", {}});
    known->then = std::move(then);
    if (!std::exchange(known->adopted, false))
      return;
    known->what = what;
    if (known->at == phase::ended)
      return end_strays(key, known);
    // What it has used up under the earlier runtime counts.
    const auto used = std::chrono::microseconds{
        std::max<std::int64_t>(known->started > 0 ? unix_now() - known->started : 0, 0)};
    known->due = clock::now() + std::max<std::chrono::nanoseconds>(limit - used, 0ns);
    return watch_time(key, known);
  }
  // What an earlier incarnation left must not run beside it.
  if (as == job::start_command)
    for (const auto& [other, x] : std::map{tasks_})
      if (x->as == as && x->what.instance == what.instance)
        kill(other, x, "a newer start took its place");
  const auto x = std::make_shared<task>(io_);
  x->what = {what.instance, what.incarnation, what.spec};
  x->as = as;
  x->variables = std::move(variables);
  x->then = std::move(then);
  tasks_[key] = x;
  waiting_.push_back(key);
  if (as == job::stop_command || as == job::on_crash) {
    x->due = clock::now() + limit;
    watch_time(key, x);
  }
  pump();
}

// A start_command waits for the one before it, be it of another incarnation.
bool task_runner::has_place(const slot_key& key, const task& x) const {
  if (const auto same = running_.find(x.as); same != running_.end() && same->second >= most_)
    return false;
  return x.as != job::start_command
         || std::none_of(tasks_.begin(), tasks_.end(), [&](const auto& other) {
              return other.first != key && other.second->as == x.as
                     && other.second->at != phase::waiting
                     && other.second->what.instance == x.what.instance;
            });
}

void task_runner::pump() {
  std::deque<slot_key> still;
  for (auto& key : std::exchange(waiting_, {})) {
    const auto x = find(key);
    if (!x || x->at != phase::waiting)
      continue;
    if (!has_place(key, *x)) {
      still.push_back(std::move(key));
      continue;
    }
    ++running_[x->as];
    x->at = phase::starting;
    x->started = unix_now();
    if (x->due == clock::time_point{}) {
      x->due = clock::now() + task_timeout(*x->what.spec, x->as);
      watch_time(key, x);
    }
    slots_.start({x->what.instance, x->what.incarnation, task_spec(*x->what.spec, x->as)}, x->as,
                 x->variables);
  }
  waiting_.insert(waiting_.begin(), std::make_move_iterator(still.begin()),
                  std::make_move_iterator(still.end()));
}

void task_runner::adopt(const slot_key& key, std::int64_t started, bool confirmed,
                        const std::optional<troupe::exited>& end) {
  const auto owner = split_slot_name(key.instance);
  const auto x = std::make_shared<task>(io_);
  x->what.instance = owner.instance;
  x->what.incarnation = key.incarnation;
  x->as = owner.as;
  x->started = started;
  x->adopted = true;
  x->end = end;
  x->at = end ? phase::ended : confirmed ? phase::running : phase::starting;
  x->due = clock::now() + unclaimed_;
  tasks_[key] = x;
  ++running_[x->as];
  watch_time(key, x);
}

// -- time ---------------------------------------------------------------------------------

void task_runner::watch_time(const slot_key& key, const task_ptr& x) {
  x->timer.expires_at(x->due);
  x->timer.async_wait([this, key, weak = std::weak_ptr{x}](const boost::system::error_code& error) {
    if (const auto still = weak.lock(); still && !error)
      out_of_time(key, still);
  });
}

void task_runner::out_of_time(const slot_key& key, const task_ptr& x) {
  if (x->at == phase::ended)
    return end_strays(key, x); // nobody asked for the end of an adopted one, or the next look
  if (!x->killed.empty())      // long ago
    return tell(
        key, x,
        {false,
         std::string{to_string(x->as)} + " " + x->killed + ", but still hangs in the kernel",
         {}});
  if (x->adopted) {
    kill(key, x, "nobody asked for it");
    return;
  }
  const auto limit = time_text(task_timeout(*x->what.spec, x->as));
  if (x->at == phase::waiting)
    return tell(key, x,
                {false,
                 std::string{to_string(x->as)} + " was not run: others were under way for " + limit,
                 {}});
  kill(key, x, "was killed after its timeout of " + limit);
}

void task_runner::kill(const slot_key& key, const task_ptr& x, const std::string& why) {
  if (x->at == phase::waiting)
    return tell(key, x, {false, std::string{to_string(x->as)} + " was not run: " + why, {}});
  if (x->at == phase::ended) {
    if (std::exchange(x->adopted, false))
      end_strays(key, x);
    return;
  }
  x->adopted = false;
  if (x->killed.empty()) {
    x->killed = why;
    x->due = clock::now() + patience_with_killed;
    watch_time(key, x);
  }
  slots_.kill(key);
}

void task_runner::cancel(const std::string& instance, std::uint64_t incarnation, job as,
                         bool tell_it) {
  const auto key = key_of(instance, incarnation, as);
  const auto x = find(key);
  if (!x)
    return;
  if (!tell_it)
    x->then = nullptr;
  kill(key, x, "was ended with its bot");
}

void task_runner::make_way(const std::string& instance, std::uint64_t incarnation) {
  for (const auto& [key, x] : std::map{tasks_})
    if (x->as == job::stop_command && x->what.instance == instance
        && key.incarnation != incarnation)
      kill(key, x, "was ended for the next start");
}

// -- what became of it --------------------------------------------------------------------

void task_runner::confirmed(const slot_key& key) {
  const auto x = find(key);
  if (!x || x->at != phase::starting)
    return;
  x->at = phase::running;
  if (!x->killed.empty())
    slots_.kill(key);
}

void task_runner::failed(const slot_key& key, const std::string& reason) {
  const auto x = find(key);
  if (!x)
    return;
  const auto name = std::string{to_string(x->as)};
  auto text = x->killed.empty() ? name + ": " + reason : name + " " + x->killed;
  // There is no slot any more.
  tell(key, x, {false, std::move(text), {}});
  remove(key);
}

void task_runner::ended(const slot_key& key, const troupe::exited& end) {
  const auto x = find(key);
  if (!x || x->at == phase::ended)
    return;
  x->end = end;
  x->at = phase::ended;
  if (!x->adopted)
    return end_strays(key, x);
  slots_.kill(key); // its end waits for who asks; what it left does not
}

// What it left is killed, and then its end is told: nothing of a task goes on in secret.
void task_runner::end_strays(const slot_key& key, const task_ptr& x) {
  if (x->patience == clock::time_point{})
    x->patience = clock::now() + patience_with_killed;
  if (slots_.has_strays(key)) {
    slots_.kill(key);
    if (clock::now() >= x->patience)
      tell(key, x, describe(key, *x));
    x->due = clock::now() + std::chrono::milliseconds{x->pause};
    x->pause = std::min(x->pause * 2, 1000);
    return watch_time(key, x);
  }
  tell(key, x, describe(key, *x));
  slots_.release(key);
  remove(key);
}

task_end task_runner::describe(const slot_key& key, const task& x) {
  const auto name = std::string{to_string(x.as)};
  task_end result;
  result.ok = x.killed.empty() && x.end->status.signal == 0 && x.end->status.code == 0;
  if (!x.killed.empty())
    result.gist = name + " " + x.killed;
  else if (x.end->status.signal != 0)
    result.gist = name + " was " + to_string(x.end->status);
  else
    result.gist = name + " " + to_string(x.end->status);
  result.text = result.gist;
  if (x.killed.empty() && x.as != job::check)
    result.text += " after " + uptime_text(x.end->uptime);
  if (!result.ok)
    if (const auto said = last_line(slots_.output(key)); !said.empty())
      result.text += ": " + said;
  return result;
}

void task_runner::tell(const slot_key& key, const task_ptr& x, task_end result) {
  if (x->at == phase::waiting)
    remove(key);
  if (std::exchange(x->told, true))
    return;
  if (const auto then = std::exchange(x->then, nullptr))
    then(result);
}

void task_runner::remove(const slot_key& key) {
  const auto found = tasks_.find(key);
  if (found == tasks_.end())
    return;
  found->second->timer.cancel();
  if (found->second->at != phase::waiting)
    --running_[found->second->as];
  tasks_.erase(found);
  pump();
}

} // namespace troupe::os
