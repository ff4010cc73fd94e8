// Unit files.

#include "fixture.hpp"
#include "runtime/import/unit_drop_ins.hpp"
#include "runtime/import/unit_exec.hpp"
#include "runtime/import/unit_words.hpp"

#include <algorithm>
#include <unistd.h>

using namespace troupe::importing;

BOOST_FIXTURE_TEST_SUITE(systemd, import_fixture)

BOOST_AUTO_TEST_CASE(a_whole_service) {
  import("web.service", R"([Unit]
Description=Web of %n
After=network.target
StartLimitIntervalSec=30
StartLimitBurst=3
[Service]
Type=notify
Environment=A=1 "B=two words" C=$x
EnvironmentFile=-/nowhere/web
ExecStartPre=-/bin/mkdir -p /run/web
ExecStartPre=/usr/bin/test -d /run/web
ExecStart=/usr/bin/web --name 'a b' \
   # a comment between
   --a ${A} 100%%
ExecReload=/bin/kill -HUP $MAINPID
ExecStop=/bin/kill -s QUIT $MAINPID
Restart=on-failure
RestartSec=1min 5s
SuccessExitStatus=3 TEMPFAIL SIGKILL
RestartPreventExitStatus=7
User=www-data
WorkingDirectory=/srv
KillMode=mixed
KillSignal=SIGINT
TimeoutSec=20
WatchdogSec=10
LimitNOFILE=1024:4096
LimitCORE=infinity
MemoryMax=64M
TasksMax=10%
CPUQuota=150%
Nice=5
OOMScoreAdjust=-100
NoNewPrivileges=yes
ProtectSystem=strict
[Install]
WantedBy=multi-user.target
)");
  const auto expected = json::parse(R"({
    "environment": {"A": "1", "B": "two words", "C": "$x"},
    "command": ["/usr/bin/web", "--name", "a b", "--a", "1", "100%"],
    "start_command": {"command": ["/bin/sh", "-c",
      "{ /bin/mkdir -p /run/web || true; } && /usr/bin/test -d /run/web"], "timeout": "20s"},
    "stop_command": {"command": ["/bin/sh", "-c", "exec /bin/kill -s QUIT $MAINPID"],
      "timeout": "20s"},
    "ready": "notify", "restart": "transient", "success_codes": [0, 3, 75],
    "no_restart_codes": [7],
    "delay": {"initial": "1m5s", "factor": 1.0, "max": "1m5s", "jitter": 0},
    "max_restarts": {"count": 3, "within": "30s"},
    "start_timeout": "20s", "stop_timeout": "20s", "watchdog": "10s", "kill_mode": "process",
    "stop_signal": "INT", "user": "www-data", "directory": "/srv", "nice": 5,
    "oom_score_adj": -100, "no_new_privs": true,
    "limits": {"open_files": 4096, "memory": "64MiB", "cpu": 1.5},
    "description": "Web of web.service"})");
  BOOST_TEST(bot("web").dump() == expected.dump());
  for (const char* key :
       {"ExecReload", "EnvironmentFile", "SuccessExitStatus", "TasksMax", "ProtectSystem", "After"})
    BOOST_TEST(said(key) != "", key);
  BOOST_TEST(said("ExecReload").starts_with("15 "));
  BOOST_TEST(said("ProtectSystem").starts_with("35 "));
  BOOST_TEST(said("WantedBy", weight::changed) == "");
}

BOOST_AUTO_TEST_CASE(units_wait_for_each_other) {
  write("a.service", "[Unit]\nAfter=b.service c.service\nRequires=b.service\n[Service]\n"
                     "ExecStart=/bin/a\n[Install]\nWantedBy=multi-user.target\n");
  write("b.service", "[Service]\nExecStart=/bin/b\n");
  write("c.service", "[Service]\nType=oneshot\nExecStart=/bin/c\nExecStart=/bin/c2 x\n");
  write("d.service", "[Unit]\nBefore=b.service\nWants=c.service\nBindsTo=c.service\n[Service]\n"
                     "ExecStart=/bin/d\n[Install]\nWantedBy=multi-user.target\n");
  import({"a.service", "b.service", "c.service", "d.service"});
  BOOST_TEST(bot("a")["depends_on"].dump() == R"({"b":"ready","c":"completed"})");
  BOOST_TEST(bot("b")["depends_on"].dump() == R"({"d":"started"})");
  BOOST_TEST(bot("c")["command"].dump() == R"(["/bin/sh","-c","/bin/c && /bin/c2 x"])");
  BOOST_TEST(bot("c")["restart"] == "temporary");
  BOOST_TEST(says("Wants", "nobody waits", weight::changed));
  BOOST_TEST(said("BindsTo") != "");
}

