"""A14: secrets show up nowhere. A canary is put wherever a secret may stand, the fleet lives a
full life, and everything that anybody can read of it afterwards is searched."""

import json
import os
import signal
import tarfile
import unittest
from pathlib import Path

import procfs
from config_case import ConfigCase
from troupe_case import poll_until
from troupe_test import PATIENCE, SANITIZED, faultbot

IN_FILE = "canaryALPHAsecretfile"
IN_ENVIRONMENT_FILE = "canaryBRAVOenvfile"
IN_MIXIN = "canaryCHARLIEmixin"
CANARIES = (IN_FILE, IN_ENVIRONMENT_FILE, IN_MIXIN)

LOOKS = [
    ("status",), ("status", "--json"), ("show", "bot#0"), ("show", "bot#0", "--json"),
    ("why", "bot#0"), ("deaths", "bot"), ("events",), ("events", "--json"), ("audit", "list"),
    ("audit", "list", "--json"), ("logs", "bot"), ("tree",), ("ping",),
]
CONFIG_LOOKS = [
    ("plan",), ("plan", "--json"), ("config", "versions"), ("config", "show", "1"),
    ("config", "show", "1", "--json"), ("config", "diff", "1", "2"),
    ("config", "diff", "1", "2", "--json"), ("config", "explain", "bot"),
    ("config", "explain", "bot", "--json"), ("config", "export", "1"),
    ("config", "export", "1", "--json"),
]


