"""The contestants of scripts/bench config: who checks, compares and applies a config of n bots."""

import contextlib
import json
import os
import select
import subprocess
import time

import procfs
from contestants.base import Contestant, Failed
from contestants.supervisord import Supervisord
from contestants.troupe import Troupe

PATIENCE = 120


def timed(command, **options):
    """Seconds that the command took, and what it printed."""
    began = time.monotonic()
    try:
        ended = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                               timeout=PATIENCE, **options)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} took more than {PATIENCE} s") from None
    return time.monotonic() - began, ended


class TroupeConfig(Troupe):
    """A tree with one file a bot, each with settings of its own."""

    def write_tree(self, tree, count, argument="1"):
        """Every bot's settings depend on `argument`, so two trees differ in each of them."""
        tree.mkdir()
        (tree / "runtime.json").write_text('{"fleet": "bench"}')
        for index in range(count):
            group = tree / f"g{index // 100:04}"
            if index % 100 == 0:
                group.mkdir()
                (group / "group.json").write_text(json.dumps(
                    {"strategy": "one_for_one", "defaults": {"stop_timeout": "5s"}}))
            (group / f"b{index:05}.json").write_text(json.dumps({
                "command": ["sleep", argument],
                "environment": {"NUMBER": str(index)},
                "limits": {"open_files": 1024},
                "labels": {"shard": str(index % 7)}}, indent=2))

    def check(self, count):
        """Seconds of `troupe check`, and of the loader alone inside a process."""
        tree = self.directory / f"check-{count}"
        if not tree.exists():
            self.write_tree(tree, count)
        took, ended = timed([self.program, "check", tree])
        if ended.returncode:
            raise Failed(f"troupe check: {ended.stdout[-300:]}")
        return took, self.alone("load", tree)["ms"] / 1000

    def plan(self, count):
        """Seconds from one loaded tree to another in which every bot has another command."""
        trees = [self.directory / f"plan-{count}-{argument}" for argument in "12"]
        for argument, tree in zip("12", trees):
            if not tree.exists():
                self.write_tree(tree, count, argument)
        figures = self.alone("plan", *trees)
        if figures["steps"] != count:
            raise Failed(f"the plan has {figures['steps']} steps for {count} changed bots")
        return (figures["ms"] + figures["document_ms"]) / 1000

    def alone(self, *words):
        _, ended = timed([self.bench.build / "test/config_speed", *words])
        if ended.returncode:
            raise Failed(f"config_speed: {ended.stdout[-300:]}")
        return json.loads(ended.stdout)

    def configure(self, no_delay):
        super().configure(no_delay)
        (self.tree / "runtime.json").write_text('{"fleet": "bench", "auto_apply": true}')

    def pids_by_name(self):
        out = json.loads(self.output_of(*self.command("status", "--json")))
        return {row["name"]: row["pid"] for row in out["instances"]}

    def edit_one(self):
        """Edits one file as an editor does. Seconds from its rename until the event that it is
        applied has arrived here and until its new process is there; other pids that changed."""
        index = self.count // 2
        path = self.tree / f"b{index:04}.json"
        self.edits = getattr(self, "edits", 0) + 1
        fresh = path.with_name(".fresh")
        fresh.write_text(json.dumps({"command": [str(self.bench.bot)],
                                     "environment": {"EDIT": str(self.edits)}}))
        before = self.pids_by_name()
        with self.events() as lines, \
                contextlib.closing(procfs.BotWatch(self.bench.argument)) as watch:
            began = time.monotonic()
            os.rename(fresh, path)
            applied = self.await_applied(lines, began)
            watch.wait_for_one(30)
            replaced = time.monotonic() - began
        after = self.await_pids(before, f"b{index:04}#0")
        changed = [name for name, pid in after.items() if pid != before.get(name)]
        others = [name for name in changed if name != f"b{index:04}#0"]
        return applied, replaced, len(others) + len(before.keys() ^ after.keys())

    def await_pids(self, before, name, timeout=30):
        """The pids once the changed one is up; it is a failure when it never is."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            after = self.pids_by_name()
            if after.get(name) and after[name] != before[name]:
                return after
            time.sleep(0.1)
        raise Failed(f"{name} has no new process {timeout} s after its file was edited")

    @contextlib.contextmanager
    def events(self):
        """The stream of events from now on, as a file; what is kept already is read away."""
        process = subprocess.Popen([str(word) for word in self.command("events", "-f", "-n", "1",
                                                                       "--json")],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=self.log)
        try:
            if not process.stdout.readline():
                raise Failed("troupe events ended at once")
            yield process.stdout
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    @staticmethod
    def await_applied(lines, began, timeout=30):
        """Seconds from `began` until an event of the config says that a version is applied."""
        kept = b""
        while time.monotonic() - began < timeout:
            if not select.select([lines], [], [], 1)[0]:
                continue
            kept += os.read(lines.fileno(), 65536)
            now = time.monotonic()
            *whole, kept = kept.split(b"\n")
            for line in whole:
                event = json.loads(line)
                if event.get("instance") == "config" and " applied " in event["cause"] + " ":
                    return now - began
        raise Failed(f"no version was applied {timeout} s after a file was edited")


class SystemdConfig(Contestant):
    """systemd-analyze verify: loads unit files and whatever they depend on, without a manager."""

    name = "systemd"
    label = "systemd-analyze"

    def install(self):
        self.need("systemd-analyze")

    def configure(self, no_delay):
        pass

    def check(self, count):
        units = self.directory / f"check-{count}"
        if not units.exists():
            units.mkdir()
            for index in range(count):
                (units / f"bench-{index:05}.service").write_text(
                    "[Unit]\nDescription=one of many\n[Service]\nExecStart=/bin/sleep 1\n"
                    f"Environment=NUMBER={index}\nLimitNOFILE=1024\nTimeoutStopSec=5s\n")
        # By their short names, for all of them have to fit on one command line.
        took, ended = timed(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                             *(f"./bench-{index:05}.service" for index in range(count))],
                            cwd=units)
        if ended.returncode:
            raise Failed(f"systemd-analyze: {ended.stdout[-300:]}")
        return took, None


class SupervisordConfig(Supervisord):
    """supervisord reads its one file again (`reread`), compares, and carries it out (`update`)."""

    def configure(self, no_delay):
        super().configure(no_delay)
        self.edits = 0
        self.idle = not self.count

    def ctl(self, *words):
        return timed(["supervisorctl", "-c", self.directory / "conf", *words])

    def write_programs(self, count, argument):
        """`count` programs that do not start, in place of those of the file."""
        conf = self.directory / "conf"
        head = conf.read_text().split("[program:", 1)[0]
        conf.write_text(head + "".join(
            f"[program:b{index:05}]\ncommand=sleep {argument}\nautostart=false\n"
            f"environment=NUMBER=\"{index}\"\nstopwaitsecs=5\n" for index in range(count)))

    def begin_idle(self):
        """A supervisord without a program."""
        self.process = self.launch()
        end = time.monotonic() + 30
        while not (self.directory / "sock").exists():
            if time.monotonic() > end or self.process.poll() is not None:
                raise Failed(f"supervisord does not come up: {self.tail()}")
            time.sleep(0.05)

    def check(self, count):
        self.write_programs(count, "1")
        took, ended = self.ctl("reread")
        if ended.stdout.count(b": available") != count:
            raise Failed(f"supervisorctl reread: {ended.stdout[-300:]}")
        return took, None

    def plan(self, count):
        """All are known and then all are changed: `reread` names each and does nothing."""
        self.write_programs(count, "1")
        self.ctl("update")
        self.write_programs(count, "2")
        took, ended = self.ctl("reread")
        if ended.stdout.count(b": changed") != count:
            raise Failed(f"supervisorctl reread: {ended.stdout[-300:]}")
        self.write_programs(0, "")
        self.ctl("update")
        return took

    def edit_one(self):
        """Changes one program of the file and has it carried out; there is nothing to wait for
        but the command itself."""
        conf = self.directory / "conf"
        index = self.count // 2
        section = f"[program:b{index:04}]\ncommand={self.bench.bot}\n"
        text = conf.read_text()
        at = text.index(section)
        end = text.find("[program:", at + 1)
        self.edits += 1
        changed = section + f"environment=EDIT=\"{self.edits}\"\n"
        fresh = conf.with_name("fresh")
        fresh.write_text(text[:at] + changed + (text[end:] if end > 0 else ""))
        before = self.pids_by_name()
        began = time.monotonic()
        os.rename(fresh, conf)
        _, ended = self.ctl("update")
        took = time.monotonic() - began
        if b"updated process group" not in ended.stdout:
            raise Failed(f"supervisorctl update: {ended.stdout[-300:]}")
        after = self.pids_by_name()
        others = [name for name in before
                  if after.get(name) != before[name] and name != f"b{index:04}"]
        return took, took, len(others)

    def pids_by_name(self):
        _, ended = self.ctl("status")
        rows = (line.split() for line in ended.stdout.decode().splitlines())
        return {row[0]: row[3] for row in rows if len(row) > 3 and row[2] == "pid"}


ALL = (TroupeConfig, SystemdConfig, SupervisordConfig)
