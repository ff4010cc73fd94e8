"""Two Python bots in a fleet talk, by the real runtime: all that the client offers, urgent before a
flood, and a runtime that is killed in the middle."""

import json
import unittest
from pathlib import Path

from troupe_case import Case, poll_until

CLIENT = Path(__file__).parents[2] / "clients/python"

ECHO = '''
import os, time, troupe

bot = troupe.Bot()
came = []
gate = os.environ["GATE"]

@bot.on_message
def on_message(m):
    came.append([m.payload, m.lane, m.delivery, m.sender, m.redelivered])
    while m.payload == "wait" and not os.path.exists(gate):
        bot.breathe()
        time.sleep(0.005)

@bot.subscribe("duo.ticks.>")
def tick(m):
    came.append([m.topic, m.payload])

@bot.on_request
def on_request(m):
    if m.payload == "fail":
        came.append(["fail", m.delivery])
        raise ValueError("as asked")
    if m.payload == "came":
        return came
    if m.payload == "payloads":
        return [payload for payload, *_ in came]
    return {"echo": m.payload, "by": bot.name, "settings": bot.settings}

bot.run()
'''

# What a scenario puts into `result` is written when it is through.
ASKER = '''
import json, os, sys, time, traceback, troupe

bot = troupe.Bot()
result = {}
own = os.environ["TROUPE_BOT_DIR"]

def reason(call):
    try:
        return repr(call())
    except troupe.Rejected as error:
        return error.reason
    except troupe.Error as error:
        return f"{type(error).__name__}: {error}"

def write(name, value):
    with open(f"{own}/{name}.new", "w") as file:
        json.dump(value, file)
    os.rename(f"{own}/{name}.new", f"{own}/{name}")

with bot:
    try:
SCENARIO
    except BaseException:
        result["trouble"] = traceback.format_exc()
    write("result", result)
    while not os.path.exists(f"{own}/end"):
        time.sleep(0.05)
'''

TALK = '''
result["request"] = bot.request("duo/echo", {"n": [1, 2.5, None]}, timeout=30)
result["failed"] = reason(lambda: bot.request("duo/echo", "fail", delivery="assured", timeout=30))
result["assured"] = bot.send("duo/echo", "kept", delivery="assured", lane="high").wait(30)
bot.send("duo/echo#0", "on disk", delivery="durable").wait(30)
result["nobody"] = reason(lambda: bot.request("duo/nobody", timeout=30))
result["forbidden"] = reason(lambda: bot.send("other/bot", delivery="assured").wait(30))
bot.publish("duo.ticks.btc.eur", 41.5)
result["large"] = len(bot.request("duo/echo", "x" * 900000, timeout=30)["echo"])
while len(bot.request("duo/echo", "came", timeout=30)) < 4:
    time.sleep(0.02)
result["came"] = bot.request("duo/echo", "came", timeout=30)
'''

STATE = '''
state, changes = bot.state, []
state.watch("limit.", lambda c: changes.append([c.key, c.value, c.deleted]))
first = state.set("limit.a", {"max": 3})
result["get"] = [state.get("limit.a"), state.get("none", 7)]
result["conflict"] = None
try:
    state.set("limit.a", 1, if_version=first + 1000)
except troupe.Conflict as conflict:
    result["conflict"] = [conflict.version == first, conflict.value]
result["update"] = [state.update("count", lambda n: (n or 0) + 1) for _ in range(3)]
state.set("limit.b", True, durable=True)
result["list"] = [e.key for e in state.list("limit.")]
result["delete"] = [state.delete("limit.a"), state.delete("limit.a")]
deadline = time.monotonic() + 30
while ["limit.a", None, True] not in changes and time.monotonic() < deadline:
    time.sleep(0.02)
result["changes"] = changes
'''

FLOOD = '''
bot.send("duo/echo", "wait")
for n in range(3000):
    bot.send("duo/echo", n)
result["flushed"] = bot.flush(60)
bot.send("duo/echo", "urgent", lane="urgent")
result["flushed"] = bot.flush(60) and result["flushed"]
open(os.environ["GATE"], "w").close()
came = []
while len(came) < 3002:
    came = bot.request("duo/echo", "payloads", lane="low", timeout=60)
    time.sleep(0.05)
result["came"] = came
'''

