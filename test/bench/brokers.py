"""Who carries messages between two processes: Troupe, NATS, Redis, and a socketpair as the limit.

Each starts its server, then programs of `talk` (see talk/main.cpp) as its clients; with Troupe they
are bots of a fleet.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import procfs
from contestants.base import Failed, Unavailable


class Broker:
    name = ""
    label = ""
    python = False  # has a client of its own in Python that is measured
    durable = False
    urgent = False

    def __init__(self, bench):
        self.bench = bench
        self.directory = None
        self.server = None
        self.clients = []

    def install(self):
        """Raises Unavailable."""

    def begin(self, directory, programs):
        """Starts the server and `programs`: name → words of talk after its transport."""
        self.directory = directory
        self.log = open(directory / "log", "wb")
        (directory / "results").mkdir()
        self.launch()
        for name, words in programs.items():
            self.clients.append(self.start_client(name, words))
        self.await_files("ready.", len(programs))

    def launch(self):
        pass

    def where(self):
        return "-"

    def environment(self):
        return dict(os.environ, TALK_RESULTS=str(self.directory / "results"))

    def start_client(self, name, words):
        return self.spawn(self.bench.talk, self.name, self.where(), *words, env=self.environment())

    def go(self):
        (self.directory / "results" / "go").touch()

    def await_files(self, prefix, count, timeout=90):
        end = time.monotonic() + timeout
        while True:
            found = [path for path in (self.directory / "results").iterdir()
                     if path.name.startswith(prefix) and not path.name.endswith(".new")]
            if len(found) >= count:
                return found
            if time.monotonic() > end:
                raise Failed(f"{self.label}: {len(found)} of {count} {prefix}* after {timeout} s; its "
                             f"output ends with: {self.tail()}")
            time.sleep(0.01)

    def results(self, count, timeout=180):
        """What so many programs have written: mode → list of objects."""
        found = {}
        for path in self.await_files("result.", count, timeout):
            one = json.loads(path.read_text())
            found.setdefault(one["mode"], []).append(one)
        return found

    def pids(self):
        """The server's processes."""
        return [self.server.pid] if self.server else []

    def end(self):
        for client in self.clients:
            client.kill()
            client.wait()
        if self.server:
            self.server.terminate()
            try:
                self.server.wait(20)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        self.clients, self.server = [], None
        self.log.close()

    def spawn(self, *words, **options):
        return subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL,
                                stdout=self.log, stderr=self.log, **options)

    def tail(self):
        self.log.flush()
        lines = (self.directory / "log").read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "nothing"


class Pair(Broker):
    name = "pair"
    label = "bare socketpair"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nats(Broker):
    name = "nats"
    label = "NATS"
    durable = True

    def install(self):
        if not shutil.which("nats-server"):
            raise Unavailable("nats-server is not installed")

    def launch(self):
        self.port = free_port()
        settings = self.directory / "nats.conf"
        settings.write_text(f'listen: "127.0.0.1:{self.port}"\n'
                            f'jetstream {{ store_dir: "{self.directory}/jetstream" }}\n')
        self.server = self.spawn("nats-server", "-c", settings)
        end = time.monotonic() + 20
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if time.monotonic() > end:
                raise Failed(f"NATS does not listen: {self.tail()}")
            time.sleep(0.02)

    def where(self):
        return str(self.port)


class Redis(Broker):
    name = "redis"
    label = "Redis"

    def install(self):
        if not shutil.which("redis-server"):
            raise Unavailable("redis-server is not installed")

    def launch(self):
        self.path = self.directory / "redis.sock"
        # A slow reader is not cut off: what is measured is the way, not the bound.
        self.server = self.spawn("redis-server", "--port", 0, "--unixsocket", self.path, "--save", "",
                                 "--appendonly", "no", "--client-output-buffer-limit",
                                 "pubsub 0 0 0", "--dir", self.directory)
        end = time.monotonic() + 20
        while not self.path.exists():
            if time.monotonic() > end:
                raise Failed(f"Redis does not listen: {self.tail()}")
            time.sleep(0.02)

    def where(self):
        return self.path


class Troupe(Broker):
    name = "troupe"
    label = "Troupe"
    durable = urgent = python = True
    mailbox = {"messages": 1_000_000, "bytes": "64MiB"}

    def install(self):
        for name in ("troupe", "troupe-runtime", "troupe-keeper"):
            if not (self.bench.binaries / name).exists():
                raise Unavailable(f"{self.bench.binaries / name} is not built")

    def begin(self, directory, programs):
        self.directory = directory
        self.log = open(directory / "log", "wb")
        (directory / "results").mkdir(mode=0o777)
        (directory / "results").chmod(0o777)
        tree = directory / "fleet"
        tree.mkdir()
        (tree / "group.json").write_text(json.dumps({"defaults": {
            "mailbox": self.mailbox, "start_grace": 0, "restart": "temporary",
            "environment": {"TALK_RESULTS": str(directory / "results"),
                            "PYTHONPATH": str(self.bench.python_client)}}}))
        for name, words in programs.items():
            (tree / f"{name}.json").write_text(json.dumps({"command": self.command(words)}))
        self.server = self.spawn(*self.troupe("run", tree))
        self.await_files("ready.", len(programs))

    def command(self, words):
        if words[0] == "python":
            return ["/usr/bin/python3", str(self.bench.talk_python), *map(str, words[1:])]
        transport = "none" if "unlinked" in words else "troupe"
        return [str(self.bench.talk), transport, "-", *map(str, words)]

    def troupe(self, *words):
        return [self.bench.binaries / "troupe", "--state", self.directory / "state", *words]

    def pids(self):
        return [self.runtime()]

    def runtime(self):
        return int((self.directory / "state/runtime.pid").read_text())

    def pid_of(self, bot):
        return int((self.directory / "results" / bot).read_text())

    def end(self):
        if self.server:
            subprocess.run([str(word) for word in self.troupe("shutdown")], stdout=self.log,
                           stderr=self.log, check=False, timeout=60)
            try:
                self.server.wait(30)
            except subprocess.TimeoutExpired:
                procfs.kill_all(procfs.descendants([self.server.pid]))
                self.server.wait()
        self.server = None
        self.log.close()


ALL = [Pair, Redis, Nats, Troupe]


def stop(pid):
    os.kill(pid, signal.SIGSTOP)


def proceed(pid):
    os.kill(pid, signal.SIGCONT)


def child_called(parents, words):
    """The pid of the descendant whose command line ends with these words."""
    wanted = "\0".join(map(str, words)).encode() + b"\0"
    for pid in procfs.descendants(parents):
        if (procfs.read(pathlib.Path(f"/proc/{pid}/cmdline")) or b"").endswith(wanted):
            return pid
    raise Failed(f"no process {words}")
