// Compose files in JSON.

#include "fixture.hpp"

using namespace troupe::importing;

BOOST_FIXTURE_TEST_SUITE(compose, import_fixture)

BOOST_AUTO_TEST_CASE(a_whole_service) {
  import("compose.json", R"({"name": "shop", "services": {
    "db": {"image": "postgres", "command": "postgres -c fsync=off",
           "healthcheck": {"test": ["CMD-SHELL", "pg_isready"], "interval": "5s", "retries": 3},
           "volumes": ["data:/var"], "ports": ["5432:5432"]},
    "migrate": {"command": ["./migrate"]},
    "web": {"entrypoint": ["/app/web"], "command": ["--to", "$$HOME", "${HOST}", "${X:-7}"],
      "environment": ["A=1", "PASSED", "DB_PASSWORD=s3"], "env_file": [".env", "more.env"],
      "depends_on": {"db": {"condition": "service_healthy", "restart": true},
                     "migrate": {"condition": "service_completed_successfully"}},
      "deploy": {"replicas": 3, "resources": {"limits": {"cpus": "0.5", "memory": "64M"}}},
      "restart": "on-failure:4", "stop_signal": "SIGINT", "stop_grace_period": "1m30s",
      "working_dir": "/srv", "user": "1000:www-data", "networks": {"default": null},
      "ulimits": {"nofile": {"soft": 10, "hard": 20}, "rttime": 5}, "privileged": false},
    "bare": {"image": "redis"}},
  "volumes": {"data": {}}})");
  const auto expected = nlohmann::json::parse(R"({
    "command": ["/app/web", "--to", "$HOME", "${env:HOST}", "7"],
    "directory": "/srv", "user": 1000, "group": "www-data",
    "environment": {"A": "1", "DB_PASSWORD": "s3"}, "pass_environment": ["PASSED"],
    "environment_file": "DIR/.env",
    "depends_on": {"db": "ready", "migrate": "completed"},
    "restart": "transient", "failed_starts": 4, "stop_signal": "INT", "stop_timeout": "1m30s",
    "replicas": 3, "limits": {"cpu": 0.5, "memory": "64MiB", "open_files": 20}})");
  auto actual = bot("web");
  BOOST_TEST(actual["environment_file"] == directory + "/.env");
  actual["environment_file"] = "DIR/.env";
  BOOST_TEST(nlohmann::json(actual).dump() == expected.dump());
  BOOST_TEST(bot("db")["ready"].dump()
             == R"({"exec":["/bin/sh","-c","pg_isready"],"interval":"5s"})");
  BOOST_TEST(bot("migrate")["restart"] == "temporary");
  BOOST_TEST(!fleet.find("bare"));
  for (const char* key : {"volumes", "ports", "image", "networks", "env_file", "ulimits.rttime",
                          "depends_on.db.restart", "healthcheck.retries", "command", "name"})
    BOOST_TEST(said(key) != "", key);
  BOOST_TEST(says("healthcheck", "once", weight::changed));
  BOOST_TEST(says("command", "image only"));
}

BOOST_AUTO_TEST_CASE(who_waits_for_what_did_not_come_along) {
  import("compose.json", R"({"services": {"a": {"command": "a", "depends_on": ["b", "nobody"]},
    "b": {"image": "b"}}})");
  BOOST_TEST(!bot("a").contains("depends_on"));
  BOOST_TEST(said("depends_on") != "");
}

BOOST_AUTO_TEST_CASE(without_its_account_it_does_not_start) {
  import("compose.json", R"({"services": {"a": {"command": "a", "user": "${UID:-1000}:${GID}"}}})");
  BOOST_TEST(!bot("a").contains("user"));
  BOOST_TEST(bot("a")["autostart"] == false);
  BOOST_TEST(says("user", "more rights"));
}

BOOST_AUTO_TEST_CASE(process_compose) {
  write(".env", "A=1\n");
  import("process-compose.json",
         R"({"version": "0.5", "environment": ["LANG=C"], "log_level": "info",
    "processes": {
      "db": {"command": "postgres -D data", "availability": {"restart": "always",
               "backoff_seconds": 2, "max_restarts": 5, "exit_on_end": true},
             "readiness_probe": {"exec": {"command": "pg_isready"}, "period_seconds": 3,
                                 "failure_threshold": 2},
             "shutdown": {"signal": 2, "timeout_seconds": 30, "parent_only": true}},
      "migrate": {"command": "cd app && ./migrate $$X ${Y}", "is_dotenv_disabled": true,
                  "depends_on": {"db": {"condition": "process_healthy"}}},
      "web": {"command": "./web", "working_dir": "app", "environment": ["PORT=80", "H=${HOST}"],
              "replicas": 2, "ready_log_line": "up [1]", "namespace": "x", "disabled": true,
              "depends_on": {"migrate": {"condition": "process_completed_successfully"}}},
      "d": {"command": "./d", "is_daemon": true},
      "none": {}}})");
  const auto db = json::parse(R"({"command": ["postgres", "-D", "data"], "directory": "DIR",
    "environment_file": "DIR/.env", "restart": "permanent",
    "max_restarts": {"count": 5, "within": "1d"},
    "delay": {"initial": "2s", "factor": 1, "max": "2s", "jitter": 0},
    "stop_timeout": "30s", "kill_mode": "process", "stop_signal": "INT",
    "ready": {"exec": ["pg_isready"], "interval": "3s", "timeout": "1s"}})");
  auto actual = bot("db");
  BOOST_TEST(actual["directory"] == directory);
  BOOST_TEST(actual["environment_file"] == directory + "/.env");
  actual["directory"] = "DIR";
  actual["environment_file"] = "DIR/.env";
  BOOST_TEST(actual.dump() == db.dump());
  BOOST_TEST(bot("migrate")["command"].dump()
             == R"(["bash","-c","cd app && ./migrate $X ${env:Y}"])");
  BOOST_TEST(bot("migrate")["restart"] == "temporary");
  BOOST_TEST(bot("migrate")["kill_mode"] == "group");
  BOOST_TEST(!bot("migrate").contains("environment_file"));
  BOOST_TEST(bot("migrate")["depends_on"].dump() == R"({"db":"ready"})");
  BOOST_TEST(bot("web")["environment"].dump()
             == R"({"PORT":"80","H":"${env:HOST}","PC_REPLICA_NUM":"${bot.index}"})");
  BOOST_TEST(bot("web")["depends_on"].dump() == R"({"migrate":"completed"})");
  BOOST_TEST(bot("web")["ready"].dump() == R"({"output":"up \\[1\\]"})");
  BOOST_TEST(bot("web")["autostart"] == false);
  BOOST_TEST(bot("d")["autostart"] == false);
  BOOST_TEST(!fleet.find("none"));
  BOOST_TEST(fleet.groups().at("")["defaults"]["environment"].dump() == R"({"LANG":"C"})");
  for (const char* key : {"availability.exit_on_end", "readiness_probe.failure_threshold",
                          "namespace", "is_daemon", "log_level", "command"})
    BOOST_TEST(said(key) != "", key);
}

BOOST_AUTO_TEST_CASE(yaml_is_refused_with_the_way_to_json) {
  import("docker-compose.yml", "services: {}\n");
  BOOST_REQUIRE(failures.size() == 1u);
  BOOST_TEST(failures[0].hint.find("docker compose config --format json") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