KILLED = '''
tickets = []
while not os.path.exists(f"{own}/stop"):
    tickets.append(bot.send("duo/echo", len(tickets), delivery="assured", timeout=60))
    if len(tickets) % 10 == 0:
        time.sleep(0.02)
    if len(tickets) % 100 == 0:
        write("sent", len(tickets))
result["outcomes"] = sorted({reason(lambda: ticket.wait(60)) for ticket in tickets})
result["sent"] = len(tickets)
result["came"] = bot.request("duo/echo", "payloads", timeout=60)
'''


class PythonBots(Case):
    def play(self, scenario):
        """A fleet in which the asker plays it."""
        indented = "\n".join("        " + line for line in scenario.strip().splitlines())

        def tree(fleet):
            return {
                "group": {},
                "duo/group": {"defaults": {"environment": {
                    "PYTHONPATH": str(CLIENT), "PYTHONDONTWRITEBYTECODE": "1",
                    "GATE": str(fleet.directory / "gate")}}},
                "duo/echo": {"command": ["/usr/bin/python3", "echo.py"], "ready": "link",
                             "settings": {"colour": "blue"}},
                "duo/asker": {"command": ["/usr/bin/python3", "asker.py"], "ready": "link",
                              "depends_on": {"echo": "ready"}, "restart": "temporary"},
                "other/bot": {"command": ["sleep", "infinity"]},
                "duo/echo.py": ECHO, "duo/asker.py": ASKER.replace("SCENARIO", indented)}

        return self.fleet(tree, innocents=False)

    def own(self, fleet, name):
        return fleet.state / "bots/duo/asker.0" / name

    def result(self, fleet):
        file = self.own(fleet, "result")
        poll_until(file.exists, 120)
        result = json.loads(file.read_text())
        self.assertNotIn("trouble", result, result.get("trouble"))
        return result

    def end(self, fleet):
        self.own(fleet, "end").touch()
        fleet.end()

    def test_all_that_bots_say(self):
        fleet = self.play(TALK)
        result = self.result(fleet)
        self.assertEqual({"echo": {"n": [1, 2.5, None]}, "by": "duo/echo#0",
                          "settings": {"colour": "blue"}}, result["request"])
        self.assertEqual("Failed: ValueError: as asked", result["failed"])
        self.assertEqual(1, result["came"].count(["fail", "assured"]), "its sender knows")
        self.assertEqual("duo/echo#0", result["assured"])
        self.assertEqual(("no_such_address", "not_permitted"),
                         (result["nobody"], result["forbidden"]))
        self.assertEqual(900000, result["large"])
        self.assertIn(["kept", "high", "assured", "duo/asker#0", False], result["came"])
        self.assertIn(["on disk", "normal", "durable", "duo/asker#0", False], result["came"])
        self.assertIn(["duo.ticks.btc.eur", 41.5], result["came"])
        self.end(fleet)

    def test_shared_state(self):
        fleet = self.play(STATE)
        result = self.result(fleet)
        self.assertEqual([{"max": 3}, 7], result["get"])
        self.assertEqual([True, {"max": 3}], result["conflict"])
        self.assertEqual([1, 2, 3], result["update"])
        self.assertEqual(["limit.a", "limit.b"], result["list"])
        self.assertEqual([True, False], result["delete"])
        self.assertEqual([["limit.a", {"max": 3}, False], ["limit.b", True, False],
                          ["limit.a", None, True]], result["changes"])
        self.end(fleet)

    def test_urgent_before_a_flood(self):
        fleet = self.play(FLOOD)
        result = self.result(fleet)
        self.assertTrue(result["flushed"])
        came = result["came"]
        # A window of the lane may be in the process already, all else waits behind it.
        self.assertLess(came.index("urgent"), 400)
        self.assertEqual(["wait", *range(3000)], [p for p in came if p != "urgent"])
        self.end(fleet)

    def test_the_runtime_is_killed(self):
        fleet = self.play(KILLED)
        sent = self.own(fleet, "sent")
        for _ in range(3):
            poll_until(sent.exists)
            before = json.loads(sent.read_text())
            poll_until(lambda: json.loads(sent.read_text()) > before)
            fleet.kill_runtime()
            fleet.wait_answer()
        self.own(fleet, "stop").touch()
        result = self.result(fleet)
        self.assertEqual(["'duo/echo#0'"], result["outcomes"])
        self.assertEqual(list(range(result["sent"])), sorted(result["came"]),
                         "each was handled exactly once")
        self.end(fleet)


if __name__ == "__main__":
    unittest.main()
