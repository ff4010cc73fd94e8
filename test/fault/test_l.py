"""Faults of links. What no client would do is done by hand, in a bot's place (raw_link.py)."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

import procfs
from raw_link import (ASSURED, CALL, HELLO, MESSAGE, PING, PONG, TELL, URGENT, Ended, Link,
                      environment_of, frame)
from troupe_case import Case, SharedCase, poll_until, root_only
from troupe_test import PATIENCE, SANITIZED, faultbot, times

CLIENT = Path(__file__).resolve().parents[2] / "clients/python"
MAILBOX_FULL, RECEIVER_DIED = 18, 25
LOW = 3


def memory(fleet):
    return procfs.usage(fleet.runtime)["memory"]


class Measured:
    def check_memory(self, fleet, most):
        if not SANITIZED:  # the sanitizer keeps what is freed for a while
            self.assertLess(memory(fleet), most)


# Cuts its own connection every 50 to 500 ms, as a network would: neither side is told before.
CUTTER = """
import os, random, socket, threading, time, troupe
bot, journal = troupe.Bot(), os.environ["JOURNAL"]
cuts = [0]

def cut():
    while True:
        time.sleep(random.uniform(0.05, 0.5))
        connection = bot._socket
        if connection and bot.linked:
            try:
                connection.shutdown(socket.SHUT_RDWR)
                cuts[0] += 1
            except OSError:
                pass

threading.Thread(target=cut, daemon=True).start()

def note(file, line):
    with open(f"{journal}/{file}", "a") as out:
        out.write(f"{line}\\n")
"""
NUMBERS = CUTTER + """
least, least_cuts = int(os.environ["LEAST"]), int(os.environ["CUTS"])
tickets = []
sent = [0]

def enough():
    return sent[0] >= least and cuts[0] >= least_cuts

@bot.every(0.005)
def more():
    for _ in range(8):
        if enough():
            return
        try:
            ticket = bot.send("m/notes", str(sent[0] + 1), delivery="assured", timeout=0.01)
        except troupe.TimedOut:
            return
        sent[0] += 1
        tickets.append(ticket)
        bot.send("m/notes", f"data {sent[0]}", lane="low", timeout=1)

@bot.every(0.05)
def finished():
    tickets[:] = [ticket for ticket in tickets if ticket.outcome is None]
    if enough() and not tickets:
        note("finished", sent[0])
        bot.stop()

bot.run()
"""
NOTES = CUTTER + """
@bot.on_message
def got(message):
    data = message.payload.startswith("data ")
    note("data" if data else "commands", message.payload.removeprefix("data "))

