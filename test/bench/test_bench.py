"""The bench measures what it says: its watcher, its sums and its verdicts."""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import config
import configs
import loggers
import output
import procfs
import report
from contestants.base import Contestant, Failed

BUILD = pathlib.Path(os.environ.get("TROUPE_BIN", "build/bin")).resolve().parent
FLOOD = BUILD / "test/flood"

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

    def test_of_a_rate_more_is_better(self):
        def verdict(mine, **peers):
            summary = {"troupe": {"rate": mine}, "cat": {"rate": 900},
                       **{name: {"rate": rate} for name, rate in peers.items()}}
            return report.verdict(output.FIGURES[0], summary)
        self.assertEqual("PASS", verdict(500, supervisord=300, s6=100))
        self.assertEqual("MISS", verdict(200, supervisord=300, s6=100))
        self.assertEqual("-", verdict(200))  # nobody to be ahead of

    def test_one_lost_byte_in_one_run_misses(self):
        results = {"cat": [{"rate": 900.0, "lost": 0}],
                   "troupe": [{"rate": 1.0, "lost": 0}, {"rate": 2.0, "lost": 1},
                              {"rate": 3.0, "lost": 0}]}
        lines = output.table(results).splitlines()
        self.assertEqual("| figure | bare cat | Troupe | required |  |", lines[0])
        self.assertIn("| one bot that floods, MB/s | 900 | 2 |", lines[2])
        self.assertEqual("| bytes lost of that | 0 | 1 | 0 | MISS |", lines[3])


class Output(unittest.TestCase):
    """scripts/bench output, with what is at hand: cat in place of supervisors."""

    def setUp(self):
        if not FLOOD.exists():
            self.fail(f"{FLOOD} is not built")
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.bench = output.Bench(BUILD, self.directory / "cache", self.directory)

    def options(self, *words):
        return output.arguments(["--build", str(BUILD), "--cache", str(self.directory), *words])

    def test_a_flood_arrives_and_is_measured(self):
        options = self.options("--total", "5000000")
        figures = output.flood(self.bench, loggers.Cat, options)
        self.assertEqual(0, figures["lost"])
        self.assertGreater(figures["rate"], 0)
        self.assertGreater(figures["cpu"], 0)

    def test_what_is_lost_is_counted(self):
        class Leaky(loggers.Cat):
            def sink(self):
                return f"(head -c 1000000 > {self.out}; exec cat > /dev/null)"
        with mock.patch.object(output, "await_bytes", lambda contestant, total:
                               await_quickly(contestant, total)):
            figures = output.flood(self.bench, Leaky, self.options("--total", "5000000"))
        self.assertEqual(4_000_000, figures["lost"])

    def test_every_line_has_its_number(self):
        fifo, done = self.directory / "go", self.directory / "done"
        os.mkfifo(fifo)
        bot = subprocess.Popen([FLOOD, "1000050", fifo, done], stdout=subprocess.PIPE)
        self.addCleanup(bot.wait)
        self.addCleanup(bot.kill)
        self.addCleanup(bot.stdout.close)
        threading.Thread(target=output.Gate(fifo).open, daemon=True).start()
        lines = [bot.stdout.readline() for _ in range(10_000)]
        self.assertEqual(list(range(10_000)), [int(line[:11]) for line in lines])
        self.assertEqual({100}, {len(line) for line in lines})
        end = time.monotonic() + 60
        while not done.exists() and time.monotonic() < end:
            time.sleep(0.01)
        self.assertTrue(done.exists())

    def test_bots_of_a_pipeline_are_told_from_its_end(self):
        with self.bench.life(loggers.Cat, 1, 1 << 20, 5, 1000, "GO", "DONE") as (cat, gate):
            self.assertEqual(1, len(cat.bots))
            self.assertNotIn(cat.bots[0], cat.pids())
            self.assertIn(b"cat\n", [procfs.read(f"/proc/{pid}/comm") for pid in cat.pids()])
            gate.open()
            self.assertEqual(0, output.await_bytes(cat, 1000)[1])
            left = cat.pids()
        self.assertFalse([pid for pid in left if lives(pid)])
        self.assertFalse(cat.directory and cat.directory.exists())

    def test_the_last_lines_are_looked_at(self):
        figures = output.tail(self.bench, loggers.Cat, self.options("--large", "10000000"))
        self.assertGreater(figures["tail"], 0)

    def test_each_keeps_its_files_elsewhere(self):
        setup = loggers.Setup(["/bin/flood", 1], 65536, 7)
        for kind, there, other in (
                (loggers.S6Log, ["out/current", "out/@400.s"], ["out/lock", "out/state"]),
                (loggers.SupervisordLogs, ["out/b0000", "out/b0000.3"], ["conf"]),
                (loggers.TroupeLogs, ["state/logs/b0000.0.log", "state/logs/b0000.0.log.2"],
                 ["state/logs/b0000.0.index", "state/logs/b0000.0.index.2"])):
            with self.subTest(kind.name):
                directory = self.directory / kind.name
                directory.mkdir()
                contestant = kind(self.bench)
                contestant.setup = setup
                contestant.prepare(1, directory)
                self.addCleanup(contestant.log.close)
                for name in [*there, *other]:
                    (directory / name).parent.mkdir(parents=True, exist_ok=True)
                    if not (directory / name).exists():
                        (directory / name).write_bytes(b"12345")
                self.assertEqual({str(directory / name) for name in there},
                                 set(map(str, contestant.files())))
                self.assertEqual(10, contestant.bytes_kept())
        self.assertIn("stdout_logfile_maxbytes=65536\nstdout_logfile_backups=7",
                      (self.directory / "supervisord/conf").read_text())
        self.assertIn('"log": {"max_size": "65536B", "keep": 7}',
                      (self.directory / "troupe/fleet/b0000.json").read_text())

    def test_quick_is_little(self):
        quick = self.options("--quick")
        self.assertEqual((1, 50), (quick.runs, quick.bots))
        with open(os.devnull, "w") as null, contextlib.redirect_stderr(null), \
                self.assertRaises(SystemExit):
            self.options("--only", "nobody")

    def test_counted_twice_is_not_arrived(self):
        """A file that is renamed while sizes are added up may be in the sum twice."""
        class Renaming:
            seen = iter([50, 150, 90, 95, 100, 100, 100, 100, 100])

            def bytes_kept(self):
                return next(self.seen)
        self.assertEqual(0, output.await_bytes(Renaming(), 100)[1])


