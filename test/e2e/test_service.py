"""What a service manager sees of `troupe run`: the protocol of NOTIFY_SOCKET."""

import os
import socket
import struct
import subprocess
import unittest
from pathlib import Path

from troupe_case import Case, poll_until
from troupe_test import PATIENCE, faultbot


class Manager:
    """Stands for systemd: hears what is said, and in whose name."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(self.path)
        self.socket.settimeout(PATIENCE)
        self.heard = []

    def wait(self, word):
        """The next message with that line; its fields and the pid that it came from."""
        while True:
            data, control, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(12))
            pid = struct.unpack("iii", control[0][2][:12])[0]
            fields = dict(line.split("=", 1) for line in data.decode().splitlines())
            self.heard.append((pid, fields))
            if word.split("=")[0] in fields:
                assert fields[word.split("=")[0]] == word.split("=")[1], fields
                return fields, pid


def environment_of(pid):
    return dict(one.split("=", 1) for one in
                Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0") if "=" in one)


class Service(Case):
    def managed(self, files, **more):
        fleet = self.prepared(files, innocents=False, **more)
        manager = Manager(fleet.directory / "notify")
        self.addCleanup(manager.socket.close)
        fleet.env.update(NOTIFY_SOCKET=manager.path)
        return fleet, manager

    def test_a_life(self):
        fleet, manager = self.managed({
            "one": {**faultbot(), "replicas": 3, "stop_timeout": "2m",
                    "pass_environment": ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]},
            "some/where/idle": {**faultbot(), "autostart": False}, "empty/group": {}})
        fleet.env.update(WATCHDOG_USEC="20000000")
        fleet.launch()
        said, pid = manager.wait("READY=1")
        # All is there at this moment, without any waiting.
        self.assertEqual({"one#0", "one#1", "one#2", "some/where/idle#0"}, set(fleet.status()))
        self.assertEqual("fleet fleet: 2 bots, 4 instances, epoch 1", said["STATUS"])
        me = fleet.keeper if os.geteuid() == 0 else fleet.runtime
        self.assertEqual(me, pid)
        self.assertIn("troupe-keeper", Path(f"/proc/{fleet.keeper}/comm").read_text())
        poll_until(lambda: fleet.row("one#0")["state"] == "running")
        for variable in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
            self.assertNotIn(variable, environment_of(fleet.pid("one#0")))

        manager.wait("WATCHDOG=1")
        fleet.kill_runtime()
        said, pid = manager.wait("READY=1")
        self.assertIn("epoch 2", said["STATUS"])
        manager.wait("WATCHDOG=1")
        self.assertNotIn("NOTIFY_SOCKET", environment_of(fleet.pid("one#0")))

        fleet.ask("shutdown")
        said, pid = manager.wait("STOPPING=1")
        self.assertGreaterEqual(int(said["EXTEND_TIMEOUT_USEC"]), 120_000_000)
        self.assertEqual(0, fleet.process.wait(60))
        if os.geteuid() == 0:
            self.assertEqual({me}, {who for who, _ in manager.heard})

    def test_term_is_told_too(self):
        fleet, manager = self.managed({"one": faultbot()})
        fleet.launch()
        manager.wait("READY=1")
        fleet.process.terminate()
        manager.wait("STOPPING=1")
        self.assertEqual(0, fleet.process.wait(60))
        self.assertFalse([fields for _, fields in manager.heard if "WATCHDOG" in fields])

    def test_a_tree_that_is_wrong_is_never_ready(self):
        fleet, manager = self.managed({"one": {"command": 3}})
        fleet.launch()
        self.assertEqual(6, fleet.process.wait(60))
        manager.socket.settimeout(0)
        self.assertRaises(BlockingIOError, manager.socket.recv, 4096)

    def test_nobody_there_is_no_reason_not_to_run(self):
        fleet = self.prepared({"one": faultbot()}, innocents=False,
                              env={"NOTIFY_SOCKET": "/nonexistent/notify"}).start()
        fleet.wait_running("one#0")
        self.assertIn("the service manager hears nothing", fleet.said())
        fleet.end()

    def test_a_watchdog_for_another_process_is_not_fed(self):
        fleet, manager = self.managed({"one": faultbot()})
        fleet.env.update(WATCHDOG_USEC="20000000", WATCHDOG_PID="1")
        fleet.launch()
        manager.wait("READY=1")
        fleet.kill_runtime()
        manager.wait("READY=1")
        self.assertFalse([fields for _, fields in manager.heard if "WATCHDOG" in fields])
        fleet.process.terminate()
        self.assertEqual(0, fleet.process.wait(60))

    @unittest.skipIf(subprocess.run(["choom", "-n", "-1", "--", "true"],
                                    stderr=subprocess.DEVNULL).returncode,
                     "a negative oom_score_adj may not be set here")
    def test_what_protects_the_keeper_is_not_for_bots(self):
        fleet = self.prepared({"one": faultbot(), "two": {**faultbot(), "oom_score_adj": -100}},
                              innocents=False, wrapper=("choom", "-n", "-500", "--")).start()
        fleet.wait_running("one#0", "two#0")
        score = lambda pid: int(Path(f"/proc/{pid}/oom_score_adj").read_text())
        self.assertEqual((-500, -500, 0, -100), (
            score(fleet.keeper), score(fleet.runtime), score(fleet.pid("one#0")),
            score(fleet.pid("two#0"))))
        fleet.end()


if __name__ == "__main__":
    unittest.main()
