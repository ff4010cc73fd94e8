// supervisord.conf.

#include "fixture.hpp"

using namespace troupe::importing;

BOOST_FIXTURE_TEST_SUITE(supervisord, import_fixture)

BOOST_AUTO_TEST_CASE(a_whole_program) {
  import("supervisord.conf", R"([program:web]
command=/usr/bin/web --port 80%(process_num)d "two words" ; the server
process_name=%(program_name)s_%(process_num)02d
numprocs=3
directory=/srv/web
user=www-data
umask=027
autostart=false
autorestart=true
startsecs=5
startretries=2
exitcodes=0,2
stopsignal=SIGQUIT
stopwaitsecs=30
stopasgroup=true
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=4
)");
  const auto expected = json::parse(R"({
    "replicas": 3, "command": ["/usr/bin/web", "--port", "80${bot.index}", "two words"],
    "directory": "/srv/web", "autostart": false, "restart": "permanent", "success_codes": [0, 2],
    "start_grace": "5s", "failed_starts": 3, "stop_signal": "QUIT", "stop_timeout": "30s",
    "kill_mode": "group", "log": {"max_size": "1MiB", "keep": 4}, "user": "www-data",
    "umask": "027"})");
  BOOST_TEST(bot("web").dump() == expected.dump());
  BOOST_TEST(said("process_name", weight::changed) == "");
}

BOOST_AUTO_TEST_CASE(defaults_of_supervisord_are_not_ours) {
  import("supervisord.conf", "[program:job]\ncommand=job\n");
  BOOST_TEST(bot("job").dump() == R"({"command":["job"],"restart":"transient"})");
}

BOOST_AUTO_TEST_CASE(numbers_with_zeros_are_written_for_each_instance) {
  import("supervisord.conf", R"([program:w]
command=w --id %(process_num)02d
process_name=w%(process_num)02d
numprocs=3
numprocs_start=7
)");
  BOOST_TEST(bot("w")["command"].dump() == R"(["w","--id","07"])");
  BOOST_TEST(bot("w")["instances"].dump()
             == R"({"1":{"command":["w","--id","08"]},"2":{"command":["w","--id","09"]}})");
}

