// Keys of unit files that have no counterpart.

#include "runtime/import/systemd_service.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

namespace troupe::importing {

namespace {

using sv = std::string_view;

/// What becomes of a key. A pattern that ends in `*` stands for all that begin so; the first one
/// that fits holds.
struct lost_key {
  sv pattern;
  const char* why;
  const char* advice;
};

constexpr const char* no_sandbox = "a bot sees all files, devices and calls that its user may";
constexpr const char* use_bwrap = "put `bwrap …` before the program in \"command\", or let this "
                                  "service stay with systemd";
constexpr const char* no_directory = "no directory is made for it";
constexpr const char* own_directory = "TROUPE_BOT_DIR is one of its own; others are made by a "
                                      "\"start_command\" or by tmpfiles.d";
constexpr const char* own_logs = "output is kept in the log files of the fleet";
constexpr const char* see_logs = "`troupe logs BOT` shows it";
constexpr const char* no_jobs = "there are no jobs and targets here";
constexpr const char* no_condition = "nothing is asked before a start";
constexpr const char* as_start_command = "a \"start_command\" that fails keeps it from starting";
constexpr const char* no_terminal = "bots have no terminal";
constexpr const char* by_scheduler = "is not set here";
constexpr const char* by_program = "put `chrt`, `taskset` or `ionice` before the program in "
                                   "\"command\"";

constexpr lost_key keys[] = {
    {"ExecReload", "bots have no reload command", "`troupe signal HUP BOT`"},
    {"ExecStartPost", "nothing is run after a start",
     "let the program do it, or another bot with "
     "\"depends_on\""},
    {"ExecStopPost", "nothing is run after every end",
     "\"on_crash\" runs after a crash, \"start_command\" before the next start"},
    {"ExecCondition", no_condition, as_start_command},
    {"RestartForceExitStatus", "exit codes force no restart", "\"restart\": \"permanent\""},
    {"RestartMode", "a restart is always told to nobody else", ""},
    {"BusName", "nobody looks at D-Bus: the bot is ready after start_grace", "\"ready\""},
    {"PIDFile", "no pid file is read: the process that was started is the bot",
     "let the program stay in the foreground"},
    {"GuessMainPID", "the process that was started is the bot", ""},
    {"NotifyAccess", "READY and WATCHDOG are taken from all processes of the bot", ""},
    {"Sockets", "no sockets are passed", "let the program listen itself"},
    {"FileDescriptorStore*", "file descriptors are not kept for bots", ""},
    {"RuntimeMaxSec", "no bot is ended for its age", "let cron call `troupe restart BOT`"},
    {"RuntimeRandomizedExtraSec", "no bot is ended for its age", ""},
    {"TimeoutAbortSec", "a watchdog ends a bot with its stop_signal", ""},
    {"TimeoutStartFailureMode", "what is not ready in time is killed", ""},
    {"TimeoutStopFailureMode", "what does not end in time is killed", ""},
    {"SendSIGHUP", "one signal asks a bot to end", "\"stop_command\" can send others"},
    {"SendSIGKILL", "what is left after stop_timeout is always killed", ""},
    {"FinalKillSignal", "what is left after stop_timeout is always killed", ""},
    {"RestartKillSignal", "a restart stops it as a stop does", ""},
    {"WatchdogSignal", "a watchdog ends a bot with its stop_signal", ""},
    {"OOMPolicy", "when the kernel kills the main process for memory, the bot has died", ""},
    {"RootDirectoryStartOnly", no_sandbox, ""},
    {"USBFunction*", by_scheduler, ""},
    {"SupplementaryGroups", "a bot has the groups of its user",
     "add the user to the group: `usermod -aG`"},
    {"PAMName", "there is no PAM session", ""},
    {"UnsetEnvironment", "variables are not taken away",
     "nothing is inherited but PATH, HOME, USER, "
     "LANG and TZ"},
    {"LoadCredential*", "there is no CREDENTIALS_DIRECTORY",
     "put it into secrets/ and write \"${secret:NAME}\""},
    {"SetCredential*", "there is no CREDENTIALS_DIRECTORY",
     "put it into secrets/ and write \"${secret:NAME}\""},
    {"ImportCredential", "there is no CREDENTIALS_DIRECTORY", ""},
    {"RuntimeDirectory*", no_directory, own_directory},
    {"StateDirectory*", no_directory, own_directory},
    {"CacheDirectory*", no_directory, own_directory},
    {"LogsDirectory*", no_directory, own_directory},
    {"ConfigurationDirectory*", no_directory, own_directory},
    {"StandardInput*", "stdin is /dev/null", "let the program read a file"},
    {"StandardOutput", own_logs, see_logs},
    {"StandardError", own_logs, see_logs},
    {"Syslog*", own_logs, see_logs},
    {"Log*", own_logs, see_logs},
    {"TTY*", no_terminal, "let this service stay with systemd"},
    {"Utmp*", no_terminal, ""},
    {"IgnoreSIGPIPE", "SIGPIPE has its default: it ends a program that does not look",
     "let the program ignore it, or `trap '' PIPE` in a shell before it"},
    {"CPUScheduling*", by_scheduler, by_program},
    {"CPUAffinity", by_scheduler, by_program},
    {"IOScheduling*", by_scheduler, by_program},
    {"NUMA*", by_scheduler, by_program},
    {"CoredumpFilter", by_scheduler, ""},
    {"TimerSlackNSec", by_scheduler, ""},
    {"Personality", by_scheduler, "put `setarch` before the program"},
    {"KeyringMode", by_scheduler, ""},
    {"Limit*", "this limit is not set here", "put `prlimit` before the program in \"command\""},
    {"CPUShares", "has another scale here", "\"limits\": {\"cpu_weight\": 1 to 10000, usual 100}"},
    {"StartupCPU*", "there is no phase of starting up", ""},
    {"CPUQuotaPeriodSec", "the period is the kernel's", ""},
    {"CPUAccounting", "what is used is always counted", ""},
    {"MemoryAccounting", "what is used is always counted", ""},
    {"TasksAccounting", "what is used is always counted", ""},
    {"IOAccounting", "what is used is always counted", ""},
    {"IPAccounting", "traffic is not counted", ""},
    {"MemoryDenyWriteExecute", no_sandbox, use_bwrap},
    {"Memory*", "only memory and memory_high are set", "\"limits\""},
    {"IO*", "input and output are not limited", ""},
    {"BlockIO*", "input and output are not limited", ""},
    {"IPAddress*", no_sandbox, "nftables with the bot's user"},
    {"Slice", "each bot has a control group of its own under that of the fleet", ""},
    {"Delegate*", "a bot may not make control groups of its own",
     "let this service stay with systemd"},
    {"Device*", no_sandbox, use_bwrap},
    {"ManagedOOM*", "systemd-oomd does not look at single bots", "\"limits\""},
    {"DisableControllers", by_scheduler, ""},
    {"AllowedCPUs", by_scheduler, by_program},
    {"AllowedMemoryNodes", by_scheduler, by_program},
    {"RemoveIPC", "shared memory of a user is left where it is", ""},
    {"Protect*", no_sandbox, use_bwrap},
    {"Private*", no_sandbox, use_bwrap},
    {"Restrict*", no_sandbox, use_bwrap},
    {"SystemCall*", no_sandbox, use_bwrap},
    {"Read*", no_sandbox, use_bwrap},
    {"Inaccessible*", no_sandbox, use_bwrap},
    {"ExecPaths", no_sandbox, use_bwrap},
    {"NoExecPaths", no_sandbox, use_bwrap},
    {"Bind*", no_sandbox, use_bwrap},
    {"TemporaryFileSystem", no_sandbox, use_bwrap},
    {"Root*", no_sandbox, use_bwrap},
    {"Mount*", no_sandbox, use_bwrap},
    {"ProcSubset", no_sandbox, use_bwrap},
    {"LockPersonality", no_sandbox, use_bwrap},
    {"NetworkNamespacePath", no_sandbox, "`ip netns exec` before the program"},
    {"CapabilityBoundingSet", "capabilities are those of the user",
     "put `setpriv` before the program "
     "in \"command\""},
    {"AmbientCapabilities", "capabilities are those of the user",
     "put `setpriv` before the program "
     "in \"command\""},
    {"SecureBits", "capabilities are those of the user", ""},
    {"SELinuxContext", no_sandbox, ""},
    {"AppArmorProfile", no_sandbox, "put `aa-exec` before the program in \"command\""},
    {"SmackProcessLabel", no_sandbox, ""},
    // [Unit] and [Install]
    {"Condition*", no_condition, as_start_command},
    {"Assert*", no_condition, as_start_command},
    {"Conflicts", "bots do not exclude each other",
     "\"autostart\": false in one of them, and stop the other before it is started"},
    {"OnFailure*", "no unit is started when it fails", "`troupe events -f --json` tells it"},
    {"OnSuccess*", "no unit is started when it ends", "\"depends_on\": {\"…\": \"completed\"}"},
    {"FailureAction*", "the machine is left alone", ""},
    {"SuccessAction*", "the machine is left alone", ""},
    {"StartLimitAction", "the machine is left alone", ""},
    {"RebootArgument", "the machine is left alone", ""},
    {"RequiresMountsFor", "nobody waits for mounts",
     "start the fleet after them: "
     "RequiresMountsFor= in troupe.service"},
    {"WantsMountsFor", "nobody waits for mounts", ""},
    {"DefaultDependencies", no_jobs, ""},
    {"IgnoreOnIsolate", no_jobs, ""},
    {"AllowIsolate", no_jobs, ""},
    {"RefuseManual*", no_jobs, ""},
    {"StopWhenUnneeded", no_jobs, ""},
    {"Job*", no_jobs, "\"start_timeout\""},
    {"CollectMode", no_jobs, ""},
    {"Propagates*", no_jobs, ""},
    {"ReloadPropagatedFrom", no_jobs, ""},
    {"PropagatesReloadTo", no_jobs, ""},
    {"JoinsNamespaceOf", no_sandbox, ""},
    {"Alias", "a bot has one name", ""},
    {"Also", "each unit is imported by itself", "name it on the command line too"},
    {"DefaultInstance", "is used where no instance is named", ""},
};

/// Keys that are carried over, or mean what is so anyway, or nothing to a bot.
const std::set<sv> known{
    "ExecStart",
    "ExecStartPre",
    "ExecStop",
    "Type",
    "Restart",
    "RestartSec",
    "RestartSteps",
    "RestartMaxDelaySec",
    "SuccessExitStatus",
    "RestartPreventExitStatus",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "TimeoutSec",
    "WatchdogSec",
    "KillMode",
    "KillSignal",
    "User",
    "DynamicUser",
    "Group",
    "UMask",
    "WorkingDirectory",
    "Environment",
    "EnvironmentFile",
    "PassEnvironment",
    "LimitNOFILE",
    "LimitNPROC",
    "LimitFSIZE",
    "LimitCORE",
    "LimitMEMLOCK",
    "LimitSTACK",
    "LimitAS",
    "MemoryMax",
    "MemoryLimit",
    "MemoryHigh",
    "TasksMax",
    "CPUWeight",
    "CPUQuota",
    "Nice",
    "OOMScoreAdjust",
    "NoNewPrivileges",
    "RemainAfterExit",
    "StartLimitInterval",
    "StartLimitIntervalSec",
    "StartLimitBurst",
    "Description",
    "Documentation",
    "SourcePath",
    "After",
    "Before",
    "Requires",
    "Wants",
    "BindsTo",
    "PartOf",
    "Requisite",
    "Upholds",
    "WantedBy",
    "RequiredBy",
    "UpheldBy",
};

bool fits(sv pattern, sv key) {
  return pattern.ends_with('*') ? key.starts_with(pattern.substr(0, pattern.size() - 1))
                                : key == pattern;
}

} // namespace

void remark_on_lost_keys(const unit_file& unit, imported_bot& bot) {
  for (const auto& entry : unit.entries) {
    if (entry.value.empty() || entry.section.starts_with("X-") || entry.key.starts_with("X-")
        || known.contains(entry.key))
      continue;
    if (entry.section != "Service" && entry.section != "Unit" && entry.section != "Install") {
      bot.lost(entry.where, entry.key, "stands in [" + entry.section + "], which no service has");
      continue;
    }
    const auto found =
        std::ranges::find_if(keys, [&](const auto& one) { return fits(one.pattern, entry.key); });
    if (found == std::end(keys)) {
      bot.lost(entry.where, entry.key, "is not known here");
      continue;
    }
    std::string advice = found->advice;
    if (const auto at = advice.find("BOT`"); at != std::string::npos)
      advice.replace(at, 3, bot.name);
    bot.lost(entry.where, entry.key, found->why, std::move(advice));
  }
}

} // namespace troupe::importing
