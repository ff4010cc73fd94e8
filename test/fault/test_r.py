"""Faults of the runtime: R01–R04, R10, R14, R20, R24."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import time
import unittest
from pathlib import Path

import procfs
from troupe_case import Case, innocent_names, poll_until, root_only
from troupe_test import FAULTBOT, FAULTBOX, PATIENCE, faultbot, times, write_tree

QUICK = {"initial": "50ms", "max": "500ms", "jitter": 0}


class Runtime(Case):
    def dice(self):
        """Random moments; the seed is printed when the test fails."""
        seed = random.randrange(1 << 32)
        self.enterContext(self.subTest(seed=seed))
        return random.Random(seed)

    def test_R01_killed(self):
        fleet = self.fleet(lambda f: {
            "loud": {**faultbot("--say=hello"), "delay": QUICK},
            "mortal": {**faultbot(f"--journal={f.journal}"), "delay": QUICK}})
        fleet.wait_running("loud#0", "mortal#0")
        before = self.measure(fleet)
        mortal, loud = fleet.pid("mortal#0"), fleet.pid("loud#0")
        with fleet.keeper_held():
            old = fleet.kill_runtime()
            os.kill(mortal, signal.SIGKILL)
            poll_until(lambda: procfs.state_of(mortal) == "Z")
        event = fleet.wait_state("mortal#0", "backoff")
        self.assertIn("signal 9", event["cause"])
        fleet.wait_state("mortal#0", "running", after=event["seq"])
        self.assertNotEqual(old, fleet.runtime)
        self.assertEqual(loud, fleet.pid("loud#0"))
        # Of a death that comes later the new runtime knows all, too.
        os.kill(loud, signal.SIGKILL)
        fleet.wait_state("loud#0", "backoff")
        poll_until(lambda: fleet.deaths("loud"))
        self.assertEqual(1, len(fleet.deaths("mortal")))
        self.finish(fleet, before)

    def test_R02_killed_in_a_tight_loop(self):
        fleet = self.fleet({"late": {**faultbot(), "autostart": False}})
        dice = self.dice()
        for _ in range(times(10, 200)):
            fleet.kill_runtime()
            time.sleep(dice.uniform(0, 0.3))  # a moment of its start, or after it
        fleet.wait_answer()
        self.check_innocents(fleet)
        fleet.ask("start", "late", "--wait")
        self.finish(fleet)

    def test_R03_killed_between_order_and_commit(self):
        fleet = self.fleet(lambda f: {
            "pool": {**faultbot(f"--journal={f.journal}"), "replicas": 10,
                     "start_grace": "50ms", "stop_timeout": "2s"}})
        dice = self.dice()
        names = [f"pool#{i}" for i in range(10)]
        for round_number in range(times(8, 100)):
            order = ("restart", "stop", "start")[round_number % 3]
            fleet.ask(order, "pool")
            time.sleep(dice.uniform(0, 0.03))
            fleet.kill_runtime()
            fleet.wait_answer()
            if order == "stop":
                fleet.ask("stop", "pool", "--wait")
                self.assertEqual(0, self.count(fleet, "pool"))
            else:
                fleet.ask("start", "pool", "--wait")
                self.assertEqual(10, self.count(fleet, "pool"))
        fleet.ask("start", "pool", "--wait")
        self.assertEqual({"running"}, {fleet.status("pool")[n]["state"] for n in names})
        self.finish(fleet)

    def processes(self, fleet, bot):
        return [p for p in procfs.bots_of(fleet.state) if procfs.variable(p, "TROUPE_BOT") == bot]

    def count(self, fleet, bot):
        return len(self.processes(fleet, bot))

    def test_R04_told_to_end_during_the_start(self):
        dice = self.dice()
        slow = {**faultbot("--term-delay=30s"), "replicas": 5, "stop_timeout": "40s"}
        for round_number in range(times(4, 100)):
            twice = round_number % 2 == 1
            fleet = self.prepared({"slow": slow} if twice else {"quick": faultbot()},
                                  innocents=not twice)
            fleet.launch()
            if twice:
                # Those are up and take long to end: a second TERM shortens that.
                fleet.wait_answer()
                poll_until(lambda: len([p for p in self.processes(fleet, "slow")
                                        if procfs.catches(p, signal.SIGTERM)]) == 5)
                os.kill(fleet.keeper, signal.SIGTERM)
                poll_until(lambda: all(r["state"] == "stopping" for r in fleet.status().values()))
                fleet.end()
            else:
                time.sleep(dice.uniform(0, 0.5))
                kin = fleet.kin()
                fleet.process.terminate()
                code = fleet.process.wait(PATIENCE)
                # Before `run` has become the keeper, TERM ends it like any other program.
                self.assertIn(code, (0, -signal.SIGTERM), fleet.said())
                fleet.check_nothing_left(kin)

    def test_R04_reverse_order(self):
        names = ["a", "b", "c"]
        fleet = self.prepared({
            "group": {"order": names},
            **{n: {**faultbot(), "start_grace": "50ms"} for n in names}}, innocents=False).start()
        fleet.wait_running(*(f"{n}#0" for n in names))
        started = [e["instance"] for e in fleet.events if e["to"] == "starting"]
        self.assertEqual([f"{n}#0" for n in names], started)
        kin = fleet.kin()
        os.kill(fleet.keeper, signal.SIGTERM)
        self.assertEqual(0, fleet.process.wait(PATIENCE), fleet.said())
        fleet.check_nothing_left(kin)
        ended = self.kept_events(fleet, "stopped")
        self.assertEqual([f"{n}#0" for n in reversed(names)], ended)

    def test_R04_shutdown_outlives_the_runtime(self):
        slow = {**faultbot("--term-delay=2s"), "replicas": 3, "stop_timeout": "20s"}
        fleet = self.prepared({"slow": slow}, innocents=False).start()
        fleet.wait_running()
        kin = fleet.kin()
        fleet.ask("shutdown")
        poll_until(lambda: all(r["state"] == "stopping" for r in fleet.status().values()))
        fleet.kill_runtime()
        self.assertEqual(0, fleet.process.wait(PATIENCE), fleet.said())
        fleet.check_nothing_left(kin)

    def test_R04_shutdown_waits_for_a_long_order(self):
        names = [f"b{i}" for i in range(6)]
        stubborn = {**faultbot("--ignore-term"), "stop_timeout": "2s", "start_grace": "50ms"}
        fleet = self.prepared({"group": {"order": names}, **{n: stubborn for n in names}},
                              innocents=False).start()
        fleet.wait_running(*(f"{n}#0" for n in names))
        kin = fleet.kin()
        fleet.ask("shutdown")
        self.assertEqual(0, fleet.process.wait(PATIENCE), fleet.said())
        fleet.check_nothing_left(kin)
        self.assertEqual([f"{n}#0" for n in reversed(names)], self.kept_events(fleet, "stopped"))

    def kept_events(self, fleet, state):
        """From the store, when there is no runtime any more."""
        with contextlib.closing(sqlite3.connect(fleet.state / "state.db")) as db:
            rows = db.execute('select instance from events where "to" = ? order by seq', [state])
            return [row[0] for row in rows]

    @root_only
    def test_R10_no_more_processes(self):
        """Another user may have only so many processes: the first spawns fail, and say why."""
        fleet = self.prepared({})
        program = fleet.directory / "faultbot"
        shutil.copy(FAULTBOT, program)
        user = 54321
        write_tree(fleet.tree, {"crowd": {
            "command": [str(program)], "user": user, "group": user, "replicas": 6,
            "limits": {"processes": 3}, "delay": QUICK, "failed_starts": 1000,
            "max_restarts": {"count": 100000, "within": "10m"}, "start_grace": "50ms"}})
        fleet.start()
        self.meet_innocents(fleet)
        event = fleet.wait_event(lambda e: e["instance"].startswith("crowd#")
                                 and e["to"] == "backoff", what="a spawn that fails")
        self.assertRegex(event["cause"], "spawn-failed: .*Resource temporarily unavailable")
        self.check_ping(fleet)
        up = poll_until(lambda: (rows := [r for r in fleet.status("crowd").values()
                                          if r["state"] == "running"]) and len(rows) >= 3 and rows)
        # Room again: another one takes it, by itself.
        waiting = [n for n, r in fleet.status("crowd").items() if r["state"] != "running"]
        after = fleet.mark()
        fleet.ask("stop", up[0]["name"], "--wait")
        fleet.wait_event(lambda e: e["instance"] in waiting and e["to"] == "running", after=after)
        fleet.ask("stop", "crowd", "--wait")
        self.finish(fleet)

    def test_R14_starts_after_any_crash(self):
        fleet = self.prepared({})
        for _ in range(times(4, 50)):
            fleet.start()
            fleet.wait_running(*innocent_names())
            fleet.follower.stop()
            kin = fleet.kin()
            fleet.process.kill()
            fleet.process.wait()
            self.assertEqual([], procfs.wait_gone([pid for pid, _ in kin], 10),
                             "the death of the keeper ends everything")
        fleet.start()
        self.meet_innocents(fleet)
        self.finish(fleet)

    def test_R14_ends_what_an_earlier_life_left(self):
        fleet = self.prepared({"stray": faultbot("--setsid-child")}).start()
        fleet.wait_running()
        fleet.follower.stop()
        stale = {pid for pid in procfs.bots_of(fleet.state)}
        # The runtime dies with the keeper, so nobody is left to kill what they have started.
        os.kill(fleet.runtime, signal.SIGSTOP)
        runtime = fleet.runtime
        fleet.process.kill()
        fleet.process.wait()
        os.kill(runtime, signal.SIGKILL)
        fleet.start()
        fleet.wait_running()
        self.assertEqual(set(), stale & set(procfs.bots_of(fleet.state)))
        fleet.end()

    def test_R20_shutdown_hangs(self):
        fleet = self.fleet({})
        fleet.follower.stop()
        os.kill(fleet.runtime, signal.SIGSTOP)
        os.kill(fleet.keeper, signal.SIGTERM)
        poll_until(lambda: not self.pending(fleet.keeper, signal.SIGTERM))
        os.kill(fleet.keeper, signal.SIGTERM)
        # Ended by force: empty control groups stay until the next run.
        fleet.end(expect=1, how=0, limit=20, groups=False)

    def pending(self, pid, number):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("ShdPnd:"):
                return int(line.split()[1], 16) & (1 << (number - 1))
        return 0

    def life(self, fleet):
        """A bit of everything that isolation has a part in."""
        fleet.wait_running("stray#0", "plain#0")
        pid = fleet.pid("plain#0")
        fleet.ask("pause", "plain")
        poll_until(lambda: procfs.state_of(pid) in ("T", "S"))
        self.assertEqual("paused", fleet.row("plain#0")["state"])
        fleet.ask("resume", "plain")
        fleet.wait_state("plain#0", "running", after=fleet.mark() - 1)
        os.kill(pid, signal.SIGKILL)
        event = fleet.wait_state("plain#0", "backoff", cause="signal 9")
        fleet.wait_state("plain#0", "running", after=event["seq"])
        fleet.kill_runtime()
        fleet.wait_answer()
        fleet.ask("stop", "stray", "--wait")
        poll_until(lambda: self.count(fleet, "stray") == 0)
        fleet.ask("restart", "plain", "--wait")

    FILES = {"stray": {**faultbot("--setsid-child"), "delay": QUICK},
             "plain": {**faultbot(), "delay": QUICK}}

    @root_only
    def test_R24_without_cgroup2(self):
        mount = procfs.cgroup2_mount()
        wrapper = ["unshare", "--mount", "sh", "-c", f'umount -l "{mount}" && exec "$@"', "sh"]
        fleet = self.fleet(self.FILES, wrapper=wrapper if mount else [])
        self.assertRegex(fleet.ask("show", "plain")["isolation"], "no cgroup2|process groups")
        self.life(fleet)
        self.finish(fleet)

    @root_only
    def test_R24_without_new_system_calls(self):
        calls = "pidfd_open,pidfd_send_signal,clone3,close_range"
        fleet = self.fleet(self.FILES, wrapper=[str(FAULTBOX), f"--without={calls}"])
        self.life(fleet)
        self.finish(fleet)


if __name__ == "__main__":
    unittest.main()
