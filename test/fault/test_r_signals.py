"""Faults of the runtime: R05 storms of signals, R07 its own death, R23 a log that nobody reads."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import socket
import stat
import tempfile
import threading
import time
import unittest

import procfs
from troupe_case import Case, poll_until
from troupe_test import SANITIZED, faultbot, times

QUICK = {"initial": "50ms", "max": "500ms", "jitter": 0}


class Storm(threading.Thread):
    """Sends signals every 10 ms."""

    def __init__(self, pids, signals):
        super().__init__(daemon=True)
        self.pids, self.signals = pids, signals
        self.over = threading.Event()
        self.began = time.monotonic()

    def run(self):
        while not self.over.wait(0.01):
            for pid in self.pids:
                for number in self.signals:
                    os.kill(pid, number)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
        self.took = time.monotonic() - self.began


class Signals(Case):
    def test_R05_storm(self):
        count = times(200, 2000)
        fleet = self.fleet({"crowd": {**faultbot(), "replicas": count, "restart": "temporary",
                                      "start_grace": "50ms"}})
        names = [f"crowd#{i}" for i in range(count)]
        fleet.wait_running(*names)
        runtime = fleet.runtime
        pids = [row["pid"] for row in fleet.status("crowd").values()]
        signals = (signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD)
        with Storm([fleet.keeper, runtime], signals) as storm:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            fleet.wait_all({"failed"}, names)
            poll_until(lambda: storm.began + 2 < time.monotonic())
            self.check_ping(fleet)
        self.assertEqual(runtime, fleet.runtime)
        self.assertEqual([9] * count, [d["signal"] for d in fleet.deaths("crowd", 10000)])
        said = fleet.said().count("HUP: the config tree is read again")
        self.assertGreaterEqual(said, 1)
        self.assertLessEqual(said, 2 + storm.took / 10, "the log is flooded")
        self.assertEqual(1, fleet.ask("config", "standing")["version"])
        self.finish(fleet)

    def crash_files(self, fleet):
        return sorted(fleet.state.glob("crash-*.txt"))

    def test_R07_crashes(self):
        fleet = self.prepared({"mortal": {
            **faultbot(), "delay": QUICK, "environment": {"KEY": "${secret:key}"}},
            "secrets/key": b"canary-7f3a"})
        (fleet.tree / "secrets").chmod(0o700)
        (fleet.tree / "secrets/key").chmod(0o600)
        fleet.start()
        self.meet_innocents(fleet)
        fleet.wait_running("mortal#0")
        # A sanitizer has handlers of its own for the others.
        kinds = [signal.SIGABRT] if SANITIZED else [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS,
                                                    signal.SIGFPE, signal.SIGILL]
        for round_number, kind in enumerate(kinds):
            with self.subTest(kind):
                # In the gap somebody dies, as in R01.
                mortal = fleet.pid("mortal#0")
                epoch = fleet.lives + round_number
                with fleet.keeper_held():
                    old = fleet.kill_runtime(kind)
                    os.kill(mortal, signal.SIGKILL)
                    poll_until(lambda: procfs.state_of(mortal) == "Z")
                event = fleet.wait_state("mortal#0", "backoff", after=fleet.mark())
                fleet.wait_state("mortal#0", "running", after=event["seq"])
                file = self.crash_files(fleet)[-1]
                self.assertEqual(0o600, stat.S_IMODE(file.stat().st_mode))
                self.assertRegex(file.name, rf"^crash-\d{{8}}T\d{{6}}Z-{old}\.txt$")
                text = file.read_text()
                self.assertRegex(text, rf"^troupe-runtime \S+, pid {old}, epoch {epoch}\n")
                self.assertRegex(text, rf"signal {int(kind)} \({kind.name[3:]}\), sent by pid "
                                       rf"{os.getpid()}, uid {os.geteuid()}")
                self.assertRegex(text, r"backtrace.*:\n(.*\n)*.*troupe-runtime\(")
                # What it did last is in it.
                self.assertRegex(text, r"last events:\n(.*\n)*.* mortal#0")
                self.assertIn(f"killed by signal {int(kind)}", fleet.said())
                self.assertIn(f"pid {old}) crashed: see {file}", fleet.said())
                self.check_innocents(fleet)
        self.kill_and_look(fleet)
        for file in self.crash_files(fleet):
            self.assertNotIn("canary-7f3a", file.read_text())
        self.finish(fleet)

    def kill_and_look(self, fleet):
        """Killed, it can write nothing; but the next one finds its last events. Ten are kept."""
        for second in range(12):
            (fleet.state / f"crash-20200101T0000{second:02}Z-1.txt").touch()
        for _ in range(times(3, 12)):
            old = fleet.kill_runtime()
            fleet.wait_answer()
            file = poll_until(lambda: [f for f in self.crash_files(fleet) if f.name.endswith(
                f"-{old}.txt")])[0]
            self.assertRegex(file.read_text(), r"without a word.*\n\nlast events:\n.+\n")
            self.assertLessEqual(len(self.crash_files(fleet)), 10)
        self.assertGreaterEqual(len(self.crash_files(fleet)), 9)

    def live(self, fleet):
        """What makes keeper and runtime say something."""
        poll_until(lambda: fleet.row("mortal#0")["state"] == "running")
        self.kill_mortal(fleet)
        for _ in range(3):
            os.kill(fleet.keeper, signal.SIGHUP)
            fleet.kill_runtime()
            fleet.wait_answer()
        self.kill_mortal(fleet)
        for _ in range(times(10, 50)):
            fleet.ask("restart", "crowd", "--wait")
        self.check_all(fleet)

    def kill_mortal(self, fleet):
        after = fleet.mark()
        os.kill(fleet.pid("mortal#0"), signal.SIGKILL)
        event = fleet.wait_state("mortal#0", "backoff", after=after)
        fleet.wait_state("mortal#0", "running", after=event["seq"])

    def loud_fleet(self, out):
        """One whose keeper and runtime write to `out`, a redirection of the shell."""
        wrapper = ["sh", "-c", f'exec "$@" {out}', "sh"]
        return self.fleet({"mortal": {**faultbot(), "delay": QUICK},
                           "crowd": {**faultbot(), "replicas": 30, "start_grace": 0}},
                          wrapper=wrapper)

    @contextlib.contextmanager
    def pipe(self):
        """A FIFO and our end of it."""
        with tempfile.TemporaryDirectory() as directory:
            path = f"{directory}/fifo"
            os.mkfifo(path)
            fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
            try:
                yield path, fd
            finally:
                with contextlib.suppress(OSError):
                    os.close(fd)

    def fill(self, fd):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(fd, b"." * 4096)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(fd, b".")

    def say_much(self, fleet, lines):
        """Each bad hello is a line."""
        for _ in range(lines):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(fleet.state / "admin.sock"))
                client.sendall(b"no hello\n")
                self.assertRegex(client.recv(100), b"^no ")

    def read_all(self, fd):
        result = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                result += os.read(fd, 1 << 16)
        return result.decode(errors="replace")

    def test_R23_nobody_reads(self):
        with self.pipe() as (path, fd):
            self.fill(fd)
            fleet = self.loud_fleet(f'2>"{path}"')
            self.live(fleet)
            self.say_much(fleet, 1500)
            self.check_all(fleet)
            # Somebody reads again, and is told what was lost.
            heard = ""

            def told(what):
                nonlocal heard
                heard += self.read_all(fd)
                return re.search(what, heard)
            poll_until(lambda: told(r"Z warning \d+ lines of the log were dropped: nobody read"))
            old = fleet.kill_runtime()
            fleet.wait_answer()
            poll_until(lambda: told(rf"troupe-keeper: runtime {old} was killed"))
            self.assertRegex(heard, r"troupe-keeper: \d+ lines were dropped: nobody read them")
            # Full again: the end does not wait for a reader either.
            self.fill(fd)
            self.finish(fleet)

    def test_R23_closed(self):
        with self.subTest("closed"):
            fleet = self.loud_fleet("2>&-")
            self.live(fleet)
            self.finish(fleet)
        with self.subTest("its reader is gone"), self.pipe() as (path, fd):
            fleet = self.loud_fleet(f'2>"{path}"')
            os.close(fd)
            self.live(fleet)
            self.say_much(fleet, 10)
            self.finish(fleet)

    def test_R23_terminal_that_was_stopped(self):
        master, slave = pty.openpty()
        name = os.ttyname(slave)
        fcntl.fcntl(master, fcntl.F_SETFL, os.O_NONBLOCK)
        try:
            fleet = self.loud_fleet(f'>"{name}" 2>&1')
            self.read_all(master)
            os.write(master, b"\x13")  # Ctrl-S
            self.live(fleet)
            self.finish(fleet)
        finally:
            os.close(slave)
            os.close(master)


if __name__ == "__main__":
    unittest.main()
