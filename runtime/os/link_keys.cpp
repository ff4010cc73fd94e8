#include "runtime/os/link_keys.hpp"

#include "runtime/os/files.hpp"

#include <cerrno>
#include <sys/random.h>

namespace troupe::os {

namespace {

// Of dead processes only the number is of use. As many as the keeper has slots.
constexpr std::size_t most_entries = 65'536;

int digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

} // namespace

config::expected<link_key, std::string> make_link_key() {
  link_key result;
  for (;;) {
    const auto got = ::getrandom(result.data(), result.size(), 0);
    if (got == static_cast<ssize_t>(result.size()))
      return result;
    if (got < 0 && errno != EINTR)
      return config::unexpected{sentence("make", "a key for its link", errno)};
  }
}

std::string to_text(const link_key& key) {
  constexpr char digits[] = "0123456789abcdef";
  std::string result;
  result.reserve(2 * key.size());
  for (const auto byte : key) {
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

std::optional<link_key> link_key_from(std::string_view text) {
  link_key result;
  if (text.size() != 2 * result.size())
    return std::nullopt;
  for (std::size_t i = 0; i < result.size(); ++i) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0)
      return std::nullopt;
    result[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return result;
}

// memcmp may stop at the first difference, and its time then tells how much of a guess was right.
// For sixteen bytes a library for secrets would be much; what it does is this. `volatile` keeps the
// compiler from making a shorter way of it.
bool same_key(const link_key& a, const link_key& b) {
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

void link_keys::add(const std::string& instance, std::uint64_t incarnation, const link_key& key,
                    uid_t uid) {
  const std::lock_guard lock{mutex_};
  if (entries_.size() >= most_entries && !entries_.contains(instance))
    forget_dead();
  auto& known = entries_[instance];
  if (incarnation >= known.incarnation)
    known = {incarnation, key, uid, true};
}

void link_keys::end(const std::string& instance, std::uint64_t incarnation) {
  const std::lock_guard lock{mutex_};
  const auto found = entries_.find(instance);
  if (found == entries_.end() || found->second.incarnation != incarnation)
    return;
  found->second.alive = false;
  found->second.key = {};
}

link_keys::verdict link_keys::check(const std::string& instance, std::uint64_t incarnation,
                                    const link_key& key, uid_t uid) const {
  const std::lock_guard lock{mutex_};
  const auto found = entries_.find(instance);
  if (found == entries_.end())
    return verdict::bad_token;
  const auto& known = found->second;
  const bool same = same_key(known.key, key);
  if (known.uid != uid || incarnation > known.incarnation)
    return verdict::bad_token;
  if (incarnation < known.incarnation || !known.alive)
    return verdict::old_incarnation;
  return same ? verdict::good : verdict::bad_token;
}

std::uint64_t link_keys::living(const std::string& instance) const {
  const std::lock_guard lock{mutex_};
  const auto found = entries_.find(instance);
  return found != entries_.end() && found->second.alive ? found->second.incarnation : 0;
}

void link_keys::forget_dead() {
  std::erase_if(entries_, [](const auto& each) { return !each.second.alive; });
}

} // namespace troupe::os
