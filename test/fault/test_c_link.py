"""Faults of child processes that show on their link."""

import time
import unittest

from raw_link import Ended, Link, environment_of
from troupe_case import Case, poll_until
from troupe_test import faultbot

QUICK = {"initial": "50ms", "factor": 2, "max": "500ms", "jitter": 0}


def remarks(fleet, instance, after=0):
    """What was told of an instance without a change of its state."""
    return [e["cause"] for e in fleet.all_events()
            if e["instance"] == instance and e["from"] == e["to"] and e["seq"] > after]


class ChildLinks(Case):
    def linked(self, fleet, *options, **more):
        return {**faultbot(f"--journal={fleet.journal}", "--link", *options), "ready": "link",
                "delay": QUICK, **more}

    def test_C06_exits_before_its_link_is_up(self):
        fleet = self.fleet(lambda f: {
            "c06": {**self.linked(f, "--before-hello", "--after=300ms", "--exit=0"),
                    "failed_starts": 4}})
        # While it lives its key is good, though it never said hello itself.
        fleet.wait_event(lambda e: e["instance"] == "c06#0" and e["to"] == "starting")
        self.assertIn("it has not linked", poll_until(
            lambda: "not ready yet" in (why := fleet.row("c06#0")["why"]) and why))
        key = poll_until(lambda: self.environment(fleet, "c06#0"))
        event = fleet.wait_state("c06#0", "failed")
        self.assertIn("4 starts failed in a row", event["cause"])
        with self.assertRaises(Ended) as refused:
            Link(key).greet()
        self.assertIn(refused.exception.bye["reason"], ("bad_token", "old_incarnation"))
        self.finish(fleet)

    @staticmethod
    def environment(fleet, instance):
        try:
            return environment_of(fleet.row(instance)["pid"])
        except OSError:
            return None  # just between two lives

    def test_C07_never_says_hello(self):
        fleet = self.fleet(lambda f: {
            "mute": {**self.linked(f, "--mute"), "start_timeout": "1s", "failed_starts": 2},
            "shy": {**self.linked(f, "--not-ready"), "start_timeout": "2s", "failed_starts": 2}})
        for bot, missing in (("mute", "it has not linked"),
                             ("shy", "it has linked, and has not said that it is ready")):
            event = fleet.wait_event(lambda e, bot=bot: e["instance"] == f"{bot}#0"
                                     and e["to"] == "stopping")
            self.assertEqual("starting", event["from"])
            self.assertEqual(f"not ready within start_timeout: {missing}", event["cause"])
            event = fleet.wait_state(f"{bot}#0", "failed")
            self.assertIn("2 starts failed in a row", event["cause"])
        self.finish(fleet)

    def test_C08_hangs_after_it_has_linked(self):
        fleet = self.fleet(lambda f: {
            "stuck": self.linked(f, "--hang-after=1s"),
            "ended": {**self.linked(f, "--hang-after=1s"), "on_hang": "restart"},
            "late": {**self.linked(f, "--pong-delay=1s"), "on_hang": "restart"}})
        fleet.wait_running("stuck#0", "ended#0", "late#0")
        began = time.monotonic()
        event = fleet.wait_state("stuck#0", "degraded")
        self.assertGreater(time.monotonic() - began, 25)
        self.assertEqual("unresponsive: no answer over its link for 30 s", event["cause"])
        event = fleet.wait_state("ended#0", "stopping")
        self.assertEqual("unresponsive: no answer over its link for 30 s", event["cause"])
        fleet.wait_state("ended#0", "running", after=event["seq"])
        self.assertEqual(1, fleet.row("ended#0")["restarts"])
        # A busy one that answers late is left alone.
        late = [e["to"] for e in fleet.all_events() if e["instance"] == "late#0"]
        self.assertEqual("running", late[-1])
        self.assertEqual(1, fleet.row("late#0")["incarnation"])
        self.assertEqual("degraded", fleet.row("stuck#0")["state"])
        self.finish(fleet)

    # -- the stop ladder -----------------------------------------------------------------------

    def test_a_linked_bot_drains_and_flattens_before_its_signal(self):
        fleet = self.fleet(lambda f: {
            "polite": self.linked(f, "--drain-takes=500ms"),
            "slow": {**self.linked(f, "--drain-takes=1000s"), "drain_timeout": "1s"},
            "plain": self.linked(f, "--no-orders"),
            "foreign": faultbot(f"--journal={f.journal}")})
        fleet.wait_running("polite#0", "slow#0", "plain#0", "foreign#0")
        after = fleet.mark()
        fleet.ask("stop", "polite", "slow", "plain", "foreign", "--wait")
        states = {bot: [e["to"] for e in fleet.all_events() if e["instance"] == f"{bot}#0"
                        and e["from"] != e["to"] and e["seq"] > after]
                  for bot in ("polite", "slow", "plain", "foreign")}
        for bot in ("polite", "slow", "plain"):
            self.assertEqual(["draining", "stopping", "stopped"], states[bot])
        self.assertEqual(["stopping", "stopped"], states["foreign"])
        told = {bot: remarks(fleet, f"{bot}#0", after) for bot in states}
        self.assertRegex(told["polite"][0], r"^drained in (0\.[5-9]|\d+\.\d) s$")
        self.assertRegex(told["polite"][1], r"^flattened in \d+\.\d s$")
        self.assertEqual("drain timed out after 1.0 s", told["slow"][0])
        self.assertRegex(told["slow"][1], r"^flattened in ")
        self.assertRegex(told["plain"][0], "^not drained: it has no handler")
        done = {bot: [e["what"] for e in fleet.journal_entries() if e["instance"] == f"{bot}#0"]
                for bot in states}
        self.assertEqual(["start", "linked", "drain", "flatten", "term", "exit"], done["polite"])
        self.assertEqual(["start", "linked", "term", "exit"], done["plain"])
        self.finish(fleet)

    def test_a_new_runtime_goes_on_draining(self):
        fleet = self.fleet(lambda f: {
            "a": {**self.linked(f, "--drain-takes=1000s"), "drain_timeout": "6s"}})
        fleet.wait_running("a#0")
        fleet.ask("stop", "a")
        fleet.wait_state("a#0", "draining")
        fleet.kill_runtime()
        # This bot does not link again, so it is not waited for to the end.
        event = fleet.wait_state("a#0", "stopped")
        self.assertIn("as asked", event["cause"])
        self.assertIn("drain left out: its link did not come back", remarks(fleet, "a#0"))
        self.finish(fleet)


if __name__ == "__main__":
    unittest.main()
