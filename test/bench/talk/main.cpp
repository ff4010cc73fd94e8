// talk TRANSPORT WHERE MODE …: one side of a measurement; see messages.py, which starts them and
// reads the line of JSON that each writes to $TALK_RESULTS when it is done.
//   ping TO FROM COUNT SIZE       sends to TO, waits for the echo on FROM; prints round trips
//   echo TO FROM                  the other side of that
//   flood TO COUNT SIZE           sends as fast as it can
//   sink FROM COUNT               counts what comes, until all or 3 s of nothing; prints the rate
//   probe TO COUNT SIZE           one urgent message a millisecond, with the time in it
//   clock FROM COUNT              reads those; prints how old they were, and counts the others
//   durable TO COUNT SIZE WINDOW  so many without an acknowledgement; prints the rate of those
//   idle                          is there

#include "stream.hpp"
#include "transport.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <thread>
#include <time.h>
#include <unistd.h>
#include <vector>

using namespace talk;
using std::chrono::milliseconds;

namespace {

constexpr char probe_mark = 'P';

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000ll + now.tv_nsec;
}

/// Says that it is ready, then waits for the file that lets all go.
void await_go() {
  const char* directory = std::getenv("TALK_RESULTS");
  if (!directory)
    return;
  std::string mine = std::string{directory} + "/ready." + std::to_string(::getpid());
  ::close(::open(mine.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  const std::string go = std::string{directory} + "/go";
  while (::access(go.c_str(), F_OK) != 0)
    std::this_thread::sleep_for(milliseconds{2});
}

void report(const char* mode, const std::string& members) {
  const auto text = "{\"mode\": \"" + std::string{mode} + "\", " + members + "}\n";
  const char* directory = std::getenv("TALK_RESULTS");
  if (!directory) {
    std::fputs(text.c_str(), stdout);
    return;
  }
  const auto path = std::string{directory} + "/result." + std::to_string(::getpid());
  std::FILE* file = std::fopen((path + ".new").c_str(), "w");
  std::fputs(text.c_str(), file);
  std::fclose(file);
  std::rename((path + ".new").c_str(), path.c_str());
}

std::string percentiles(std::vector<std::int64_t>& ns) {
  std::sort(ns.begin(), ns.end());
  const auto at = [&ns](double share) {
    return ns.empty()
               ? 0.0
               : static_cast<double>(
                     ns[static_cast<std::size_t>(share * static_cast<double>(ns.size() - 1))])
                     / 1000;
  };
  char text[160];
  std::snprintf(text, sizeof text,
                "\"count\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f", ns.size(),
                at(0.5), at(0.99), at(1));
  return text;
}

void ping(transport& line, const std::string& to, const std::string& from, std::size_t count,
          std::size_t size) {
  line.listen(from);
  await_go();
  const std::string payload(size, 'x');
  std::vector<std::int64_t> times;
  for (std::size_t i = 0; i < count + count / 10; ++i) {
    const auto began = now_ns();
    line.send(to, payload, false);
    line.flush();
    for (bool back = false; !back;)
      line.receive(milliseconds{1000}, [&back](std::string_view) { back = true; });
    if (i >= count / 10) // the first are for warming up
      times.push_back(now_ns() - began);
  }
  report("ping", percentiles(times));
}

void echo(transport& line, const std::string& to, const std::string& from) {
  line.listen(from);
  await_go();
  for (;;)
    line.receive(milliseconds{1000}, [&](std::string_view payload) {
      line.send(to, payload, false);
      line.flush();
    });
}

void flood(transport& line, const std::string& to, std::size_t count, std::size_t size) {
  await_go();
  const std::string payload(size, 'x');
  const auto began = now_ns();
  for (std::size_t i = 0; i < count; ++i)
    line.send(to, payload, false);
  line.flush();
  const auto took = now_ns() - began;
  report("flood", "\"seconds\": " + std::to_string(static_cast<double>(took) / 1e9));
  for (;;) // what is not read yet must not be lost with us
    line.receive(milliseconds{1000}, [](std::string_view) {});
}

void sink(transport& line, const std::string& from, std::size_t count) {
  line.listen(from);
  await_go();
  std::size_t got = 0, bytes = 0;
  std::int64_t first = 0, last = now_ns();
  while (got < count && (got == 0 || now_ns() - last < 3'000'000'000)) {
    const auto before = got;
    line.receive(milliseconds{100}, [&](std::string_view payload) {
      if (got++ == 0)
        first = now_ns();
      bytes += payload.size();
    });
    if (got != before)
      last = now_ns();
  }
  char text[200];
  std::snprintf(text, sizeof text,
                "\"count\": %zu, \"bytes\": %zu, \"first_ns\": %lld, \"last_ns\": %lld", got, bytes,
                static_cast<long long>(first), static_cast<long long>(last));
  report("sink", text);
  for (;;)
    line.receive(milliseconds{1000}, [](std::string_view) {});
}

void probe(transport& line, const std::string& to, std::size_t count, std::size_t size) {
  await_go();
  std::string payload(std::max<std::size_t>(size, 9), probe_mark);
  for (std::size_t i = 0; i < count; ++i) {
    std::this_thread::sleep_for(milliseconds{1});
    const auto now = now_ns();
    std::memcpy(payload.data() + 1, &now, sizeof now);
    line.send(to, payload, true);
    line.flush();
  }
  report("probe", "\"count\": " + std::to_string(count));
  for (;;)
    line.receive(milliseconds{1000}, [](std::string_view) {});
}

void clock(transport& line, const std::string& from, std::size_t count) {
  line.listen(from);
  await_go();
  std::vector<std::int64_t> ages;
  std::size_t others = 0;
  const auto began = now_ns();
  while (ages.size() < count && now_ns() - began < 120'000'000'000)
    line.receive(milliseconds{1000}, [&](std::string_view payload) {
      if (payload.front() != probe_mark) {
        ++others;
        return;
      }
      std::int64_t sent = 0;
      std::memcpy(&sent, payload.data() + 1, sizeof sent);
      ages.push_back(now_ns() - sent);
    });
  report("clock", percentiles(ages) + ", \"others\": " + std::to_string(others));
  for (;;)
    line.receive(milliseconds{1000}, [](std::string_view) {});
}

void durable(transport& line, const std::string& to, std::size_t count, std::size_t size,
             std::size_t window) {
  const std::string payload(size, 'x');
  line.send_durable(to, payload); // what has to be made for it is made now
  line.flush();
  while (line.acknowledged() < 1)
    line.receive(milliseconds{1000}, [](std::string_view) {});
  await_go();
  const auto began = now_ns();
  const auto base = line.acknowledged();
  std::size_t sent = 0;
  while (line.acknowledged() - base < count) {
    while (sent < count && sent - (line.acknowledged() - base) < window) {
      line.send_durable(to, payload);
      ++sent;
    }
    line.flush();
    line.receive(milliseconds{100}, [](std::string_view) {});
  }
  const auto took = static_cast<double>(now_ns() - began) / 1e9;
  report("durable",
         "\"seconds\": " + std::to_string(took) + ", \"count\": " + std::to_string(count));
  for (;;)
    line.receive(milliseconds{1000}, [](std::string_view) {});
}

std::unique_ptr<transport> connect(const std::string& name, const std::string& where) {
  if (name == "nats")
    return make_nats(where);
  if (name == "redis")
    return make_redis(where);
  if (name == "troupe")
    return make_troupe(where);
  die("there is no transport " + name);
}

/// Both sides of a socketpair; the child is the one that only answers or counts.
std::unique_ptr<transport> split(const std::string& mode, std::vector<std::string>& words) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    die("socketpair");
  if (::fork() == 0) {
    ::close(ends[0]);
    auto line = make_pair(ends[1]);
    if (mode == "ping")
      echo(*line, "", "");
    sink(*line, "", std::stoul(words[1]));
  }
  ::close(ends[1]);
  return make_pair(ends[0]);
}

} // namespace

int main(int argc, char** argv) {
  errno = 0;
  if (argc < 4)
    die("talk TRANSPORT WHERE MODE …");
  const std::string name = argv[1], mode = argv[3];
  std::vector<std::string> words{argv + 4, argv + argc};
  const auto number = [&words](std::size_t i) { return std::stoul(words.at(i)); };
  if (name == "none") { // for what a bot costs that is not linked
    await_go();
    for (;;)
      ::pause();
  }
  auto line = name == "pair" ? split(mode, words) : connect(name, argv[2]);
  if (mode == "ping")
    ping(*line, words.at(0), words.at(1), number(2), number(3));
  else if (mode == "echo")
    echo(*line, words.at(0), words.at(1));
  else if (mode == "flood")
    flood(*line, words.at(0), number(1), number(2));
  else if (mode == "sink")
    sink(*line, words.at(0), number(1));
  else if (mode == "probe")
    probe(*line, words.at(0), number(1), number(2));
  else if (mode == "clock")
    clock(*line, words.at(0), number(1));
  else if (mode == "durable")
    durable(*line, words.at(0), number(1), number(2), number(3));
  else if (mode == "idle")
    for (await_go();;)
      line->receive(milliseconds{60000}, [](std::string_view) {});
  else
    die("there is no mode " + mode);
  return 0;
}