bot.run()
"""


class Links(SharedCase, Measured):
    sent = {}  # by process

    @classmethod
    def tree(cls, fleet):
        journal = f"--journal={fleet.journal}"
        return {
            "group": {"defaults": {"delay": {"initial": "50ms", "jitter": 0},
                                   "start_grace": "200ms"}},
            "m/plain": {**faultbot(journal), "replicas": 2},
            "m/closer": {**faultbot(journal, "--link", "--close-link=1s"), "ready": "link"},
            "m/linked": {**faultbot(journal, "--link"), "ready": "link"},
            "m/leaky": {**faultbot(journal, "--link", "--leak-link-to-grandchild", "--exit=0",
                                   "--after=500ms"),
                        "ready": "link", "restart": "temporary", "autostart": False},
            "m/small": {**faultbot(journal), "mailbox": {"messages": 1000, "bytes": "1MiB"}},
        }

    def link(self, instance="m/plain#0"):
        """A link in the place of that bot, when the one before it is gone."""
        key = environment_of(self.shared.pid(instance))
        # A process goes on counting its messages from link to link.
        sent = self.sent.setdefault(key["TROUPE_TOKEN"], [0, 0, 0, 0])

        def greeted():
            link = Link(key)
            link.sent = sent
            try:
                return link.greet(next=[number + 1 for number in sent])
            except Ended as end:
                if end.bye and end.bye["reason"] != "already_linked":
                    raise
                return None
        link = poll_until(greeted)
        self.addCleanup(link.close)
        return link

    def refusal(self, data, *, greeted=True):
        """What the runtime says to these bytes before it closes."""
        link = self.link() if greeted else Link(environment_of(self.shared.pid("m/plain#0")))
        self.addCleanup(link.close)
        link.say(data)
        bye = link.end()
        return bye["reason"] if bye else None

    def lives(self, link):
        link.say(frame(PING, b"12345678"))
        self.assertEqual(b"12345678", link.hear(PONG))

    def remarked(self, instance, text, after=0):
        return self.shared.wait_event(lambda e: e["instance"] == instance and text in e["cause"],
                                      after)

    # -- ends ----------------------------------------------------------------------------------

    def test_L01_closes_its_link_and_lives_on(self):
        fleet = self.shared
        self.remarked("m/closer#0", "link lost")
        row = fleet.row("m/closer#0")
        self.assertEqual(("running", 1, 0), (row["state"], row["incarnation"], row["restarts"]))

    def test_L02_cut_in_mid_frame(self):
        whole = frame(TELL, {"op": "stopping"})
        after = self.shared.mark()
        for end in range(len(whole)):
            link = self.link()
            link.say(whole[:end])
            link.close()
        self.lives(self.link())
        said = [e["cause"] for e in self.shared.all_events() if e["seq"] > after]
        self.assertNotIn("it says that it is stopping", said)

    def test_L03_is_frozen(self):
        fleet = self.shared
        pid = fleet.pid("m/linked#0")
        after = fleet.mark()
        os.kill(pid, signal.SIGSTOP)
        fleet.wait_state("m/linked#0", "degraded", after=after, cause="stopped by signal 19")
        # Long enough for heartbeats to be missed, which changes nothing more.
        time.sleep(times(1, 45))
        os.kill(pid, signal.SIGCONT)
        fleet.wait_state("m/linked#0", "running", after=after)
        self.assertEqual(pid, fleet.pid("m/linked#0"))

    def test_L18_a_grandchild_keeps_the_connection(self):
        fleet = self.shared
        fleet.ask("start", "m/leaky")
        event = fleet.wait_state("m/leaky#0", "completed")
        self.assertIn("exited with code 0", event["cause"])
        # The exit has decided, and the grandchild is gone with all that was left.
        self.assertEqual([], [pid for pid in procfs.bots_of(fleet.state)
                              if procfs.variable(pid, "TROUPE_BOT") == "m/leaky"])
        self.remarked("m/leaky#0", "linked")

    # -- bytes that are wrong -------------------------------------------------------------------

    def test_L06_garbage(self):
        other = self.link("m/plain#1")
        before = memory(self.shared)
        for greeted in (False, True):
            for _ in range(times(5, 100)):
                self.assertIn(self.refusal(os.urandom(1 << 16), greeted=greeted),
                              ("bad_hello", "bad_frame", None))
        self.lives(other)
        self.check_memory(self.shared, before + (8 << 20))

    def test_L07_a_length_of_4_gib(self):
        before = memory(self.shared)
        for greeted in (False, True):
            for size in (0xffffffff, 0x7fffffff, (1 << 20) + 1):
                self.assertIn(self.refusal(struct.pack("<IB", size, MESSAGE), greeted=greeted),
                              ("bad_hello", "bad_frame"))
        self.check_memory(self.shared, before + (4 << 20))

    def test_L08_frames_of_no_length(self):
        for data in (b"\0" * 9, struct.pack("<I", 4) + b"\0" * 8, frame(HELLO, b"")):
            for greeted in (False, True):
                self.assertIn(self.refusal(data, greeted=greeted),
                              ("bad_hello", "bad_frame", "bad_order"))
        for kind in (TELL, CALL, MESSAGE):
            self.assertEqual("bad_frame", self.refusal(frame(kind, b"")))

    def test_L09_nesting_and_claims(self):
        deep = b'{"op":"status","x":' + b"[" * 17 + b"]" * 17 + b"}"
        self.assertEqual("bad_frame", self.refusal(frame(TELL, deep)))
        # It claims more entries, and longer texts, than there are bytes.
        self.assertEqual("bad_frame", self.refusal(frame(19, struct.pack("<H", 65535))))
        self.assertEqual("bad_frame", self.refusal(frame(MESSAGE, b"\xff" * 72)))

    def test_L19_flipped_bits(self):
        whole = frame(TELL, {"op": "status", "text": "at work"})
        for bit in range(0, len(whole) * 8, times(7, 1)):
            bad = bytearray(whole)
            bad[bit // 8] ^= 1 << bit % 8
            link = self.link()
            # A size that became larger wants more bytes: those of the next frame.
            link.say(bytes(bad) + frame(PING, b"12345678") * 40000 if bit < 32 else bytes(bad))
            self.assertEqual("bad_frame", link.end()["reason"], f"bit {bit}")

    # -- who it is ---------------------------------------------------------------------------

    def test_L10_other_versions(self):
        key = environment_of(self.shared.pid("m/plain#0"))
        for version in (0, 2, 255, 1 << 31):
            with self.assertRaises(Ended) as refused:
                Link(key).greet(version=version, oldest=version)
            self.assertEqual(("bad_version", [1, 1]),
                             (refused.exception.bye["reason"], refused.exception.bye["versions"]))

    def test_L11_hello_twice(self):
        link = self.link()
        with self.assertRaises(Ended) as refused:
            Link(link.environment).greet()
        self.assertEqual("already_linked", refused.exception.bye["reason"])
        self.lives(link)
        link.say(frame(HELLO, link.hello()))
        self.assertEqual("bad_order", link.end()["reason"])

    @root_only
    def test_L13_a_stranger_with_the_key(self):
        script = ("import os, sys; sys.path.insert(0, sys.argv[1]); from raw_link import *\n"
                  "try: Link(dict(os.environ)).greet(); print('let in')\n"
                  "except Ended as end: print(end.bye['reason'])")
        said = subprocess.run(
            [sys.executable, "-B", "-c", script, str(Path(__file__).parents[1] / "e2e")],
            user=65534, env=environment_of(self.shared.pid("m/plain#0")), capture_output=True,
            text=True, timeout=PATIENCE, check=False).stdout.strip()
        self.assertEqual("bad_token", said)
        self.remarked("m/plain#0", "tried to link")

    def test_L16_many_that_say_nothing(self):
        path = environment_of(self.shared.pid("m/plain#0"))["TROUPE_LINK"]
        idle = []
        self.addCleanup(lambda: [one.close() for one in idle])
        for _ in range(times(500, 5000)):
            one = socket.socket(socket.AF_UNIX)
            one.setblocking(False)
            try:
                one.connect(path)
            except BlockingIOError:
                one.close()  # the queue of the socket is full, as it should be
                time.sleep(0.001)
                continue
            idle.append(one)
        self.check_ping(self.shared)
        for one in idle:
            one.close()
        self.lives(self.link())

    # -- too much ------------------------------------------------------------------------------

    def test_L14_bulk_before_control(self):
        reader, sender = self.link("m/small#0"), self.link()
        for _ in range(600):
            sender.send("m/small#0", bytes(1000), lane=LOW)
        wanted = [str(number).encode() for number in range(200)]
        for payload in wanted:
            sender.send("m/small#0", payload, lane=URGENT)
        # All of it comes by what waits, and no more of that than was under way before.
        urgent, bulk = [], 0
        while len(urgent) < len(wanted):
            message = reader.message()
            if message.lane == URGENT:
                urgent.append(message.payload)
            else:
                bulk += 1
        self.assertEqual(wanted, urgent)
        self.assertLessEqual(bulk, 256)

    def test_R22_a_mailbox_that_overflows(self):
        fleet = self.shared
        reader, sender = self.link("m/small#0"), self.link()
        before = memory(fleet)
        count = times(4000, 40000)
        for _ in range(count):
            sender.send("m/small#0", bytes(1000))
        # The mailbox has room for 1000, and some are under way: each of the others is told.
        full = 0
        while full < count - 2000:
            full += sum(1 for _, code, _, _ in sender.outcomes() if code == MAILBOX_FULL)
        self.check_memory(fleet, before + (8 << 20))
        # What is urgent has a window of its own.
        sender.send("m/small#0", b"now", lane=URGENT)
        got = poll_until(lambda: (m := reader.message()).lane == URGENT and m)
        self.assertEqual(b"now", got.payload)

    def test_L15_dies_with_requests_in_flight(self):
        fleet = self.shared
        asking, asked = self.link(), self.link("m/plain#1")
        pid = fleet.pid("m/plain#1")
        numbers = [asking.send("m/plain#1", b"?", request=i + 1, ttl=60000) for i in range(100)]
        for _ in numbers:
            asked.message()
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        answered = {}
        while len(answered) < len(numbers):
            for _, code, number, _ in asking.outcomes():
                answered[number] = code
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual({number: RECEIVER_DIED for number in numbers}, answered)
        fleet.wait_running("m/plain#1")


class Cuts(Case):
    def test_L12_cut_all_the_time(self):
        least, cuts = times(1000, 10000), times(5, 50)
        fleet = self.fleet(lambda f: {
            "group": {"defaults": {"environment": {
                "PYTHONPATH": str(CLIENT), "JOURNAL": str(f.directory), "LEAST": str(least),
                "CUTS": str(cuts)}}},
            "m/notes": {"command": ["/usr/bin/python3", "-B", "-c", NOTES], "ready": "link"},
            "m/numbers": {"command": ["/usr/bin/python3", "-B", "-c", NUMBERS], "ready": "link",
                          "restart": "transient", "depends_on": {"notes": "ready"}}})
        fleet.wait_state("m/numbers#0", "completed", timeout=times(1, 5) * PATIENCE)

        def numbers(file):
            return [int(line) for line in (fleet.directory / file).read_text().split()]
        count, = numbers("finished")
        # What is assured: each once, though the order of what is sent again is not kept.
        self.assertEqual(list(range(1, count + 1)), sorted(numbers("commands")))
        # What is not: at most once, in order, and what is missing is missing.
        data = numbers("data")
        self.assertEqual(sorted(set(data)), data)
        self.assertEqual(1, fleet.row("m/notes#0")["incarnation"])
        self.finish(fleet)


class Floods(Case, Measured):
    def test_L04_reads_slowly(self):
        fleet = self.fleet(lambda f: {
            "m/slow": {**faultbot(f"--journal={f.journal}", "--link", "--read-rate=1K"),
                       "ready": "link", "mailbox": {"bytes": "1MiB"}},
            "m/loud": {**faultbot(f"--journal={f.journal}", "--link", "--flood-link=m/slow#0"),
                       "ready": "link"}})
        fleet.wait_running("m/slow#0", "m/loud#0")
        before = memory(fleet)
        time.sleep(times(5, 60))
        self.check_memory(fleet, before + (8 << 20))
        self.assertEqual("running", fleet.row("m/loud#0")["state"])
        self.finish(fleet)

    def test_L05_floods(self):
        fleet = self.fleet(lambda f: {
            "m/sink": {**faultbot(f"--journal={f.journal}", "--link"), "ready": "link"},
            "m/loud": {**faultbot(f"--journal={f.journal}", "--link", "--flood-link=m/sink#0"),
                       "ready": "link", "replicas": 3},
            "m/quiet": {**faultbot(f"--journal={f.journal}"), "replicas": 2}})
        fleet.wait_running()
        one, other = (Link.of(fleet.pid(f"m/quiet#{i}")) for i in (0, 1))
        took = []
        for _ in range(50):
            began = time.monotonic()
            one.send("m/quiet#1", b"?", delivery=ASSURED)
            message = other.message()
            other.done(message)
            one.outcomes()
            took.append(time.monotonic() - began)
        self.assertLess(sorted(took)[25], 1)
        self.check_ping(fleet)
        fleet.ask("stop", "m/loud", "--wait")
        self.finish(fleet)


if __name__ == "__main__":
    unittest.main()
