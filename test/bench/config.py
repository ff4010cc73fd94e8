"""scripts/bench config: what checking, comparing and changing a config takes.

`check`: a config of n bots is read and checked, by a process of its own; of Troupe the loader alone
too. `plan`: two configs in which every bot has another command are compared. `edit`: one file among
those of a running fleet is replaced by rename(2), until that is applied and until the new
process is there; every other bot must be the process that it was. supervisord is told with
`reread` and `update`; systemd-analyze verifies unit files and has nothing to compare. Prints a table
in Markdown.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import statistics
import sys
import tempfile

import report
from configs import ALL
from contestants.base import Failed, available
from report import Figure
from supervision import Bench, raise_open_files, settle


def _at_most(bound):
    return lambda mine, bare, peer: mine <= bound


def figures(options):
    """The rows; what is required holds for the sizes that it is said of."""
    few, many, running = options.few, options.many, options.running
    usual = (few, many, running) == (1000, 10_000, 1000)

    def row(key, title, bound, form="{:.0f}"):
        return (Figure(key, title, form, f"≤ {bound}", _at_most(bound)) if usual or bound == 0
                else Figure(key, title, form, "", None))

    return [
        row("check_few", f"load and check {few} bots, ms", 150),
        Figure("load_few", "the same, the loader alone, ms", "{:.0f}", "", None),
        row("check_many", f"load and check {many} bots, ms", 2000),
        Figure("load_many", "the same, the loader alone, ms", "{:.0f}", "", None),
        row("plan", f"plan of {many} changed bots, ms", 3000),
        row("edit", f"one edit among {running} bots: applied after, ms", 200),
        Figure("replaced", "the same: its new process is there after, ms", "{:.0f}", "", None),
        row("disturbed", "the same: other bots restarted", 0),
    ]


class ConfigBench(Bench):
    def __init__(self, build, cache, directory):
        super().__init__(build, cache, directory)
        self.build = build


def check(contestant, options):
    found = {}
    for key, count in (("few", options.few), ("many", options.many)):
        took, alone = contestant.check(count)
        found[f"check_{key}"] = 1000 * took
        if alone is not None:
            found[f"load_{key}"] = 1000 * alone
    return found


def plan(contestant, options):
    return {"plan": 1000 * contestant.plan(options.many)} if hasattr(contestant, "plan") else {}


def edit(contestant, options):
    """The median of several edits of one fleet; the worst of them disturbs."""
    contestant.start()
    settle(contestant)
    edits = [contestant.edit_one() for _ in range(options.edits)]
    applied, replaced, disturbed = zip(*edits)
    contestant.stop_all()
    return {"edit": 1000 * statistics.median(applied),
            "replaced": 1000 * statistics.median(replaced), "disturbed": max(disturbed)}


@contextlib.contextmanager
def life(contestant, bench, count):
    try:
        contestant.prepare(count, bench.fresh_directory())
        yield
    finally:
        contestant.cleanup()


def measure(kind, bench, options):
    """One run of one contestant; a part that it cannot do is said and left out."""
    found = {}
    parts = {"check": check, "plan": plan, "edit": edit}
    for name in options.parts:
        contestant = kind(bench)
        contestant.install()
        if name == "edit" and not hasattr(contestant, "edit_one"):
            continue
        try:
            with life(contestant, bench, options.running if name == "edit" else 0):
                if name != "edit" and hasattr(contestant, "begin_idle"):
                    contestant.begin_idle()
                found.update(parts[name](contestant, options))
        except Failed as failure:
            print(f"{kind.label}, {name}: {failure}", file=sys.stderr)
    return found


def arguments(words=None):
    parts = ("check", "plan", "edit")
    known = [kind.name for kind in ALL]
    parser = argparse.ArgumentParser(prog="scripts/bench config", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--few", type=int, default=1000, help="bots of the small config (1000)")
    parser.add_argument("--many", type=int, default=10_000, help="of the large one (10000)")
    parser.add_argument("--running", type=int, default=1000, help="bots that run (1000)")
    parser.add_argument("--edits", type=int, default=5, help="edits in each run (5)")
    parser.add_argument("--quick", action="store_true", help="one run of little: does it work?")
    parser.add_argument("--parts", default=",".join(parts), help="by comma: " + ", ".join(parts))
    parser.add_argument("--only", default=",".join(known), help="contestants, by comma: "
                        + ", ".join(known))
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if options.quick:
        options.runs, options.few, options.many = 1, 100, 500
        options.running, options.edits = 20, 2
    options.parts = options.parts.split(",")
    options.only = set(options.only.split(","))
    for given, there, what in ((options.only, set(known), "contestant"),
                               (set(options.parts), set(parts), "part")):
        if given - there:
            parser.error(f"no {what} {', '.join(sorted(given - there))}; there are "
                         + ", ".join(sorted(there)))
    if min(options.runs, options.few, options.many, options.running, options.edits) < 1:
        parser.error("--runs, --few, --many, --running and --edits are above 0")
    return options


def main():
    options = arguments()
    raise_open_files()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    options.cache.mkdir(parents=True, exist_ok=True)
    if os.getloadavg()[0] > 0.5:
        print(f"The machine is busy (load {os.getloadavg()[0]:.1f}): the figures will be too high.",
              file=sys.stderr)
    results = {}
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/dev/shm") as directory:
        bench = ConfigBench(options.build, options.cache, pathlib.Path(directory))
        ready = available(ALL, bench, options.only)
        for run in range(options.runs):
            for kind in ready:
                found = measure(kind, bench, options)
                results.setdefault(kind.name, []).append(found)
                text = ", ".join(f"{key} {value:.4g}" for key, value in found.items())
                print(f"run {run + 1} of {options.runs}, {kind.label}: {text}", file=sys.stderr)
    kept = options.cache / "config.json"
    kept.write_text(json.dumps({"machine": report.machine(), "runs": results}, indent=1) + "\n")
    print(report.table(results, figures(options), {kind.name: kind.label for kind in ALL}))
    print(f"\n{report.machine()}, {options.runs} runs; every single value: {kept}")


if __name__ == "__main__":
    main()
