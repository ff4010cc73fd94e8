"""Faults of child processes that a limit contains: C13, C20."""

import os
import shutil
import unittest
from pathlib import Path

import procfs
from troupe_case import Case, poll_until, root_only
from troupe_test import FAULTBOT, faultbot, write_tree

QUICK = {"initial": "50ms", "max": "500ms", "jitter": 0}
USER = 54322


def processes_of(user):
    """Living processes of a user."""
    result = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            mine = os.stat(f"/proc/{name}").st_uid == user
        except FileNotFoundError:
            continue
        if mine and procfs.alive(name):
            result.append(int(name))
    return result


class Limits(Case):
    def bomb(self, wrapper=()):
        """A fork bomb of another user, under limits.processes."""
        self.assertEqual([], processes_of(USER), "somebody else runs as this user")
        fleet = self.prepared({}, wrapper=wrapper)
        program = fleet.directory / "faultbot"
        shutil.copy(FAULTBOT, program)
        write_tree(fleet.tree, {"bomb": {
            "command": [str(program), "--fork-bomb"], "user": USER, "group": USER,
            "limits": {"processes": 40}, "stop_timeout": "300ms", "delay": QUICK,
            "start_grace": "50ms"}})
        fleet.start()
        self.meet_innocents(fleet)
        fleet.wait_running("bomb#0")
        poll_until(lambda: len(processes_of(USER)) == 40)
        self.check_ping(fleet)
        # It is what it is again after a restart, and after the death of the runtime.
        fleet.ask("restart", "bomb", "--wait")
        poll_until(lambda: len(processes_of(USER)) == 40)
        fleet.kill_runtime()
        fleet.wait_answer()
        self.assertLessEqual(len(processes_of(USER)), 40)
        self.check_innocents(fleet)
        fleet.ask("stop", "bomb", "--wait")
        self.assertEqual([], processes_of(USER))
        # The end of the fleet meets one that is at it.
        fleet.ask("start", "bomb", "--wait")
        poll_until(lambda: len(processes_of(USER)) == 40)
        self.finish(fleet)
        self.assertEqual([], processes_of(USER))

    @root_only
    def test_C13_fork_bomb(self):
        self.bomb()

    @root_only
    def test_C13_fork_bomb_without_cgroup2(self):
        mount = procfs.cgroup2_mount()
        if not mount:
            self.skipTest("there is no cgroup2 to be taken away; the other case is this one")
        self.bomb(["unshare", "--mount", "sh", "-c", f'umount -l "{mount}" && exec "$@"', "sh"])

    @root_only
    def test_C13_limit_of_tasks(self):
        mount = procfs.cgroup2_mount()
        if not mount or "pids" not in \
                Path(f"{mount}/cgroup.controllers").read_text().split():
            self.skipTest("limits.tasks needs the pids controller of cgroup2, which is not here")
        fleet = self.fleet({"bomb": {**faultbot("--fork-bomb"), "limits": {"tasks": 40},
                                     "stop_timeout": "300ms", "start_grace": "50ms"}})
        fleet.wait_running("bomb#0")

        def bombs():
            return [pid for pid in procfs.bots_of(fleet.state)
                    if procfs.variable(pid, "TROUPE_BOT") == "bomb"]
        poll_until(lambda: len(bombs()) == 40)
        self.check_ping(fleet)
        fleet.ask("stop", "bomb", "--wait")
        self.assertEqual([], bombs())
        self.finish(fleet)

    def test_C20_out_of_descriptors(self):
        fleet = self.fleet({"eater": {**faultbot("--eat-fds"), "limits": {"open_files": 64},
                                      "failed_starts": 2, "delay": QUICK}})
        before = self.measure(fleet)
        fleet.wait_state("eater#0", "failed")
        death = fleet.wait_deaths("eater", 2)[-1]
        self.assertEqual(1, death["code"])
        # Three of the 64 are its stdin, stdout and stderr.
        self.assertIn("faultbot: file 62: Too many open files", death["output"])
        self.finish(fleet, before)


if __name__ == "__main__":
    unittest.main()
