"""Faults of child processes."""

import concurrent.futures
import contextlib
import datetime
import fcntl
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
import unittest

import procfs
from log_stream import Stream
from troupe_case import Case, SharedCase, poll_until, root_only
from troupe_test import FAULTBOT, FAULTBOX, faultbot, times

QUICK = {"initial": "50ms", "factor": 2, "max": "500ms", "jitter": 0}


def clock(event):
    """The time of an event or death in seconds."""
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


class OneFleet(SharedCase):
    """Cases whose bots wait in one fleet until they are started."""

    @classmethod
    def tree(cls, fleet):
        bad = fleet.directory / "bad"
        bad.mkdir()
        for name in ("not-executable", "no-format"):
            (bad / name).write_text("just text\n")
        (bad / "no-format").chmod(0o755)
        cls.bad = bad
        cls.moved = bad / "moved"
        shutil.copy(FAULTBOT, cls.moved)
        cls.setuid = bad / "setuid"
        shutil.copy(FAULTBOT, cls.setuid)
        cls.setuid.chmod(0o4755)
        cls.dump = fleet.directory / "dump"
        cls.dump.mkdir()
        cls.dump.chmod(0o777)
        journal = f"--journal={fleet.journal}"
        policies = {f"c05-{policy}-{name}": {**faultbot(end, "--after=10ms"), "restart": policy}
                    for policy in ("permanent", "transient", "temporary")
                    for name, end in (("zero", "--exit=0"), ("one", "--exit=1"),
                                      ("term", "--signal=15"))}
        return {
            "group": {"defaults": {"autostart": False, "delay": QUICK, "start_grace": "200ms"}},
            "innocent/group": {"defaults": {"autostart": True}},
            "c01-missing": {"command": [f"{bad}/missing"], "failed_starts": 3},
            "c01-mode": {"command": [f"{bad}/not-executable"], "failed_starts": 3},
            "c01-format": {"command": [f"{bad}/no-format"], "failed_starts": 3},
            "c02": {**faultbot(journal, "--exit=1", "--after=10ms"), "failed_starts": 7},
            "c04-segv": {**faultbot(journal, "--segv", "--after=300ms"),
                         "limits": {"core_size": 0}},
            "c04-abort": {**faultbot(journal, "--abort"), "failed_starts": 2},
            **policies,
            "c09": {**faultbot(journal, "--ignore-term"), "stop_timeout": "500ms"},
            "c11": faultbot(journal, "--daemonize"),
            "c12": {**faultbot(journal, "--orphans=5000"), "start_grace": 0},
            "c16": {**faultbot(journal, "--exit=0", "--hold-out=3600s"), "restart": "temporary"},
            "c17": {"command": ["/bin/sh", "-c",
                                r"printf '\033]0;x\007\000\377 \302\233\342\200\256\n' >&2; "
                                "exec sleep 1000"]},
            "c21": {**faultbot(journal, "--exit=0"), "restart": "temporary"},
            "c22": {"command": [str(cls.setuid), f"--dump-self={cls.dump}/c22"], "user": "nobody"},
            "c23": {**faultbot(journal), "stop_timeout": "30s"},
            "c24": {**faultbot(journal), "replicas": 8, "start_grace": 0,
                    "delay": {"initial": 0}, "failed_starts": 1000000,
                    "max_restarts": {"count": 1000000, "within": "10m"}},
            "c25": {**faultbot(f"--dump-self={cls.dump}/c25"),
                    "environment": {"MINE": "yes"}, "umask": "027",
                    "limits": {"open_files": 123}, "directory": str(cls.dump)},
            "c26": {"command": [str(cls.moved), journal], "failed_starts": 3},
        }

    def test_C01_cannot_be_executed(self):
        fleet = self.shared
        for bot, reason in (("c01-missing", "No such file or directory"),
                            ("c01-mode", "Permission denied"),
                            ("c01-format", "Exec format error")):
            with self.subTest(bot):
                after = fleet.mark()
                fleet.ask("start", bot)
                event = fleet.wait_state(f"{bot}#0", "backoff", after=after)
                self.assertRegex(event["cause"], f"spawn-failed: .*{reason}")
                self.assertIn(str(self.bad), event["cause"])
                event = fleet.wait_state(f"{bot}#0", "failed", after=after)
                self.assertIn("3 starts failed in a row", event["cause"])
                shown = [e["to"] for e in fleet.events if e["instance"] == f"{bot}#0"]
                self.assertEqual(set(), {"starting", "running"} & set(shown), shown)
                row = fleet.row(f"{bot}#0")
                self.assertIn(reason, row["why"])
                self.assertEqual("probe", row["next"]["what"])
                fleet.ask("stop", bot)

    def test_C02_dies_at_once_for_ever(self):
        fleet = self.shared
        fleet.ask("start", "c02")
        event = fleet.wait_state("c02#0", "failed")
        self.assertIn("7 starts failed in a row", event["cause"])
        # Every pause was at least as long as it had to be.
        pauses, begun = [], None
        for event in (e for e in fleet.events if e["instance"] == "c02#0"):
            if event["to"] == "backoff":
                begun = clock(event)
            elif event["from"] == "backoff":
                pauses.append(clock(event) - begun)
        wanted = [0.05, 0.1, 0.2, 0.4, 0.5, 0.5]
        self.assertEqual(len(wanted), len(pauses))
        for pause, least in zip(pauses, wanted):
            self.assertGreaterEqual(pause, least - 0.002)
        self.assertEqual(7, len(fleet.wait_deaths("c02", 7)))
        after = fleet.mark()
        fleet.ask("reset", "c02")
        fleet.wait_state("c02#0", "starting", after=after)
        fleet.ask("stop", "c02", "--wait")

    def test_C04_killed_by_a_signal(self):
        fleet = self.shared
        fleet.ask("start", "c04-segv", "c04-abort")
        event = fleet.wait_state("c04-segv#0", "backoff")
        self.assertRegex(event["cause"], r"signal 11 \(SEGV\)")
        fleet.wait_state("c04-segv#0", "running", after=event["seq"])
        self.assertIn("SIGABRT", "SIG" + fleet.wait_state("c04-abort#0", "failed")["cause"]
                      .split("(")[1].split(")")[0])
        fleet.ask("stop", "c04-segv", "--wait")
        death = fleet.wait_deaths("c04-segv", 1)[0]
        self.assertEqual((None, 11, False), (death["code"], death["signal"], death["core"]))
        self.assertEqual(6, fleet.wait_deaths("c04-abort", 1)[0]["signal"])

    def test_C05_policies(self):
        fleet = self.shared
        table = {
            ("permanent", "zero"): "backoff", ("permanent", "one"): "backoff",
            ("permanent", "term"): "backoff",
            ("transient", "zero"): "completed", ("transient", "one"): "backoff",
            ("transient", "term"): "backoff",
            ("temporary", "zero"): "completed", ("temporary", "one"): "failed",
            ("temporary", "term"): "failed",
        }
        fleet.ask("start", *(f"c05-{policy}-{end}" for policy, end in table))
        for (policy, end), expected in table.items():
            with self.subTest(policy=policy, end=end):
                name = f"c05-{policy}-{end}#0"
                first = fleet.wait_state(name, "starting")
                found = fleet.wait_event(lambda e: e["instance"] == name, after=first["seq"])
                while found["to"] in ("running", "degraded"):
                    found = fleet.wait_event(lambda e: e["instance"] == name, after=found["seq"])
                self.assertEqual(expected, found["to"], found)
                if expected == "backoff":
                    fleet.wait_state(name, "starting", after=found["seq"])
        fleet.ask("stop", "c05-*", "--wait")
        for end in ("zero", "one", "term"):
            self.assertEqual(1, len(fleet.wait_deaths(f"c05-temporary-{end}", 1)))
        self.assertEqual(1, len(fleet.wait_deaths("c05-transient-zero", 1)))

    def test_C09_ignores_term(self):
        fleet = self.shared
        fleet.ask("start", "c09", "--wait")
        pid = fleet.pid("c09#0")
        fleet.ask("stop", "c09", "--wait")
        self.assertFalse(procfs.alive(pid))
        event = fleet.wait_state("c09#0", "stopped")
        self.assertEqual("stopping", event["from"])
        self.assertEqual(9, fleet.wait_deaths("c09", 1)[0]["signal"])

    def test_C09_a_whole_group_gets_the_time_to_end(self):
        child = 'trap "sleep 0.5; echo all >$TROUPE_BOT_DIR/flushed; exit" TERM; ' \
                'while :; do sleep 0.05; done'
        fleet = self.fleet({"pair": {
            "command": ["sh", "-c", f"({child}) & exec sleep 1000"], "kill_mode": "group",
            "stop_timeout": "60s", "start_grace": "200ms"}})
        fleet.wait_running("pair#0")
        fleet.ask("stop", "pair", "--wait=30s")
        self.assertEqual("all\n", (fleet.state / "bots/pair.0/flushed").read_text())
        self.finish(fleet)

    def test_C11_daemonizes(self):
        fleet = self.shared
        fleet.ask("start", "c11")
        third = fleet.wait_state("c11#0", "starting", incarnation=3)

        def daemons():
            return [e for e in fleet.journal_entries() if e["what"] == "daemon"
                    and e["instance"] == "c11#0"]
        for daemon in daemons():
            if daemon["incarnation"] < third["incarnation"]:
                self.assertFalse(procfs.alive(daemon["pid"]), daemon)
        fleet.ask("stop", "c11", "--wait")
        poll_until(lambda: not any(procfs.alive(d["pid"]) for d in daemons()))
        self.assertGreaterEqual(len(daemons()), 2)
        self.assertEqual(0, fleet.wait_deaths("c11", 3)[0]["code"])

    def test_C12_thousands_of_orphans(self):
        fleet = self.shared
        fleet.ask("start", "c12", "--wait")
        poll_until(lambda: any(e["instance"] == "c12#0" for e in fleet.journal_entries()))
        poll_until(lambda: procfs.state_of(fleet.pid("c12#0")) == "S")
        self.check_no_zombies(fleet)
        fleet.ask("stop", "c12", "--wait")

    def test_C16_grandchild_holds_the_output(self):
        fleet = self.shared
        fleet.ask("start", "c16")
        event = fleet.wait_state("c16#0", "completed")
        self.assertIn("code 0", event["cause"])
        self.assertEqual(1, len(fleet.wait_deaths("c16", 1)))
        poll_until(lambda: len(procfs.bots_of(fleet.state)) == len(fleet.innocents))

    @root_only
    def test_C17_bytes_that_steer_a_terminal(self):
        fleet = self.shared
        written = b"\x1b]0;x\x07\0\xff \xc2\x9b\xe2\x80\xae\n"
        shown = r"\x1b]0;x\x07\x00\xff \u009b\u202e" + "\n"
        fleet.ask("start", "c17", "--wait")
        poll_until(lambda: fleet("logs", "c17").out == shown)
        # Kept as it was written, and shown so only to who asks for it.
        self.assertEqual(written, fleet("logs", "c17", "--raw", binary=True).out)
        everything = fleet("logs", binary=True).out
        everything += fleet("logs", "c17", "--json", binary=True).out
        self.assertEqual(0, everything.count(b"\x1b"))
        self.assertTrue(everything.isascii())
        for words in (["logs", "c17"], ["logs", "c17", "--json"], ["logs", "c17", "--raw"]):
            terminal = Stream("--state", fleet.state, *words, tty=True)
            self.addCleanup(terminal.close)
            terminal.finish()
            self.assertNotIn("\x1b", terminal.text())
            self.assertNotIn("\x9b", terminal.text())
        os.kill(fleet.pid("c17#0"), signal.SIGKILL)
        death = fleet.wait_deaths("c17", 1)[0]
        fleet.ask("stop", "c17", "--wait")
        self.assertIn("]0;x", death["output"])
        self.assertNotIn("\x1b", fleet("deaths", "c17").out)

    def test_C21_pid_of_a_stranger(self):
        fleet = self.shared
        fleet.ask("start", "c21")
        fleet.wait_state("c21#0", "completed")
        pid = next(e["pid"] for e in fleet.journal_entries() if e["instance"] == "c21#0")

        def take():
            box = subprocess.Popen([str(FAULTBOX), f"--take-pid={pid}", "sleep", "1000"],
                                   stdout=subprocess.PIPE, text=True)
            word = box.stdout.readline().strip()
            if word == "taken":
                return box
            box.wait()
            box.stdout.close()
            return None
        box = poll_until(take)
        try:
            self.assertEqual(1, fleet("signal", "KILL", "c21").exit)
            fleet.ask("stop", "c21", "--wait")
            after = fleet.mark()
            fleet.ask("restart", "c21")
            fleet.wait_state("c21#0", "completed", after=after)
            fleet.ask("stop", "c21", "--wait")
            fleet.kill_runtime()
            fleet.wait_answer()
            fleet.ask("stop", "c21", "--wait")
            self.assertIsNone(box.poll(), "the stranger was killed")
            self.assertTrue(procfs.alive(pid))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            box.wait()
            box.stdout.close()

    @root_only
    def test_C22_setuid_program(self):
        fleet = self.shared
        fleet.ask("start", "c22", "--wait")
        seen = json.loads((self.dump / "c22").read_text())
        self.assertEqual(1, seen["no_new_privs"])
        self.assertNotEqual(0, seen["uid"])
        self.assertEqual((seen["uid"], seen["gid"]), (seen["euid"], seen["egid"]))
        self.assertNotIn(0, seen["groups"])
        fleet.ask("stop", "c22", "--wait")
        self.assertEqual(0, fleet.wait_deaths("c22", 1)[0]["code"])

    def test_C23_stopped_from_outside(self):
        fleet = self.shared
        fleet.ask("start", "c23", "--wait")
        pid = fleet.pid("c23#0")
        after = fleet.mark()
        os.kill(pid, signal.SIGSTOP)
        event = fleet.wait_state("c23#0", "degraded", after=after)
        self.assertIn("signal 19", event["cause"])
        os.kill(pid, signal.SIGCONT)
        event = fleet.wait_state("c23#0", "running", after=event["seq"])
        os.kill(pid, signal.SIGSTOP)
        event = fleet.wait_state("c23#0", "degraded", after=event["seq"])
        fleet.ask("resume", "c23")
        event = fleet.wait_state("c23#0", "running", after=event["seq"])
        os.kill(pid, signal.SIGSTOP)
        fleet.wait_state("c23#0", "degraded", after=event["seq"])
        fleet.ask("stop", "c23", "--wait=20s")
        # It was let go on, heard TERM and ended by itself: the kill timer had 30 s.
        death = fleet.wait_deaths("c23", 1)[0]
        self.assertEqual((0, None), (death["code"], death["signal"]))

    def test_C24_exits_in_the_moment_of_an_order(self):
        fleet = self.shared
        seed = random.randrange(1 << 32)
        dice = random.Random(seed)
        names = [f"c24#{i}" for i in range(8)]
        fleet.ask("start", "c24", "--wait")
        with concurrent.futures.ThreadPoolExecutor(1) as pool, self.subTest(seed=seed):
            for _ in range(times(60, 1250)):
                pids = [row["pid"] for row in fleet.status("c24").values() if row["pid"]]
                order = dice.choice(("stop", "restart", "start"))
                asked = pool.submit(fleet, order, "c24", "--json")
                time.sleep(dice.uniform(0, 0.02))  # no wait for something: moments differ
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self.assertEqual(0, asked.result().exit, asked.result())
            fleet.ask("start", "c24", "--wait")
            self.assertEqual({"running"}, {r["state"] for r in fleet.status("c24").values()})
            self.assertEqual(8, len([p for p in procfs.bots_of(fleet.state)
                                     if procfs.variable(p, "TROUPE_BOT") == "c24"]))
        fleet.ask("stop", "c24", "--wait")
        self.assertEqual([], [e for e in fleet.all_events()
                              if e["instance"] in names and e["to"] == "failed"])

    def test_C25_what_a_bot_is_given(self):
        fleet = self.shared
        fleet.ask("start", "c25", "--wait")
        seen = json.loads((self.dump / "c25").read_text())
        self.assertEqual({"0", "1", "2"}, set(seen["fds"]), seen["fds"])
        self.assertEqual("/dev/null", seen["fds"]["0"])
        self.assertRegex(seen["fds"]["1"], "^pipe:")
        self.assertEqual("0" * 16, seen["blocked"])
        self.assertEqual("0" * 16, seen["ignored"])
        self.assertEqual("0" * 16, seen["caught"])
        allowed = {"PATH", "HOME", "USER", "LANG", "TZ", "MINE", "TROUPE_BOT", "TROUPE_INSTANCE",
                   "TROUPE_INCARNATION", "TROUPE_BOT_DIR", "TROUPE_LINK", "TROUPE_TOKEN"}
        self.assertEqual(set(), set(seen["environment"]) - allowed)
        number = str(fleet.status("c25")["c25#0"]["incarnation"])
        self.assertEqual(("c25", "0", number, "yes"),
                         tuple(seen["environment"][k] for k in ("TROUPE_BOT", "TROUPE_INSTANCE",
                                                                "TROUPE_INCARNATION", "MINE")))
        self.assertEqual(0o027, seen["umask"])
        self.assertEqual([123, 123], seen["limits"]["open_files"])
        self.assertEqual(str(self.dump), seen["directory"])
        self.assertEqual(1, seen["no_new_privs"])
        self.assertEqual((seen["pid"], seen["pid"]), (seen["group"], seen["session"]))
        self.assertEqual(fleet.keeper, seen["parent"])
        fleet.ask("stop", "c25", "--wait")

    def test_C26_program_replaced_and_deleted(self):
        fleet = self.shared
        fleet.ask("start", "c26", "--wait")
        pid = fleet.pid("c26#0")
        other = self.bad / "other"
        shutil.copy(FAULTBOT, other)
        os.replace(other, self.moved)
        self.assertTrue(procfs.alive(pid))
        self.assertIn("(deleted)", os.readlink(f"/proc/{pid}/exe"))
        fleet.ask("restart", "c26", "--wait")
        self.assertEqual(str(self.moved), os.readlink(f"/proc/{fleet.pid('c26#0')}/exe"))
        self.moved.unlink()
        self.assertEqual("running", fleet.row("c26#0")["state"])
        after = fleet.mark()
        fleet.ask("restart", "c26")
        event = fleet.wait_state("c26#0", "failed", after=after)
        self.assertRegex(event["cause"], "spawn-failed: .*No such file")
        shutil.copy(FAULTBOT, self.moved)
        fleet.ask("reset", "c26", "--wait")
        fleet.ask("stop", "c26", "--wait")