class Config(unittest.TestCase):
    """scripts/bench config: what it waits for, and what is required."""

    def options(self, *words):
        return config.arguments(["--build", str(BUILD), "--cache", "/nonexistent", *words])

    def wait(self, *parts):
        """Writes the parts to a pipe and waits for the event that a version is applied."""
        read, write = os.pipe()
        with open(read, "rb", buffering=0) as lines, open(write, "wb", buffering=0) as out:
            for part in parts:
                out.write(part)
            return configs.TroupeConfig.await_applied(lines, time.monotonic(), timeout=0.2)

    def test_the_event_is_found_wherever_a_read_ends(self):
        other = b'{"instance":"b0#0","cause":"version 2 applied by nobody"}\n'
        event = b'{"instance":"config","cause":"version 2 applied by the runtime: 1 restart"}\n'
        self.assertGreaterEqual(self.wait(other, event[:30], event[30:] + other), 0)
        with self.assertRaises(Failed):
            self.wait(other, event[:-1])

    def test_trees_differ_in_every_bot(self):
        with tempfile.TemporaryDirectory() as directory:
            for argument in "12":
                configs.TroupeConfig.write_tree(None, pathlib.Path(directory) / argument, 201,
                                                argument)
            files = [{path.relative_to(tree): path.read_text() for path in tree.rglob("b*.json")}
                     for tree in (pathlib.Path(directory) / "1", pathlib.Path(directory) / "2")]
        self.assertEqual(201, len(files[0]))
        self.assertEqual(files[0].keys(), files[1].keys())
        self.assertFalse([path for path in files[0] if files[0][path] == files[1][path]])

    def test_what_is_required_holds_for_its_sizes_only(self):
        results = {"troupe": [{"check_few": 149, "check_many": 2001, "disturbed": 1}]}
        table = report.table(results, config.figures(self.options()), {"troupe": "Troupe"})
        self.assertEqual(["PASS", "MISS", "MISS"],
                         [line.split()[-2] for line in table.splitlines()[2:]])
        table = report.table(results, config.figures(self.options("--quick")), {"troupe": "Troupe"})
        self.assertEqual(["-", "-", "MISS"],
                         [line.split()[-2] for line in table.splitlines()[2:]])


def lives(pid):
    """Whether there is more of it than a zombie that its new parent has not seen yet."""
    stat = procfs.read(f"/proc/{pid}/stat")
    return bool(stat) and stat.rpartition(b")")[2].split()[0] != b"Z"


def await_quickly(contestant, total, real=output.await_bytes):
    return real(contestant, total, patience=0.3)


if __name__ == "__main__":
    unittest.main()
