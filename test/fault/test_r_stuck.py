"""Faults of the runtime: R11 and R12 it is stuck, R16 it is starved of CPU."""

import contextlib
import errno
import os
import signal
import subprocess
import threading
import time
import unittest
from pathlib import Path

import procfs
from troupe_case import Case, poll_until
from troupe_test import FAULTBOX, PATIENCE, faultbot, times

QUICK = {"initial": "50ms", "max": "500ms", "jitter": 0}
SILENCE = "has said nothing for "


class Cycle(threading.Thread):
    """Lets a process run for a twentieth of the time."""

    def __init__(self, pid, period):
        super().__init__(daemon=True)
        self.pid, self.period = pid, period
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            os.kill(self.pid, signal.SIGSTOP)
            self.over.wait(self.period * 0.95)
            os.kill(self.pid, signal.SIGCONT)
            self.over.wait(self.period * 0.05)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


class Stuck(Case):
    def threads(self, pid):
        """Thread ids by what they are: main, log, io, workers of the scheduler, …"""
        result = {}
        for task in Path(f"/proc/{pid}/task").iterdir():
            name = (task / "comm").read_text().strip()
            if name == "caf.multiplexer" and "poll" not in (task / "wchan").read_text():
                name = "worker"
            result.setdefault(name, []).append(task.name)
        return result

    @contextlib.contextmanager
    def held(self, threads):
        """Within, these threads stand still, as if they waited for something that never comes."""
        box = subprocess.Popen([str(FAULTBOX), "--hold-threads", *threads], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
        try:
            said = box.stdout.readline().strip()
            if said != str(len(threads)):
                why = box.communicate()[1]
                if os.strerror(errno.EPERM) in why:
                    self.skipTest(f"threads cannot be held here: {why}")
                self.fail(why)
            yield
        finally:
            box.stdin.close()
            box.wait()
            box.stdout.close()
            box.stderr.close()

    def replaced(self, fleet, threads, at_least):
        """A runtime of which these threads hang is replaced; nobody notices."""
        runtime, mortal = fleet.runtime, fleet.pid("mortal#0")
        self.assertGreaterEqual(len(threads), at_least)
        kills = fleet.said().count(SILENCE)
        began = time.monotonic()
        with self.held(threads):
            # Somebody dies meanwhile, whom nobody can look after now.
            os.kill(mortal, signal.SIGKILL)
            self.assertEqual([], procfs.wait_gone([runtime], PATIENCE))
        self.assertGreater(time.monotonic() - began, 9)
        self.assertEqual(kills + 1, fleet.said().count(SILENCE), fleet.said())
        poll_until(lambda: fleet.runtime != runtime)
        event = fleet.wait_state("mortal#0", "backoff", cause="signal 9", after=self.seen)
        self.seen = fleet.wait_state("mortal#0", "running", after=event["seq"])["seq"]
        self.check_innocents(fleet)
        self.assertRegex(fleet.said(), rf"pid {runtime}\) was killed: its last events are in")

    def stuck_fleet(self):
        fleet = self.fleet({"mortal": {**faultbot(), "delay": QUICK}})
        self.seen = fleet.wait_state("mortal#0", "running")["seq"]
        return fleet

    def test_R11_all_workers_blocked(self):
        fleet = self.stuck_fleet()
        self.replaced(fleet, self.threads(fleet.runtime)["worker"], 2)
        self.finish(fleet)

    def test_R12_deadlock_of_one_thread(self):
        fleet = self.stuck_fleet()
        self.replaced(fleet, self.threads(fleet.runtime)["io"], 1)
        self.finish(fleet)

    def test_R12_thread_that_nobody_needs(self):
        """The one that writes the log may hang: nobody waits for it, the end neither."""
        fleet = self.stuck_fleet()
        runtime = fleet.runtime
        with self.held(self.threads(runtime)["log"]):
            began = time.monotonic()
            while time.monotonic() - began < times(3, 30):
                os.kill(fleet.pid("mortal#0"), signal.SIGKILL)
                event = fleet.wait_state("mortal#0", "backoff", after=self.seen)
                self.seen = fleet.wait_state("mortal#0", "running", after=event["seq"])["seq"]
                self.check_ping(fleet)
            self.assertEqual(runtime, fleet.runtime)
            self.finish(fleet)

    def test_R16_starved_of_cpu(self):
        fleet = self.stuck_fleet()
        runtime = fleet.runtime
        began = time.monotonic()
        with Cycle(runtime, 0.4):
            while time.monotonic() - began < times(8, 30):
                # It does its work, in its time.
                os.kill(fleet.pid("mortal#0"), signal.SIGKILL)
                event = fleet.wait_state("mortal#0", "backoff", after=self.seen)
                self.seen = fleet.wait_state("mortal#0", "running", after=event["seq"])["seq"]
            self.check_innocents(fleet)
        self.assertEqual(runtime, fleet.runtime)
        self.assertNotIn("has said nothing", fleet.said())
        quiet = [e for e in fleet.all_events() if e["instance"].startswith("innocent/")
                 and e["to"] not in ("waiting", "starting", "running")]
        self.assertEqual([], quiet)
        self.finish(fleet)


if __name__ == "__main__":
    unittest.main()