BOOST_AUTO_TEST_CASE(a_circle_is_said_and_left_out) {
  const std::string installed = "[Install]\nWantedBy=multi-user.target\n";
  write("a.service", "[Unit]\nAfter=b.service\n[Service]\nExecStart=/bin/a\n" + installed);
  write("b.service", "[Unit]\nAfter=a.service\n[Service]\nExecStart=/bin/b\n" + installed);
  import({"a.service", "b.service"});
  BOOST_TEST(said("depends_on") != "");
  BOOST_TEST(fleet.bots().size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_nobody_wants_does_not_start_with_the_fleet) {
  write("backup.service", "[Unit]\nRequires=mount.service\nAfter=mount.service\n[Service]\n"
                          "Type=oneshot\nExecStart=/bin/backup\n");
  write("mount.service", "[Service]\nExecStart=/bin/mount\n");
  write("cache.service", "[Service]\nExecStart=/bin/cache\n");
  write("web.service", "[Unit]\nWants=cache.service\nAfter=backup.service\n[Service]\n"
                       "ExecStart=/bin/web\n[Install]\nWantedBy=multi-user.target\n");
  import({"backup.service", "mount.service", "cache.service", "web.service"});
  BOOST_TEST(bot("backup")["autostart"] == false);
  BOOST_TEST(says("Install", "names nothing", weight::changed));
  // Nor what only such a one needs.
  BOOST_TEST(bot("mount")["autostart"] == false);
  BOOST_TEST(bot("backup")["depends_on"].dump() == R"({"mount":"ready"})");
  BOOST_TEST(!bot("cache").contains("autostart"));
  // Order alone waits for nothing that does not start.
  BOOST_TEST(!bot("web").contains("autostart"));
  BOOST_TEST(!bot("web").contains("depends_on"));
  BOOST_TEST(says("After", "nobody waits", weight::changed));
}

BOOST_AUTO_TEST_CASE(a_file_of_variables_wins) {
  const auto file = write("app.env", "DB=prod\nAPI_TOKEN=t\n");
  import("app.service", "[Service]\nEnvironment=PORT=8080 DB=test API_TOKEN=x\nEnvironmentFile="
                            + file + "\nExecStart=/app --db $DB --port ${PORT}\n");
  BOOST_TEST(bot("app")["environment"].dump() == R"({"PORT":"8080"})");
  BOOST_TEST(bot("app")["environment_file"] == file);
  BOOST_TEST(bot("app")["command"].dump()
             == R"(["/bin/sh","-c","exec /app --db $DB --port \"$PORT\""])");
  BOOST_TEST(says("Environment", "DB is left", weight::changed));
  BOOST_TEST(says("EnvironmentFile", "should it set PORT", weight::changed));
  BOOST_TEST(said("API_TOKEN", weight::warning) == ""); // it does not stand in the tree
}

BOOST_AUTO_TEST_CASE(a_file_of_variables_that_is_not_there_yet) {
  import("app.service", "[Service]\nEnvironment=DB=test\nEnvironmentFile=/nowhere/app\n"
                        "ExecStart=/app --db $DB\n");
  BOOST_TEST(bot("app")["environment"].dump() == R"({"DB":"test"})");
  BOOST_TEST(bot("app")["command"].dump() == R"(["/bin/sh","-c","exec /app --db $DB"])");
  BOOST_TEST(says("EnvironmentFile", "should it set DB", weight::changed));
  const auto file = write("bad.env", "no assignment\n");
  import("app.service", "[Service]\nEnvironmentFile=" + file + "\nExecStart=/app\n");
  BOOST_TEST(says("EnvironmentFile", "does not start: line 1", weight::changed));
}

