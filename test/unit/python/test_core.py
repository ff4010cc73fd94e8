"""How a link begins, lives and ends, and what is asked and ordered on it."""

import random
import unittest

from fake_runtime import message, welcome
from link_case import LinkCase
from test_vectors import load, raw
from troupe import wire


class Handshake(LinkCase):
    def test_hello_and_welcome(self):
        hello = self.link()
        self.assertEqual(("market/trader#2", 118, [1, 1, 1, 1], 0),
                         (hello["instance"], hello["incarnation"], hello["next"], hello["known"]))
        self.assertEqual({"messages": 8, "bytes": 262144}, hello["window"])
        self.assertTrue(self.core.link)
        self.assertEqual("demo", self.core.fleet)
        self.assertEqual({"symbol": "BTC"}, self.core.config["settings"])
        self.assertEqual("linked", self.core.events.popleft().what)

    def test_a_config_that_changed_while_there_was_no_link(self):
        self.link()
        self.assertEqual(["linked"], [e.what for e in self.core.events])
        self.break_link()
        self.link(config={"version": 9, "labels": self.core.config["labels"],
                          "settings": self.core.config["settings"]})
        self.assertEqual(["linked"], [e.what for e in self.core.events])
        self.break_link()
        self.link(config={"version": 10, "labels": {}, "settings": {"symbol": "ETH"}})
        self.assertEqual(["config", "linked"], [e.what for e in self.core.events])
        self.assertEqual({"symbol": "ETH"}, self.core.config["settings"])

    def test_nothing_goes_before_the_welcome(self):
        self.send()
        self.core.connected(self.now)
        self.assertEqual([wire.HELLO], [kind for kind, _ in self.said()])
        self.receive(welcome())
        self.assertEqual([(2, 1, False)], self.sent())

    def test_another_frame_than_welcome(self):
        self.core.connected(self.now)
        self.said()
        self.receive(wire.receipt_frame([0] * 4))
        self.assertEqual("bad_order", self.said(wire.BYE)[0]["reason"])
        self.assertTrue(self.core.closing)

    def test_bad_welcomes(self):
        for changed in ({"window": None}, {"window": {"messages": 0, "bytes": 1}},
                        {"version": 2}, {"heartbeat_s": "soon"}, {"heartbeat_s": 0},
                        {"unresolved": []}, {"window": [], "heartbeat_s": 1e300}):
            self.core.connected(self.now)
            self.said()
            self.receive(welcome(**changed))
            self.assertEqual("bad_frame", self.said(wire.BYE)[0]["reason"], changed)
            self.break_link()

    def test_waits_between_attempts(self):
        waits = []
        for _ in range(9):
            self.core.could_not_connect(self.now)
            waits.append(round(self.core.connect_at - self.now, 3))
            self.now = self.core.connect_at
        self.assertEqual([0, .05, .1, .2, .4, .8, 1.6, 2, 2], waits)

    def test_a_steady_link_is_made_again_at_once(self):
        self.core.could_not_connect(self.now)
        self.core.could_not_connect(self.now)
        self.link()
        self.now += 3
        self.core.lost(self.now)
        self.assertEqual(self.now, self.core.connect_at)
        # One that is refused again and again is not.
        for _ in range(5):
            self.link()
            self.core.lost(self.now)
        self.assertLess(self.now + 0.3, self.core.connect_at)

    def test_reasons_to_stay_away(self):
        for reason in ("bad_hello", "bad_version", "bad_token", "old_incarnation", "silent",
                       "stopping"):
            self.setUp()
            ticket = self.send(delivery=1)
            self.link()
            self.receive(wire.json_frame(wire.BYE, {"reason": reason, "text": "so"}))
            self.core.lost(self.now)
            self.assertTrue(self.core.closed, reason)
            self.assertIsNone(self.core.connect_at)
            self.assertEqual("stopping" if reason == "stopping" else "not_linked",
                             ticket.outcome[0])

    def test_reasons_to_come_again(self):
        for reason, wait in (("already_linked", 0.1), ("bad_frame", 0), ("too_slow", 0),
                             ("a reason of later", 0)):
            self.setUp()
            self.link()
            self.receive(wire.json_frame(wire.BYE, {"reason": reason, "text": ""}))
            self.assertTrue(self.core.closing)
            self.core.lost(self.now)
            self.assertFalse(self.core.closed)
            self.assertAlmostEqual(self.now + wait, self.core.connect_at)

    def test_broken_frames_end_the_link(self):
        for vector in load("broken.json"):
            if vector.get("early") or vector.get("type") in (
                    "HELLO", "CALL", "TELL", "DONE", "CREDIT", "KNOWN", "WELCOME"):
                continue
            with self.subTest(vector["name"]):
                self.setUp()
                self.link()
                self.said()
                self.receive(raw(vector["frame"]))
                self.assertEqual("bad_frame", self.said(wire.BYE)[0]["reason"])
                self.assertTrue(self.core.closing)

    def test_frames_of_bots_end_the_link(self):
        for frame in (wire.frame(wire.HELLO, b"{}"), wire.done_frames([(1, 0)]), welcome()):
            self.setUp()
            self.link()
            self.said()
            self.receive(frame)
            self.assertEqual("bad_order", self.said(wire.BYE)[0]["reason"])

    def test_bytes_one_by_one(self):
        self.core.connected(self.now)
        data, at = welcome() + message(1) + message(2, lane=0), 0
        for end in range(len(data) + 1):
            at = self.core.received(data, at, end, self.now)
        self.assertEqual(len(data), at)
        self.assertEqual(2, len(self.core.inbox))


