"""The bench measures what it says: its watcher, its sums and its verdicts."""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import procfs
import report
from contestants.base import Contestant

ARGUMENT = f"1000001.{os.getpid()}"


class SleepLoop(Contestant):
    """A contestant small enough for a test: a shell with its children."""

    label = "sleep loop"

    def configure(self, no_delay):
        pass

    def launch(self):
        bots = f'for i in $(seq {self.count}); do {self.bench.bot} & pids="$pids $!"; done'
        return self.spawn("sh", "-c", f"trap 'kill $pids; exit' TERM; {bots}; wait")

    def status(self):
        return self.count


class Bench:
    argument = ARGUMENT

    def __init__(self, directory):
        self.bot = directory / "bot.sh"
        self.bot.write_text(f"#!/bin/sh\nexec sleep {ARGUMENT}\n")
        self.bot.chmod(0o755)


class Watching(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.directory / "life").mkdir()
        self.loop = SleepLoop(Bench(self.directory))
        self.addCleanup(self.loop.cleanup)
        self.loop.prepare(5, self.directory / "life")

    def test_every_bot_is_seen_once_and_nothing_else(self):
        stranger = subprocess.Popen(["sleep", "1000002"])
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        self.loop.start()
        self.assertEqual(len(set(self.loop.bots)), 5)
        self.assertNotIn(stranger.pid, self.loop.bots)
        self.assertTrue(all(procfs.is_bot(pid, ARGUMENT) for pid in self.loop.bots))

    def test_bots_do_not_count_as_the_supervisor(self):
        self.loop.start()
        self.assertEqual(self.loop.pids(), [self.loop.process.pid])
        self.assertEqual(set(procfs.descendants([self.loop.process.pid])),
                         {self.loop.process.pid, *self.loop.bots})
        self.assertGreater(self.loop.pss(), 0)
        self.assertGreater(self.loop.cpu_seconds(), 0)

    def test_stop_waits_for_bots_and_supervisor(self):
        self.loop.start()
        bots = list(self.loop.bots)
        self.assertGreater(self.loop.stop_all(), 0)
        self.assertFalse([pid for pid in bots if procfs.is_bot(pid, ARGUMENT)])

    def test_cleanup_leaves_nothing(self):
        self.loop.start()
        bots = list(self.loop.bots)
        self.loop.cleanup()
        self.assertFalse([pid for pid in bots if procfs.is_bot(pid, ARGUMENT)])
        self.assertFalse((self.directory / "life").exists())

    def test_a_helper_is_told_from_a_bot_that_still_has_its_name(self):
        # sh → sh → sleep: the inner one is called like its parent until it execs.
        inner = f"while ! [ -e {self.directory}/go ]; do :; done; exec sleep {ARGUMENT}"
        with contextlib.closing(procfs.BotWatch(ARGUMENT, {("sh", "nobody")})) as watch:
            process = subprocess.Popen(["sh", "-c", inner])
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            self.assertEqual(watch.poll(), [])
            (self.directory / "go").touch()
            self.assertEqual(watch.wait_for(1, 60), [process.pid])


class Reporting(unittest.TestCase):
    @staticmethod
    def results(**troupe):
        return {"bare": [{"started": 0.5, "restart": 3.0}],
                "s6": [{"started": 1.5, "restart": 1000.0}],
                "troupe": [{"started": 0.6, "restart": 5.0, "disturbed": 0, **troupe}]}

    def verdicts(self, results):
        summary = {name: report.medians(runs) for name, runs in results.items()}
        return {figure.key: report.verdict(figure, summary) for figure in report.FIGURES}

    def test_within_the_bounds_passes(self):
        found = self.verdicts(self.results())
        self.assertEqual((found["started"], found["restart"], found["disturbed"]), ("PASS",) * 3)
        self.assertEqual(found["idle"], "-")

    def test_beyond_the_bare_loop_misses(self):
        self.assertEqual(self.verdicts(self.results(started=0.63))["started"], "MISS")

    def test_behind_a_peer_misses(self):
        results = self.results()
        results["s6"] = [{"started": 0.55}]
        self.assertEqual(self.verdicts(results)["started"], "MISS")

    def test_one_restarted_bot_in_one_run_misses(self):
        results = self.results()
        results["troupe"] += [{"disturbed": 1}, {"disturbed": 0}]
        self.assertEqual(self.verdicts(results)["disturbed"], "MISS")

    def test_without_troupe_there_is_no_verdict(self):
        results = self.results()
        del results["troupe"]
        self.assertEqual(set(self.verdicts(results).values()), {"-"})
        self.assertIn("| all started, s | 0.50 | 1.50 |", report.table(results))

    def test_medians_go_over_the_runs(self):
        self.assertEqual(report.medians([{"stop": 3}, {"stop": 1}, {"stop": 2}])["stop"], 2)


if __name__ == "__main__":
    unittest.main()
