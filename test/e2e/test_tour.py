"""The first hour of a new user: the demo fleet, a look around, a bot that is killed, a broken
config file, the shell, a runtime that is killed, Ctrl-C."""

import json
import os
import re
import shutil
import signal
import socket
import unittest
from pathlib import Path

import pexpect

import procfs
from troupe_case import Case, poll_until
from troupe_test import PATIENCE, TROUPE, Fleet, clean_environment, run

DEMO = Path(__file__).parents[2] / "config/demo"
PORTS = ("8137",)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Tour(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        fleet = cls.shared = Fleet({})
        cls.addClassCleanup(fleet.discard)
        shutil.rmtree(fleet.tree)
        shutil.copytree(DEMO, fleet.tree)
        # Its ports may be taken by a demo that somebody really runs.
        for port in PORTS:
            fresh = free_port()
            files = [f for f in fleet.tree.rglob("*.json") if port in f.read_text()]
            assert len(files) == 2, files
            for file in files:
                file.write_text(file.read_text().replace(port, fresh))
        # On a machine that is busy with tests nobody would trade.
        alerter = fleet.tree / "watch/alerter.json"
        alerter.write_text(alerter.read_text().replace('"80"', '"1000"'))
        fleet.start()
        fleet.wait_all({"running"},
                       [name for name in fleet.status() if name != "web/prepare#0"])

    @classmethod
    def tearDownClass(cls):
        cls.shared.end(how=signal.SIGINT)

    def setUp(self):
        self.addCleanup(self.tell, self.shared)

    def test_1_status_and_tree(self):
        text = self.shared("status").out
        for name in ("flaky#0", "watch/sampler#1", "web/server#0"):
            self.assertIn(name, text)
        self.assertIn("running", text)
        text = self.shared("tree").out
        self.assertIn("rest_for_one", text)
        self.assertIn("web", text)

    def test_2_kill_a_bot_and_watch(self):
        fleet = self.shared
        after = fleet.mark()
        prober = fleet.row("web/prober#0")
        os.kill(fleet.pid("web/server#0"), signal.SIGKILL)
        event = fleet.wait_state("web/server#0", "backoff", after=after)
        self.assertIn("killed by signal 9 (KILL)", event["cause"])
        fleet.wait_state("web/server#0", "running", after=event["seq"])
        # rest_for_one: the prober behind it has a new process too.
        fleet.wait_state("web/prober#0", "running", after=event["seq"])
        self.assertGreater(fleet.row("web/prober#0")["incarnation"], prober["incarnation"])
        poll_until(lambda: fleet.deaths("web/server"))
        text = fleet("deaths", "web/server").out
        self.assertIn("web/server#0", text)
        self.assertRegex(text, "(?i)kill")

    def test_3_broken_file(self):
        copy = self.shared.directory / "broken"
        shutil.copytree(self.shared.tree, copy)
        file = copy / "watch/sampler.json"
        file.write_text(file.read_text().replace('"replicas"', '"replica"'))
        result = run("check", copy)
        self.assertEqual(6, result.exit)
        line = next(i for i, t in enumerate(file.read_text().splitlines(), 1) if '"replica"' in t)
        self.assertRegex(result.out, rf"watch/sampler\.json:{line}:\d+")
        self.assertIn("replicas", result.out)
        self.assertEqual(0, run("check", self.shared.tree).exit)

    def shell(self, columns=120):
        home = str(self.shared.directory)
        return pexpect.spawn(str(TROUPE), ["--state", str(self.shared.state), "shell"],
                             env=clean_environment(TERM="xterm", HOME=home,
                                                   XDG_STATE_HOME=f"{home}/xdg"),
                             encoding="utf-8", timeout=PATIENCE, dimensions=(40, columns))

    def test_4_shell(self):
        shell = self.shell()
        self.addCleanup(shell.close, force=True)
        shell.expect("demo> ")
        # Tab completes a command, then the name of a bot.
        shell.send("statu\t")
        shell.expect("s ")  # what is new; libedit moves the cursor over the rest
        shell.send("watch/f\t")
        shell.expect("ollower")
        shell.send("\r")
        shell.expect("running")
        shell.expect("demo> ")
        shell.send("help restart\r")
        shell.expect("troupe restart")
        shell.expect("demo> ")
        # A line that is wrong says so, and the prompt comes back.
        shell.send("status nobdoy\r")
        shell.expect("nobdoy")
        shell.expect("demo> ")
        # Ctrl-C leaves a follow, not the shell.
        shell.send("events -f\r")
        shell.expect("running")
        shell.sendintr()
        shell.expect("demo> ")
        # Up brings back what was typed.
        shell.send("\x1b[A")
        shell.expect("events -f")
        shell.send("\x03")
        shell.expect("demo> ")
        # The runtime goes and comes: the shell goes on.
        self.shared.kill_runtime()
        shell.send("ping\r")
        shell.expect("answers")
        shell.expect("demo> ")
        shell.sendeof()
        shell.expect(pexpect.EOF)
        shell.wait()
        self.assertEqual(0, shell.exitstatus)
        again = self.shell()
        self.addCleanup(again.close, force=True)
        again.expect("demo> ")
        again.send("\x1b[A")
        again.expect("ping")
        again.send("\x03")
        again.send("quit\r")
        again.expect(pexpect.EOF)

    def test_5_kill_the_runtime(self):
        fleet = self.shared
        crashes = ("flaky#0", "market/trader#0", "market/trader#1") # now and then, on purpose
        steady = [n for n in fleet.status() if n not in crashes]
        before = {n: r["pid"] for n, r in fleet.status().items() if n in steady}
        fleet.kill_runtime()
        fleet.wait_answer()
        after = fleet.status()
        self.assertEqual(before, {n: after[n]["pid"] for n in steady})
        self.assertIn("starting it again", fleet.said())

    def test_5_the_bots_talk(self):
        """Prices reach a trader, its order a broker, the trade the recorder."""
        log = self.shared.state / "bots/market/recorder.0/trades.log"
        poll_until(lambda: log.exists() and log.read_text().count("\n") > 1)
        trade = json.loads(log.read_text().splitlines()[0])
        self.assertRegex(trade["trader"], "^market/trader#[01]$")
        self.assertIn(trade["name"], ("gold", "tin", "salt"))

    def test_6_terminal(self):
        """On a terminal: colours, and a table that fits it."""
        env = clean_environment(TERM="xterm")
        del env["NO_COLOR"]
        shown = pexpect.spawn(str(TROUPE), ["--state", str(self.shared.state), "status"],
                              env=env, encoding="utf-8", timeout=PATIENCE, dimensions=(40, 80))
        shown.expect(pexpect.EOF)
        self.assertIn("\x1b[", shown.before)
        for line in shown.before.splitlines():
            self.assertLessEqual(len(re.sub(r"\x1b\[[0-9;]*m", "", line)), 80, line)


class CtrlC(Case):
    def test_ctrl_c_in_the_terminal(self):
        """Ctrl-C goes to the whole foreground group, and the fleet still ends in order."""
        fleet = self.prepared({}, innocents=True)
        terminal = pexpect.spawn(str(TROUPE), ["--state", str(fleet.state), "run", str(fleet.tree)],
                                 env=clean_environment(TERM="xterm"), encoding="utf-8",
                                 timeout=PATIENCE, dimensions=(40, 100))
        self.addCleanup(terminal.close, force=True)
        poll_until(lambda: (fleet.state / "admin.sock").exists() and fleet("ping").exit == 0)
        poll_until(lambda: {r["state"] for r in fleet.status().values()} == {"running"})
        pids = procfs.bots_of(fleet.state)
        self.assertEqual(20, len(pids))
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
        terminal.wait()
        self.assertEqual(0, terminal.exitstatus)
        fleet.check_nothing_left()
        # Each was asked and ended by itself.
        said = [e["what"] for e in fleet.journal_entries()]
        self.assertEqual((20, 20), (said.count("term"), said.count("exit")))


if __name__ == "__main__":
    unittest.main()
