#include "runtime/keeper/options.hpp"

#include "runtime/keeper/sys.hpp"
#include "troupe_version.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace troupe::keeper {

namespace {

constexpr const char usage[] =
    "usage: troupe-keeper [--fd NAME=N]... [--max-slots N] [--silence SECONDS] -- RUNTIME "
    "[ARGS...]\n"
    "Starts RUNTIME, starts it again when it dies, and is the parent of every bot meanwhile.\n"
    "It is started by `troupe run`; nobody needs to start it by hand.\n"
    "  --fd NAME=N        keep the inherited fd N for the runtime under NAME\n"
    "  --max-slots N      most processes at a time, 1 to 1000000 (65536)\n"
    "  --silence SECONDS  kill a runtime that says nothing for this long, 0.1 to 3600 (15)\n"
    "  --help, --version  print and end\n";

bool parse_number(const char* text, unsigned long low, unsigned long high, unsigned long& out) {
  char* end = nullptr;
  errno = 0;
  out = strtoul(text, &end, 10);
  return *text >= '0' && *text <= '9' && errno == 0 && *end == '\0' && out >= low && out <= high;
}

bool parse_fd(const char* text, options& out) {
  const char* equals = strrchr(text, '=');
  unsigned long fd = 0;
  if (equals == nullptr || equals == text || equals - text > static_cast<long>(max_name)
      || !parse_number(equals + 1, 3, 1U << 30, fd)) {
    say("--fd %s: expected NAME=N, N an open fd from 3 on", text);
    return false;
  }
  if (out.fd_count == options::max_inherited) {
    say("--fd %s: there are %u already, which is the limit", text, options::max_inherited);
    return false;
  }
  if (fcntl(static_cast<int>(fd), F_GETFD) < 0) {
    say("--fd %s: fd %lu is not open", text, fd);
    return false;
  }
  out.fds[out.fd_count++] = {text, static_cast<uint32_t>(equals - text), static_cast<int>(fd)};
  return true;
}

bool parse_silence(const char* text, options& out) {
  char* end = nullptr;
  const double seconds = strtod(text, &end);
  if (end == text || *end != '\0' || !(seconds >= 0.1 && seconds <= 3600)) {
    say("--silence %s: expected seconds, 0.1 to 3600", text);
    return false;
  }
  out.silence_ns = static_cast<uint64_t>(seconds * 1e9);
  return true;
}

bool parse_max_slots(const char* text, options& out) {
  unsigned long slots = 0;
  if (!parse_number(text, 1, 1000000, slots)) {
    say("--max-slots %s: expected a number, 1 to 1000000", text);
    return false;
  }
  out.max_slots = static_cast<uint32_t>(slots);
  return true;
}

} // namespace

parse_outcome parse(int argc, char** argv, options& out) {
  for (int i = 1; i < argc; ++i) {
    const char* option = argv[i];
    if (strcmp(option, "--help") == 0) {
      fputs(usage, stdout);
      return parse_outcome::done;
    }
    if (strcmp(option, "--version") == 0) {
      printf("troupe-keeper %s, protocol %u\n", version, protocol_version);
      return parse_outcome::done;
    }
    if (strcmp(option, "--") == 0) {
      if (i + 1 == argc) {
        say("no RUNTIME after --; try --help");
        return parse_outcome::wrong;
      }
      out.command = argv + i + 1;
      return parse_outcome::go_on;
    }
    bool (*const parser)(const char*, options&) = strcmp(option, "--fd") == 0        ? parse_fd
                                                  : strcmp(option, "--silence") == 0 ? parse_silence
                                                  : strcmp(option, "--max-slots") == 0
                                                      ? parse_max_slots
                                                      : nullptr;
    if (parser == nullptr) {
      say("unknown option %s; try --help", option);
      return parse_outcome::wrong;
    }
    if (i + 1 == argc) {
      say("%s needs a value; try --help", option);
      return parse_outcome::wrong;
    }
    if (!parser(argv[++i], out)) {
      return parse_outcome::wrong;
    }
  }
  say("no -- RUNTIME; try --help");
  return parse_outcome::wrong;
}

} // namespace troupe::keeper
