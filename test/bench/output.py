"""scripts/bench output: what it costs to put the output of bots into files, and to look at it.

One bot as fast as it can; many that say a little; the last lines of a large log. Every contestant
is given the same bots (flood.c) and measured from outside by the same code. Prints a table in
Markdown.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import procfs
import report
from contestants.base import Failed, available
from loggers import ALL, Setup
from supervision import raise_open_files, settle

MB = 1_000_000
DRIP = 1000  # bytes a second of each of many bots

FIGURES = [
    report.Figure("rate", "one bot that floods, MB/s", "{:.0f}", "ahead of every peer",
                  lambda mine, bare, peer: None if peer is None else mine > peer, True),
    report.Figure("cpu", "CPU of that, s per GB", "{:.2f}", "", None),
    report.Figure("lost", "bytes lost of that", "{:.0f}", "0", lambda mine, bare, peer: mine == 0),
    report.Figure("drip", "many bots of 1 kB/s, CPU, % of one core", "{:.1f}",
                  "ahead of every peer", lambda mine, bare, peer: None if peer is None else mine < peer),
    report.Figure("drip_lost", "bytes missing of that, %", "{:.1f}", "≤ 1",
                  lambda mine, bare, peer: mine <= 1),
    report.Figure("tail", "the last 100 lines of a large log, ms", "{:.1f}", "≤ 30",
                  lambda mine, bare, peer: mine <= 30),
]


class Bench:
    """What a contestant needs to know; see Contestant.__init__."""

    def __init__(self, build, cache, directory):
        self.argument = f"no bot of this bench {os.getpid()}"
        self.bot = "/bin/true"
        self.cache = cache
        build = build.resolve()  # bots have another directory
        self.binaries = build / "bin"
        self.flood = build / "test/flood"
        self.bare_splice = build / "test/bare_splice"
        self.directory = directory

    @contextlib.contextmanager
    def life(self, kind, count, size, keep, *words):
        """A contestant with so many bots that wait, and a function that lets them go."""
        directory = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
        fifo = directory / "go"
        os.mkfifo(fifo)
        contestant = kind(self)
        contestant.install()
        words = [fifo if word == "GO" else directory / "done" if word == "DONE" else word
                 for word in words]
        try:
            contestant.begin(count, directory, Setup([self.flood, *words], size, keep))
            yield contestant, Gate(fifo)
        finally:
            contestant.cleanup()


class Gate:
    """The FIFO that bots wait at."""

    def __init__(self, fifo):
        self.fifo = fifo

    def open(self):
        """Lets them go; returns when that was."""
        fd = os.open(self.fifo, os.O_WRONLY)  # waits for the first
        time.sleep(1)  # for the others to come so far
        now = time.monotonic()
        os.close(fd)
        return now


def await_bytes(contestant, total, patience=5):
    """Seconds on the clock at which all bytes had arrived, and how many had not."""
    best, since = -1, time.monotonic()
    while True:
        kept, now = contestant.bytes_kept(), time.monotonic()
        if kept >= total:
            # Counted twice, a file that was renamed meanwhile is more than there is.
            if contestant.bytes_kept() == contestant.bytes_kept() >= total:
                return now, 0
        if kept != best:
            best, since = kept, now
        elif now - since > patience:
            return since, total - kept
        time.sleep(0.001)


def flood(bench, kind, options):
    """One bot writes as fast as it can."""
    total = options.total // 100 * 100
    keep = total // options.size + 5
    with bench.life(kind, 1, options.size, keep, total, "GO", "DONE") as (contestant, gate):
        settle(contestant)
        before = contestant.cpu_seconds()
        began = gate.open()
        done = contestant.directory / "done"
        end = began + 600
        while not done.exists():
            if time.monotonic() > end or not contestant.lives():
                raise Failed(f"{contestant.label}: the bot does not get rid of its output: "
                             f"{contestant.tail()}")
            time.sleep(0.002)
        arrived, lost = await_bytes(contestant, total)
        used = contestant.cpu_seconds() - before
    return {"rate": (total - lost) / MB / (arrived - began), "cpu": used / (total / 1e9),
            "lost": lost}


def after_a_write(contestant):
    """Bytes kept just after something was written, and when that was.

    Who writes now and then what came meanwhile is measured over whole such times: nothing of it is
    lost.
    """
    kept, end = contestant.bytes_kept(), time.monotonic() + 2
    while contestant.bytes_kept() == kept and time.monotonic() < end:
        time.sleep(0.002)
    time.sleep(0.02)  # for the rest of it
    return contestant.bytes_kept(), time.monotonic()


def drip(bench, kind, options):
    """Many bots write a line ten times a second."""
    with bench.life(kind, options.bots, options.size, 5, "drip", "GO") as (contestant, gate):
        settle(contestant)
        gate.open()
        time.sleep(3)  # all are at it
        kept, began = after_a_write(contestant)
        before, watched = contestant.cpu_seconds(), time.monotonic()
        time.sleep(options.watch)
        used, took = contestant.cpu_seconds() - before, time.monotonic() - watched
        written, now = after_a_write(contestant)
        came, between = written - kept, now - began
    wanted = options.bots * DRIP * between
    return {"drip": 100 * used / took, "drip_lost": max(0, 100 * (wanted - came) / wanted)}


def large_log(path, size):
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = b"".join(b"%011d " % i + b"x" * 87 + b"\n" for i in range(10_000))
    with open(path, "wb") as file:
        for _ in range(size // len(lines)):
            file.write(lines)
    return path


def tail(bench, kind, options):
    """The last 100 lines of a large log, by the contestant's own command."""
    with bench.life(kind, 1, 100 * options.large, 5, "drip", "GO") as (contestant, gate):
        place = contestant.place() if hasattr(contestant, "place") else contestant.out
        path = large_log(place, options.large)
        if kind.name == "troupe":
            # Of one moment, by one process.
            path.with_suffix(".index").write_bytes(struct.pack("<QqQ", 0, time.time_ns() // 1000, 1))
        command = [str(word) for word in contestant.last_lines(path)]
        times = []
        for _ in range(7):
            began = time.monotonic()
            out = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            times.append(time.monotonic() - began)
            if out.count(b"\n") < 99:
                raise Failed(f"{contestant.label}: not the last lines: {out[:200]}")
    return {"tail": 1000 * statistics.median(times)}


def parts_of(kind):
    """What a contestant takes part in: a limit has one bot, and only some have a command."""
    parts = [flood]
    if kind.name in ("supervisord", "troupe"):
        parts.append(drip)
    if hasattr(kind, "last_lines"):
        parts.append(tail)
    return parts


def compare(kinds, bench, options):
    """All contestants, interleaved; contestant name → list of figures, one a run."""
    results = {kind.name: [] for kind in kinds}
    for run in range(options.runs):
        for kind in kinds:
            figures, load = {}, os.getloadavg()[0]
            for part in parts_of(kind):
                if part.__name__ not in options.parts:
                    continue
                try:
                    figures.update(part(bench, kind, options))
                except (Failed, subprocess.CalledProcessError) as failure:
                    print(f"run {run + 1}: {failure}", file=sys.stderr)
            results[kind.name].append(figures)
            text = ", ".join(f"{key} {value:.3g}" for key, value in figures.items())
            print(f"run {run + 1} of {options.runs}, {kind.label}: {text} (load before "
                  f"{load:.1f})", file=sys.stderr)
    return results


def arguments(words=None):
    parts = ["flood", "drip", "tail"]
    parser = argparse.ArgumentParser(prog="scripts/bench output", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--total", type=int, default=2 << 30, help="bytes of the flood (2 GiB)")
    parser.add_argument("--size", type=int, default=64 << 20, help="bytes of a file (64 MiB)")
    parser.add_argument("--bots", type=int, default=500, help="how many say a little (500)")
    parser.add_argument("--watch", type=float, default=20, help="seconds of watching them (20)")
    parser.add_argument("--large", type=int, default=1000 * MB, help="bytes of a large log (1 GB)")
    parser.add_argument("--directory", type=pathlib.Path, default=pathlib.Path("/dev/shm"),
                        help="where all files are (/dev/shm: no disk is measured)")
    parser.add_argument("--quick", action="store_true", help="one run of little: does it work?")
    parser.add_argument("--parts", default=",".join(parts), help="by comma: " + ", ".join(parts))
    parser.add_argument("--only", default="", help="contestants, by comma: "
                        + ", ".join(kind.name for kind in ALL))
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if options.quick:
        options.runs, options.total, options.size = 1, 128 << 20, 16 << 20
        options.bots, options.watch, options.large = 50, 5, 100 * MB
    known = {kind.name for kind in ALL}
    options.only = set(options.only.split(",")) if options.only else known
    options.parts = set(options.parts.split(","))
    for given, there, what in ((options.only, known, "contestant"),
                               (options.parts, set(parts), "part")):
        if given - there:
            parser.error(f"no {what} {', '.join(sorted(given - there))}; there are "
                         + ", ".join(sorted(there)))
    if min(options.runs, options.bots, options.watch) <= 0:
        parser.error("--runs, --bots and --watch are above 0")
    if not 4096 <= options.size <= 268435455 or min(options.total, options.large) < MB:
        parser.error("--size is 4 KiB to 256 MiB, --total and --large are above 1 MB")
    return options


def install(bench, wanted):
    """The contestants that can take part; those that cannot are said, with the reason."""
    if not bench.flood.exists():
        sys.exit(f"{bench.flood} is not built")
    return available(ALL, bench, wanted)


def table(results):
    return report.table(results, FIGURES, {kind.name: kind.label for kind in ALL})


def main():
    options = arguments()
    raise_open_files()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    options.cache.mkdir(parents=True, exist_ok=True)
    if os.getloadavg()[0] > 0.5:
        print(f"The machine is busy (load {os.getloadavg()[0]:.1f}): the figures will be worse.",
              file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.directory) as directory:
        bench = Bench(options.build, options.cache, pathlib.Path(directory))
        bench.directory.chmod(0o755)
        ready = install(bench, options.only)
        if not ready:
            sys.exit("Nobody is left to be measured.")
        results = compare(ready, bench, options)
    kept = options.cache / "output.json"
    kept.write_text(json.dumps({"machine": report.machine(), "runs": results}, indent=1) + "\n")
    print(table(results))
    print(f"\n{report.machine()}, files in {options.directory}, {options.total / 2**30:.3g} GiB at "
          f"{options.size / 2**20:.3g} MiB a file, {options.bots} bots, a log of "
          f"{options.large / 1e9:.3g} GB, {options.runs} runs; every single value: {kept}")


if __name__ == "__main__":
    main()
