"""A tree is edited and applied: what changes in place, what is replaced, who is told.

Every wait is for an event or for what the system shows; an event of a fleet whose subject is
«config» tells that a version came into force."""

import os
import resource
import signal
import unittest
from pathlib import Path

from troupe_case import Case, poll_until
from troupe_test import write_tree

CLIENT = Path(__file__).parents[2] / "clients/python"
SLEEPER = ["sh", "-c", "echo up; while sleep 0.1; do echo tick; done"]
FAST = {"start_grace": "10ms", "delay": {"initial": "50ms"}}

LINKED = """
import json, os, troupe
bot = troupe.Bot()
out = os.path.join(os.environ["OUT"], "told")

@bot.on_config
def on_config(settings):
    with open(out, "a") as file:
        file.write(json.dumps(settings) + "\\n")

bot.ready()
bot.run()
"""


def hard_limit(pid, which):
    return resource.prlimit(pid, which)[1]


class InPlace(Case):
    def edited(self, fleet, files, how=("reload",)):
        """Writes these files over the tree and has it applied; returns where the events stood."""
        after = fleet.mark()
        write_tree(fleet.tree, files)
        if how == "HUP":
            os.kill(fleet.keeper, signal.SIGHUP)
        else:
            fleet.ask(*how)
        fleet.wait_event(lambda e: e["instance"] == "config", after, what="an event of the config")
        return after

    def test_limits_and_log_of_a_process_that_runs(self):
        bot = {**FAST, "command": SLEEPER, "limits": {"open_files": 200}}
        fleet = self.fleet({"bot": bot})
        fleet.wait_running("bot#0")
        pid = fleet.pid("bot#0")
        self.assertEqual(200, hard_limit(pid, resource.RLIMIT_NOFILE))
        self.edited(fleet, {"bot": {**bot, "limits": {"open_files": 100, "core_size": 0},
                                    "log": {"format": "json"}}})
        poll_until(lambda: hard_limit(pid, resource.RLIMIT_NOFILE) == 100)
        poll_until(lambda: hard_limit(pid, resource.RLIMIT_CORE) == 0)
        log = fleet.state / "logs" / "bot.0.log"
        poll_until(lambda: '"text":"tick"}' in log.read_text())
        self.assertEqual(pid, fleet.pid("bot#0"))
        # A runtime that comes later goes on in the new form.
        size = len(log.read_text())
        fleet.kill_runtime()
        fleet.wait_running("bot#0")
        poll_until(lambda: len(log.read_text()) > size + 200)
        self.assertNotIn("\ntick\n", log.read_text()[size:])
        self.finish(fleet)

    def test_another_command_replaces_only_its_own_processes(self):
        tree = {"g/feed": {**FAST, "command": SLEEPER},
                "g/trader": {**FAST, "command": SLEEPER, "depends_on": {"feed": "ready"}},
                "other": {**FAST, "command": SLEEPER}}
        for how in ("HUP", ("reload",)):
            with self.subTest(how=how):
                fleet = self.fleet(tree)
                fleet.wait_running()
                pids = {name: fleet.pid(name) for name in ("g/feed#0", "g/trader#0", "other#0")}
                after = self.edited(
                    fleet, {"g/feed": {**FAST, "command": SLEEPER + ["two"]}}, how)
                event = fleet.wait_state("g/feed#0", "stopping", "draining", after=after)
                self.assertIn("its config has changed: command", event["cause"])
                fleet.wait_state("g/feed#0", "running", after=event["seq"])
                self.assertNotEqual(pids["g/feed#0"], fleet.pid("g/feed#0"))
                for name in ("g/trader#0", "other#0"):
                    self.assertEqual(pids[name], fleet.pid(name))
                self.assertEqual(0, fleet.row("g/feed#0")["restarts"])
                self.finish(fleet)

    def test_one_that_was_given_up_is_tried_under_another_command(self):
        fleet = self.fleet({"bot": {**FAST, "command": ["/nowhere"], "failed_starts": 1}})
        fleet.wait_state("bot#0", "failed")
        after = self.edited(fleet, {"bot": {**FAST, "command": SLEEPER}})
        fleet.wait_state("bot#0", "running", after=after)
        self.finish(fleet)

    def test_linked_bots_are_told_once(self):
        def tree(fleet):
            return {"bot": {**FAST, "ready": "link", "settings": {"symbol": "BTC"},
                            "environment": {"OUT": str(fleet.directory), "PYTHONPATH": str(CLIENT),
                                            "PYTHONDONTWRITEBYTECODE": "1"},
                            "command": ["python3", "-c", LINKED]}}
        fleet = self.fleet(tree)
        fleet.wait_running("bot#0")
        pid = fleet.pid("bot#0")
        told = fleet.directory / "told"
        self.assertFalse(told.exists())  # the first ones are no change
        bot = tree(fleet)["bot"]
        self.edited(fleet, {"bot": {**bot, "settings": {"symbol": "ETH"}}})
        poll_until(told.exists)
        self.edited(fleet, {"bot": {**bot, "settings": {"symbol": "ETH"}, "description": "new"}})
        self.edited(fleet, {"bot": {**bot, "settings": {"symbol": "SOL"}, "description": "new"}})
        poll_until(lambda: '{"symbol": "SOL"}' in told.read_text())
        self.assertEqual(['{"symbol": "ETH"}', '{"symbol": "SOL"}'], told.read_text().splitlines())
        self.assertEqual(pid, fleet.pid("bot#0"))
        self.finish(fleet)

    def test_events_of_the_config_alone(self):
        bot = {**FAST, "command": SLEEPER}
        fleet = self.fleet({"bot": bot})
        fleet.wait_running("bot#0")
        self.edited(fleet, {"bot": {**bot, "description": "new"}})
        events = fleet("events", "config", "--json").documents
        self.assertTrue(events)
        self.assertEqual({"config"}, {e["instance"] for e in events})
        self.assertTrue(all(e["from"] == e["to"] for e in events))
        self.finish(fleet)


if __name__ == "__main__":
    unittest.main()