class Secrets(ConfigCase):
    def setUp(self):
        self.said = {}

    def look(self, fleet, *words):
        result = fleet(*words)
        self.assertNotEqual(2, result.exit, f"no such command: {result}")
        self.said[" ".join(words)] = self.said.get(" ".join(words), "") + result.out + result.err

    def test_A14_secrets_in_output(self):
        bot = {**faultbot(), "start_grace": "10ms",
               "environment": {"EXCHANGE": "${secret:exchange}", "PLAIN": "seen"},
               "environment_file": "bot.env"}
        fleet = self.prepared({**self.AUTO, "bot": bot, "mixins/m": {
            "environment": {"MIXED": "${secret:mixed}"}}, "mixed": {
            **faultbot(), "start_grace": "10ms", "extends": "m"}, "bot.env":
            f"API_KEY={IN_ENVIRONMENT_FILE}\n"}, innocents=False)
        secrets = fleet.tree / "secrets"
        secrets.mkdir(mode=0o700)
        for name, value in (("exchange", IN_FILE), ("mixed", IN_MIXIN)):
            (secrets / name).write_text(value + "\n")
            (secrets / name).chmod(0o600)
        (fleet.tree / "bot.env").chmod(0o600)
        fleet.start()
        fleet.wait_running()
        # The bots have them: what is not found below is there.
        self.assertEqual(IN_FILE, procfs.variable(fleet.pid("bot#0"), "EXCHANGE"))
        self.assertEqual(IN_ENVIRONMENT_FILE, procfs.variable(fleet.pid("bot#0"), "API_KEY"))
        self.assertEqual(IN_MIXIN, procfs.variable(fleet.pid("mixed#0"), "MIXED"))
        self.live(fleet)
        for words in LOOKS:
            self.look(fleet, *words)
        for words in CONFIG_LOOKS:
            self.look(fleet, *words)
        self.look(fleet, "report", "--output", str(fleet.directory / "report.tar.gz"))
        for pid in (fleet.keeper, fleet.runtime, *self.pids(fleet).values()):
            self.said[f"argv of {pid}"] = Path(f"/proc/{pid}/cmdline").read_text()
        self.said["fleet"] = fleet.said()
        self.search(fleet)
        fleet.end()

    def test_A14_literal_secrets_are_masked(self):
        fleet = self.prepared({"bot": {**faultbot(), "start_grace": "10ms",
                                       "environment": {"DB_PASS": IN_FILE}}}, innocents=False)
        bot = fleet.tree / "bot.json"
        text = bot.read_text()
        bot.write_text(f'{text}\n// "API_TOKEN": "{IN_MIXIN}",\n')
        fleet.start()
        fleet.wait_running()
        self.replace(fleet, "bot.json", bot.read_text().replace(IN_FILE, IN_FILE + "2"))
        self.assertIn("***", fleet("plan").out)
        fleet("reload", "--wait")
        for words in (*LOOKS, *CONFIG_LOOKS):
            self.look(fleet, *words)
        self.assertIn("***", self.said["config show 1"])
        self.assertEqual([], [(canary, place) for place, said in self.said.items()
                              for canary in CANARIES if canary in said])
        # Who wants all of it names a directory.
        to = fleet.directory / "exported"
        self.assertEqual(0, fleet("config", "export", "1", "--to", to).exit)
        self.assertIn(f'"API_TOKEN": "{IN_MIXIN}"', (to / "bot.json").read_text())
        fleet.end()

    def test_A14_what_is_wrong_is_told_without_secrets(self):
        fleet = self.prepared({**self.AUTO, "bot": {**faultbot(), "start_grace": "10ms"}},
                              innocents=False)
        fleet.start()
        fleet.wait_running()
        bot = fleet.tree / "bot.json"
        good = bot.read_text()
        event = {"seq": 0}
        for wrong in ({"environment": f"API_KEY={IN_FILE}"}, {"environment": {"TOKEN": 471100}},
                      {"ready": {"http": f"https://me:{IN_MIXIN}@h/"}},
                      {"ready": {"tcp": f"redis://:{IN_MIXIN}@h:1/0"}},
                      {"pass_environment": [f"PIN={IN_FILE}"]}):
            self.replace(fleet, "bot.json", json.dumps({**faultbot(), **wrong}))
            event = self.told(fleet, "is not valid", event["seq"])
            for words in (*LOOKS, ("plan", "--json"), ("reload", "--json")):
                self.look(fleet, *words)
            self.replace(fleet, "bot.json", good)
            event = self.told(fleet, "in force", event["seq"])
        for words in (("API_KEY", IN_FILE), ("env.API_KEY", IN_FILE),
                      ("environment/API_KEY", IN_FILE), ("environment", f"API_KEY={IN_FILE}"),
                      ("env", json.dumps({"PLAIN": IN_FILE}))):
            self.assertNotEqual(0, fleet("set", "bot", *words).exit, words)
        # Who writes a version out gets it in files, not on the screen.
        self.replace(fleet, "bot.json", json.dumps(
            {**faultbot(), "start_grace": "10ms", "environment": {"API_KEY": IN_FILE}}))
        self.told(fleet, "version 2 is healthy", event["seq"])
        to = fleet.directory / "exported"
        self.look(fleet, "config", "export", "2", "--to", str(to), "--json")
        self.assertIn(IN_FILE, (to / "bot.json").read_text())
        self.assertIn('"path":"bot.json"', self.said[f"config export 2 --to {to} --json"])
        for words in (*LOOKS, ("audit", "show", "1")):
            self.look(fleet, *words)
        self.said["fleet"] = fleet.said()
        self.assertEqual([], [(canary, place) for place, said in self.said.items()
                              for canary in (*CANARIES, "471100") if canary in said])
        fleet.end()

    def live(self, fleet):
        """Edits, a broken tree, a failed secret, deaths of a bot and of the runtime."""
        event = {"seq": 0}
        bot = fleet.tree / "bot.json"
        good = bot.read_text()
        self.replace(fleet, "bot.json", good.replace('"seen"', '"other"'))
        event = self.told(fleet, "version 2 is healthy")
        for wrong in (good.replace('"start_grace"', '"start_garce"'), good[:-9],
                      good.replace("secret:exchange", "secret:nowhere")):
            self.replace(fleet, "bot.json", wrong)
            event = self.told(fleet, "is not valid|differs|applied|failed", event["seq"])
            self.replace(fleet, "bot.json", good.replace('"seen"', '"other"'))
            event = self.told(fleet, "in force|is healthy|comes back", event["seq"])
        fleet.wait_running("bot#0")
        mark = fleet.mark()
        os.kill(fleet.pid("bot#0"), signal.SIGABRT)
        fleet.wait_state("bot#0", "running", after=mark)
        # A death that leaves a report.
        fleet.kill_runtime(signal.SIGABRT if SANITIZED else signal.SIGSEGV)
        poll_until(lambda: fleet("ping").exit == 0, 2 * PATIENCE)
        fleet.wait_running()

    def search(self, fleet):
        for path in fleet.state.rglob("*"):
            if path.is_file():
                self.said[str(path)] = path.read_bytes().decode(errors="replace")
        with tarfile.open(str(fleet.directory / "report.tar.gz")) as report:
            for member in report:
                if member.isfile():
                    text = report.extractfile(member).read().decode(errors="replace")
                    self.said[f"report: {member.name}"] = text
        self.assertTrue(any("state.db" in name for name in self.said))
        found = [(canary, place) for place, text in self.said.items() for canary in CANARIES
                 if canary in text]
        self.assertEqual([], found)


if __name__ == "__main__":
    unittest.main()
