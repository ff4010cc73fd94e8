"""scripts/bench supervision: how supervisors start, restart, watch and stop the same n bots.

Every contestant runs the same bot, a shell script that execs `sleep`, and is measured from
outside by the same code, see contestants/base.py. Prints a table in Markdown.
"""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import signal
import statistics
import sys
import tempfile
import time

import procfs
import report
from contestants import ALL
from contestants.base import Failed, Unavailable


class Bench:
    """What a contestant needs to know; see Contestant.__init__."""

    def __init__(self, build, cache, directory):
        # The argument tells our bots from any other sleep on the machine.
        self.argument = f"1000000.{os.getpid()}"
        self.bot = directory / "bot.sh"
        self.bot.write_text(f"#!/bin/sh\nexec sleep {self.argument}\n")
        self.bot.chmod(0o755)
        self.cache = cache
        self.binaries = build / "bin"
        self.bare_spawn = build / "test/bare_spawn"
        self.directory = directory
        directory.chmod(0o755)

    def fresh_directory(self):
        return pathlib.Path(tempfile.mkdtemp(dir=self.directory))


@contextlib.contextmanager
def life(contestant, bench, count, no_delay=False):
    """The contestant with `count` bots up; yields how long that took."""
    try:
        contestant.prepare(count, bench.fresh_directory(), no_delay)
        yield contestant.start()
    finally:
        contestant.cleanup()


def settle(contestant, limit=10):
    """Waits until the contestant has used (nearly) no CPU for half a second, and all that looks
    at a bot a second after its start has done so."""
    time.sleep(1.5)
    end = time.monotonic() + limit
    before = contestant.cpu_seconds()
    while time.monotonic() < end:
        time.sleep(0.5)
        now = contestant.cpu_seconds()
        if now - before < 0.002:
            break
        before = now


def kill_some(contestant, kills):
    """Seconds of each restart, over bots spread evenly through the fleet."""
    # Some tools hold back the restart of what ran for less than a second: none of these did.
    time.sleep(1.5)
    count = min(kills, contestant.count)
    return [contestant.kill_one(step * contestant.count // count) for step in range(count)]


def measure(contestant, bench, options):
    """One run of one contestant: figure → value, in the units of report.FIGURES."""
    figures = {}
    with life(contestant, bench, 0):
        settle(contestant)
        empty = contestant.pss()
        if not empty:
            raise Failed(f"{contestant.label} does not stay up without a bot: {contestant.tail()}")
        figures["pss_empty"] = empty / 1024
        contestant.stop_all()

    with life(contestant, bench, options.bots) as started:
        figures["started"] = started
        settle(contestant)
        before, began = contestant.cpu_seconds(), time.monotonic()
        time.sleep(options.idle)
        used = contestant.cpu_seconds() - before
        figures["idle"] = 100 * used / (time.monotonic() - began)
        figures["pss_bot"] = (contestant.pss() - empty) / options.bots
        times = [contestant.status_time() for _ in range(5)]
        if None not in times:
            figures["status"] = 1000 * statistics.median(times)
        if not contestant.no_delay_differs:
            figures["restart"] = 1000 * statistics.median(kill_some(contestant, options.kills))
        figures["stop"] = contestant.stop_all()

    if contestant.no_delay_differs:
        with life(contestant, bench, options.bots, no_delay=True):
            settle(contestant)
            figures["restart"] = 1000 * statistics.median(kill_some(contestant, options.kills))
            contestant.stop_all()
    if hasattr(contestant, "kill_runtime"):
        with life(contestant, bench, options.bots):
            settle(contestant)
            figures["runtime"], figures["disturbed"] = contestant.kill_runtime()
            contestant.stop_all()
    return figures


def compare(classes, bench, options):
    """All contestants, interleaved; contestant name → list of figures, one a run."""
    results = {contestant.name: [] for contestant in classes}
    for run in range(options.runs):
        for contestant in classes:
            began = time.monotonic()
            load = os.getloadavg()[0]
            try:
                figures = measure(contestant, bench, options)
            except Failed as failure:
                print(f"run {run + 1}: {failure}", file=sys.stderr)
                continue
            results[contestant.name].append(figures)
            text = ", ".join(f"{key} {value:.3g}" for key, value in figures.items())
            print(f"run {run + 1} of {options.runs}, {contestant.label}: {text} "
                  f"({time.monotonic() - began:.0f} s, load before {load:.1f})", file=sys.stderr)
    return results


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench supervision", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bots", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--kills", type=int, default=21, help="bots killed in each run (21)")
    parser.add_argument("--idle", type=float, default=20, help="seconds of watching idle CPU (20)")
    parser.add_argument("--growth", action="store_true",
                        help="100, 500 and 2000 bots: bare, s6, troupe")
    parser.add_argument("--only", default="", help="contestants, by comma: "
                        + ", ".join(contestant.name for contestant in ALL))
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    known = {contestant.name for contestant in ALL}
    if not options.only and options.growth:
        options.only = "bare,s6,troupe"
    options.only = set(options.only.split(",")) if options.only else known
    if options.only - known:
        parser.error(f"no contestant {', '.join(sorted(options.only - known))}; there are "
                     + ", ".join(sorted(known)))
    if min(options.bots, options.runs, options.kills) < 1 or options.idle <= 0:
        parser.error("--bots, --runs, --kills and --idle are above 0")
    return options


def raise_open_files():
    """Some keep several descriptors a bot and none raises its limit by itself far enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


def install(bench, wanted):
    """The contestants that can take part; those that cannot are said, with the reason."""
    ready = []
    for kind in ALL:
        if kind.name not in wanted:
            continue
        contestant = kind(bench)
        try:
            contestant.install()
            ready.append(contestant)
        except Unavailable as reason:
            print(f"without {contestant.label}: {reason}", file=sys.stderr)
    return ready


def main():
    options = arguments()
    raise_open_files()
    # So that what was started is ended, however the bench ends.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    options.cache.mkdir(parents=True, exist_ok=True)
    if os.getloadavg()[0] > 0.5:
        print(f"The machine is busy (load {os.getloadavg()[0]:.1f}): the figures will be too high.",
              file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/dev/shm") as directory:
        bench = Bench(options.build, options.cache, pathlib.Path(directory))
        ready = install(bench, options.only)
        if not ready:
            sys.exit("Nobody is left to be measured.")
        sizes = [100, 500, 2000] if options.growth else [options.bots]
        results = {}
        for size in sizes:
            options.bots = size
            results[size] = compare(ready, bench, options)
    kept = options.cache / ("growth.json" if options.growth else "supervision.json")
    kept.write_text(json.dumps({"machine": report.machine(), "runs": results}, indent=1) + "\n")
    print(report.growth(results) if options.growth else report.table(results[options.bots]))
    print(f"\n{report.machine()}, {options.runs} runs; every single value: {kept}")


if __name__ == "__main__":
    main()
