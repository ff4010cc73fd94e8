"""What a runtime that was started again finds wrong costs no bot its life."""

import os
import time
import unittest

import procfs
from troupe_case import Case, poll_until
from troupe_test import faultbot


class LaterLife(Case):
    def test_a_refused_state_directory(self):
        fleet = self.fleet({"a": faultbot(), "b": faultbot()}, innocents=False)
        fleet.wait_running("a#0", "b#0")
        pids = procfs.bots_of(fleet.state)
        self.assertEqual(2, len(pids))
        mode = os.stat(fleet.state).st_mode & 0o7777
        os.chmod(fleet.state, 0o777)  # refused; in a first life that is final
        fleet.kill_runtime()
        poll_until(lambda: fleet.said().count("may be written by others") >= 2)
        time.sleep(0.2)
        self.assertEqual(pids, procfs.bots_of(fleet.state))
        os.chmod(fleet.state, mode)
        # Their states are events of the first life: that somebody answers shows the next one.
        poll_until(fleet.status)
        fleet.wait_running("a#0", "b#0")
        self.assertEqual(pids, procfs.bots_of(fleet.state))
        fleet.end()


if __name__ == "__main__":
    unittest.main()