BOOST_AUTO_TEST_CASE(a_variable_is_split_with_its_quotes) {
  import("p.service", "[Service]\nEnvironment=\"OPTS=--name 'a b'\"\nExecStart=/bin/p $OPTS\n"
                      "ExecStop=/bin/kill $MAINPID\n");
  BOOST_TEST(bot("p")["command"].dump() == R"(["/bin/p","--name","a b"])");
  BOOST_TEST(said("ExecStart", weight::changed) == "");
  BOOST_TEST(said("ExecStop", weight::changed) == "");
  import("t.service", "[Service]\nExecStart=/bin/t $TERM\n");
  BOOST_TEST(said("ExecStart", weight::changed) == ""); // systemd sets it
  // A shell cannot: that is said.
  const auto file = write("p.env", "ARGS=\"--name 'a b'\"\n");
  import("p.service", "[Service]\nEnvironmentFile=" + file
                          + "\nExecStart=/bin/p $ARGS ${ARGS}\nExecStop=/bin/kill $MAINPID\n");
  BOOST_TEST(bot("p")["command"].dump() == R"(["/bin/sh","-c","exec /bin/p $ARGS \"$ARGS\""])");
  BOOST_TEST(said("ExecStart", weight::changed).starts_with("3 a shell splits $ARGS"));
  BOOST_TEST(said("ExecStop", weight::changed) == "");
}

BOOST_AUTO_TEST_CASE(specifiers_are_of_the_manager) {
  import("s.service", "[Service]\nUser=nobody\nExecStart=/bin/s %u %U %G %h %S %t\n");
  BOOST_TEST(bot("s")["command"].dump()
             == R"(["/bin/s","root","0","0","/root","/var/lib","/run"])");
  BOOST_TEST(bot("s")["directory"] == "/");
  write("systemd/user/s.service", "[Service]\nExecStart=/bin/s %u %h %E %t\n");
  import({"systemd/user/s.service"});
  const auto manager = manager_of(directory + "/systemd/user/s.service");
  BOOST_TEST(manager.of_user);
  BOOST_TEST(manager.uid == geteuid());
  BOOST_TEST(bot("s")["command"].dump()
             == json({"/bin/s", manager.name, manager.home, manager.home + "/.config",
                      "/run/user/" + std::to_string(manager.uid)})
                    .dump());
  BOOST_TEST(bot("s")["directory"] == manager.home);
}

BOOST_AUTO_TEST_CASE(without_its_account_it_does_not_start) {
  const std::string rest = "ExecStart=/bin/d\n[Install]\nWantedBy=multi-user.target\n";
  import("d.service", "[Service]\nDynamicUser=yes\n" + rest);
  BOOST_TEST(bot("d")["autostart"] == false);
  BOOST_TEST(says("DynamicUser", "does not start with the fleet"));
  import("d.service", "[Service]\nDynamicUser=yes\nUser=d\n" + rest);
  BOOST_TEST(!bot("d").contains("autostart"));
  import("d.service", "[Service]\nUser=%Q\n" + rest);
  BOOST_TEST(bot("d")["autostart"] == false);
  import("d.service", "[Service]\nUser=-5\n" + rest);
  BOOST_TEST(!bot("d").contains("user"));
  BOOST_TEST(bot("d")["autostart"] == false);
}

BOOST_AUTO_TEST_CASE(a_stop_reaches_all_that_a_shell_runs) {
  import("k.service", "[Service]\nType=oneshot\nKillMode=mixed\nExecStart=/bin/a ; /bin/b\n");
  BOOST_TEST(bot("k")["command"].dump() == R"(["/bin/sh","-c","/bin/a && /bin/b"])");
  BOOST_TEST(bot("k")["kill_mode"] == "group");
}

