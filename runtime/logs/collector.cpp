#include "runtime/logs/collector.hpp"

#include "runtime/logs/names.hpp"
#include "runtime/logs/reader.hpp"

#include <condition_variable>
#include <csignal>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <utility>

namespace troupe::logs {

namespace {

using key = std::pair<std::string, std::uint64_t>;

// Signals are for the threads that know them; SIGXFSZ would end us where EFBIG will do.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

} // namespace

struct collector::state : std::enable_shared_from_this<state> {
  explicit state(collector_options x)
      : options(std::move(x))
      , blocks(options.patience, options.most_blocks)
      , pipes(blocks,
              [this](const remark& told) {
                if (options.on_remark)
                  options.on_remark(told);
              })
      , files({options.state + '/' + folder, options.write, options.most_open}, blocks,
              // By way of the other thread: this one may hang, and outlive who listens.
              [this](const std::string& text) {
                pipes.post([this, text] {
                  if (options.on_trouble)
                    options.on_trouble(text);
                });
              }) {
    // nop
  }

  void start() {
    reading = std::thread{[self = shared_from_this()] {
      block_signals();
      self->pipes.run();
    }};
    writing = std::thread{[self = shared_from_this()] {
      block_signals();
      self->files.run();
      const std::lock_guard lock{self->mutex};
      self->written = true;
      self->done.notify_all();
    }};
  }

  source_ptr find(const std::string& name, std::uint64_t incarnation) const {
    const std::lock_guard lock{mutex};
    const auto found = sources.find({name, incarnation});
    return found == sources.end() ? nullptr : found->second;
  }

  const collector_options options;
  hand_over blocks;
  reader pipes;
  writer files;
  std::thread reading;
  std::thread writing;
  mutable std::mutex mutex; // guards all below
  std::condition_variable done;
  bool written = false;
  bool closed = false;
  std::uint64_t last_number = 0;
  std::map<key, source_ptr> sources;
};

collector::collector(collector_options options)
    : state_(std::make_shared<state>(std::move(options))) {
  state_->start();
}

collector::~collector() {
  close();
}

void collector::add(const std::string& name, std::uint64_t incarnation, os::unique_fd pipe,
                    source_options options) {
  if (!pipe)
    return;
  const int flags = ::fcntl(pipe.get(), F_GETFL);
  if ((flags & O_NONBLOCK) == 0)
    ::fcntl(pipe.get(), F_SETFL, flags | O_NONBLOCK);
  auto x = std::make_shared<source>(name, incarnation, options.log);
  x->out->instance = instance_of(name);
  x->out->stem = stem_of(name);
  x->out->log = std::hash<std::string>{}(x->out->stem);
  x->out->incarnation = incarnation;
  x->out->max_size = options.log.max_size;
  x->out->keep = options.log.keep;
  x->pipe = std::move(pipe);
  x->adopted = options.adopted;
  x->patterns.set(options.patterns, std::move(options.found));
  const std::lock_guard lock{state_->mutex};
  if (state_->closed)
    return;
  x->out->number = ++state_->last_number;
  auto& place = state_->sources[{name, incarnation}];
  if (auto before = std::exchange(place, x)) {
    x->tail.append(state_->pipes.read_tail(before));
    state_->pipes.post([self = state_.get(), before] { self->pipes.finish(before); });
  }
  state_->pipes.post([self = state_.get(), x] { self->pipes.attach(x); });
}

void collector::settings(const std::string& name, std::uint64_t incarnation,
                         const config::log_spec& spec) {
  const auto x = state_->find(name, incarnation);
  if (!x)
    return;
  x->out->max_size = spec.max_size;
  x->out->keep = spec.keep;
  state_->pipes.post([self = state_.get(), x, spec] { self->pipes.change(x, spec); });
}

void collector::watch(const std::string& name, std::uint64_t incarnation,
                      std::vector<std::string> patterns, pattern_found found) {
  const auto x = state_->find(name, incarnation);
  if (!x)
    return;
  // Compiled here: the thread that reads has other things to do.
  std::vector<std::shared_ptr<const re2::RE2>> compiled;
  for (const auto& text : patterns)
    compiled.push_back(compiled_pattern(text));
  state_->pipes.post([self = state_.get(), x, compiled = std::move(compiled),
                      patterns = std::move(patterns),
                      found = std::move(found)] { self->pipes.watch(x, patterns, found); });
}

std::string collector::tail(const std::string& name, std::uint64_t incarnation) {
  const auto x = state_->find(name, incarnation);
  return x ? state_->pipes.read_tail(x) : std::string{};
}

output_count collector::count(const std::string& name, std::uint64_t incarnation) const {
  const auto x = state_->find(name, incarnation);
  return x ? output_count{x->out->read, x->out->dropped} : output_count{};
}

void collector::remove(const std::string& name, std::uint64_t incarnation) {
  const std::lock_guard lock{state_->mutex};
  const auto found = state_->sources.find({name, incarnation});
  if (found == state_->sources.end())
    return;
  state_->pipes.post(
      [self = state_.get(), x = std::move(found->second)] { self->pipes.finish(x); });
  state_->sources.erase(found);
}

void collector::set_space(std::uint64_t bytes) {
  state_->files.set_space(bytes);
}

void collector::close(std::chrono::milliseconds limit) {
  {
    const std::lock_guard lock{state_->mutex};
    if (std::exchange(state_->closed, true))
      return;
  }
  const auto deadline = std::chrono::steady_clock::now() + limit;
  state_->blocks.hurry();
  state_->pipes.stop();
  state_->reading.join();
  std::unique_lock lock{state_->mutex};
  const bool written = state_->done.wait_until(lock, deadline, [&] { return state_->written; });
  lock.unlock();
  // A disk that hangs may keep its thread for ever; all that it uses is the state's.
  if (written)
    state_->writing.join();
  else
    state_->writing.detach();
}

} // namespace troupe::logs
