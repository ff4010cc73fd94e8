"""Links by hand against a real runtime: who is let in, what goes from one to the other, and what
happens to a link when one of both ends dies."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path

import procfs
from raw_link import (ASSURED, BYE, CALL, HELLO, PING, PONG, URGENT, WELCOME, Ended, Link, credit,
                      environment_of, frame)
from troupe_case import Case
from troupe_test import PATIENCE, faultbot, poll_until

# Of those that a client is told (docs/link-protocol.md).
NO_SUCH_ADDRESS, DONE = 16, 1


class Links(Case):
    def start(self):
        fleet = self.fleet({"market/feed": faultbot(),
                            "market/trader": {**faultbot(), "replicas": 2}}, innocents=False)
        fleet.wait_running()
        return fleet

    def refused(self, link, **more):
        """The BYE that this hello gets."""
        with self.assertRaises(Ended) as caught:
            link.greet(**more)
        self.assertIsNotNone(caught.exception.bye)
        return caught.exception.bye

    # -- one to the other ----------------------------------------------------------------------

    def test_a_message_goes_from_one_to_the_other(self):
        fleet = self.start()
        feed = Link.of(fleet.pid("market/feed#0"))
        trader = Link.of(fleet.pid("market/trader#1"))
        self.assertEqual(("market/feed#0", 1, 1, "fleet"),
                         tuple(feed.welcome[k] for k in ("instance", "version", "epoch", "fleet")))
        feed.send("market/trader#1", b"tick 1")
        got = trader.message()
        self.assertEqual(("market/feed#0", "market/trader#1", b"tick 1", 1),
                         (got.origin, got.to, got.payload, got.sequence))
        handled = got.size
        self.assertEqual((0, 0, 1, 0), feed.receipt())
        # Assured: its sender learns who has handled it.
        number = feed.send("market/trader#1", b"order", lane=URGENT, delivery=ASSURED)
        got = trader.message()
        self.assertEqual(b"order", got.payload)
        urgent = got.size
        trader.done(got)
        self.assertEqual([(URGENT, DONE, number, "market/trader#1")], feed.outcomes())
        # Nobody has that name.
        number = feed.send("market/nobody#0", b"?")
        self.assertEqual((NO_SUCH_ADDRESS, number), feed.outcomes()[0][1:3])
        # Large ones and many, in order.
        for i in range(200):
            feed.send("market/trader#1", b"%d " % i + bytes(5000))
        for i in range(200):
            got = trader.message()
            handled += got.size
            self.assertEqual(i, int(got.payload.split(b" ")[0]))
            if i % 20 == 19:
                trader.say(credit(urgent=(1, urgent), normal=(i + 2, handled)))
        self.finish(fleet)

    # -- who is let in -------------------------------------------------------------------------

    def test_only_the_process_itself_is_let_in(self):
        fleet = self.start()
        pid = fleet.pid("market/feed#0")
        mine = environment_of(pid)
        self.assertEqual(str(fleet.state / "link.sock"), mine["TROUPE_LINK"])
        other = environment_of(fleet.pid("market/trader#0"))
        self.assertNotEqual(mine["TROUPE_TOKEN"], other["TROUPE_TOKEN"])

        def bye(**more):
            return self.refused(Link(mine), **more)
        self.assertEqual("bad_token", bye(token="5" * 32)["reason"])
        self.assertEqual("bad_token", bye(token=other["TROUPE_TOKEN"])["reason"])
        self.assertEqual("bad_token", bye(incarnation=10**9)["reason"])
        self.assertEqual("bad_token", bye(instance="market/none#0")["reason"])
        self.assertEqual("bad_hello", bye(instance="../feed#0")["reason"])
        self.assertEqual("bad_hello", bye(token=None)["reason"])
        for version in (0, 255):
            answer = bye(version=version, oldest=version)
            self.assertEqual(("bad_version", [1, 1]), (answer["reason"], answer["versions"]))
        # A newer client that also speaks ours.
        self.assertEqual(1, Link(mine).greet(version=255).welcome["version"])
        # Who tried stands on record, once, and no key does.
        fleet.wait_event(lambda e: e["instance"] == "market/feed#0" and "tried to link" in e["cause"])
        self.assertIn("bad_token", fleet.said())
        for text in (fleet.said(), fleet("events", "--json").out, fleet("show", "market/feed").out,
                     fleet("env", "market/feed#0", "--json").out):
            self.assertNotIn(mine["TROUPE_TOKEN"], text)
            self.assertNotIn("5" * 32, text)
        shown = {v["name"]: v for v in fleet.ask("env", "market/feed#0")["variables"]}
        self.assertTrue(shown["TROUPE_TOKEN"]["masked"])
        self.assertEqual(("runtime", mine["TROUPE_LINK"]),
                         (shown["TROUPE_LINK"]["source"], shown["TROUPE_LINK"]["value"]))
        self.finish(fleet)

    @unittest.skipIf(os.geteuid() != 0, "only root can be somebody else")
    def test_a_copied_key_is_of_no_use_to_another_user(self):
        fleet = self.start()
        here = Path(__file__).parent
        script = ("import os, sys; sys.path.insert(0, sys.argv[1]); from raw_link import *\n"
                  "try: Link(dict(os.environ)).greet(); print('let in')\n"
                  "except Ended as end: print(end.bye['reason'])")
        environment = environment_of(fleet.pid("market/feed#0"))

        def as_user(user):
            return subprocess.run([sys.executable, "-B", "-c", script, str(here)], user=user,
                                  env=environment, capture_output=True, text=True,
                                  timeout=PATIENCE).stdout.strip()
        # The state directory may be entered and the socket opened by anybody.
        self.assertEqual("bad_token", as_user(65534))
        self.assertEqual("let in", as_user(0))
        self.finish(fleet)

    def test_one_process_has_one_link(self):
        fleet = self.start()
        pid = fleet.pid("market/feed#0")
        first = Link.of(pid)
        self.assertEqual("already_linked", self.refused(Link(environment_of(pid)))["reason"])
        # The first is not disturbed …
        first.say(frame(PING, b"12345678"))
        self.assertEqual(b"12345678", first.hear(PONG))
        # … until it says hello once more itself.
        first.say(frame(HELLO, first.hello()))
        self.assertEqual("bad_order", first.end()["reason"])
        self.assertEqual("market/feed#0", Link.of(pid).welcome["instance"])
        self.finish(fleet)

    def test_what_breaks_the_protocol_ends_that_link_only(self):
        fleet = self.start()
        feed, trader = fleet.pid("market/feed#0"), Link.of(fleet.pid("market/trader#0"))
        damaged = bytearray(frame(CALL, {"id": 1, "op": "subscribe", "pattern": "a"}))
        damaged[7] ^= 1
        for data, reason in ((bytes(damaged), "bad_frame"), (b"\xff" * 9, "bad_frame"),
                             (b"\0" * 9, "bad_frame"), (frame(77), "bad_frame"),
                             (frame(PING, b"1"), "bad_frame"), (frame(WELCOME, {}), "bad_order")):
            link = Link.of(feed)
            link.say(data)
            self.assertEqual(reason, link.end()["reason"], data)
        trader.say(frame(PING, b"12345678"))
        self.assertEqual(b"12345678", trader.hear(PONG))
        self.finish(fleet)

    # -- ends ----------------------------------------------------------------------------------

    def test_an_old_process_is_told_so(self):
        fleet = self.start()
        pid = fleet.pid("market/feed#0")
        old = environment_of(pid)
        fleet.ask("restart", "market/feed", "--wait")
        new = fleet.pid("market/feed#0")
        self.assertNotEqual(old["TROUPE_TOKEN"], environment_of(new)["TROUPE_TOKEN"])
        self.assertEqual("old_incarnation", self.refused(Link(old))["reason"])
        Link.of(new)
        fleet.ask("stop", "market/feed", "--wait")
        self.assertEqual("old_incarnation",
                         self.refused(Link({**old, "TROUPE_INCARNATION": "1"}))["reason"])
        self.finish(fleet)

    def test_a_link_that_outlives_its_process_is_closed(self):
        # As when a grandchild has inherited it: here this test holds it.
        fleet = self.start()
        pid = fleet.pid("market/feed#0")
        link = Link.of(pid)
        os.kill(pid, signal.SIGKILL)
        bye = link.end()
        self.assertEqual("old_incarnation", bye["reason"])
        fleet.wait_event(lambda e: e["instance"] == "market/feed#0" and e["to"] == "starting"
                         and e["incarnation"] > int(link.environment["TROUPE_INCARNATION"]))
        fleet.wait_running("market/feed#0")
        poll_until(lambda: fleet.row("market/feed#0")["state"] == "running")
        Link.of(fleet.pid("market/feed#0"))
        self.finish(fleet)

    def test_a_bot_may_close_its_link_and_live_on(self):
        fleet = self.start()
        pid = fleet.pid("market/feed#0")
        link = Link.of(pid)
        link.say(frame(BYE, {"reason": "done", "text": "enough"}))
        link.end()
        row = fleet.row("market/feed#0")
        self.assertEqual(("running", pid), (row["state"], row["pid"]))
        # Without a word, too; and it may come back.
        link = Link.of(pid)
        link.close()
        again = poll_until(lambda: relink(pid))
        again.say(frame(PING, b"12345678"))
        self.assertEqual(b"12345678", again.hear(PONG))
        self.assertEqual(pid, fleet.pid("market/feed#0"))
        self.finish(fleet)

    def test_the_next_runtime_knows_the_keys(self):
        fleet = self.start()
        pids = [fleet.pid("market/feed#0"), fleet.pid("market/trader#0")]
        first = [Link.of(pid) for pid in pids]
        for life in (2, 3):
            with fleet.keeper_held():
                fleet.kill_runtime()
                self.assertIsNone(first[0].end())
                # Nobody is there, and the connect waits instead of failing.
                feed = Link(environment_of(pids[0]))
                feed.say(frame(HELLO, feed.hello()))
            feed.welcome = poll_until(lambda: feed.welcome or hear_welcome(feed))
            self.assertEqual(life, feed.welcome["epoch"])
            trader = Link.of(pids[1])
            first = [feed, trader]
            poll_until(lambda: fleet("ping").exit == 0)
            feed.send("market/trader#0", b"life %d" % life)
            self.assertEqual(b"life %d" % life, trader.message().payload)
        self.assertEqual(pids, [fleet.pid("market/feed#0"), fleet.pid("market/trader#0")])
        self.finish(fleet)

    def test_who_is_silent_keeps_nobody_out(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        count = min(5000, hard - 200)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 100), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        fleet = self.start()
        path = str(fleet.state / "link.sock")
        idle = []
        self.addCleanup(lambda: [each.close() for each in idle])
        for _ in range(count):
            each = socket.socket(socket.AF_UNIX)
            each.settimeout(PATIENCE)
            each.connect(path)
            idle.append(each)
        self.assertEqual(0, fleet("ping").exit)
        pid = fleet.pid("market/feed#0")
        link = poll_until(lambda: relink(pid))
        link.say(frame(PING, b"12345678"))
        self.assertEqual(b"12345678", link.hear(PONG))
        runtime = fleet.runtime
        self.assertLess(len(os.listdir(f"/proc/{runtime}/fd")), 128 + 200)
        self.finish(fleet)

    def test_the_end_of_the_fleet_ends_the_links(self):
        fleet = self.start()
        link = Link.of(fleet.pid("market/feed#0"))
        byes = []
        waiting = threading.Thread(target=lambda: byes.append(link.end()))
        waiting.start()
        self.finish(fleet)
        waiting.join(PATIENCE)
        self.assertEqual(1, len(byes))

    def finish(self, fleet):
        runtime = fleet.runtime
        self.assertTrue(procfs.alive(runtime))
        fleet.end()


def relink(pid):
    try:
        return Link.of(pid)
    except Ended as end:
        if end.bye and end.bye["reason"] != "already_linked":
            raise
        return None  # the runtime has not seen the end of the one before, or was full


def hear_welcome(link):
    return json.loads(link.hear(WELCOME))


if __name__ == "__main__":
    unittest.main()
