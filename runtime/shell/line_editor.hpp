#pragma once

// Reads lines at a terminal: editing, history, completion by Tab, Ctrl-C.

#include "runtime/shell/complete.hpp"

#include <memory>
#include <optional>
#include <signal.h>
#include <string>
#include <string_view>

namespace troupe::shell {

/// There may be one. Blocks SIGINT but where the program waits: make it before any
/// other thread.
class line_editor {
public:
  line_editor();
  ~line_editor();
  line_editor(const line_editor&) = delete;
  line_editor& operator=(const line_editor&) = delete;

  void complete_with(name_source names);

  /// The next line that is not empty. Ctrl-C drops what was typed; nothing: Ctrl-D.
  std::optional<std::string> read(const std::string& prompt);

  /// Asks; everything but y and yes is no.
  bool confirm(const std::string& question);

  /// The signals that may come while waiting: give it to ppoll.
  const sigset_t* interruptible() const;

  /// A Ctrl-C that came meanwhile has been heeded.
  void clear_interrupt();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// Where the history is kept; empty when there is no place for it.
std::string history_path();

/// Whether a line may stand there: none that may hold a secret.
bool may_be_kept(std::string_view line);

} // namespace troupe::shell
