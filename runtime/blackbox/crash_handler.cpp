#include "runtime/blackbox/crash_handler.hpp"

#include "troupe_version.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <typeinfo>
#include <unistd.h>

namespace troupe::blackbox {

namespace {

struct fatal_signal {
  int number;
  const char* name;
};
constexpr std::array<fatal_signal, 7> fatal{{{SIGSEGV, "SEGV"},
                                             {SIGBUS, "BUS"},
                                             {SIGILL, "ILL"},
                                             {SIGFPE, "FPE"},
                                             {SIGSYS, "SYS"},
                                             {SIGTRAP, "TRAP"},
                                             {SIGABRT, "ABRT"}}};
constexpr unsigned patience = 5; // seconds, for a walk up the stack that hangs

int directory = -1;
event_ring* ring = nullptr;
std::array<struct sigaction, fatal.size()> before{};
std::atomic_flag dying;
char terminated[512]; // why std::terminate was called

/// A text without malloc; what does not fit is cut.
template <std::size_t Size>
class text {
public:
  text& operator<<(const char* more) {
    while (*more != '\0' && length_ + 1 < Size)
      bytes_[length_++] = *more++;
    bytes_[length_] = '\0';
    return *this;
  }
  text& put(unsigned long long value, unsigned base = 10, unsigned width = 1) {
    char digits[65];
    char* at = digits + sizeof digits - 1;
    *at = '\0';
    for (unsigned i = 0; i < width || value != 0; ++i, value /= base)
      *--at = "0123456789abcdef"[value % base];
    return *this << at;
  }
  text& operator<<(unsigned long long value) { return put(value); }
  const char* c_str() const { return bytes_; }
  std::size_t size() const { return length_; }

private:
  char bytes_[Size] = {};
  std::size_t length_ = 0;
};

/// UTC; gmtime_r is not allowed in a signal handler.
template <std::size_t Size>
void put_time(text<Size>& out, std::time_t seconds) {
  const auto day_second = static_cast<unsigned>(seconds % 86400);
  // Howard Hinnant's civil_from_days, from 0000-03-01 on.
  const auto days = static_cast<unsigned long>(seconds / 86400) + 719468;
  const auto era = days / 146097;
  const auto day_of_era = days % 146097;
  const auto year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const auto day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const auto shifted_month = (5 * day_of_year + 2) / 153;
  const auto month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  out.put(year_of_era + era * 400 + (month <= 2 ? 1 : 0), 10, 4).put(month, 10, 2);
  out.put(day_of_year - (153 * shifted_month + 2) / 5 + 1, 10, 2) << "T";
  out.put(day_second / 3600, 10, 2).put(day_second / 60 % 60, 10, 2);
  out.put(day_second % 60, 10, 2) << "Z";
}

void put(int file, const char* data, std::size_t size) {
  while (size > 0) {
    const auto count = write(file, data, size);
    if (count <= 0)
      return; // a full disk: the report ends here
    data += count;
    size -= static_cast<std::size_t>(count);
  }
}

void write_head(int file, int signal, const siginfo_t& info, std::time_t now) {
  text<1024> head;
  head << "troupe-runtime " << version << ", pid " << static_cast<unsigned>(getpid()) << ", epoch "
       << ring->page().epoch << "\n";
  put_time(head, now);
  head << ": signal " << static_cast<unsigned>(signal);
  for (const auto& each : fatal)
    if (each.number == signal)
      head << " (" << each.name << ")";
  if (info.si_code == SI_USER || info.si_code == SI_QUEUE) {
    head << ", sent by pid " << static_cast<unsigned>(info.si_pid) << ", uid "
         << static_cast<unsigned>(info.si_uid);
  } else if (info.si_code > 0) {
    head << ", code " << static_cast<unsigned>(info.si_code) << ", address 0x";
    head.put(reinterpret_cast<std::uintptr_t>(info.si_addr), 16);
  }
  char thread[16] = {};
  pthread_getname_np(pthread_self(), thread, sizeof thread);
  head << ", in thread " << static_cast<unsigned>(syscall(SYS_gettid)) << " " << thread << "\n";
  if (terminated[0] != '\0')
    head << terminated << "\n";
  put(file, head.c_str(), head.size());
}

void write_events(int file) {
  const auto& page = ring->page();
  const std::uint64_t next = page.next;
  constexpr char title[] = "\nlast events:\n";
  put(file, title, sizeof title - 1);
  for (auto i = next > ring_lines ? next - ring_lines : 0; i < next; ++i) {
    const auto& line = page.lines[i % ring_lines];
    put(file, line.text, line.length < sizeof line.text ? line.length : sizeof line.text);
    put(file, "\n", 1);
  }
}

void write_backtrace(int file) {
  constexpr char title[] = "\nbacktrace (addr2line -e troupe-runtime makes lines of it):\n";
  put(file, title, sizeof title - 1);
  void* frames[64];
  backtrace_symbols_fd(frames, backtrace(frames, 64), file);
}

void report(int signal, const siginfo_t& info) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  text<sizeof ring_page::report> name;
  name << "crash-";
  put_time(name, now.tv_sec);
  name << "-" << static_cast<unsigned>(getpid()) << ".txt";
  const int file =
      openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0)
    return;
  write_head(file, signal, info, now.tv_sec);
  write_events(file);
  auto& page = ring->page();
  std::memcpy(page.report, name.c_str(), name.size() + 1);
  page.now = ring_page::reported;
  write_backtrace(file); // last, for it may hang
  close(file);
}

void on_fatal(int signal, siginfo_t* info, void*) {
  if (dying.test_and_set())
    for (;;) // another thread was first, or the report itself failed
      pause();
  std::signal(SIGALRM, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  alarm(patience);
  report(signal, *info);
  for (std::size_t i = 0; i < fatal.size(); ++i)
    if (fatal[i].number == signal)
      sigaction(signal, &before[i], nullptr);
  // A fault happens again by itself, with the registers as they were; what was sent is sent again.
  if (info->si_code <= 0)
    raise(signal);
}

[[noreturn]] void on_terminate() {
  text<sizeof terminated> why;
  why << "std::terminate";
  if (const auto current = std::current_exception()) {
    try {
      std::rethrow_exception(current);
    } catch (const std::exception& problem) {
      why << ": " << typeid(problem).name() << ": " << problem.what();
    } catch (...) {
      why << ": an exception that is no std::exception";
    }
  }
  std::memcpy(terminated, why.c_str(), why.size() + 1);
  std::abort();
}

} // namespace

void report_crashes(int into, event_ring& events) {
  directory = into;
  ring = &events;
  // The first walk loads a library, which a signal handler must not do.
  void* frame = nullptr;
  backtrace(&frame, 1);
  std::set_terminate(on_terminate);
  struct sigaction action {};
  action.sa_sigaction = on_fatal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  for (std::size_t i = 0; i < fatal.size(); ++i)
    sigaction(fatal[i].number, &action, &before[i]);
}

} // namespace troupe::blackbox
