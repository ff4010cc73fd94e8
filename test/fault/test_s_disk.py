"""Faults of the store: S01 the disk is full, S05 its files go while they are open."""

import contextlib
import os
import shutil
import signal
import subprocess
import unittest

from troupe_case import Case, poll_until, root_only
from troupe_test import Follower, faultbot

QUICK = {"initial": "50ms", "max": "500ms", "jitter": 0}
RESERVE = 1 << 20


class Disk(Case):
    def small_disk(self, fleet):
        """Puts the state directory on a disk of its own."""
        fleet.state.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8M,mode=0711", "tmpfs", fleet.state],
                       check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", fleet.state], check=True)

    def fill(self, path):
        with open(path, "ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"." * 65536):
                pass
        with open(path, "ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"."):
                pass

    def die(self, fleet, name="mortal#0"):
        after = fleet.mark()
        pid = fleet.pid(name)
        os.kill(pid, signal.SIGKILL)
        poll_until(lambda: (row := fleet.row(name))["state"] == "running" and row["pid"] != pid)
        return after

    def refused(self, fleet):
        result = fleet("stop", "mortal", "--json")
        self.assertEqual((1, "audit-unavailable"), (result.exit, result.error["code"]), result)
        return result.error

    @root_only
    def test_S01_disk_full(self):
        fleet = self.prepared({"mortal": {**faultbot(), "delay": QUICK, "start_grace": "50ms",
                                          "max_restarts": {"count": 100000, "within": "10m"}}})
        self.small_disk(fleet)
        fleet.start()
        self.meet_innocents(fleet)
        fleet.wait_running("mortal#0")
        reserve, filler = fleet.state / "reserve", fleet.state / "filler"
        self.assertEqual((RESERVE, 0o600), (reserve.stat().st_size, reserve.stat().st_mode & 0o777))
        self.fill(filler)
        # Supervision goes on, and what happens is kept: the reserve was given back.
        while reserve.exists():
            after = self.die(fleet)
        event = fleet.wait_state("mortal#0", "backoff", after=after)
        fleet.wait_state("mortal#0", "running", after=event["seq"])
        self.check_ping(fleet)
        # A change is refused, and it says what to do; status says it too.
        error = self.refused(fleet)
        self.assertRegex(error["message"], r"is full: \d+ KiB are left.*make room for 2048 KiB")
        self.assertIn("try again", error["hint"])
        self.assertIn("is full", fleet.ask("status")["trouble"])
        self.assertIn("is full", fleet("status").out)
        self.assertIn("is full", fleet.said())
        # The next runtime finds it like that.
        fleet.kill_runtime()
        fleet.wait_answer()
        self.check_innocents(fleet)
        self.refused(fleet)
        # The reserve is used up too.
        self.fill(filler)
        for _ in range(3):
            self.die(fleet)
        self.refused(fleet)
        self.check_ping(fleet)
        self.check_innocents(fleet)
        # Room again, and all goes on by itself: nothing that happened is lost.
        filler.unlink()
        poll_until(lambda: "trouble" not in fleet.ask("status"))
        self.assertEqual(RESERVE, reserve.stat().st_size)
        fleet.ask("stop", "mortal", "--wait")
        self.assertIn("there is room on the disk again", fleet.said())
        self.finish(fleet)

    @root_only
    def test_S01_full_before_it_begins(self):
        fleet = self.prepared({"mortal": {**faultbot(), "delay": QUICK}})
        self.small_disk(fleet)
        filler = fleet.state / "filler"
        self.fill(filler)
        fleet.start()
        self.check_ping(fleet)
        poll_until(lambda: all(r["state"] == "running" for r in fleet.status().values()))
        self.die(fleet)
        self.assertIn("is full", fleet.ask("status")["trouble"])
        self.refused(fleet)
        filler.unlink()
        poll_until(lambda: "trouble" not in fleet.ask("status"))
        poll_until((fleet.state / "runtime.pid").exists)
        # Events could not be read until now.
        fleet.follower.stop()
        fleet.follower = Follower(fleet)
        self.meet_innocents(fleet)
        fleet.ask("stop", "mortal", "--wait")
        self.finish(fleet)

    def test_S05_files_go_while_they_are_open(self):
        fleet = self.fleet({"mortal": {**faultbot(), "delay": QUICK},
                            "stopped": faultbot(), "scaled": faultbot()})
        fleet.wait_running("mortal#0", "stopped#0")
        fleet.ask("stop", "stopped", "--wait")
        fleet.ask("scale", "scaled", 3)
        db = fleet.state / "state.db"

        def wal_goes():
            db.with_name("state.db-wal").unlink()

        def all_go():
            for name in ("state.db", "state.db-wal", "state.db-shm"):
                (fleet.state / name).unlink()

        def moved():
            db.rename(fleet.state / "elsewhere.db")

        def replaced():
            other = fleet.state / "copy.db"
            shutil.copy(db, other)
            other.rename(db)

        def by_text():
            other = fleet.state / "text"
            other.write_text("this is no database\n" * 1000)
            other.rename(db)

        for how in (wal_goes, all_go, moved, replaced, by_text):
            with self.subTest(how.__name__):
                before = fleet.said().count("deleted or replaced while it was open")
                how()
                self.die(fleet)
                poll_until(lambda: fleet.said().count("deleted or replaced while it was open")
                           > before)
                self.check_innocents(fleet)
                self.check_ping(fleet)
                # A new list of events, which goes on from here.
                fleet.follower.stop()
                fleet.follower = Follower(fleet)
                after = self.die(fleet)
                event = fleet.wait_state("mortal#0", "backoff", cause="signal 9", after=after)
                fleet.wait_state("mortal#0", "running", after=event["seq"])
                # What operators wanted was written into it from memory: another runtime knows.
                fleet.kill_runtime()
                fleet.wait_answer()
                self.check_innocents(fleet)
                rows = fleet.status()
                self.assertEqual("stopped", rows["stopped#0"]["state"])
                self.assertIn("scaled#2", rows)
        self.finish(fleet)


if __name__ == "__main__":
    unittest.main()
