"""Two bots that supervisors with fixed retries get the wrong way round, both on defaults: one
crashes every two seconds for ever and must be slowed down, one cannot connect for its first
twenty seconds and must come up."""

import datetime
import unittest

from troupe_case import Case
from troupe_test import PATIENCE, faultbot, times


class TwoBots(Case):
    def test_crashes_for_ever_and_cannot_connect_yet(self):
        fleet = self.fleet(lambda f: {
            "crashes": faultbot("--exit=1", "--after=2s"),
            "connects": faultbot(f"--since={f.directory}/born", "--down-for=20s")})
        up = fleet.wait_state("connects#0", "running", timeout=20 + PATIENCE)
        tried = [e for e in fleet.events if e["instance"] == "connects#0" and e["to"] == "starting"]
        # Its tries were paused, and it was not given up.
        self.assertLessEqual(len(tried), 9, tried)
        self.assertNotIn("failed", {e["to"] for e in fleet.events})
        row = fleet.row("connects#0")
        self.assertEqual(("running", tried[-1]["incarnation"]), (row["state"], row["incarnation"]))
        self.assertEqual(up["incarnation"], row["incarnation"])

        deaths = times(5, 8)
        fleet.wait_event(lambda e: e["instance"] == "crashes#0" and e["from"] == "backoff"
                         and e["incarnation"] >= deaths, timeout=PATIENCE * 4)
        pauses = self.pauses(fleet, "crashes#0")
        # It lives long enough to be ready each time, and is slowed down all the same: the pause
        # doubles from 0.5 s up to 30 s, a fifth more or less.
        wanted = [min(0.5 * 2 ** n, 30) for n in range(len(pauses))]
        for pause, expected in zip(pauses, wanted):
            self.assertGreaterEqual(pause, expected * 0.8 - 0.01, pauses)
        self.finish(fleet)

    def pauses(self, fleet, instance):
        def clock(event):
            return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
        result, begun = [], None
        for event in (e for e in fleet.events if e["instance"] == instance):
            if event["to"] == "backoff":
                begun = clock(event)
            elif event["from"] == "backoff":
                result.append((clock(event) - begun).total_seconds())
        return result


if __name__ == "__main__":
    unittest.main()
