#pragma once

// What faultbot can be told to do. Everything may be combined; what is done first
// stands first.

#include <csignal>
#include <optional>
#include <string>
#include <vector>

namespace faultbot {

struct options {
  std::string dump_self; ///< write what we were given into this file, before anything else
  std::string journal;   ///< append a line at start, TERM and exit
  bool ignore_term = false;
  std::vector<std::string> say;
  bool close_out = false;
  double flood = 0;          ///< write so many bytes of output, then go on
  bool no_newline = false;   ///< … without a newline in them
  std::string since;         ///< with down_for: the file whose age counts; made when missing
  double down_for = 0;       ///< exit 1 at once while `since` is younger than so many seconds
  unsigned orphans = 0;      ///< leave so many short-lived grandchildren to whoever reaps
  double hold_out = 0;       ///< a grandchild keeps stdout open for so many seconds
  bool setsid_child = false; ///< a child in a session of its own lives on
  bool fork_bomb = false;    ///< fork for ever, as do the children; TERM is ignored
  bool eat_fds = false;   ///< open files until there are no more descriptors, then say so and exit
  bool daemonize = false; ///< double fork, setsid; the parent exits with 0
  bool spin = false;      ///< burn CPU instead of sleeping
  bool link = false;      ///< connect to the runtime and behave, but for what follows
  bool before_hello = false;   ///< … end, or do nothing more, before the hello
  bool not_ready = false;      ///< … never say that it is ready
  double hang_after = 0;       ///< … after so many seconds look at nothing any more
  double pong_delay = 0;       ///< … answer heartbeats so many seconds late
  double close_link = 0;       ///< … close after so many seconds and live on
  double read_rate = 0;        ///< … read so many bytes a second
  std::string flood_link;      ///< … send to this address as fast as the window allows
  bool leak_link = false;      ///< … a child holds the connection
  double drain_takes = 0;      ///< … finish so many seconds after the order to drain
  bool no_orders = false;      ///< … have no handler for orders
  std::optional<double> after; ///< seconds until the end; without it and without an end: for ever
  std::optional<int> exit;
  int signal = 0;        ///< die by this signal
  int term_exit = 0;     ///< exit code after TERM
  double term_delay = 0; ///< seconds between TERM and the end
};

/// Writes fds, environment, signal state, ids, limits and more as one JSON object.
/// Returns false when the file cannot be written. Must run before anything is changed.
bool dump_self(const std::string& file);

/// Appends a line to the journal, if there is one.
void note(const options&, const char* what);

/// Whether TERM has come; then it is time to end.
extern volatile std::sig_atomic_t term_received;

/// Seconds of the monotonic clock.
double clock_now();

/// Lives with a link until TERM, or `after` is over. False: the link is no more, live on without.
bool live_linked(const options&);

/// `text` as a JSON string, quotes included; bytes that are no ASCII become \u00XX.
std::string quoted(const std::string& text);

} // namespace faultbot
