"""Faults of the runtime: R09 out of descriptors, R13 the admin socket's place is taken."""

import contextlib
import os
import resource
import signal
import socket
import time
import unittest

import procfs
from troupe_case import Case, innocent_names, poll_until
from troupe_test import Follower, faultbot

QUICK = {"initial": "50ms", "max": "500ms", "jitter": 0}
HELLO = b"troupe/1 0.1.0\n"


class Admin(Case):
    @contextlib.contextmanager
    def no_descriptors(self, pid):
        """Within, the process can open nothing more."""
        used = set(map(int, os.listdir(f"/proc/{pid}/fd")))
        lowest_free = next(number for number in range(1 << 20) if number not in used)
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)

    @unittest.skipIf("undefined" in os.environ.get("TROUPE_SANITIZE", ""),
                     "the sanitizer's look at objects needs a pipe of its own")
    def test_R09_no_descriptors(self):
        fleet = self.fleet({"mortal": {**faultbot(), "delay": QUICK, "failed_starts": 100000,
                                       "max_restarts": {"count": 100000, "within": "10m"}}})
        fleet.wait_running("mortal#0")
        before = self.measure(fleet)
        runtime, mortal = fleet.runtime, fleet.pid("mortal#0")
        with contextlib.ExitStack() as clients:
            with self.no_descriptors(runtime):
                connected = []
                for _ in range(100):
                    client = clients.enter_context(socket.socket(socket.AF_UNIX))
                    client.settimeout(60)
                    client.connect(str(fleet.state / "admin.sock"))
                    with contextlib.suppress(BrokenPipeError):  # it may have been told already
                        client.sendall(HELLO)
                    connected.append(client)
                # One after the other is told why; the others wait.
                self.assertRegex(connected[0].recv(200), b"^no it has too many files open")
                used, began = procfs.cpu_seconds(runtime), time.monotonic()
                os.kill(mortal, signal.SIGKILL)
                event = fleet.wait_state("mortal#0", "backoff", cause="spawn-failed")
                self.assertIn("Too many open files", event["cause"])
                while time.monotonic() < began + 4:
                    time.sleep(0.1)  # what is measured is what it uses meanwhile
                share = (procfs.cpu_seconds(runtime) - used) / (time.monotonic() - began)
                self.assertLess(share, 0.25, "it burns CPU; 0.05 would be right")
            fleet.wait_state("mortal#0", "running", after=event["seq"])
            # Whoever was not told yet is served now.
            answers = [client.recv(200) for client in connected[1:]]
            self.assertEqual({b"no", b"ok"}, {answer[:2] for answer in answers}, answers)
        self.assertEqual(runtime, fleet.runtime)
        self.assertLess(fleet.said().count("cannot accept"), 10, "the log is flooded")
        self.finish(fleet, before)

    def wait_said(self, fleet, what):
        poll_until(lambda: what in fleet.said())

    def test_R13_place_is_taken_at_the_start(self):
        fleet = self.prepared({"mortal": {**faultbot(), "delay": QUICK}})
        (fleet.state / "admin.sock/full").mkdir(parents=True)
        fleet.state.chmod(0o711)
        fleet.launch()
        self.wait_said(fleet, "admin socket: unlink")
        self.assertIn("Is a directory; the fleet runs on without it", fleet.said())
        # The fleet runs, and is supervised.
        poll_until(lambda: len(fleet.journal_entries()) >= len(innocent_names()))
        bots = poll_until(lambda: [p for p in procfs.bots_of(fleet.state)
                                   if procfs.variable(p, "TROUPE_BOT") == "mortal"])
        os.kill(bots[0], signal.SIGKILL)
        poll_until(lambda: [p for p in procfs.bots_of(fleet.state) if p != bots[0]
                            and procfs.variable(p, "TROUPE_BOT") == "mortal"])
        # Another runtime does no better, and no worse.
        fleet.kill_runtime()
        poll_until(lambda: fleet.said().count("admin socket: unlink") >= 2)
        (fleet.state / "admin.sock/full").rmdir()
        (fleet.state / "admin.sock").rmdir()
        fleet.wait_answer()
        self.wait_said(fleet, "admin.sock is there now")
        fleet.follower = Follower(fleet)
        self.meet_innocents(fleet)
        fleet.kill_runtime()
        fleet.wait_answer()
        self.finish(fleet)

    def test_R13_removed_or_replaced_while_running(self):
        fleet = self.fleet({})
        path = fleet.state / "admin.sock"

        def file():
            path.write_text("this is no socket\n")

        def stranger():
            with socket.socket(socket.AF_UNIX) as other:
                other.bind(str(path))

        def directory():
            path.mkdir()

        for how in (lambda: None, file, stranger, directory):
            with self.subTest(how.__name__):
                path.unlink()
                how()
                if how is directory:
                    self.wait_said(fleet, "Is a directory")
                    path.rmdir()
                fleet.wait_answer()
                self.assertEqual(0o600, path.stat().st_mode & 0o777)
                self.check_ping(fleet)
        # The next runtime goes on with the one that there is.
        inode = path.stat().st_ino
        fleet.kill_runtime()
        fleet.wait_answer()
        self.assertEqual(inode, path.stat().st_ino)
        # And notices when it was removed while there was no runtime.
        with fleet.keeper_held():
            fleet.kill_runtime()
            path.unlink()
        fleet.wait_answer()
        self.finish(fleet)


if __name__ == "__main__":
    unittest.main()
