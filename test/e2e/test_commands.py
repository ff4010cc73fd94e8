"""Every command: what it prints with --json, what it prints for people, and its exit code."""

import contextlib
import json
import os
import sqlite3
import subprocess
import tempfile
import unittest
from pathlib import Path

import procfs
from troupe_case import Case, poll_until
from troupe_test import (FAULTBOT, PATIENCE, TROUPE, Fleet, clean_environment, faultbot, run,
                         write_tree)

INSTANCE_KEYS = {"name", "bot", "instance", "incarnation", "group", "state", "why", "next", "pid",
                 "since", "uptime_s", "restarts", "ready", "last_exit", "cpu_percent",
                 "memory_bytes"}
EVENT_KEYS = {"schema_version", "seq", "time", "instance", "incarnation", "from", "to", "cause"}
DEATH_KEYS = {"instance", "incarnation", "at", "cause", "code", "signal", "uptime_s", "output"}
COMMANDS = ("run check status tree show start stop restart pause resume reset recover signal scale "
            "events deaths logs attach wait why graph env limits stats doctor report completion "
            "ping version shutdown shell help").split()


class Commands(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        fleet = cls.shared = Fleet({
            "group": {"defaults": {"start_grace": "100ms",
                                   "delay": {"initial": "50ms", "max": "100ms"}}},
            "runtime": {"fleet": "harbour"},
            "market/group": {"strategy": "rest_for_one", "order": ["feed", "trader"]},
            "market/feed": {**faultbot("--say=feeding"), "labels": {"env": "prod"}},
            "market/trader": {**faultbot(), "replicas": 2, "depends_on": {"feed": "ready"},
                              "environment": {"API_TOKEN": "hush-hush", "PLAIN": "seen"}},
            "idle": {**faultbot(), "autostart": False},
            "lazy": {**faultbot(), "autostart": False},
            "broken": {**faultbot("--exit=3", "--say=oh no"), "autostart": False,
                       "failed_starts": 2},
            "once": {**faultbot("--exit=3"), "autostart": False, "restart": "transient",
                     "success_codes": [0, 3], "start_grace": "10ms"},
            "stubborn": {**faultbot("--ignore-term"), "stop_timeout": "60s", "autostart": False},
        })
        cls.addClassCleanup(fleet.discard)
        fleet.start()
        fleet.wait_running("market/feed#0", "market/trader#0", "market/trader#1")

    @classmethod
    def tearDownClass(cls):
        cls.shared.ask("shutdown")
        cls.shared.end(how=0)

    def setUp(self):
        self.addCleanup(self.tell, self.shared)

    def refused(self, exit, code, *words, **more):
        """The command is refused the same way in both forms; returns the error."""
        result = self.shared(*words, "--json", **more)
        self.assertEqual(exit, result.exit, result)
        error = result.error
        self.assertEqual((exit, 1), (error["exit"], result.document["schema_version"]))
        if code:
            self.assertEqual(code, error["code"], error)
        self.assertTrue(error["message"])
        plain = self.shared(*words, **more)
        self.assertEqual((exit, ""), (plain.exit, plain.out), plain)
        self.assertIn(error["message"], plain.err.replace("\n", " "))
        return error

    # -- looking ---------------------------------------------------------------------------

    def test_status(self):
        document = self.shared.ask("status")
        self.assertEqual(("harbour", 1), (document["fleet"], document["schema_version"]))
        self.assertIsInstance(document["version"], int)
        for row in document["instances"]:
            self.assertEqual(set(), INSTANCE_KEYS - set(row), row)
        rows = {row["name"]: row for row in document["instances"]}
        trader = rows["market/trader#1"]
        self.assertEqual(("market/trader", 1, "market", "running", True, 0),
                         tuple(trader[k] for k in ("bot", "instance", "group", "state", "ready",
                                                   "restarts")))
        self.assertIsNone(rows["idle#0"]["last_exit"])
        self.assertEqual(str(FAULTBOT), os.readlink(f"/proc/{trader['pid']}/exe"))
        self.assertEqual("defined", rows["idle#0"]["state"])
        groups = {group["name"]: group for group in document["groups"]}
        self.assertEqual(("rest_for_one", 3, 3), tuple(groups["market"][k] for k in
                                                       ("strategy", "up", "total")))
        plain = self.shared("status")
        self.assertEqual((0, ""), (plain.exit, plain.err))
        self.assertIn("market/trader#1", plain.out)
        self.assertNotIn("\x1b", plain.out)

    def test_targets(self):
        def names(*targets):
            return set(self.shared.status(*targets))
        both = {"market/trader#0", "market/trader#1"}
        self.assertEqual(both, names("market/trader"))
        self.assertEqual({"market/trader#1"}, names("market/trader#1"))
        self.assertEqual(both | {"market/feed#0"}, names("market/"))
        self.assertEqual(both, names("market/t*"))
        self.assertEqual({"market/feed#0"}, names("-l", "env=prod"))
        self.assertEqual(names(), names("all"))
        self.refused(5, None, "status", "market/trader#7")
        error = self.refused(5, None, "status", "market/tradr")
        self.assertIn("market/trader", error["message"] + error["hint"])
        self.assertEqual(3, self.shared("status", "lazy").exit)
        self.assertEqual(3, self.shared("status", "lazy", "--json").exit)
        self.assertEqual(0, self.shared("status", "market/feed").exit)

    def test_tree(self):
        root = self.shared.ask("tree")["root"]
        market = next(c for c in root["children"] if c["name"] == "market")
        self.assertEqual(("group", "rest_for_one"), (market["kind"], market["strategy"]))
        self.assertEqual(["market/feed", "market/trader"], [c["name"] for c in market["children"]])
        plain = self.shared("tree")
        self.assertEqual(0, plain.exit)
        self.assertIn("rest_for_one", plain.out)

    def test_show(self):
        document = self.shared.ask("show", "market/trader")
        self.assertEqual([str(FAULTBOT)], document["settings"]["command"])
        self.assertEqual({"API_TOKEN": "***", "PLAIN": "seen"},
                         document["settings"]["environment"])
        self.assertEqual(2, len(document["instances"]))
        self.assertTrue(document["isolation"])
        plain = self.shared("show", "market/trader")
        self.assertEqual(0, plain.exit)
        self.assertNotIn("hush-hush", plain.out)
        self.refused(5, None, "show", "nobody")
        self.refused(2, None, "show")

    def test_events(self):
        lines = self.shared.all_events()
        for line in lines:
            self.assertEqual(EVENT_KEYS, set(line))
        self.assertEqual(2, len(self.shared("events", "-n", "2", "--json").documents))
        mine = self.shared("events", "market/feed", "--json").documents
        self.assertEqual({"market/feed#0"}, {e["instance"] for e in mine})
        self.assertEqual("defined", mine[0]["from"])
        self.assertEqual([], self.shared("events", "--since", "2100-01-01", "--json").documents)
        self.assertTrue(self.shared("events", "--since", "1h", "--json").documents)
        self.refused(2, None, "events", "--since", "yesterday-ish")
        self.assertIn("market/feed#0", self.shared("events").out)

    def test_ping_and_version(self):
        self.assertEqual(1, self.shared.ask("ping")["schema_version"])
        version = self.shared.ask("version")
        self.assertEqual(version["client"], version["runtime"])
        self.assertEqual(0, self.shared("ping").exit)

    # -- changing --------------------------------------------------------------------------

    def test_start_stop_restart(self):
        ask = self.shared.ask
        document = ask("start", "lazy", "--dry-run")
        self.assertEqual(["lazy#0"], [row["name"] for row in document["instances"]])
        self.assertEqual("defined", self.shared.row("lazy#0")["state"])
        ask("start", "lazy", "--wait")
        first = self.shared.row("lazy#0")
        self.assertEqual("running", first["state"])
        ask("start", "lazy", "--wait")  # it is already; no error, no second one
        self.assertEqual(first["pid"], self.shared.pid("lazy#0"))
        ask("restart", "lazy", "--wait")
        second = self.shared.row("lazy#0")
        self.assertEqual(first["incarnation"] + 1, second["incarnation"])
        self.assertEqual(0, second["restarts"], "one that was asked for does not count")
        ask("stop", "lazy", "--wait")
        row = self.shared.row("lazy#0")
        self.assertEqual(("stopped", None), (row["state"], row["pid"]))
        self.shared.wait_state("lazy#0", "stopped", cause="exited with code 0")
        causes = {e["cause"] for e in self.shared.all_events() if e["instance"] == "lazy#0"}
        self.assertTrue(any(f"uid {os.geteuid()}" in cause for cause in causes), causes)
        ask("stop", "lazy", "--wait")
        # It stays so when the runtime dies.
        self.shared.kill_runtime()
        self.shared.wait_answer()
        self.assertEqual("stopped", self.shared.row("lazy#0")["state"])
        self.refused(5, None, "stop", "lasy")
        self.refused(2, None, "stop")

    def test_wait_runs_out_and_fails(self):
        result = self.shared("start", "broken", "--wait", "--json")
        self.assertEqual(1, result.exit, result)
        self.assertEqual("failed", self.shared.row("broken#0")["state"])
        self.shared.ask("start", "stubborn", "--wait")
        result = self.shared("stop", "stubborn", "--wait=100ms", "--json")
        self.assertEqual(124, result.exit, result)
        row = self.shared.row("stubborn#0")
        self.assertEqual(("stopping", "kill"), (row["state"], row["next"]["what"]))
        self.shared.ask("signal", "KILL", "stubborn")
        self.shared.wait_state("stubborn#0", "stopped")

    def test_wait_knows_success_and_pause(self):
        document = self.shared.ask("start", "once", "--wait")
        self.assertEqual((True, "completed"), (document["reached"],
                                               document["instances"][0]["state"]))
        self.shared.ask("pause", "market/trader#1", "--wait")
        result = self.shared("start", "market/trader#1", "--wait", "--json")
        self.assertEqual((1, False), (result.exit, result.document["reached"]), result)
        self.assertEqual(3, self.shared("status", "market/trader#1").exit)
        document = self.shared.ask("resume", "market/trader#1", "--wait", "-y")
        self.assertTrue(document["reached"])

    def test_everything_needs_a_yes(self):
        self.refused(2, "needs-confirmation", "stop", "all")
        document = self.shared.ask("stop", "all", "--dry-run")
        self.assertGreaterEqual(len(document["instances"]), 4)
        self.assertEqual("running", self.shared.row("market/feed#0")["state"])

    def test_pause_and_resume(self):
        pid = self.shared.pid("market/trader#0")
        self.shared.ask("pause", "market/trader#0")
        row = self.shared.row("market/trader#0")
        self.assertEqual(("paused", pid, False), (row["state"], row["pid"], row["ready"]))
        self.shared.ask("resume", "market/trader#0")
        self.assertEqual("running", self.shared.row("market/trader#0")["state"])
        result = self.shared("pause", "lazy", "--json")
        self.assertEqual(1, result.exit, result)
        self.assertEqual("lazy#0", result.document["refused"][0]["instance"])

    def test_deaths_reset_recover(self):
        self.shared("start", "broken", "--wait")
        self.shared.wait_state("broken#0", "failed")
        deaths = self.shared.wait_deaths("broken", 2)
        for death in deaths:
            self.assertEqual(set(), DEATH_KEYS - set(death))
            self.assertEqual((3, None, "oh no\n"), (death["code"], death["signal"],
                                                    death["output"]))
        plain = self.shared("deaths", "broken", "-n", "1")
        self.assertEqual(0, plain.exit)
        self.assertIn("oh no", plain.out)
        self.assertEqual(1, len(self.shared.deaths("broken", 1)))
        for word in ("reset", "recover"):
            after = self.shared.mark()
            self.shared.ask(word, *(["broken"] if word == "reset" else []))
            self.shared.wait_state("broken#0", "starting", after=after)
            self.shared.wait_state("broken#0", "failed", after=after)
        row = self.shared.row("broken#0")
        self.assertEqual("probe", row["next"]["what"])
        self.assertGreater(row["next"]["in_s"], 60)
        self.assertIn("failed", self.shared("status").out)
        self.shared.ask("stop", "broken")

    def test_signal(self):
        after = self.shared.mark()
        self.shared.ask("signal", "SIGKILL", "market/feed")
        event = self.shared.wait_state("market/feed#0", "backoff", after=after, cause="signal 9")
        # rest_for_one: what comes after it is restarted too, what comes before is not.
        self.shared.wait_state("market/trader#1", "running", after=event["seq"])
        self.shared.wait_running("market/feed#0", "market/trader#0", "market/trader#1")
        self.refused(2, "bad-signal", "signal", "NONSENSE", "market/feed")
        self.assertEqual(1, self.shared("signal", "USR1", "lazy").exit)

    def test_scale(self):
        document = self.shared.ask("scale", "market/trader", "4", "--dry-run")
        self.assertEqual((2, 4), (document["from"], document["to"]))
        self.assertTrue(self.shared.ask("scale", "market/trader", "4", "--wait", "-y")["reached"])
        self.assertEqual("running", self.shared.row("market/trader#3")["state"])
        document = self.shared.ask("show", "market/trader")
        self.assertEqual((4, 2, 4), tuple(document[k] for k in ("replicas", "replicas_in_file",
                                                                "override")))
        self.shared.kill_runtime()
        self.shared.wait_answer()
        self.assertEqual(4, len(self.shared.status("market/trader")))
        pid = self.shared.pid("market/trader#3")
        self.assertTrue(self.shared.ask("scale", "market/trader", "2", "--wait")["reached"])
        self.assertEqual([], procfs.wait_gone([pid], PATIENCE))
        poll_until(lambda: len(self.shared.status("market/trader")) == 2)
        # What is gone has a past.
        past = self.shared("events", "market/trader#3", "--json").documents
        self.assertEqual("market/trader#3", past[-1]["instance"])
        poll_until(lambda: self.shared("deaths", "market/trader#3").exit == 0)
        self.refused(5, None, "deaths", "market/trader#9")
        self.refused(5, None, "events", "market/trader#9")
        self.assertEqual(3, self.shared.ask("scale", "market/trader", "3", "--wait")["to"])
        document = self.shared.ask("scale", "market/trader", "--reset", "--wait")
        self.assertEqual((3, 2, True), tuple(document[k] for k in ("from", "to", "reached")))
        self.assertIsNone(self.shared.ask("show", "market/trader")["override"])
        self.refused(2, None, "scale", "market/trader", "0")
        self.refused(2, None, "scale", "market/trader")
        self.refused(2, None, "scale", "market/trader", "3", "--reset")
        self.refused(2, None, "scale", "market/trader", "many")
        self.refused(5, None, "scale", "nobody", "2")

    # -- the rest --------------------------------------------------------------------------

    def test_help(self):
        overview = self.shared("help")
        self.assertEqual(0, overview.exit)
        for command in COMMANDS:
            self.assertIn(command, overview.out)
            text = self.shared("help", command)
            self.assertEqual(0, text.exit)
            self.assertEqual(text.out, self.shared(command, "--help").out)
            self.assertIn("troupe " + command, text.out)

    def test_help_and_version_as_json(self):
        for words in ([], ["help"], ["status", "--help"], ["help", "status"]):
            with self.subTest(words):
                self.assertIn("usage: troupe", run(*words, "--json").document["help"])
        self.assertTrue(run("--version", "--json").document["version"])
        for word in ("--json", "-h"):
            result = run("help", "--", word)
            self.assertEqual((2, ""), (result.exit, result.out), result)
        self.assertEqual(2, run("status", "--json=xml").exit)

    def test_bytes_that_are_no_text(self):
        for words in ([b"status", b"\xff"], [b"\xff"], [b"stop", b"a\xed\xa0\x80"]):
            command = [bytes(TROUPE), b"--state", bytes(self.shared.state), *words]
            plain = subprocess.run(command, capture_output=True)
            self.assertEqual((2, b""), (plain.returncode, plain.stdout), plain)
            result = subprocess.run([*command, b"--json"], capture_output=True)
            self.assertEqual((2, 2), (result.returncode,
                                      json.loads(result.stdout)["error"]["exit"]), result)

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            for words in (["status"], ["help"], ["ping", "--json"]):
                result = subprocess.run([TROUPE, "--state", self.shared.state, *words],
                                        stdout=full, stderr=subprocess.PIPE)
                self.assertEqual(1, result.returncode, words)
                self.assertIn(b"No space left", result.stderr, words)

    def test_wrong_usage(self):
        self.refused(2, None, "status", "--no-such-option")
        self.refused(2, None, "frobnicate")
        error = self.refused(2, None, "stauts")
        self.assertIn("status", error["message"] + error["hint"])
        for word in ("add", "maintail", "enable", "rm", "undo"):
            error = self.refused(2, None, word)
            self.assertIn("troupe", error["message"] + error["hint"])

    def test_no_runtime(self):
        with tempfile.TemporaryDirectory() as state:
            for word in (["status"], ["ping"], ["stop", "x"], ["events", "-f"], ["shutdown"]):
                with self.subTest(word):
                    result = run("--state", state, *word, "--json", "--timeout", "1s")
                    self.assertEqual((3, 3), (result.exit, result.error["exit"]), result)
                    self.assertIn("troupe run", result.error["message"] + result.error["hint"])
            result = run("--state", state, "version", "--json", "--timeout", "1s")
            self.assertEqual((0, None), (result.exit, result.document["runtime"]))
            self.assertEqual("no-runtime", result.document["runtime_error"]["code"])
        result = run("--state", "/tmp/" + "x" * 100, "version", "--json")
        self.assertEqual((0, "bad-state"), (result.exit, result.document["runtime_error"]["code"]))
        self.assertIn("no runtime answers", run("--state", state, "version").out)

    def test_state_before_and_after(self):
        state = str(self.shared.state)
        self.assertEqual(0, run("ping", "--state", state).exit)
        self.assertEqual(0, run("ping", env=clean_environment(TROUPE_STATE=state)).exit)
        self.assertEqual(2, run("--state", "/tmp/" + "x" * 100, "ping").exit)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
    def test_not_permitted(self):
        self.assertEqual(0o600, self.shared.state.joinpath("admin.sock").stat().st_mode & 0o777)
        result = self.shared("status", "--json", user="nobody")
        self.assertEqual((4, 4), (result.exit, result.error["exit"]), result)
        self.assertIn("Permission denied", self.shared("version", user="nobody").out)

    def test_check(self):
        with tempfile.TemporaryDirectory() as directory:
            tree = write_tree(Path(directory) / "t", {"group": {}, "bot": {"command": ["true"]}})
            self.assertEqual({"schema_version": 1, "ok": True, "errors": [], "warnings": []},
                             run("check", tree, "--json").document)
            (tree / "bot.json").write_text('{"command": "true"}')
            result = run("check", tree)
            self.assertEqual(6, result.exit)
            self.assertRegex(result.out, r"bot\.json:1:13")
            result = run("run", tree, "--json", "--state", Path(directory) / "state")
            self.assertEqual((6, 6), (result.exit, result.error["exit"]), result)
            self.assertEqual(2, run("check", tree / "missing").exit)

    def test_script_and_line(self):
        result = self.shared("shell", "-c", "status market/feed --json")
        self.assertEqual(0, result.exit, result)
        self.assertEqual("market/feed#0", result.document["instances"][0]["name"])
        for line in ("frobnicate --json", "status 'a --json", "start a --wait=soon --json"):
            result = self.shared("shell", "-c", line)
            self.assertEqual((2, 2), (result.exit, result.error["exit"]), result)
        result = self.shared("shell", input="ping\nstatus nobody\nping\n")
        self.assertEqual(5, result.exit, result)
        self.assertEqual(1, result.out.count("answers"), result)

    def test_audit(self):
        self.shared.ask("resume", "market/feed")
        with contextlib.closing(sqlite3.connect(self.shared.state / "state.db")) as db:
            row = db.execute("select uid, command, (select outcome from audit where entry = e.seq order by seq desc)"
                             " from audit e where entry = seq order by seq desc").fetchone()
        self.assertEqual((os.geteuid(), "resume market/feed"), row[:2])
        self.assertIn("accepted by 1", row[2])


if __name__ == "__main__":
    unittest.main()
