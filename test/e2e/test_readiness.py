"""Readiness and hooks, with programs that nobody here wrote.

A `start_grace` of an hour: what is ready here is ready by its check or by what it said."""

import os
import shutil
import signal
import unittest

import procfs
from test_foreign import free_port, redis
from troupe_case import Case, poll_until
from troupe_test import Failed

PROGRAMS = {name: shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
            for name in ("redis-server", "nginx", "systemd-notify")}
LATE = {"start_grace": "1h", "start_timeout": "2h", "delay": {"initial": "50ms"}}


def nginx(directory, tree, port):
    """Its config and its command."""
    return (f"""daemon off; worker_processes 1; pid {directory}/nginx.pid;
        error_log stderr; events {{ worker_connections 64; }}
        http {{ access_log off; client_body_temp_path {directory}/body;
            proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
            uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
            server {{ listen 127.0.0.1:{port};
                location /health {{ return 200 "well\\n"; }}
                location / {{ return 404; }} }} }}""",
            [PROGRAMS["nginx"], "-e", "stderr", "-c", str(tree / "nginx.conf")])


class Readiness(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        missing = [name for name, path in PROGRAMS.items() if not path]
        if missing:
            raise Failed(f"not installed: {', '.join(missing)}; scripts/test installs them")

    def single(self, files, **more):
        return self.fleet(files, innocents=False, **more)

    def test_redis_says_ready(self):
        port = free_port()
        fleet = self.single(lambda f: {"redis": {
            **LATE, "ready": "notify",
            "command": ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                        "--supervised", "systemd", "--dir", str(f.directory)]}})
        event = fleet.wait_state("redis#0", "running")
        self.assertEqual("it said READY=1", event["cause"])
        # It is: nobody had to try again.
        self.assertEqual("+PONG", redis(port, "PING"))
        fleet.ask("stop", "redis", "--wait")
        fleet.end()

    def test_systemd_notify(self):
        """The sender has ended before anybody can look at it, and waits for its BARRIER."""
        fleet = self.single({"bot": {
            **LATE, "ready": "notify",
            "command": ["sh", "-c", "systemd-notify --ready --status='all is well' && "
                        "touch $TROUPE_BOT_DIR/heard && exec sleep 1000"]}})
        event = fleet.wait_state("bot#0", "running")
        self.assertEqual("it said READY=1", event["cause"])
        poll_until(lambda: (fleet.state / "bots/bot.0/heard").exists())
        fleet.end()

    @unittest.skipUnless(os.geteuid() == 0, "only root starts bots as others")
    def test_systemd_notify_as_nobody(self):
        fleet = self.single({"bot": {
            **LATE, "ready": "notify", "user": "nobody", "directory": "/",
            "command": ["sh", "-c", "systemd-notify --ready; exec sleep 1000"]}})
        fleet.wait_state("bot#0", "running", cause="it said READY=1")
        fleet.end()

    def test_nginx_accepts_and_answers(self):
        port = free_port()

        def files(fleet):
            conf, command = nginx(fleet.directory, fleet.tree, port)
            well = f"http://127.0.0.1:{port}/health"
            return {"nginx.conf": conf,
                    "web": {**LATE, "command": command, "stop_signal": "QUIT",
                            "ready": {"tcp": f"127.0.0.1:{port}", "interval": "20ms"}},
                    "client": {**LATE, "command": ["sleep", "1000"], "depends_on": ["web"],
                               "ready": {"http": well, "interval": "20ms"}}}
        fleet = self.single(files)
        event = fleet.wait_state("web#0", "running")
        self.assertEqual(f"tcp 127.0.0.1:{port} accepts connections", event["cause"])
        event = fleet.wait_state("client#0", "running")
        self.assertEqual(f"GET http://127.0.0.1:{port}/health answered 200", event["cause"])
        fleet.end()

    def test_a_command_and_a_file(self):
        fleet = self.single(lambda f: {
            "asks": {**LATE, "command": ["sleep", "1000"],
                     "ready": {"exec": ["test", "-e", str(f.directory / "go")],
                               "interval": "20ms"}},
            "looks": {**LATE, "command": ["sleep", "1000"], "directory": str(f.directory),
                      "ready": {"file": "go", "interval": "20ms"}}})
        fleet.wait_state("asks#0", "starting")
        fleet.wait_state("looks#0", "starting")
        (fleet.directory / "go").touch()
        fleet.wait_state("asks#0", "running", cause="^check exited with code 0$")
        fleet.wait_state("looks#0", "running", cause=f"^file {fleet.directory}/go exists$")
        fleet.end()

    def test_start_command(self):
        fleet = self.single(lambda f: {
            "good": {"command": ["sh", "-c", "test -e made && exec sleep 1000"],
                     "directory": str(f.directory), "start_command": ["touch", "made"]},
            "bad": {"command": ["touch", "never"], "directory": str(f.directory),
                    "start_command": ["sh", "-c", "echo no disk; exit 3"], "failed_starts": 1}})
        fleet.wait_running("good#0")
        event = fleet.wait_event(lambda e: e["instance"] == "bad#0" and "no disk" in e["cause"])
        self.assertRegex(event["cause"], r"start_command exited with code 3 after .* s: no disk")
        self.assertFalse((fleet.directory / "never").exists())
        fleet.end()

    def test_the_runtime_dies_during_a_start_command(self):
        """Never two of them at a time, and the bot comes up."""
        fleet = self.single(lambda f: {"bot": {
            "command": ["sleep", "1000"], "directory": str(f.directory),
            "start_command": ["sh", "-c", "echo $$$$ >> pids;"
                              " while ! test -e go; do sleep 0.01; done"]
        }})
        pids = fleet.directory / "pids"

        first = poll_until(lambda: pids.exists() and [int(x) for x in pids.read_text().split()])
        fleet.kill_runtime()
        fleet.wait_answer()
        (fleet.directory / "go").touch()
        fleet.wait_running("bot#0")
        self.assertEqual([], [pid for pid in first if procfs.alive(pid)])
        fleet.end()

    # -- what the proxy does with it --------------------------------------------------------

    def test_ready_in_the_absence_of_the_runtime(self):
        """What is said while nobody listens waits for the next runtime."""
        fleet = self.single(lambda f: {"bot": {
            **LATE, "ready": "notify", "directory": str(f.directory),
            "command": ["sh", "-c", "while ! test -e go; do sleep 0.01; done;"
                        " systemd-notify --ready; exec sleep 1000"]}})
        fleet.wait_state("bot#0", "starting")
        pid = fleet.pid("bot#0")
        fleet.kill_runtime()
        (fleet.directory / "go").touch()
        fleet.wait_answer()
        fleet.wait_running("bot#0")
        self.assertEqual(pid, fleet.pid("bot#0"))
        fleet.end()

    def test_stop_command_in_place_of_the_signal(self):
        fleet = self.single(lambda f: {"bot": {
            "command": ["sh", "-c", "trap '' TERM; trap 'exit 0' USR1;"
                        " while :; do sleep 0.01; done"],
            "directory": str(f.directory), "stop_timeout": "60s",
            "stop_command": ["sh", "-c", "echo $TROUPE_HOOK > stopped; kill -USR1 $MAINPID"]}})
        fleet.wait_running("bot#0")
        fleet.ask("stop", "bot", "--wait")
        self.assertEqual("stop_command\n", (fleet.directory / "stopped").read_text())
        self.assertEqual(0, fleet.wait_deaths("bot", 1)[-1]["code"])
        fleet.end()

    def test_on_crash(self):
        fleet = self.single(lambda f: {"bot": {
            "command": ["sleep", "1000"], "directory": str(f.directory), **LATE, "ready": {
                "exec": ["true"]},
            "on_crash": ["sh", "-c",
                         "echo $TROUPE_CAUSE $TROUPE_EXIT_SIGNAL $TROUPE_INCARNATION >> crashes"]}})
        fleet.wait_running("bot#0")
        os.kill(fleet.pid("bot#0"), signal.SIGKILL)
        fleet.wait_state("bot#0", "running", incarnation=2)
        crashes = fleet.directory / "crashes"
        poll_until(lambda: crashes.exists() and crashes.read_text())
        self.assertEqual("signal KILL 1\n", crashes.read_text())
        fleet.end()

    def test_a_watchdog_that_is_not_fed(self):
        fleet = self.single({"bot": {
            **LATE, "ready": "notify", "watchdog": "2s",
            "command": ["sh", "-c", "test $WATCHDOG_USEC = 2000000 && systemd-notify --ready"
                        " && systemd-notify WATCHDOG=1 && exec sleep 1000"]}})
        fleet.wait_state("bot#0", "running", incarnation=1)
        fleet.wait_state("bot#0", "running", incarnation=2)
        fleet.end()


if __name__ == "__main__":
    unittest.main()
