"""The interface that every contestant fills in, and what they have in common."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import procfs


class Unavailable(Exception):
    """The contestant cannot take part here; the text says why."""


class Failed(Exception):
    """The contestant did not do what was asked; the text says what."""


def available(kinds, bench, wanted):
    """Those of `wanted` that can take part; those that cannot are said, with the reason."""
    ready = []
    for kind in kinds:
        if kind.name in wanted:
            try:
                kind(bench).install()
                ready.append(kind)
            except Unavailable as reason:
                print(f"without {kind.label}: {reason}", file=sys.stderr)
    return ready


class Contestant:
    """One supervisor with n bots. A life is: prepare, start, measure, stop_all, cleanup.

    A subclass gives `prepare` (writes the configuration), `launch` (starts the tool), `status`
    (its command and how many bots that spoke of) and `ask_stop`.
    """

    name = ""
    label = ""
    settled = frozenset()  # its helpers, see procfs.BotWatch
    no_delay_differs = False  # a restart waits by default, and the tool can be told not to

    def __init__(self, bench):
        """`bench`: bot (path), argument (of its sleep), cache (directory), binaries (directory)."""
        self.bench = bench
        self.count = 0
        self.directory = None
        self.process = None
        self.bots = []
        self.log = None

    def install(self):
        """Makes the tool available; raises Unavailable."""

    def prepare(self, count, directory, no_delay=False):
        """Writes what `count` bots need into the empty `directory`."""
        self.count = count
        self.directory = directory
        self.log = open(directory / "log", "wb")
        self.configure(no_delay)

    def configure(self, no_delay):
        raise NotImplementedError

    def launch(self):
        """Starts the tool; returns its Popen."""
        raise NotImplementedError

    def start(self, timeout=180):
        """Seconds from launching the tool until each bot is its `sleep`."""
        watch = procfs.BotWatch(self.bench.argument, self.settled)
        with contextlib.closing(watch):
            began = time.monotonic()
            self.process = self.launch()
            self.bots = watch.wait_for(self.count, timeout, self.lives)
            took = time.monotonic() - began
        if len(self.bots) != self.count:
            raise Failed(f"{self.label}: {len(self.bots)} of {self.count} bots came up; "
                         f"its output ends with: {self.tail()}")
        return took

    def lives(self):
        """False once the launched process has ended with an error."""
        return not self.process.poll()

    def roots(self):
        return [self.process.pid] if self.process else []

    def pids(self):
        """The supervisor's own processes: all of its tree but the bots."""
        return [pid for pid in procfs.descendants(self.roots())
                if not procfs.is_bot(pid, self.bench.argument)]

    def pss(self):
        return procfs.pss_kib(self.pids())

    def cpu_seconds(self):
        return procfs.cpu_seconds(self.pids())

    def kill_one(self, index, timeout=30):
        """Seconds from kill -9 of one bot until its successor is its `sleep`."""
        watch = procfs.BotWatch(self.bench.argument, self.settled)
        with contextlib.closing(watch):
            began = time.monotonic()
            os.kill(self.bots[index], signal.SIGKILL)
            successor = watch.wait_for_one(timeout)
            took = time.monotonic() - began
        if successor is None:
            raise Failed(f"{self.label}: no successor of a killed bot after {timeout} s")
        self.bots[index] = successor
        return took

    def status(self):
        """Runs the tool's own status over all bots; returns how many it spoke of."""
        raise NotImplementedError

    def status_time(self):
        """Seconds of the whole status command; checks that all bots were in it."""
        began = time.monotonic()
        seen = self.status()
        took = time.monotonic() - began
        if seen != self.count:
            raise Failed(f"{self.label}: its status spoke of {seen} bots instead of {self.count}")
        return took

    def ask_stop(self):
        """Asks the tool to stop all and end; may or may not wait for it."""
        self.process.send_signal(signal.SIGTERM)

    def stop_all(self, timeout=120):
        """Seconds from the request until every bot and every process of the tool is gone."""
        fds = procfs.open_pidfds([*self.bots, *self.pids()])
        began = time.monotonic()
        self.ask_stop()
        left = procfs.wait_gone(fds, timeout)
        took = time.monotonic() - began
        if left:
            procfs.kill_all(left)
            raise Failed(f"{self.label}: {len(left)} processes left {timeout} s after the stop")
        return took

    def cleanup(self):
        """Ends whatever is left and removes the directory; always safe to call."""
        mine = procfs.descendants(self.roots())
        mine += [pid for pid in self.bots if procfs.is_bot(pid, self.bench.argument)]
        left = procfs.kill_all(mine)
        if self.process:
            self.process.wait()
        if self.log:
            self.log.close()
        self.process, self.bots, self.log = None, [], None
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
        if left:
            raise Failed(f"{self.label}: these processes cannot be killed: {left}")

    # Helpers of the subclasses.

    def spawn(self, *command, **options):
        return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                stdout=self.log, stderr=self.log, **options)

    def output_of(self, *command, **options):
        """What the command printed; its exit code is the caller's business."""
        return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=self.log, timeout=300,
                              check=False, **options).stdout.decode(errors="replace")

    def tail(self):
        self.log.flush()
        lines = (self.directory / "log").read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "nothing"

    @staticmethod
    def need(*programs):
        for program in programs:
            if not shutil.which(program):
                raise Unavailable(f"{program} is not installed")
