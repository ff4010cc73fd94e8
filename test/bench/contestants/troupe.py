"""Troupe: one tree of files, the keeper and the runtime."""

import contextlib
import json
import os
import signal
import time

import procfs
from contestants.base import Contestant, Failed, Unavailable


class Troupe(Contestant):
    name = "troupe"
    label = "Troupe"
    no_delay_differs = True

    def install(self):
        self.program = self.bench.binaries / "troupe"
        for name in ("troupe", "troupe-runtime", "troupe-keeper"):
            if not (self.bench.binaries / name).exists():
                raise Unavailable(f"{self.bench.binaries / name} is not built")

    def configure(self, no_delay):
        self.tree = self.directory / "fleet"
        self.state = self.directory / "state"
        self.tree.mkdir()
        group = {}
        if no_delay:
            group = {"defaults": {"delay": {"initial": 0},
                                  "max_restarts": {"count": 1000, "within": "10m"}}}
        (self.tree / "group.json").write_text(json.dumps(group))
        bot = json.dumps({"command": [str(self.bench.bot)]})
        if not self.count:  # a tree without any bot is refused
            (self.tree / "idle.json").write_text(
                json.dumps({"command": [str(self.bench.bot)], "autostart": False}))
        for index in range(self.count):
            (self.tree / f"b{index:04}.json").write_text(bot)

    def command(self, *words):
        return [self.program, "--state", self.state, *words]

    def launch(self):
        return self.spawn(*self.command("run", self.tree))

    def status(self):
        out = self.output_of(*self.command("status", "--json"))
        # A substring is counted instead of parsing, so that our parser is not in the figure.
        return out.count('"incarnation"')

    def ask_stop(self):
        self.output_of(*self.command("shutdown"))

    def kill_runtime(self, timeout=60):
        """kill -9 of the runtime: seconds until `ping` answers, and how many bots that cost."""
        pid = int((self.state / "runtime.pid").read_text())
        watch = procfs.BotWatch(self.bench.argument)
        with contextlib.closing(watch):
            dead = procfs.open_pidfds([pid])
            began = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            # Else the first ping could still be answered by the old one.
            procfs.wait_gone(dead, timeout)
            while self.spawn(*self.command("ping")).wait():
                if time.monotonic() - began > timeout:
                    raise Failed(f"{self.label}: no ping {timeout} s after the runtime was killed")
            took = time.monotonic() - began
            # What the new runtime would start wrongly, it starts within seconds.
            fresh = len(watch.wait_for(1, 3))
        lost = sum(not procfs.is_bot(pid, self.bench.argument) for pid in self.bots)
        return took, max(lost, fresh)
