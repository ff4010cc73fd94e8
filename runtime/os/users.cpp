#include "runtime/os/users.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

namespace troupe::os {

namespace {

constexpr std::chrono::seconds kept{5};
constexpr std::size_t most_kept = 1024;

std::optional<unsigned> as_number(const std::string& text) {
  unsigned value = 0;
  const auto* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (text.empty() || result.ec != std::errc{} || result.ptr != end)
    return std::nullopt;
  return value;
}

struct account {
  uid_t uid;
  gid_t gid;
  std::string name;
  std::string home;
};

// 0 and nothing means that there is no such user.
template <class Call>
std::optional<account> ask_user(Call call, int& error) {
  std::vector<char> buffer(1024);
  passwd entry{};
  passwd* found = nullptr;
  while ((error = call(&entry, buffer.data(), buffer.size(), &found)) == ERANGE
         && buffer.size() < 1024 * 1024)
    buffer.resize(buffer.size() * 4);
  if (error != 0 || !found)
    return std::nullopt;
  return account{entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir ? entry.pw_dir : ""};
}

std::optional<account> user_of(uid_t uid, int& error) {
  return ask_user([&](auto... rest) { return ::getpwuid_r(uid, rest...); }, error);
}

std::optional<account> user_named(const std::string& name, int& error) {
  return ask_user([&](auto... rest) { return ::getpwnam_r(name.c_str(), rest...); }, error);
}

std::optional<gid_t> group_named(const std::string& name, int& error) {
  std::vector<char> buffer(1024);
  ::group entry{};
  ::group* found = nullptr;
  while ((error = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found))
             == ERANGE
         && buffer.size() < 4 * 1024 * 1024)
    buffer.resize(buffer.size() * 4);
  if (error != 0 || !found)
    return std::nullopt;
  return entry.gr_gid;
}

std::string missing(const char* what, const std::string& name, int error) {
  // These are what the C library says for «not found», beside 0.
  if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM)
    return std::string{"no such "} + what + " \"" + name + "\"; create it or name another";
  return std::string{"look up "} + what + " \"" + name + "\": " + std::strerror(error);
}

} // namespace

config::expected<identity, std::string> users::find(const std::optional<std::string>& user,
                                                    const std::optional<std::string>& group) {
  const auto now = std::chrono::steady_clock::now();
  if (const auto hit = known_.find({user, group}); hit != known_.end() && hit->second.until > now)
    return hit->second.who;
  const auto self = ::geteuid();
  int error = 0;
  identity who;
  who.owner = self;
  who.owner_group = ::getegid();
  if (user) {
    auto found = user_named(*user, error);
    const auto number = found ? std::nullopt : as_number(*user);
    if (number)
      found = user_of(*number, error);
    if (!found && number && group)
      found = account{*number, 0, *user, "/"}; // the group follows below
    if (!found)
      return config::unexpected{missing("user", *user, error)};
    who.owner = found->uid;
    who.owner_group = found->gid;
    who.name = found->name;
    who.home = found->home;
  } else if (auto found = user_of(self, error)) {
    who.name = found->name;
    who.home = found->home;
  }
  if (group) {
    auto gid = group_named(*group, error);
    if (const auto number = as_number(*group); !gid && number)
      gid = *number;
    if (!gid)
      return config::unexpected{missing("group", *group, error)};
    who.owner_group = *gid;
  }
  // To the system calls this number means: leave it as it is.
  if (who.owner == static_cast<uid_t>(-1) || who.owner_group == static_cast<gid_t>(-1))
    return config::unexpected{std::string{who.owner == static_cast<uid_t>(-1) ? "user" : "group"}
                              + " 4294967295 is nobody's number; name another"};
  if (self == 0) {
    if (user) {
      who.uid = who.owner;
      std::vector<gid_t> groups(64);
      int count = static_cast<int>(groups.size());
      if (::getgrouplist(who.name.c_str(), who.owner_group, groups.data(), &count) < 0) {
        groups.resize(static_cast<std::size_t>(count));
        ::getgrouplist(who.name.c_str(), who.owner_group, groups.data(), &count);
      }
      groups.resize(static_cast<std::size_t>(std::max(count, 0)));
      who.groups = std::move(groups);
    }
    if (user || group)
      who.gid = who.owner_group;
  } else if (who.owner != self || who.owner_group != ::getegid()) {
    return config::unexpected{"only root may start bots as another user or group (\""
                              + user.value_or(*group)
                              + "\"); run Troupe as root, or leave user and group out"};
  }
  if (known_.size() >= most_kept)
    known_.clear();
  known_[{user, group}] = {who, now + kept};
  return who;
}

} // namespace troupe::os