class Garbage(LinkCase):
    def test_whatever_comes_ends_in_a_goodbye_at_worst(self):
        """Frames with wrong bytes and right checksums: what only a broken runtime would send."""
        dice = random.Random(4)
        bodies = [raw(v["frame"])[4:-4] for name in ("control.json", "messages.json", "lists.json")
                  for v in load(name) if len(raw(v["frame"])) < 2000]
        for _ in range(4000):
            self.setUp()
            self.link()
            data = bytearray(dice.choice(bodies))
            for _ in range(dice.randrange(4)):
                at = dice.randrange(len(data))
                if dice.random() < 0.3:
                    del data[at:at + dice.randrange(1, 20)]
                    data = data or bytearray(1)
                else:
                    data[at] = dice.randrange(256)
            self.receive(wire.frame(data[0], bytes(data[1:])))
            if not self.core.closing:
                self.said()
            while self.core.inbox.take():
                pass


class Heartbeats(LinkCase):
    def test_a_ping_is_answered(self):
        self.link()
        self.receive(wire.frame(wire.PING, b"12345678"))
        self.assertEqual([b"12345678"], self.said(wire.PONG))

    def test_three_missed_make_a_new_link(self):
        self.link()
        self.said()
        for _ in range(3):
            self.now = self.core.due()
            self.core.tick(self.now)
            self.assertEqual(1, len(self.said(wire.PING)))
        self.assertEqual(1030, self.now)
        self.now = self.core.due()
        self.core.tick(self.now)
        self.assertEqual(1040, self.now)
        self.assertTrue(self.core.closing)

    def test_whatever_comes_is_an_answer(self):
        self.link()
        self.now += 25
        self.core.tick(self.now)
        self.receive(wire.receipt_frame([0] * 4))
        self.said()
        self.assertEqual(self.now + 10, self.core.due())
        self.core.tick(self.now + 9)
        self.assertEqual([], self.said(wire.PING))

    def test_half_a_frame(self):
        self.link()
        self.said()
        self.receive(message()[:20])
        for _ in range(6):
            self.now += 5
            self.core.tick(self.now)
        self.assertEqual("too_slow", self.said(wire.BYE)[0]["reason"])


