"""The figures, what is required of them, and the tables."""

import os
import platform
import statistics
from typing import Callable, NamedTuple

from contestants import ALL

LABELS = {contestant.name: contestant.label for contestant in ALL}
MINE = "troupe"
LIMITS = ("bare", "splice", "cat")  # no peers
# Of these the worst run counts, for one is one too many.
WORST = ("disturbed", "lost")


class Figure(NamedTuple):
    key: str
    title: str
    form: str
    required: str
    # (Troupe, bare loop, best peer) → met; what was not measured is None, and so is the answer when
    # that decides. Without it, nothing is required.
    met: Callable
    more_is_better: bool = False


def _at_most(bound):
    return lambda mine, bare, peer: mine <= bound


def _near_the_limit(factor):
    """At most `factor` times the bare loop, and ahead of every peer."""
    return lambda mine, bare, peer: (bare is not None and mine <= factor * bare
                                     and (peer is None or mine < peer))


FIGURES = [
    Figure("started", "all started, s", "{:.2f}", "≤ 1.25 × bare loop, ahead of every peer",
           _near_the_limit(1.25)),
    Figure("restart", "kill -9 → new process, ms", "{:.1f}", "≤ 2 × bare loop, ahead of every peer",
           _near_the_limit(2)),
    Figure("pss_empty", "PSS with no bot, MiB", "{:.1f}", "≤ 20", _at_most(20)),
    Figure("pss_bot", "PSS of each further bot, KiB", "{:.1f}", "≤ 20", _at_most(20)),
    Figure("idle", "idle CPU, % of one core", "{:.2f}", "≤ 0.3", _at_most(0.3)),
    Figure("status", "status of all, ms", "{:.0f}", "≤ 60", _at_most(60)),
    Figure("stop", "stop all, s", "{:.2f}", "≤ 1.5", _at_most(1.5)),
    Figure("runtime", "kill -9 runtime → ping answers, s", "{:.2f}", "≤ 1", _at_most(1)),
    Figure("disturbed", "bots restarted by that", "{:.0f}", "0", _at_most(0)),
]


def medians(runs, figures=tuple(FIGURES)):
    """Figure key → median over the runs, or the worst of them, see WORST."""
    found = {}
    for figure in figures:
        values = [run[figure.key] for run in runs if figure.key in run]
        if values:
            found[figure.key] = max(values) if figure.key in WORST else statistics.median(values)
    return found


def verdict(figure, summary):
    """PASS, MISS, or - when Troupe was not measured or nothing is required."""
    mine = summary.get(MINE, {}).get(figure.key)
    if mine is None or figure.met is None:
        return "-"
    bare = summary.get("bare", {}).get(figure.key)
    peers = [found[figure.key] for name, found in summary.items()
             if name != MINE and name not in LIMITS and figure.key in found]
    best = max if figure.more_is_better else min
    return {None: "-", True: "PASS", False: "MISS"}[
        figure.met(mine, bare, best(peers, default=None))]


def _row(cells):
    return "| " + " | ".join(cells) + " |"


def table(results, figures=tuple(FIGURES), labels=None):
    """Markdown: a row a figure, a column a contestant; `results`: name → list of runs."""
    labels = labels or LABELS
    summary = {name: medians(runs, figures) for name, runs in results.items()}
    lines = [_row(["figure", *(labels[name] for name in summary), "required", ""]),
             _row(["---", *("---:" for _ in summary), "---", "---"])]
    for figure in figures:
        cells = [figure.form.format(found[figure.key]) if figure.key in found else "-"
                 for found in summary.values()]
        if any(cell != "-" for cell in cells):
            lines.append(_row([figure.title, *cells, figure.required, verdict(figure, summary)]))
    return "\n".join(lines)


def growth(results):
    """Markdown: a row a figure, a column for each contestant at each size; size → name → runs."""
    columns = {(name, size): medians(runs)
               for size, by_name in results.items() for name, runs in by_name.items()}
    order = sorted(columns, key=lambda column: (list(LABELS).index(column[0]), column[1]))
    lines = [_row(["figure", *(f"{LABELS[name]}, {size}" for name, size in order)]),
             _row(["---", *("---:" for _ in order)])]
    for figure in FIGURES:
        cells = [figure.form.format(columns[column][figure.key])
                 if figure.key in columns[column] else "-" for column in order]
        if any(cell != "-" for cell in cells):
            lines.append(_row([figure.title, *cells]))
    return "\n".join(lines)


def machine():
    """One line about the machine, without its name."""
    model = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, "
            f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}")