BOOST_AUTO_TEST_CASE(templates_and_drop_ins) {
  write("w@.service", "[Service]\nExecStart=/bin/w %i %I %n %p\nUser=u-%i\n");
  write("w@.service.d/10.conf", "[Service]\nNice=3\n");
  write("w@a-b.service.d/20.conf", "[Service]\nExecStart=\nExecStart=/bin/other %i\n");
  import({"w@x.service", "w@a-b.service"});
  BOOST_TEST(bot("w-x")["command"].dump() == R"(["/bin/w","x","x","w@x.service","w"])");
  BOOST_TEST(bot("w-x")["nice"] == 3);
  BOOST_TEST(bot("w-x")["user"] == "u-x");
  BOOST_TEST(bot("w-a-b")["command"].dump() == R"(["/bin/other","a-b"])");
  import({"w@.service"});
  BOOST_REQUIRE(failures.size() == 1u);
  BOOST_TEST(failures[0].hint.find("w@NAME.service") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(drop_ins_of_many_units) {
  write("a-b@x.service", "[Service]\nExecStart=/bin/a\n");
  // In their order, the strongest first. Of each two neighbours, the first hides the second.
  const std::vector<std::string> order{"a-b@x.service.d", "a-b@.service.d", "a-.service.d",
                                       "a-@x.service.d",  "a-@.service.d",  "service.d"};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto assign = "[Service]\nEnvironment=E" + std::to_string(i) + "=";
    write(order[i] + "/" + std::to_string(i) + ".conf", assign + "own\n");
    if (i + 1 < order.size())
      write(order[i + 1] + "/" + std::to_string(i) + ".conf", assign + "hidden\n");
  }
  write("b-.service.d/9.conf", "[Service]\nEnvironment=OTHER=1\n");
  import({"a-b@x.service"});
  BOOST_TEST(bot("a-b-x")["environment"].dump()
             == R"({"E0":"own","E1":"own","E2":"own","E3":"own","E4":"own","E5":"own"})");
}

BOOST_AUTO_TEST_CASE(drop_ins_of_the_directories_of_systemd) {
  const auto rank = [](const std::vector<std::string>& in, const std::string& name) {
    const auto found = std::ranges::find(in, name);
    BOOST_REQUIRE_MESSAGE(found != in.end(), name);
    return found - in.begin();
  };
  for (const char* where : {"/usr/local/lib", "/lib", "/usr/lib", "/run", "/etc"}) {
    const auto all = drop_in_directories(std::string{where} + "/systemd/system/w.service");
    BOOST_TEST(rank(all, "/etc/systemd/system.control/service.d")
               < rank(all, "/usr/lib/systemd/system/w.service.d"));
    BOOST_TEST(rank(all, "/usr/lib/systemd/system/w.service.d")
               < rank(all, "/run/systemd/system/w.service.d"));
    BOOST_TEST(rank(all, "/run/systemd/system/w.service.d")
               < rank(all, "/etc/systemd/system/w.service.d"));
    BOOST_TEST(rank(all, "/etc/systemd/system/w.service.d")
               < rank(all, "/run/systemd/system.control/w.service.d"));
    BOOST_TEST(all.back() == "/etc/systemd/system.control/w.service.d");
  }
  const auto mine = manager_of("/usr/lib/systemd/user/w.service").home + "/.config/systemd/user";
  for (const std::string& where : {std::string{"/usr/lib/systemd/user"}, mine}) {
    const auto all = drop_in_directories(where + "/w.service");
    BOOST_TEST(rank(all, "/usr/lib/systemd/user/w.service.d")
               < rank(all, "/etc/systemd/user/w.service.d"));
    BOOST_TEST(rank(all, "/etc/systemd/user/w.service.d") < rank(all, mine + "/w.service.d"));
    BOOST_TEST(all.back() == mine + ".control/w.service.d");
  }
  BOOST_TEST(drop_in_directories("/srv/w.service")
                 == (std::vector<std::string>{"/srv/service.d", "/srv/w.service.d"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_cannot_run_as_it_is) {
  import("f.service", "[Service]\nType=forking\nPIDFile=/run/f.pid\nExecStart=@/bin/f name -x\n"
                      "KillMode=none\nTimeoutStopSec=infinity\nRestart=on-abort\nUser=1000\n");
  BOOST_TEST(bot("f")["autostart"] == false);
  BOOST_TEST(bot("f")["command"].dump() == R"(["/bin/f","-x"])");
  BOOST_TEST(bot("f")["stop_timeout"] == "1d");
  BOOST_TEST(bot("f")["user"] == 1000);
  BOOST_TEST(says("Type", "foreground") == false); // that is the advice
  BOOST_TEST(says("Type", "forking"));
  BOOST_TEST(says("Restart", "on-abort", weight::changed));
  import("n.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStop=/bin/x\n");
  BOOST_TEST(says("ExecStart", "nothing to run"));
  import("m.service", "");
  BOOST_TEST(says("m.service", "masked"));
  import("b.service", "[Service]\nExecStart=/bin/b\nnonsense\n");
  BOOST_REQUIRE(failures.size() == 1u);
  BOOST_TEST(failures[0].line == 3u);
}

BOOST_AUTO_TEST_CASE(command_lines) {
  const specifiers none;
  const std::map<std::string, std::string> env{{"OPTS", "-a  -b"},
                                               {"X", "x y"},
                                               {"QUOTED", R"(--name 'a b' "" c\ d e*)"},
                                               {"OPEN", R"("x'y" 'a b)"}};
  const auto command = [&](const char* line) {
    const auto parsed = parse_exec(line, none);
    BOOST_REQUIRE_MESSAGE(parsed, line);
    return exec_command(*parsed, env).dump();
  };
  BOOST_TEST(command("/bin/p $OPTS ${X} a$X $$5") == R"(["/bin/p","-a","-b","x y","a$X","$5"])");
  BOOST_TEST(command(":/bin/p $OPTS") == R"(["/bin/p","$OPTS"])");
  BOOST_TEST(command("/bin/p --o=${NONE}z 'a b' $MORE")
             == R"(["/bin/sh","-c","exec /bin/p --o=\"$NONE\"z 'a b' $MORE"])");
  BOOST_TEST(command(R"(/bin/p "a\"b" \x41 c\s d"e f")") == R"(["/bin/p","a\"b","A","c ","de f"])");
  BOOST_TEST(command("/bin/sh -c 'echo $$HOME'") == R"(["/bin/sh","-c","echo $HOME"])");
  BOOST_TEST(command(R"(/bin/find /x -exec rm {} \;)")
             == R"(["/bin/find","/x","-exec","rm","{}",";"])");
  BOOST_TEST(command("/bin/a x ; -/bin/b")
             == R"(["/bin/sh","-c","/bin/a x && { /bin/b || true; }"])");
  BOOST_TEST(command("/bin/a 'b ; c' \";\" d; ;") == R"(["/bin/a","b ; c",";","d;"])");
  BOOST_TEST(command("/bin/p $QUOTED \"${QUOTED}\"")
             == R"(["/bin/p","--name","a b","","c d","e*","--name 'a b' \"\" c\\ d e*"])");
  BOOST_TEST(command("/bin/p $OPEN") == R"(["/bin/p","x'y","a b"])");
  BOOST_TEST(!parse_exec("/bin/a ; ; /bin/b", none));
  BOOST_TEST(!parse_exec("/bin/p 'open", none));
  BOOST_TEST(!parse_exec("/bin/p %Q", none));
  BOOST_TEST(!parse_exec("-", none));
}

BOOST_AUTO_TEST_CASE(times) {
  BOOST_TEST(*unit_seconds("90") == 90.0);
  BOOST_TEST(*unit_seconds("5min 20s") == 320.0);
  BOOST_TEST(*unit_seconds("1h30min") == 5400.0);
  BOOST_TEST(*unit_seconds("500ms") == 0.5);
  BOOST_TEST(*unit_seconds("infinity") < 0);
  BOOST_TEST(!unit_seconds(""));
  BOOST_TEST(!unit_seconds("soon"));
  BOOST_TEST(!unit_seconds("5 parsecs"));
}

BOOST_AUTO_TEST_SUITE_END()
