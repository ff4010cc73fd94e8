"""Faults of the store: S02, S03, S12, S13."""

import contextlib
import os
import random
import signal
import sqlite3
import unittest
from pathlib import Path

import procfs
from troupe_case import Case, poll_until
from troupe_test import Fleet, Follower, faultbot, run

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


if __name__ == "__main__":
    unittest.main()
