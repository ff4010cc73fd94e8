"""Faults of the store and of the logs: S01 for the logs, S02, S03, S12–S14."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import unittest
from pathlib import Path

import procfs
from troupe_case import Case, poll_until, root_only
from troupe_test import Fleet, Follower, faultbot, run

TICKS = "i=0; while :; do echo tick $i; i=$((i+1)); sleep 0.05; done"
QUICK = {"initial": "50ms", "max": "500ms", "jitter": 0}


class Store(Case):
    def test_S02_database_locked(self):
        fleet = self.fleet({"mortal": {**faultbot(), "delay": QUICK}})
        fleet.wait_running("mortal#0")
        before = self.measure(fleet)
        pid = fleet.pid("mortal#0")
        with contextlib.closing(sqlite3.connect(fleet.state / "state.db",
                                                isolation_level=None)) as db:
            db.execute("begin exclusive")
            # Supervision goes on without the disk.
            os.kill(pid, signal.SIGKILL)
            poll_until(lambda: (row := fleet.row("mortal#0"))["state"] == "running"
                       and row["pid"] != pid)
            self.check_ping(fleet)
            # What cannot be entered into the audit is refused, and says so.
            result = fleet("stop", "mortal", "--json")
            self.assertEqual((1, "audit-unavailable"), (result.exit, result.error["code"]), result)
            self.assertEqual("running", fleet.row("mortal#0")["state"])
            db.execute("rollback")
        event = fleet.wait_state("mortal#0", "backoff", cause="signal 9")
        fleet.wait_state("mortal#0", "running", after=event["seq"])
        poll_until(lambda: fleet("stop", "mortal", "--wait").exit == 0)
        self.finish(fleet, before)

    def damage(self, fleet, how):
        """Kills the runtime, damages the database, lets the keeper start another one."""
        with fleet.keeper_held():
            fleet.kill_runtime()
            how(fleet.state / "state.db")
        fleet.wait_answer()
        # Without records it knows of each only once that is adopted.
        poll_until(lambda: set(fleet.innocents) <= {
            name for name, row in fleet.status().items() if row["state"] == "running"})

    def test_S03_database_corrupt(self):
        fleet = self.fleet({"mortal": {**faultbot(), "delay": QUICK}})
        fleet.wait_running("mortal#0")
        dice = random.Random(3)

        def scribble(path):
            # What is still in the log would mend the pages.
            with contextlib.closing(sqlite3.connect(path)) as db:
                db.execute("pragma wal_checkpoint(truncate)")
            size = path.stat().st_size
            with open(path, "r+b") as file:
                for _ in range(50):
                    file.seek(dice.randrange(size))
                    file.write(dice.randbytes(200))

        def text(path):
            path.write_text("this is no database\n" * 1000)

        def empty(path):
            for name in ("state.db-wal", "state.db-shm"):
                path.with_name(name).unlink(missing_ok=True)
            path.write_bytes(b"")

        for how in (scribble, text, empty):
            with self.subTest(how.__name__):
                fleet.follower.stop()
                self.damage(fleet, how)
                # All were adopted; nobody was restarted.
                self.check_innocents(fleet)
                if how is not empty:
                    self.assertTrue(list(fleet.state.glob("state.db.corrupt*")))
                    self.assertRegex(fleet.said(), "(?i)corrupt|damaged|moved aside")
                # A new fleet of events, which goes on from here.
                fleet.follower = Follower(fleet)
                pid = fleet.pid("mortal#0")
                os.kill(pid, signal.SIGKILL)
                event = fleet.wait_state("mortal#0", "backoff", cause="signal 9")
                fleet.wait_state("mortal#0", "running", after=event["seq"])
        self.finish(fleet)

    def test_S12_second_runtime(self):
        fleet = self.fleet({})
        other = Fleet({"bot": faultbot()})
        self.addCleanup(other.discard)
        result = run("--state", fleet.state, "run", other.tree)
        self.assertEqual(7, result.exit, result)
        self.assertIn(str(fleet.keeper), result.err)
        result = run("--state", fleet.state, "run", other.tree, "--json")
        self.assertEqual((7, 7), (result.exit, result.error["exit"]), result)
        self.check_all(fleet)
        # After a crash the lock is free: it follows the process.
        fleet.follower.stop()
        kin = fleet.kin()
        fleet.process.kill()
        fleet.process.wait()
        procfs.wait_gone([pid for pid, _ in kin], 10)
        fleet.start()
        fleet.wait_running()
        fleet.end()

    def open_files(self, pid):
        return {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}

    def test_S13_no_database_in_a_bot(self):
        fleet = self.fleet({"late": {**faultbot(), "autostart": False}})
        for round_number in range(2):
            fleet.ask("start", "late", "--wait")
            for pid in procfs.bots_of(fleet.state):
                names = self.open_files(pid)
                self.assertEqual(set(), {n for n in names if n.startswith(str(fleet.state))
                                         and "/bots/" not in n}, names)
            fleet.ask("stop", "late", "--wait")
            if round_number == 0:
                fleet.kill_runtime()
                fleet.wait_answer()
        # The keeper holds none either: it lives through every change of the database.
        held = self.open_files(fleet.keeper)
        self.assertEqual(set(), {n for n in held if n.endswith((".db", "-wal", "-shm"))})
        self.finish(fleet)

    @root_only
    def test_S01_no_room_for_logs(self):
        fleet = self.prepared({"ticks": {"command": ["sh", "-c", TICKS]},
                               "flood": {**faultbot("--flood=16M"), "autostart": False}})
        logs = fleet.state / "logs"
        fleet.state.mkdir(mode=0o711)
        logs.mkdir(mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "logs", logs],
                       check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", logs])
        fleet.start()
        self.meet_innocents(fleet)
        fleet.wait_running("ticks#0")
        before = self.measure(fleet)
        pid = fleet.pid("ticks#0")
        fleet.ask("start", "flood", "--wait")
        poll_until(lambda: "No space left on device" in fleet.said())
        self.check_ping(fleet)
        fleet.ask("restart", "flood", "--wait")
        self.assertEqual("running", fleet.row("ticks#0")["state"])
        self.assertEqual(1, fleet.said().count("bots run on"), fleet.said())
        self.assertNotIn("can be written again", fleet.said())
        # With room it goes on by itself, with whole lines.
        subprocess.run(["mount", "-o", "remount,size=64m", logs], check=True)
        poll_until(lambda: "can be written again" in fleet.said())
        log = logs / "ticks.0.log"
        size = log.stat().st_size
        poll_until(lambda: log.stat().st_size > size + 100)
        for line in log.read_text().splitlines()[-5:]:
            self.assertRegex(line, r"^tick \d+$")
        self.assertEqual(pid, fleet.pid("ticks#0"))
        fleet.ask("stop", "flood", "--wait")
        self.finish(fleet, before)

    def test_S14_logs_changed_from_outside(self):
        fleet = self.fleet({"g/ticks": {"command": ["sh", "-c", TICKS]}})
        fleet.wait_running("g/ticks#0")
        log = fleet.state / "logs/g/ticks.0.log"

        def numbers(path):
            lines = path.read_text().splitlines()
            return [int(line.removeprefix("tick ")) for line in lines]

        def grows(path, least=5):
            poll_until(lambda: path.exists() and path.read_text().count("\n") >= least)

        grows(log)
        before = self.measure(fleet)
        moved = fleet.directory / "moved"
        log.rename(moved)
        grows(log)
        # Nothing is lost: what went into the old file, and then the new one.
        self.assertEqual(numbers(moved)[-1] + 1, numbers(log)[0])
        size = moved.stat().st_size
        shutil.rmtree(log.parent)
        grows(log)
        self.assertEqual(size, moved.stat().st_size)
        os.truncate(log, 0)
        grows(log)
        seen = numbers(log)  # no hole before the first
        self.assertEqual(list(range(seen[0], seen[-1] + 1)), seen)
        index = log.with_name("ticks.0.index")
        poll_until(lambda: 0 < index.stat().st_size <= 24 * (2 + len(numbers(log))))
        self.assertEqual(bytes(8), index.read_bytes()[:8])
        self.finish(fleet, before)


if __name__ == "__main__":
    unittest.main()