class Control(LinkCase):
    def test_subscriptions_hold_over_links(self):
        first = self.core.subscribe("ticks.*", False)
        self.link()
        call, = self.said(wire.CALL)
        self.assertEqual(("subscribe", "ticks.*", False),
                         (call["op"], call["pattern"], call["durable"]))
        self.receive(wire.json_frame(wire.RESULT, {"id": call["id"], "ok": True}))
        self.assertTrue(first.done)
        self.core.subscribe("orders.>", True)
        self.core.unsubscribe("ticks.*")
        self.assertEqual(["subscribe", "unsubscribe"], [c["op"] for c in self.said(wire.CALL)])
        self.break_link()
        self.link()
        self.assertEqual({("subscribe", "orders.>"), ("unsubscribe", "ticks.*")},
                         {(c["op"], c["pattern"]) for c in self.said(wire.CALL)})

    def test_a_refused_subscription_is_asked_for_on_the_next_link(self):
        for code in ("store_unavailable", "not_permitted", "mailbox_full"):
            self.setUp()
            ticket = self.core.subscribe("secret.>", True)
            for _ in range(2):
                self.link()
                self.core.events.clear()
                call, = self.said(wire.CALL)
                self.assertEqual(("secret.>", True), (call["pattern"], call["durable"]))
                self.receive(wire.json_frame(wire.RESULT, {"id": call["id"], "error": {
                    "code": code, "text": "no"}}))
                self.assertEqual(code, ticket.rejected.reason)
                self.assertIn("secret.>", self.core.events.popleft().text)
                self.break_link()

    def test_a_pattern_that_is_none_is_not_asked_for_again(self):
        self.core.subscribe("a b", False)
        self.link()
        call, = self.said(wire.CALL)
        self.receive(wire.json_frame(wire.RESULT, {"id": call["id"], "error": {
            "code": "bad_message", "text": "no"}}))
        self.break_link()
        self.link()
        self.assertEqual([], self.said(wire.CALL))

    def test_ready_and_status_are_told_on_every_link(self):
        self.core.ready()
        self.core.status("ä" * 300)
        for _ in range(2):
            self.link()
            ready, status = self.said(wire.TELL)
            self.assertEqual("ready", ready["op"])
            self.assertEqual("ä" * 128, status["text"])
            self.break_link()

    def test_results_and_orders_of_nothing(self):
        self.link()
        self.receive(wire.json_frame(wire.RESULT, {"id": [1]}), wire.json_frame(wire.RESULT, {}),
                     wire.json_frame(wire.ORDER, {"op": ["drain"]}),
                     wire.json_frame(wire.ORDER, {"op": "drain", "within_s": "soon"}),
                     wire.json_frame(wire.ORDER, {"op": "config", "settings": 5}))
        self.assertFalse(self.core.closing)
        self.receive(wire.frame(wire.ORDER, b'{"op":"drain","within_s":1e400}'))
        self.receive(wire.frame(wire.ORDER, b'{"op":"drain","within_s":NaN}'))
        self.assertTrue(self.core.closing)

    def test_orders(self):
        self.link()
        self.core.events.clear()
        for order in ({"op": "drain", "within_s": 2.5}, {"op": "flatten"}, {"op": "dance"},
                      {"op": "config", "version": 8, "settings": {"symbol": "ETH"}, "labels": {}}):
            self.receive(wire.json_frame(wire.ORDER, order))
        self.assertEqual([("drain", 2.5), ("flatten", 0), ("config", 0)],
                         [(e.what, e.within_s) for e in self.core.events])
        self.assertEqual({"symbol": "ETH"}, self.core.config["settings"])

    def test_closing_on_purpose(self):
        self.link()
        ticket = self.send(delivery=1)
        self.said()
        self.core.close()
        self.assertEqual("done", self.said(wire.BYE)[0]["reason"])
        self.assertTrue(self.core.closing and self.core.closed and ticket.rejected)


if __name__ == "__main__":
    unittest.main()
