"""kill -9 of the runtime under 200 bots at random moments, while some bots die."""

import os
import random
import signal
import time
import unittest

import procfs
from troupe_case import Case, poll_until
from troupe_test import faultbot, times

BOTS = 200


class Survival(Case):
    def test_killed_again_and_again(self):
        fleet = self.fleet(lambda f: {
            "herd": {**faultbot(f"--journal={f.journal}"), "replicas": BOTS,
                     "start_grace": "100ms", "delay": {"initial": "100ms", "max": "100ms"},
                     "failed_starts": 1000, "max_restarts": {"count": 1000, "within": "10m"}}},
            innocents=False)
        names = [f"herd#{i}" for i in range(BOTS)]
        fleet.wait_running(*names)
        before = self.measure(fleet)
        seed = random.randrange(1 << 32)
        dice = random.Random(seed)
        with self.subTest(seed=seed):
            self.torment(fleet, names, dice)
            # And then a new bot starts.
            fleet.ask("scale", "herd", BOTS + 1)
            fleet.wait_state(f"herd#{BOTS}", "running")
        self.check_no_zombies(fleet)
        self.check_usage(fleet, before)
        fleet.end(limit=30)

    def torment(self, fleet, names, dice):
        expected = {name: 1 for name in names}
        pids = {name: row["pid"] for name, row in fleet.status().items()}
        for _ in range(times(10, 50)):
            victims = dice.sample(names, 5)
            early, late = victims[:3], victims[3:]
            for name in early:
                os.kill(pids[name], signal.SIGKILL)
            time.sleep(dice.uniform(0, 0.1))  # any moment: some ends are known, some are not
            fleet.kill_runtime()
            for name in late:
                os.kill(pids[name], signal.SIGKILL)
            # A moment of the start of the next one; sometimes that dies, too.
            time.sleep(dice.uniform(0, 0.2))
            for name in victims:
                expected[name] += 1
                fleet.wait_state(name, "running", incarnation=expected[name])
            pids = {name: row["pid"] for name, row in fleet.status().items()}
        rows = fleet.status()
        # Nobody was restarted who need not be.
        self.assertEqual(expected, {name: rows[name]["incarnation"] for name in names})
        self.assertEqual({name: n - 1 for name, n in expected.items()},
                         {name: rows[name]["restarts"] for name in names})
        # Every end was recorded once, with its signal.
        poll_until(lambda: len(fleet.deaths("herd", 100000)) >= sum(expected.values()) - BOTS)
        deaths = fleet.deaths("herd", 100000)
        self.assertEqual({(name, i) for name, n in expected.items() for i in range(1, n)},
                         {(d["instance"], d["incarnation"]) for d in deaths})
        self.assertEqual(sum(expected.values()) - BOTS, len(deaths))
        self.assertEqual({9}, {d["signal"] for d in deaths})
        self.assertEqual(BOTS, len(procfs.bots_of(fleet.state)))
        self.check_history(fleet)


if __name__ == "__main__":
    unittest.main()
