"""scripts/bench messages: what it costs to send a message from one bot to another.

Round trips, floods, fan-out, urgent messages within a flood, acknowledged durable ones, and what a
reader that stands still costs. Every contestant is measured with the same program (talk/) and its
own thin client. Prints a table in Markdown.
"""

import argparse
import json
import os
import pathlib
import signal
import sys
import tempfile
import time

import procfs
import report
from brokers import ALL, child_called, proceed, stop
from contestants.base import Failed, available
from supervision import raise_open_files

SMALL, LARGE = 100, 4096

_AHEAD = lambda mine, bare, peer: None if peer is None else mine < peer
_more_than = lambda factor: lambda mine, bare, peer: None if peer is None else mine >= factor * peer

FIGURES = [
    report.Figure("rtt_p50", "round trip, 100 bytes, p50, µs", "{:.0f}", "ahead of every peer", _AHEAD),
    report.Figure("rtt_p99", "the same, p99, µs", "{:.0f}", "ahead of every peer", _AHEAD),
    report.Figure("rtt4k_p50", "round trip, 4 KiB, p50, µs", "{:.0f}", "ahead of every peer", _AHEAD),
    report.Figure("rtt4k_p99", "the same, p99, µs", "{:.0f}", "ahead of every peer", _AHEAD),
    report.Figure("one_way", "one way, 100 bytes, thousand a second", "{:.0f}",
                  "≥ 1.5 × the best peer", _more_than(1.5), True),
    report.Figure("one_way_lost", "lost of those", "{:.0f}", "0",
                  lambda mine, bare, peer: mine == 0),
    report.Figure("one_way4k", "one way, 4 KiB, thousand a second", "{:.0f}", "", None, True),
    report.Figure("fan_out", "delivered to 10 subscribers, thousand a second", "{:.0f}",
                  "≥ the best peer", _more_than(1), True),
    report.Figure("urgent_alone", "urgent one way, unloaded, p99, µs", "{:.0f}", "", None),
    report.Figure("urgent", "the same while `normal` floods, p99, µs", "{:.0f}", "", None),
    report.Figure("urgent_factor", "that, times unloaded", "{:.1f}", "≤ 3",
                  lambda mine, bare, peer: mine <= 3),
    report.Figure("durable", "durable, acknowledged, thousand a second", "{:.1f}", "≥ 50",
                  lambda mine, bare, peer: mine >= 50, True),
    report.Figure("stuck", "growth with a stopped reader and 1 GB for it, MiB", "{:.0f}",
                  "≤ its mailbox (64) + 10 %", lambda mine, bare, peer: mine <= 70.4),
    report.Figure("idle", "a linked idle bot, KiB", "{:.1f}", "≤ 20",
                  lambda mine, bare, peer: mine <= 20),
    report.Figure("wakeups", "wake-ups of that, a second and bot", "{:.2f}", "≤ 0.2",
                  lambda mine, bare, peer: mine <= 0.2),
    report.Figure("python", "Python client, one way, thousand a second", "{:.0f}", "≥ 100",
                  lambda mine, bare, peer: mine >= 100, True),
]


class Bench:
    def __init__(self, build, root, directory):
        build = build.resolve()
        self.binaries = build / "bin"
        self.talk = build / "test/talk"
        self.talk_python = root / "test/bench/talk/talk.py"
        self.python_client = root / "clients/python"
        self.directory = directory

    def life(self, kind, programs, work):
        """Starts a contestant with these programs, does `work(broker)` with it, ends it."""
        directory = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
        directory.chmod(0o755)
        broker = kind(self)
        try:
            broker.begin(directory, programs)
            return work(broker)
        finally:
            broker.end()


def started(results):
    """Programs of a pair are one process and its child: two results, one that is ready."""
    return lambda broker: (broker.go(), broker.results(results))[1]


def round_trip(bench, kind, options):
    figures = {}
    for size, prefix in ((SMALL, "rtt"), (LARGE, "rtt4k")):
        programs = {"a": ["ping", "b", "a", options.pings, size]}
        if kind.name != "pair":
            programs = {"b": ["echo", "a", "b"], **programs}
        one = bench.life(kind, programs, started(1))["ping"][0]
        figures.update({f"{prefix}_p50": one["p50_us"], f"{prefix}_p99": one["p99_us"]})
    return figures