BOOST_AUTO_TEST_CASE(environments) {
  import("supervisord.conf", R"([supervisord]
environment = BASE="/opt/a"
[program:e]
command = %(ENV_BASE)s/bin/e %(ENV_HOME)s 100%% $${x} '$HOME' %(here)s
environment = A="1,2",B='x=y',
  TOKEN="t0p",C=%(ENV_BASE)s/c
)");
  BOOST_TEST(
      bot("e")["command"].dump()
      == json({"/opt/a/bin/e", "${env:HOME}", "100%", "$$$${x}", "$HOME", directory}).dump());
  BOOST_TEST(bot("e")["environment"].dump()
             == R"({"A":"1,2","B":"x=y","C":"/opt/a/c","TOKEN":"t0p"})");
  BOOST_TEST(fleet.groups().at("")["defaults"]["environment"].dump() == R"({"BASE":"/opt/a"})");
  BOOST_TEST(says("TOKEN", "looks like a secret", weight::warning));
  for (const auto& one : fleet.remarks())
    BOOST_TEST((one.why + one.advice).find("t0p") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(groups_priorities_and_includes) {
  write("conf.d/b.conf", "[program:b]\ncommand=b\npriority=10\n");
  write("conf.d/c.conf", "[program:C d]\ncommand=c\n");
  import("supervisord.conf", R"([include]
files = conf.d/*.conf nothing/*.conf
[group:profiles]
programs=a,b,gone
priority=5
[program:a]
command=a
priority=20
)");
  BOOST_TEST(bot("profiles-group/a")["command"].dump() == R"(["a"])");
  bot("profiles-group/b");
  bot("c-d");
  BOOST_TEST(fleet.groups().at("profiles-group")["order"].dump() == R"(["b","a"])");
  BOOST_TEST(fleet.groups().at("")["order"].dump() == R"(["profiles-group","c-d"])");
  BOOST_TEST(says("include", "nothing/*.conf"));
  BOOST_TEST(says("gone", "no [program:gone]"));
  BOOST_TEST(says("C d", "c-d", weight::changed));
}

BOOST_AUTO_TEST_CASE(here_is_the_directory_of_the_file_it_stands_in) {
  write("conf.d/5%/web.conf", "[program:web]\ncommand=%(here)s/run.sh %(here)s %%\n"
                              "[program:both]\nenvironment=A=\"%(here)s\"\n");
  import("supervisord.conf", "[include]\nfiles = %(here)s/conf.d/*/*.conf\n"
                             "[program:both]\ncommand=%(here)s/b\n");
  const auto included = directory + "/conf.d/5%";
  BOOST_TEST(bot("web")["command"].dump() == json({included + "/run.sh", included, "%"}).dump());
  BOOST_TEST(bot("both")["command"].dump() == json({directory + "/b"}).dump());
  BOOST_TEST(bot("both")["environment"].dump() == json({{"A", included}}).dump());
}

BOOST_AUTO_TEST_CASE(what_has_no_counterpart_is_said) {
  import("supervisord.conf", R"(; comment
[supervisord]
logfile=/var/log/s.log
[rpcinterface:supervisor]
x = y
[eventlistener:l]
command=l
[fcgi-program:f]
command=f
[program:p]
command=p
stdout_logfile=/var/log/p.log
stdout_syslog=true
stderr_events_enabled=false
nonsense=1
autorestart=perhaps
[program:q]
directory=/
)");
  BOOST_TEST(said("logfile").starts_with("3 "));
  BOOST_TEST(said("[rpcinterface:supervisor]").starts_with("4 "));
  BOOST_TEST(says("[eventlistener:l]", "no event listeners"));
  BOOST_TEST(says("[fcgi-program:f]", "FastCGI"));
  BOOST_TEST(said("stdout_logfile").starts_with("12 "));
  BOOST_TEST(says("stdout_syslog", "syslog"));
  BOOST_TEST(said("stderr_events_enabled") == "");
  BOOST_TEST(says("nonsense", "no key"));
  BOOST_TEST(says("autorestart", "perhaps"));
  BOOST_TEST(says("command", "no command"));
  BOOST_TEST(fleet.bots().size() == 1u);
  BOOST_TEST(document("p.json").find("// - stdout_syslog") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(bad_input_is_refused_with_its_line) {
  import("supervisord.conf", "[program:a]\ncommand=a\nwhat is this\n");
  BOOST_REQUIRE(failures.size() == 1u);
  BOOST_TEST(failures[0].line == 3u);
  import("supervisord.conf", "[program:a]\ncommand=a %(nobody)s\n[program:b]\ncommand=\"b\n");
  BOOST_TEST(fleet.bots().empty());
  BOOST_TEST(says("program:a", "nobody"));
  BOOST_TEST(says("program:b", "left open"));
}

BOOST_AUTO_TEST_CASE(accounts) {
  import("supervisord.conf", "[supervisord]\nuser=www-data\n[program:a]\ncommand=a\n"
                             "[program:b]\ncommand=b\nuser=%(ENV_WHO)s\n");
  BOOST_TEST(fleet.groups().at("")["defaults"]["user"] == "www-data");
  BOOST_TEST(!bot("a").contains("autostart"));
  BOOST_TEST(bot("b")["autostart"] == false);
}

BOOST_AUTO_TEST_CASE(a_value_that_the_tree_refuses_is_said_and_left_out) {
  import("supervisord.conf", "[program:a]\ncommand=a\numask=999\nstopwaitsecs=x\n");
  BOOST_TEST(!bot("a").contains("umask"));
  BOOST_TEST(said("umask").starts_with("3 is not taken"));
  BOOST_TEST(said("stopwaitsecs").starts_with("4 "));
}

BOOST_AUTO_TEST_SUITE_END()
