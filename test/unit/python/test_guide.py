"""Every program in docs/sdk-python.md runs, against a runtime that answers whatever it asks."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

import fake_runtime as fake
from fake_runtime import message, outcome
from troupe import wire

GUIDE = fake.ROOT / "docs/sdk-python.md"


def programs():
    return re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)


class Answering(threading.Thread):
    """Says done to what is sent, replies to what is asked, keeps the state; sends each kind of
    message once. `settled` when the bot has handled those."""

    def __init__(self, listener):
        super().__init__(daemon=True)
        self.listener = listener
        self.settled = threading.Event()
        self.sequence = 0
        self.state = {}
        self.taken = [0, 0, 0, 0]
        self.finished = 0
        self.trouble = None

    def run(self):
        try:
            self.socket, _ = self.listener.accept()
            self.talk()
        except Exception as error: # shown by the test
            self.trouble = error
            self.settled.set()

    def say(self, *frames_):
        self.socket.sendall(b"".join(frames_))

    def message(self, payload, **more):
        self.sequence += 1
        self.say(message(self.sequence, json.dumps(payload).encode(), content=2, **more))

    def talk(self):
        rest, greeted = b"", False
        while True:
            data = self.socket.recv(1 << 16)
            if not data:
                return
            got, rest = fake.frames(rest + data)
            for kind, what in got:
                if kind == wire.HELLO:
                    self.say(fake.welcome())
                elif kind == wire.CALL:
                    self.say(wire.json_frame(wire.RESULT, {"id": what["id"], "ok": True}))
                elif kind == wire.MESSAGE:
                    self.take(what)
                elif kind == wire.CREDIT:
                    self.finished = sum(messages for messages, _ in what)
                elif kind == wire.BYE:
                    self.settled.set()
            if not greeted:
                greeted = True
                self.begin()
            if self.finished >= 6:
                self.settled.set()

    def begin(self):
        config = {"op": "config", "version": 9, "labels": {}, "settings": {"symbol": "ETH"}}
        self.say(wire.json_frame(wire.ORDER, config))
        for to in ("topic:market.ticks.btc", "topic:market.trades.btc", "market/trader#2"):
            self.message({"n": 1}, to=to)
        self.message({"n": 2}, request=1)
        self.message({"n": 3}, request=2, to="market/trader#2/pricer")
        self.message({"n": 4}, trace=b"t" * 16, span=b"s" * 8)
        self.say(wire.json_frame(wire.ORDER, {"op": "drain", "within_s": 1}),
                 wire.json_frame(wire.ORDER, {"op": "flatten", "within_s": 1}))

    def take(self, sent):
        head = sent.head
        self.taken[head.lane] = head.sequence
        self.say(wire.receipt_frame(self.taken))
        if head.delivery:
            self.say(outcome(1 if head.delivery == wire.ASSURED else 0, head.sequence, head.lane,
                             "market/trader#1"))
        if head.request and not head.flags & wire.REPLY:
            answer = self.ask_state(json.loads(sent.payload)) if sent.to == "runtime/state" \
                else {"double": 42}
            self.message(answer, flags=wire.REPLY, request=head.request, sender="runtime/state")

    def ask_state(self, asked):
        key, op = asked.get("key"), asked["op"]
        if op == "set":
            self.state[key] = asked["value"]
        if op == "delete":
            return {"deleted": self.state.pop(key, None) is not None, "version": 9}
        entries = [{"key": k, "value": v, "version": 3} for k, v in self.state.items()]
        return {"key": key, "value": self.state.get(key), "version": 3, "entries": entries,
                "more": False}


class Guide(unittest.TestCase):
    def test_there_are_programs(self):
        self.assertGreaterEqual(len(programs()), 7)
        self.assertLessEqual(len(programs()[0].splitlines()), 10)

    def test_programs(self):
        for number, program in enumerate(programs()):
            with self.subTest(number=number), tempfile.TemporaryDirectory() as directory:
                self.run_program(program, directory)

    def run_program(self, program, directory):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{directory}/link.sock")
            listener.listen()
            runtime = Answering(listener)
            runtime.start()
            process = subprocess.Popen(
                [sys.executable, "-B", "-c", program], text=True, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, env={
                    **os.environ, **fake.ENVIRONMENT, "TROUPE_LINK": f"{directory}/link.sock",
                    "PYTHONPATH": str(fake.ROOT / "clients/python")})
            try:
                self.assertTrue(runtime.settled.wait(30), program)
                if re.search(r"^(asyncio|bot)\.run\(", program, re.MULTILINE):
                    process.terminate()
                _, said = process.communicate(timeout=30)
            finally:
                process.kill()
                process.communicate()
            runtime.join(30)
            runtime.socket.close()
            self.assertIsNone(runtime.trouble)
            self.assertEqual(0, process.returncode, said)
            # A program that has no handler for one of the messages may say that, and no more.
            self.assertNotIn("Traceback", said)

    def test_programs_run_alone(self):
        """Without a runtime a bot runs, too."""
        program = programs()[0]
        environment = {n: v for n, v in os.environ.items() if not n.startswith("TROUPE_")}
        process = subprocess.Popen([sys.executable, "-B", "-c", "import os\n" + program.replace(
            "bot.run()", "bot.every(0.01)(bot.stop)\nbot.run()")], env={
                **environment, "PYTHONPATH": str(fake.ROOT / "clients/python")})
        self.assertEqual(0, process.wait(30))


if __name__ == "__main__":
    unittest.main()