def rate(sinks):
    """Messages a second over all receivers, from the first that came to the last."""
    took = max(one["last_ns"] for one in sinks) - min(one["first_ns"] for one in sinks)
    return sum(one["count"] for one in sinks) / (took / 1e9)


def one_way(bench, kind, options):
    figures = {}
    for size, key, count in ((SMALL, "one_way", options.messages),
                             (LARGE, "one_way4k", options.messages // 10)):
        programs = {"a": ["flood", "b", count, size]}
        if kind.name != "pair":
            programs = {"b": ["sink", "b", count], **programs}
        sinks = bench.life(kind, programs, started(2))["sink"]
        figures[key] = rate(sinks) / 1000
        if size == SMALL:
            figures["one_way_lost"] = count - sinks[0]["count"]
    return figures


def fan_out(bench, kind, options):
    if kind.name == "pair":
        return {}
    count, channel = options.messages // 10, "topic:all" if kind.name == "troupe" else "all"
    programs = {f"s{i}": ["sink", channel, count] for i in range(10)}
    programs["a"] = ["flood", channel, count, SMALL]
    sinks = bench.life(kind, programs, started(11))["sink"]
    return {"fan_out": rate(sinks) / 1000}


def urgent(bench, kind, options):
    if not kind.urgent:
        return {}
    alone = bench.life(kind, {"b": ["clock", "b", options.probes],
                              "u": ["probe", "b", options.probes, SMALL]}, started(2))
    # A flood that does not end before the probes do.
    flooded = bench.life(kind, {"b": ["clock", "b", options.probes],
                                "u": ["probe", "b", options.probes, SMALL],
                                "a": ["flood", "b", 10**9, SMALL]}, started(2))
    one, other = alone["clock"][0], flooded["clock"][0]
    if other["others"] < 10 * options.probes:
        raise Failed(f"{kind.label}: that was no flood: {other}")
    return {"urgent_alone": one["p99_us"], "urgent": other["p99_us"],
            "urgent_factor": other["p99_us"] / one["p99_us"]}


def durable(bench, kind, options):
    if not kind.durable:
        return {}
    programs = {"b": ["sink", "b", 10**9],
                "a": ["durable", "b", options.durable, SMALL, 1000]}
    one = bench.life(kind, programs, started(1))["durable"][0]
    return {"durable": one["count"] / one["seconds"] / 1000}


def stuck(bench, kind, options):
    """Memory of the server while a gigabyte is sent to one who does not read."""
    if kind.name != "troupe":
        return {}

    def work(broker):
        reader = child_called([broker.server.pid], ["sink", "b", 10**9])
        before = procfs.pss_kib(broker.pids())
        stop(reader)
        broker.go()
        most, end = before, time.monotonic() + options.stuck
        while time.monotonic() < end:
            most = max(most, procfs.pss_kib(broker.pids()))
            time.sleep(0.05)
        proceed(reader)
        return {"stuck": (most - before) / 1024}

    return bench.life(kind, {"b": ["sink", "b", 10**9],
                             "a": ["flood", "b", 10**7, SMALL]}, work)


def wakeups(pids):
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            for line in (procfs.read(task / "status") or b"").splitlines():
                if line.startswith(b"voluntary_ctxt_switches"):
                    total += int(line.split()[1])
    return total


def idle(bench, kind, options):
    """What bots that are only linked cost, beside bots that are not."""
    if kind.name != "troupe":
        return {}

    def work(broker):
        broker.go()
        time.sleep(5)
        before, began = wakeups(broker.pids()), time.monotonic()
        time.sleep(options.watch)
        return (procfs.pss_kib(broker.pids()),
                (wakeups(broker.pids()) - before) / (time.monotonic() - began))

    found = {}
    for linked in (True, False):
        transport = ["idle"] if linked else ["idle", "unlinked"]
        programs = {f"i{index}": transport for index in range(options.bots)}
        found[linked] = bench.life(kind, programs, work)
    return {"idle": (found[True][0] - found[False][0]) / options.bots,
            "wakeups": max(0, found[True][1] - found[False][1]) / options.bots}


def python(bench, kind, options):
    if not kind.python:
        return {}
    count = options.messages // 20
    programs = {"b": ["python", "sink", "b", count], "a": ["python", "flood", "b", count, SMALL]}
    sinks = bench.life(kind, programs, started(2))["sink"]
    if sinks[0]["count"] != count:
        raise Failed(f"{kind.label}: {sinks[0]['count']} of {count} messages came")
    return {"python": rate(sinks) / 1000}


PARTS = [round_trip, one_way, fan_out, urgent, durable, stuck, idle, python]


def compare(kinds, bench, options):
    """All contestants, interleaved; contestant name → list of figures, one a run."""
    results = {kind.name: [] for kind in kinds}
    for run in range(options.runs):
        for kind in kinds:
            figures = {}
            for part in PARTS:
                if part.__name__ not in options.parts:
                    continue
                try:
                    figures.update(part(bench, kind, options))
                except Failed as failure:
                    print(f"run {run + 1}, {part.__name__}: {failure}", file=sys.stderr)
            results[kind.name].append(figures)
            text = ", ".join(f"{key} {value:.4g}" for key, value in figures.items())
            print(f"run {run + 1} of {options.runs}, {kind.label}: {text}", file=sys.stderr)
    return results


def arguments(words=None):
    known = {kind.name for kind in ALL}
    parts = [part.__name__ for part in PARTS]
    parser = argparse.ArgumentParser(prog="scripts/bench messages", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pings", type=int, default=20_000, help="round trips (20000)")
    parser.add_argument("--messages", type=int, default=5_000_000, help="of a flood (5 million)")
    parser.add_argument("--probes", type=int, default=5_000, help="urgent messages (5000)")
    parser.add_argument("--durable", type=int, default=200_000, help="durable messages (200000)")
    parser.add_argument("--stuck", type=float, default=15, help="seconds of a stuck reader (15)")
    parser.add_argument("--bots", type=int, default=200, help="idle bots (200)")
    parser.add_argument("--watch", type=float, default=30, help="seconds of watching them (30)")
    parser.add_argument("--quick", action="store_true", help="one run of little: does it work?")
    parser.add_argument("--parts", default=",".join(parts), help="by comma: " + ", ".join(parts))
    parser.add_argument("--only", default=",".join(known), help="contestants, by comma: "
                        + ", ".join(kind.name for kind in ALL))
    parser.add_argument("--directory", type=pathlib.Path, default=None,
                        help="where all files are; durable messages need a disk (a temporary one)")
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if options.quick:
        options.runs, options.pings, options.messages, options.probes = 1, 2000, 200_000, 500
        options.durable, options.stuck, options.bots, options.watch = 5000, 3, 20, 12
    options.only = set(options.only.split(","))
    options.parts = set(options.parts.split(","))
    for given, there, what in ((options.only, known, "contestant"),
                               (options.parts, set(parts), "part")):
        if given - there:
            parser.error(f"no {what} {', '.join(sorted(given - there))}; there are "
                         + ", ".join(sorted(there)))
    return options


def table(results):
    renamed = {"bare" if name == "pair" else name: runs for name, runs in results.items()}
    labels = {"bare" if kind.name == "pair" else kind.name: kind.label for kind in ALL}
    return report.table(renamed, FIGURES, labels)


def main():
    options = arguments()
    raise_open_files()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    options.cache.mkdir(parents=True, exist_ok=True)
    if os.getloadavg()[0] > 0.5:
        print(f"The machine is busy (load {os.getloadavg()[0]:.1f}): the figures will be worse.",
              file=sys.stderr)
    root = pathlib.Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.directory) as directory:
        bench = Bench(options.build, root, pathlib.Path(directory))
        bench.directory.chmod(0o755)
        results = compare(available(ALL, bench, options.only), bench, options)
    kept = options.cache / "messages.json"
    kept.write_text(json.dumps({"machine": report.machine(), "runs": results}, indent=1) + "\n")
    print(table(results))
    print(f"\n{report.machine()}, {options.messages} messages a flood, {options.runs} runs; every "
          f"single value: {kept}")


if __name__ == "__main__":
    main()
