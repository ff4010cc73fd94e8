#include "config/names.hpp"
#include "runtime/import/systemd_part.hpp"
#include "runtime/import/words.hpp"

#include <cstdlib>
#include <pwd.h>
#include <unistd.h>

namespace troupe::importing {

namespace {

/// Carries over what the process of a service gets.
class process_importer : service_part {
public:
  explicit process_importer(const service_part& of)
      : service_part{of} {}

  void run() {
    set_account();
    set_limits();
  }

private:
  void set_account() {
    for (const auto& [key, ours] : {std::pair{"User", "user"}, std::pair{"Group", "group"}})
      if (const auto account = text(key))
        set_account_of(bot_, ours, *account, service(key)->where);
      else if (service(key))
        bot_.hold_back(service(key)->where, key, not_as_account);
    if (const auto* dynamic = service("DynamicUser");
        dynamic && boolean(dynamic->value).value_or(false) && !service("User"))
      bot_.hold_back(dynamic->where, "DynamicUser",
                     "users are not made up: it would run as the user of the runtime",
                     "`useradd --system NAME`, then \"user\": \"NAME\"");
    if (manager_.of_user && manager_.uid != geteuid()) {
      bot_.set("user", manager_.name, bot_.where);
      bot_.changed(bot_.where, "User", "is a unit of " + manager_.name + ", as whom it runs here");
    }
    if (const auto mask = text("UMask"))
      bot_.set("umask", *mask, service("UMask")->where);
    auto directory =
        text("WorkingDirectory").value_or(manager_.of_user ? manager_.home : std::string{"/"});
    const auto where =
        service("WorkingDirectory") ? service("WorkingDirectory")->where : bot_.where;
    if (directory.starts_with('-')) {
      directory.erase(0, 1);
      bot_.changed(where, "WorkingDirectory", "must be there when the bot starts");
    }
    if (directory.starts_with('~'))
      directory = home();
    if (directory.empty()) {
      bot_.lost(where, "WorkingDirectory", "is a home, and the account is not known here",
                "\"directory\"");
      directory = "/";
    }
    bot_.set("directory", literal(directory), where);
    if (const auto* nice = service("Nice"))
      set_number("nice", *nice);
    if (const auto* score = service("OOMScoreAdjust"))
      set_number("oom_score_adj", *score);
    if (const auto* flag = service("NoNewPrivileges"))
      if (const auto value = boolean(flag->value))
        bot_.set("no_new_privs", *value, flag->where);
  }

  /// That of User=; without one, that of the manager.
  std::string home() {
    const auto user = text("User").value_or("");
    if (user.empty())
      return manager_.home;
    const auto id = number(user);
    const auto* account = id ? getpwuid(static_cast<uid_t>(*id)) : getpwnam(user.c_str());
    return account ? account->pw_dir : "";
  }

  void set_number(const char* ours, const unit_entry& entry) {
    if (const auto value = number(entry.value))
      bot_.set(ours, *value, entry.where);
    else
      bot_.lost(entry.where, entry.key, config::in_quotes(entry.value) + " is no number");
  }

  void set_limits() {
    static const std::pair<const char*, std::pair<const char*, bool>> limits[] = {
        {"LimitNOFILE", {"open_files", false}},
        {"LimitNPROC", {"processes", false}},
        {"LimitFSIZE", {"file_size", true}},
        {"LimitCORE", {"core_size", true}},
        {"LimitMEMLOCK", {"locked_memory", true}},
        {"LimitSTACK", {"stack", true}},
        {"LimitAS", {"address_space", true}},
        {"MemoryLimit", {"memory", true}},
        {"MemoryMax", {"memory", true}},
        {"MemoryHigh", {"memory_high", true}},
        {"TasksMax", {"tasks", false}},
    };
    for (const auto& [key, ours] : limits) {
      const auto* entry = service(key);
      if (!entry)
        continue;
      auto value = entry->value;
      if (const auto colon = value.find(':'); colon != std::string::npos) {
        bot_.changed(entry->where, key, "soft and hard limit are one here: the hard one");
        value.erase(0, colon + 1);
      }
      const auto size = bytes(value);
      if (value == "infinity") {
        if (std::string_view{key}.starts_with("Limit"))
          bot_.changed(entry->where, key,
                       "infinity: without a limit of its own it has that of the "
                       "runtime");
      } else if (!size) {
        bot_.lost(entry->where, key,
                  value.ends_with('%') ? "a share of the machine is not known here"
                                       : config::in_quotes(value) + " is no number",
                  std::string{"\"limits\": {\""} + ours.first + "\": …}");
      } else {
        bot_.set_in("limits", ours.first, ours.second ? json(size_of(*size)) : json(*size),
                    entry->where);
      }
    }
    if (const auto* weight = service("CPUWeight")) {
      if (const auto value = number(weight->value))
        bot_.set_in("limits", "cpu_weight", *value, weight->where);
      else
        bot_.lost(weight->where, "CPUWeight",
                  config::in_quotes(weight->value) + " is not known here");
    }
    if (const auto* quota = service("CPUQuota")) {
      const double share = std::strtod(quota->value.c_str(), nullptr) / 100;
      if (quota->value.ends_with('%') && share > 0)
        bot_.set_in("limits", "cpu", share, quota->where);
      else
        bot_.lost(quota->where, "CPUQuota", config::in_quotes(quota->value) + " is no percentage");
    }
  }
};

} // namespace

void set_process(const service_part& of) {
  process_importer{of}.run();
}

} // namespace troupe::importing
