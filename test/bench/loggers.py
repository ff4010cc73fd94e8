"""Who puts the output of bots into files: Troupe, others, and the limits, all run alike."""

import contextlib
import json
import os
import time

import procfs
from contestants.base import Contestant, Failed, Unavailable
from contestants.supervisord import Supervisord
from contestants.troupe import Troupe


class Setup:
    """What the logs of one life are to be: sizes in bytes, and what the bots run."""

    def __init__(self, command, size, keep):
        self.command, self.size, self.keep = [str(word) for word in command], size, keep


class Logger(Contestant):
    """A contestant whose bots are `flood`, see flood.c. `files` says where their output is."""

    bot_comm = b"flood\n"
    setup = None

    def begin(self, count, directory, setup):
        """Starts so many bots, which wait for their FIFO then."""
        self.setup = setup
        self.prepare(count, directory)
        self.process = self.launch()
        end = time.monotonic() + 60
        while len(self.bots) < count:
            self.bots = [pid for pid in procfs.descendants(self.roots()) if self.writes(pid)]
            if time.monotonic() > end or not self.lives():
                raise Failed(f"{self.label}: {len(self.bots)} of {count} bots came up; its output "
                             f"ends with: {self.tail()}")
            time.sleep(0.1)

    def writes(self, pid):
        return procfs.read(f"/proc/{pid}/comm") == self.bot_comm

    def pids(self):
        return [pid for pid in procfs.descendants(self.roots()) if not self.writes(pid)]

    def files(self):
        """Every file with output."""
        raise NotImplementedError

    def bytes_kept(self):
        total = 0
        for path in self.files():
            with contextlib.suppress(FileNotFoundError):  # it was just renamed
                total += os.stat(path).st_size
        return total


class Pipeline(Logger):
    """flood | PROGRAM: for one bot."""

    def configure(self, no_delay):
        self.out = self.directory / "out"

    def launch(self):
        words = " ".join(self.setup.command)
        return self.spawn("sh", "-c", f"{words} | {self.sink()}")

    def sink(self):
        raise NotImplementedError

    def files(self):
        return [self.out]


class Splice(Pipeline):
    name = "splice"
    label = "bare splice"

    def install(self):
        if not self.bench.bare_splice.exists():
            raise Unavailable(f"{self.bench.bare_splice} is not built")

    def sink(self):
        return f"exec {self.bench.bare_splice} {self.out}"


class Cat(Pipeline):
    name = "cat"
    label = "bare cat"

    def install(self):
        self.need("cat", "tail")

    def sink(self):
        return f"exec cat > {self.out}"

    def last_lines(self, path):
        return ["tail", "-n", "100", path]


class S6Log(Pipeline):
    name = "s6-log"
    label = "s6-log"

    def install(self):
        self.need("s6-log")

    def sink(self):
        return f"exec s6-log -b n{self.setup.keep} s{self.setup.size} {self.out}"

    def files(self):
        with contextlib.suppress(FileNotFoundError):
            return [entry.path for entry in os.scandir(self.out)
                    if entry.name == "current" or entry.name.startswith("@")]
        return []


class SupervisordLogs(Logger, Supervisord):
    def configure(self, no_delay):
        super().configure(no_delay)
        self.out = self.directory / "out"
        self.out.mkdir()
        conf = (self.directory / "conf").read_text()
        head, _, _ = conf.partition("[program:")
        command = " ".join(self.setup.command)
        for index in range(self.count):
            head += (f"[program:b{index:04}]\ncommand={command}\nredirect_stderr=true\n"
                     f"stdout_logfile={self.out}/b{index:04}\n"
                     f"stdout_logfile_maxbytes={self.setup.size}\n"
                     f"stdout_logfile_backups={self.setup.keep}\n")
        (self.directory / "conf").write_text(head)

    def files(self):
        return [entry.path for entry in os.scandir(self.out)]

    def place(self):
        """The log of the first bot."""
        return self.out / "b0000"

    def last_lines(self, path):
        return ["supervisorctl", "-c", self.directory / "conf", "tail", "-10000", "b0000"]


class TroupeLogs(Logger, Troupe):
    def configure(self, no_delay):
        super().configure(no_delay)
        log = {"max_size": f"{self.setup.size}B", "keep": self.setup.keep}
        bot = json.dumps({"command": self.setup.command, "log": log})
        for index in range(self.count):
            (self.tree / f"b{index:04}.json").write_text(bot)
        # By default all logs together have 2 GiB.
        (self.tree / "runtime.json").write_text(json.dumps({"limits": {"logs": "100GiB"}}))

    def files(self):
        found = []
        for directory, _, names in os.walk(self.state / "logs"):
            found += [os.path.join(directory, name) for name in names
                      if ".log" in name and ".index" not in name]
        return found

    def place(self):
        return self.state / "logs/b0000.0.log"

    def last_lines(self, path):
        return self.command("logs", "-n", "100", "b0000")


# In the order of the columns; the first two are limits.
ALL = [Splice, Cat, S6Log, SupervisordLogs, TroupeLogs]
