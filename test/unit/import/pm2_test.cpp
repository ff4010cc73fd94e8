// Ecosystem files of PM2.

#include "fixture.hpp"

using namespace troupe::importing;

BOOST_FIXTURE_TEST_SUITE(pm2, import_fixture)

BOOST_AUTO_TEST_CASE(a_whole_app) {
  import("ecosystem.json", R"({
  // comments are fine
  "apps": [{
    "name": "API", "script": "./server.js", "args": "--port 80 'a b'", "node_args": ["--inspect"],
    "instances": 2, "exec_mode": "cluster", "cwd": "app",
    "env": {"PORT": 3000, "DEBUG": true, "API_KEY": "k1"},
    "env_production": {"PORT": 80},
    "max_memory_restart": "300M", "min_uptime": "10s", "max_restarts": 5,
    "exp_backoff_restart_delay": 100, "kill_timeout": 3000, "increment_var": "PORT",
    "watch": true, "cron_restart": "0 0 * * *", "wait_ready": true, "merge_logs": true,
    "out_file": "/dev/null", "namespace": "default"
  }],
  "deploy": {"production": {}}
})");
  const auto expected = json::parse(R"({
    "command": ["node", "--inspect", "./server.js", "--port", "80", "a b"],
    "directory": "DIR/app",
    "environment": {"API_KEY": "k1", "DEBUG": "true", "PORT": "3000",
                    "NODE_APP_INSTANCE": "${bot.index}"},
    "replicas": 2, "instances": {"1": {"environment": {"PORT": "3001"}}},
    "start_grace": "10s", "failed_starts": 5,
    "delay": {"initial": "100ms", "factor": 1.5, "max": "15s", "reset_after": "30s"},
    "stop_signal": "INT", "kill_mode": "group", "stop_timeout": "3s",
    "limits": {"memory": "300MiB"}})");
  auto actual = bot("api");
  BOOST_TEST(actual["directory"] == directory + "/app");
  actual["directory"] = "DIR/app";
  BOOST_TEST(nlohmann::json(actual).dump() == nlohmann::json(expected).dump());
  BOOST_TEST(document("profiles/production.json").find("\"PORT\": \"80\"") != std::string::npos);
  for (const char* key : {"exec_mode", "watch", "cron_restart", "wait_ready", "out_file", "deploy"})
    BOOST_TEST(said(key) != "", key);
  BOOST_TEST(said("watch").starts_with("10 "));
  BOOST_TEST(said("merge_logs") == "");
  BOOST_TEST(says("API_KEY", "secret", weight::warning));
  BOOST_TEST(says("max_memory_restart", "hard limit", weight::changed));
}

BOOST_AUTO_TEST_CASE(scripts_and_interpreters) {
  write("tool2", "#!/bin/sh\n");
  import("ecosystem.json", R"([
    {"script": "npm", "args": ["run", "start"], "name": "npm"},
    {"script": "worker.py", "interpreter": "/usr/bin/python3"},
    {"script": "bin/tool", "interpreter": "none", "autorestart": false, "name": "tool"},
    {"script": "a.js", "name": "a", "stop_exit_codes": [0, 3], "restart_delay": 3000,
     "namespace": "back"},
    {"script": "tool2", "interpreter": "none"},
    {"name": "nothing"}])");
  BOOST_TEST(bot("tool2")["command"].dump() == R"(["./tool2"])");
  BOOST_TEST(bot("npm")["command"].dump() == R"(["npm","run","start"])");
  BOOST_TEST(bot("worker")["command"].dump() == R"(["/usr/bin/python3","worker.py"])");
  BOOST_TEST(bot("tool")["command"].dump() == R"(["bin/tool"])");
  BOOST_TEST(bot("tool")["restart"] == "temporary");
  BOOST_TEST(bot("back/a")["restart"] == "transient");
  BOOST_TEST(bot("back/a")["success_codes"].dump() == "[0,3]");
  BOOST_TEST(bot("back/a")["delay"].dump()
             == R"({"initial":"3s","factor":1,"max":"3s","jitter":0})");
  BOOST_TEST(says("script", "nothing to run"));
}

BOOST_AUTO_TEST_CASE(without_its_account_it_does_not_start) {
  import("ecosystem.json", R"({"apps": [{"name": "a", "script": "a", "uid": -2},
    {"name": "b", "script": "b", "gid": ["www"]}, {"name": "c", "script": "c", "uid": null}]})");
  BOOST_TEST(!bot("a").contains("user"));
  BOOST_TEST(bot("a")["autostart"] == false);
  BOOST_TEST(bot("b")["autostart"] == false);
  BOOST_TEST(!bot("c").contains("autostart"));
}

BOOST_AUTO_TEST_CASE(processors_count_and_odd_values) {
  import("ecosystem.json", R"({"apps": {"script": "x.sh", "instances": "max", "uid": 1000,
    "min_uptime": "soon", "max_memory_restart": "lots", "kill_signal": "NOSUCH", "env": []}})");
  BOOST_TEST(says("instances", "processors", weight::changed));
  BOOST_TEST(bot("x")["user"] == 1000);
  for (const char* key : {"min_uptime", "max_memory_restart", "kill_signal", "env"})
    BOOST_TEST(said(key) != "", key);
}

BOOST_AUTO_TEST_CASE(programs_are_refused_with_the_way_to_json) {
  import("ecosystem.config.js", "module.exports = {}");
  BOOST_REQUIRE(failures.size() == 1u);
  BOOST_TEST(failures[0].hint.find("JSON.stringify") != std::string::npos);
  import("ecosystem.json", "{\"apps\": [}");
  BOOST_REQUIRE(failures.size() == 1u);
  BOOST_TEST(failures[0].line == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