class OwnFleet(Case):
    def test_C03_many_crash_together(self):
        crashing = {**faultbot("--exit=1"), "replicas": 100, "delay": QUICK,
                    "failed_starts": 1000000, "max_restarts": {"count": 1000000, "within": "10m"}}
        fleet = self.fleet({"runtime": {"restart_rate": "40/s", "restart_burst": 40},
                            "crash": crashing,
                            "good": {**faultbot(), "autostart": False, "start_grace": 0}})
        fleet.wait_event(lambda e: e["instance"].startswith("crash#") and e["incarnation"] == 3)
        # In the middle of it a healthy bot comes up at once: first starts are not restarts.
        fleet.ask("start", "good", "--wait")
        fleet.wait_event(lambda e: e["instance"].startswith("crash#") and e["incarnation"] == 5)
        fleet.ask("stop", "crash", "--wait")
        begun = sorted(clock(e) for e in fleet.all_events()
                       if e["to"] == "starting" and e["instance"].startswith("crash#")
                       and e["incarnation"] > 1)
        span = begun[-1] - begun[0]
        self.assertLessEqual(len(begun), 40 * (span + 0.5) + 40)
        self.finish(fleet)

    def test_C07_never_says_that_it_is_up(self):
        fleet = self.fleet({"c07": {
            **faultbot("--ignore-term"), "ready": "notify", "start_timeout": "1s",
            "stop_timeout": "300ms", "failed_starts": 3, "delay": QUICK}})
        event = fleet.wait_event(lambda e: e["instance"] == "c07#0" and e["to"] == "stopping")
        self.assertEqual("starting", event["from"])
        self.assertEqual("not ready within start_timeout", event["cause"])
        # It ignores TERM: KILL follows. After the third time it is given up.
        event = fleet.wait_state("c07#0", "failed")
        self.assertIn("3 starts failed in a row", event["cause"])
        self.assertEqual({9}, {d["signal"] for d in fleet.deaths("c07")})
        self.assertNotIn("running", {e["to"] for e in fleet.all_events()
                                     if e["instance"] == "c07#0"})
        self.finish(fleet)

    def test_C08_hangs_after_it_was_ready(self):
        # The shell says that it is ready and alive twice, and then never again.
        bot = ("import os, socket, time\n"
               "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
               "say = lambda text: s.sendto(text, os.environ['NOTIFY_SOCKET'])\n"
               "say(b'READY=1\\nSTATUS=at work')\n"
               "for _ in range(int(os.environ['BEATS'])): time.sleep(0.2); say(b'WATCHDOG=1')\n"
               "time.sleep(1000)\n")
        def speaker(beats):
            return {"command": ["/usr/bin/python3", "-c", bot], "ready": "notify",
                    "watchdog": "2s", "environment": {"BEATS": str(beats)}, "delay": QUICK}
        fleet = self.fleet({"c08": speaker(2), "lively": speaker(10**6)})
        event = fleet.wait_event(lambda e: e["instance"] == "c08#0" and e["to"] == "stopping")
        self.assertEqual("running", event["from"])
        self.assertEqual("silent for longer than its watchdog of 2.0 s", event["cause"])
        again = fleet.wait_state("c08#0", "running", after=event["seq"])
        self.assertEqual(2, again["incarnation"])
        fleet.wait_running("lively#0")
        self.assertEqual(1, fleet.row("lively#0")["incarnation"])
        self.finish(fleet)

    def test_C14_closes_its_output(self):
        fleet = self.fleet({"mute": faultbot("--say=last words", "--close-out")})
        fleet.wait_running("mute#0")
        pid = fleet.pid("mute#0")
        before = self.measure(fleet)
        log = fleet.state / "logs/mute.0.log"
        poll_until(lambda: log.exists() and log.read_text() == "last words\n")
        fleet.wait_event(lambda e: e["instance"] == "mute#0" and e["cause"] == "closed its output")
        used, began = procfs.cpu_seconds(fleet.runtime), time.monotonic()
        time.sleep(3)
        used = procfs.cpu_seconds(fleet.runtime) - used
        self.assertLess(used / (time.monotonic() - began), 0.03)
        told = [e for e in fleet.all_events()
                if e["instance"] == "mute#0" and e["cause"] == "closed its output"]
        self.assertEqual(1, len(told), told)
        self.assertEqual(pid, fleet.pid("mute#0"))
        self.finish(fleet, before)

    def test_C15_floods_its_output(self):
        space, size = 6 << 20, 1 << 20
        flood = times("128M", "1G")
        log = {"max_size": "1MiB", "keep": 100}
        bots = {name: {**faultbot(f"--flood={flood}", *options), "autostart": False, "log": log}
                for name, options in (("lines", []), ("endless", ["--no-newline"]))}
        files = {"runtime": {"limits": {"logs": "6MiB"}}}
        fleet = self.fleet(lambda f: {**files, **{
            name: {**bot, "command": [*bot["command"], f"--journal={f.journal}"]}
            for name, bot in bots.items()}})
        before = self.measure(fleet)
        logs = fleet.state / "logs"
        fleet.ask("start", "lines", "endless", "--wait")
        most_memory = most_space = most_file = 0

        def over():
            nonlocal most_memory, most_space, most_file
            most_memory = max(most_memory, procfs.usage(fleet.runtime)["memory"])
            sizes = []
            for path in logs.rglob("*.*"):
                with contextlib.suppress(FileNotFoundError):  # rotated meanwhile
                    sizes.append(path.stat().st_size)
            most_space, most_file = max(most_space, sum(sizes)), max([most_file, *sizes])
            return sum(e["what"] == "flooded" for e in fleet.journal_entries()) == 2
        poll_until(over, timeout=600)
        # 16 MiB are on their way from the pipes to the disk at most.
        self.assertLess(most_memory, before["runtime"]["memory"] + (24 << 20))
        # Between two of our own looks a file may be counted under two names.
        self.assertLessEqual(most_space, space + 2 * size)
        self.assertLessEqual(most_file, size)
        self.check_ping(fleet)
        last = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[flood[-1]] * int(flood[:-1]) // 64 - 1
        for name, end in (("lines", f"{last}".ljust(63, ".") + "\n"),
                          ("endless", f"{last}".ljust(64, "."))):
            path = logs / f"{name}.0.log"
            poll_until(lambda: path.exists() and path.read_text().endswith(end))
            old = logs / f"{name}.0.log.1"
            text = (old.read_text() if old.exists() else "") + path.read_text()
            # What is kept is the end, without a gap, and no line is longer than 64 KiB.
            numbers = [int(part.strip("\n").rstrip("."))
                       for part in re.findall(r"\d+\.+\n?", text.replace("\n", ""))]
            self.assertEqual(list(range(numbers[1], last + 1)), numbers[1:])
            self.assertLessEqual(max(map(len, text.split("\n"))), 65536)
        total = sum(p.stat().st_size for p in logs.rglob("*.*"))
        self.assertLessEqual(total, space)
        fleet.ask("stop", "lines", "endless", "--wait")
        self.finish(fleet, before)

    def test_C27_slow_exec(self):
        fleet = self.prepared({"slow": {"command": ["./slow.sh"], "autostart": False},
                               "other": {**faultbot(), "autostart": False},
                               "slow.sh": "#!/bin/sh\nexec sleep 1000\n"})
        script = fleet.tree / "slow.sh"
        script.chmod(0o755)
        fleet.start()
        self.meet_innocents(fleet)
        # With a lease on it, an exec of the file blocks until the lease is given back.
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        with open(script) as lease:
            fcntl.fcntl(lease, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fleet.ask("start", "slow")
            fleet.wait_state("slow#0", "waiting")
            self.check_ping(fleet)
            fleet.ask("start", "other", "--wait")
            fleet.ask("restart", "other", "--wait")
            fleet.ask("stop", "other", "--wait")
            self.assertEqual("waiting", fleet.row("slow#0")["state"])
            fcntl.fcntl(lease, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        fleet.wait_state("slow#0", "running")
        self.finish(fleet)


if __name__ == "__main__":
    unittest.main()
