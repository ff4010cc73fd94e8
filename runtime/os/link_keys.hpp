#pragma once

// The keys by which bots prove who they are when they link. Each start has a new one; the bot finds
// it as TROUPE_TOKEN, the keeper keeps it in the bot's slot, for later lives of the runtime.

#include "config/result.hpp"

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <unordered_map>

namespace troupe::os {

/// Never to be shown or logged.
using link_key = std::array<std::uint8_t, 16>;

/// A new one, from the kernel. The error is a sentence.
config::expected<link_key, std::string> make_link_key();

/// As the bot gets it: 32 hexadecimal digits. Nothing when the text is not that.
std::string to_text(const link_key&);
std::optional<link_key> link_key_from(std::string_view text);

/// Takes as long for keys that differ in the first byte as in the last.
bool same_key(const link_key&, const link_key&);

/// The keys of all processes. The host tells of them, whoever hears a hello asks; any thread may.
class link_keys {
public:
  enum class verdict : std::uint8_t {
    good,
    old_incarnation, ///< a newer process is known, or this one is known to have ended
    bad_token,       ///< key, uid or instance is wrong
  };

  /// That process exists, or is about to. The newest of an instance is kept.
  void add(const std::string& instance, std::uint64_t incarnation, const link_key& key, uid_t uid);

  /// It has ended, or never was.
  void end(const std::string& instance, std::uint64_t incarnation);

  verdict check(const std::string& instance, std::uint64_t incarnation, const link_key& key,
                uid_t uid) const;

  /// The incarnation that lives now; 0: none.
  std::uint64_t living(const std::string& instance) const;

private:
  struct entry {
    std::uint64_t incarnation = 0;
    link_key key{};
    uid_t uid = 0;
    bool alive = false;
  };

  void forget_dead();

  mutable std::mutex mutex_;
  std::unordered_map<std::string, entry> entries_;
};

} // namespace troupe::os
