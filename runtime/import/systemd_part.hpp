#pragma once

#include "runtime/import/fleet.hpp"
#include "runtime/import/unit_file.hpp"
#include "runtime/import/unit_words.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace troupe::importing {

/// A [Service] and the bot that becomes of it: what each part of its import begins with.
class service_part {
public:
  service_part(const unit_file& unit, const std::string& path, imported_bot& bot);

protected:
  bool oneshot() const { return unit_.value("Service", "Type") == "oneshot"; }
  const unit_entry* service(std::string_view key) const { return unit_.find("Service", key); }

  /// The value with its specifiers replaced; nothing when it is bad or not there.
  std::optional<std::string> text(std::string_view key);
  std::optional<std::string> text_of(const unit_entry& entry);

  /// A time; says what is none.
  std::optional<double> seconds(std::string_view key);
  std::optional<double> start_timeout() const;
  std::optional<double> stop_timeout() const;
  /// A time that must have an end.
  static double limited(std::optional<double> value, double usual);

  const unit_file& unit_;
  imported_bot& bot_;
  unit_manager manager_;
  specifiers known_;
};

/// When it starts again, how long that and a stop may take, and how it is stopped. `by_shell`:
/// several commands, which a shell runs one after the other.
void set_ends(const service_part& of, bool by_shell);

/// As whom, where and within which limits it runs.
void set_process(const service_part& of);

} // namespace troupe::importing
