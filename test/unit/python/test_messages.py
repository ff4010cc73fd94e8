"""What is sent and received over a link, and what becomes of it."""

import json
import unittest
import unittest.mock

from fake_runtime import message, outcome, welcome
from link_case import LinkCase
from troupe import wire
from troupe.core import UNSENT
from troupe.message import Ticket


class Sending(LinkCase):
    def test_a_sequence_for_each_lane(self):
        self.link()
        for lane in (2, 2, 0, 3):
            self.send(lane=lane)
        self.assertEqual([(0, 1, False), (2, 1, False), (2, 2, False), (3, 1, False)], self.sent())

    def test_what_is_in_a_message(self):
        self.link()
        self.core.send(b"a/b", {"n": 1}, 1, 2, 2.5, "BTC", self.now, None, Ticket())
        sent = self.said(wire.MESSAGE)[0]
        self.assertEqual((1, 2, 0, wire.JSON, 2500, 1, 118),
                         sent.head[:7])
        self.assertEqual(("a/b", "", "BTC", b'{"n":1}'),
                         (sent.to, sent.sender, sent.key, sent.payload))

    def test_the_window_of_messages_leaves_room_for_urgent_ones(self):
        self.link(window={"messages": 16, "bytes": 1 << 20})
        for _ in range(20):
            self.send()
        self.assertEqual(14, len(self.sent()))
        self.send(lane=0)
        self.assertEqual([(0, 1, False)], self.sent())
        self.receive(wire.receipt_frame([1, 0, 10, 0]))
        self.assertEqual(6, len(self.sent()))

    def test_the_window_of_bytes(self):
        self.link(window={"messages": 100, "bytes": 64 << 10})
        for _ in range(10):
            self.send(b"x" * 10_000)
        count = len(self.sent())
        self.assertEqual(5, count)
        self.receive(wire.receipt_frame([0, 0, count, 0]))
        self.assertEqual(5, len(self.sent()))

    def test_one_that_is_larger_than_the_window(self):
        self.link(window={"messages": 100, "bytes": 4096})
        self.send(b"x" * 9000)
        self.send(b"y")
        self.assertEqual(1, len(self.sent()))
        self.receive(wire.receipt_frame([0, 0, 1, 0]))
        self.assertEqual(1, len(self.sent()))

    def test_an_urgent_one_overtakes_a_flood(self):
        self.link()
        for _ in range(1000):
            self.send(b"x" * 1000)
        first = self.sent()
        self.assertLess(len(first), 100) # what the kernel may have at a time
        self.send(lane=0)
        self.assertEqual((0, 1, False), self.sent()[0])

    def test_nothing_goes_while_much_is_unsent(self):
        self.link()
        self.said()
        self.send()
        self.assertEqual(b"", self.core.output(self.now, UNSENT))

    def test_low_moves_under_a_flood(self):
        self.link()
        self.send(lane=3)
        for _ in range(100):
            self.send()
        self.assertIn((3, 1, False), self.sent()[:9])

    def test_room(self):
        for _ in range(1024):
            self.assertTrue(self.core.outbox.has_room(2, b"a/b"))
            self.send()
        self.assertFalse(self.core.outbox.has_room(2, b"a/b"))
        self.assertTrue(self.core.outbox.has_room(0, b"a/b"))

    def test_bulk_leaves_room_for_an_urgent_one(self):
        for _ in range(9):
            self.assertTrue(self.core.outbox.has_room(3, b"a/b"))
            self.send(bytes(wire.MAX_PAYLOAD), lane=3)
        self.assertFalse(self.core.outbox.has_room(3, b"a/b"))
        self.assertTrue(self.core.outbox.has_room(0, b"a/b"))
        self.link(window={"messages": 8192, "bytes": 64 << 20})
        while self.sent():
            pass
        self.assertTrue(self.core.outbox.has_room(3, b"a/b"))

    def test_pressure(self):
        self.link()
        order = {"op": "pressure", "to": "a/b", "on": True}
        self.receive(wire.json_frame(wire.ORDER, order))
        self.assertFalse(self.core.outbox.has_room(2, b"a/b"))
        self.assertTrue(self.core.outbox.has_room(2, b"a/c"))
        self.receive(wire.json_frame(wire.ORDER, {**order, "on": False}))
        self.assertTrue(self.core.outbox.has_room(2, b"a/b"))

    def test_expired_before_it_was_sent(self):
        ticket = self.send(delivery=1, ttl=1.0)
        self.send()
        self.now += 2
        self.link()
        self.assertEqual([(2, 1, False)], self.sent())
        self.assertEqual("expired", ticket.outcome[0])

    def test_unresolved_ones_are_bounded(self):
        self.link(unresolved=3)
        for _ in range(5):
            self.send(delivery=1)
        self.assertEqual(3, len(self.sent()))
        self.receive(wire.receipt_frame([0, 0, 3, 0]), outcome(1, 2))
        self.assertEqual([(2, 4, False)], self.sent())


class Outcomes(LinkCase):
    def test_assured(self):
        self.link()
        ticket = self.send(delivery=1)
        self.sent()
        self.receive(wire.receipt_frame([0, 0, 1, 0]))
        self.assertFalse(self.core.outbox.idle)
        self.receive(outcome(1, 1, text="market/trader#1"))
        self.assertEqual(("done", "market/trader#1"), ticket.outcome)
        self.assertIsNone(ticket.rejected)
        self.assertTrue(self.core.outbox.idle)

    def test_durable(self):
        self.link()
        ticket = self.send(delivery=2)
        self.sent()
        self.receive(wire.receipt_frame([0, 0, 1, 0]), outcome(0, 1))
        self.assertEqual("accepted", ticket.outcome[0])
        self.assertTrue(self.core.outbox.idle)

    def test_rejections(self):
        self.link()
        for code, name in wire.OUTCOMES.items():
            if code < wire.REJECTED:
                continue
            ticket = self.send(delivery=1)
            sequence = self.sent()[0][1]
            self.receive(outcome(code, sequence, text="so"))
            self.assertEqual((name, "so"), (ticket.rejected.reason, ticket.rejected.text))

    def test_a_rejected_fire_is_told(self):
        self.link()
        self.core.events.clear()
        self.send()
        self.sent()
        self.receive(outcome(16, 1, text="no x"))
        event = self.core.events.popleft()
        self.assertEqual("rejected", event.what)
        self.assertEqual("a message to a/b: no_such_address: no x", event.text)

    def test_a_rejected_reply_is_not(self):
        self.link()
        for delivery in (0, 1):
            self.receive(message(1 + delivery, request=1, delivery=delivery))
            self.handle().reply("x")
            sequence = self.sent()[0][1]
            self.core.events.clear()
            self.receive(outcome(21, sequence, text="nobody waits for it"))
            self.assertFalse(self.core.events)
        self.assertFalse(self.core.outbox._unresolved_count)

    def test_outcomes_of_nothing(self):
        self.link()
        self.receive(outcome(1, 77), outcome(0, 78), outcome(18, 79))
        self.assertTrue(self.core.link)

    def test_again_on_a_new_link(self):
        self.link()
        tickets = [self.send(delivery=1) for _ in range(3)]
        self.send()
        self.sent()
        self.receive(outcome(1, 2))
        self.break_link()
        self.send(delivery=1)
        hello = self.link()
        self.assertEqual([1, 1, 5, 1], hello["next"])
        self.assertEqual([(2, 1, True), (2, 3, True), (2, 5, False)], self.sent())
        self.receive(outcome(1, 1), outcome(1, 3))
        self.assertTrue(all(ticket.done for ticket in tickets))

    def test_again_within_the_window(self):
        self.link()
        for _ in range(20):
            self.send(delivery=1)
        self.sent()
        self.break_link()
        self.link(window={"messages": 8, "bytes": 1 << 20})
        got = self.sent()
        self.receive(wire.receipt_frame([0, 0, got[-1][1], 0]))
        got += self.sent()
        self.receive(wire.receipt_frame([0, 0, got[-1][1], 0]))
        got += self.sent()
        self.assertEqual([(2, n, True) for n in range(1, 21)], got)


class Requests(LinkCase):
    def test_a_reply(self):
        self.link()
        ticket = self.request()
        sent = self.said(wire.MESSAGE)[0]
        self.assertEqual((1, 5000), (sent.head.request, sent.head.ttl))
        self.receive(message(1, b"41", flags=wire.REPLY, request=1, content=wire.JSON))
        self.assertEqual(41, ticket.reply.payload)
        self.assertEqual(0, len(self.core.inbox))
        self.assertEqual(1, self.said(wire.CREDIT)[0][2][0])

    def test_assured_reply_is_done_and_known(self):
        self.link()
        self.request()
        self.said()
        reply = dict(flags=wire.REPLY, request=1, delivery=1)
        self.receive(message(1, tag=5, **reply))
        self.assertEqual([[(5, 0)]], self.said(wire.DONE))
        self.receive(message(1, tag=6, **reply))
        self.assertEqual([[(6, 0)]], self.said(wire.DONE))

    def test_rejected(self):
        self.link()
        for delivery in (0, 1):
            ticket = self.request(delivery=delivery)
            sequence = self.sent()[0][1]
            self.receive(outcome(25, sequence, text="a/b#0"))
            self.assertEqual("receiver_died", ticket.rejected.reason)

    def test_done_of_an_assured_request_is_not_its_end(self):
        self.link()
        ticket = self.request(delivery=1)
        self.sent()
        self.receive(outcome(1, 1))
        self.assertFalse(ticket.done)
        self.receive(message(1, flags=wire.REPLY, request=1))
        self.assertEqual("replied", ticket.outcome[0])

    def test_deadline(self):
        self.link()
        ticket = self.request(timeout=2.0)
        self.sent()
        self.assertEqual(self.now + 2, self.core.due())
        self.now += 2
        self.core.tick(self.now)
        self.assertEqual("timed_out", ticket.outcome[0])
        self.receive(message(1, flags=wire.REPLY, request=1)) # too late
        self.assertIsNone(ticket.reply)

    def test_deadline_without_a_link(self):
        ticket = self.request(timeout=2.0)
        self.core.tick(self.now + 3)
        self.assertEqual("timed_out", ticket.outcome[0])

    def test_open_requests_are_bounded(self):
        self.link(window={"messages": 8192, "bytes": 8 << 20})
        for i in range(4096):
            self.request()
            if i % 64 == 0:
                while sent := self.sent():
                    self.receive(wire.receipt_frame([0, 0, sent[-1][1], 0]))
        while sent := self.sent():
            self.receive(wire.receipt_frame([0, 0, sent[-1][1], 0]))
        self.assertFalse(self.core.outbox.has_room(2, b"a/b", request=True))
        self.assertTrue(self.core.outbox.has_room(2, b"a/b"))

    def test_replying(self):
        self.link()
        trace = bytes(range(16))
        self.receive(message(1, request=9, lane=1, delivery=1, flags=wire.SAMPLED, trace=trace,
                             span=b"parent!!", tag=1))
        got = self.handle()
        got.reply({"a": 1})
        got.reply("twice")
        reply, = self.said(wire.MESSAGE)
        self.assertEqual((1, 1, wire.REPLY | wire.SAMPLED, 9, trace),
                         (reply.head.lane, reply.head.delivery, reply.head.flags,
                          reply.head.request, reply.head.trace))
        self.assertEqual(("market/feed#0", {"a": 1}), (reply.to, json.loads(reply.payload)))


class Receiving(LinkCase):
    def setUp(self):
        super().setUp()
        self.link()
        self.said()

    def test_urgent_first(self):
        self.receive(*(message(n) for n in (1, 2)), message(1, lane=0), message(1, lane=1))
        order = [self.core.inbox.take().lane for _ in range(4)]
        self.assertEqual(["urgent", "high", "normal", "normal"], order)

    def test_low_is_handled_under_a_flood(self):
        self.receive(message(1, lane=3), *(message(n) for n in range(1, 40)))
        lanes = [self.core.inbox.take().lane for _ in range(20)]
        self.assertIn("low", lanes)

    def test_credit_at_half_a_window(self):
        self.receive(*(message(n) for n in range(1, 9)))
        for _ in range(3):
            self.handle()
        self.assertEqual([], self.said(wire.CREDIT))
        self.handle()
        size = len(message()) - wire.FRAME_OVERHEAD
        self.assertEqual([[(0, 0), (0, 0), (4, 4 * size), (0, 0)]], self.said(wire.CREDIT))

    def test_credit_when_nothing_is_left(self):
        self.receive(message(1, lane=0))
        self.handle()
        self.assertEqual(1, self.said(wire.CREDIT)[0][0][0])
        self.assertEqual([], self.said(wire.CREDIT))

    def test_credit_of_a_large_one(self):
        self.receive(message(1, b"x" * 140_000), message(2))
        self.handle()
        self.assertEqual(1, len(self.said(wire.CREDIT)))

    def test_done(self):
        for number, result in enumerate((wire.DONE_DONE, wire.DONE_FAILED,
                                         wire.DONE_NO_SUCH_ACTOR), 1):
            self.receive(message(number, delivery=1 + number % 2, tag=number))
            self.handle(result)
        self.assertEqual([[(1, 0), (2, 1), (3, 2)]], self.said(wire.DONE))
        self.receive(message(9))
        self.handle()
        self.assertEqual([], self.said(wire.DONE))

    def test_a_known_one_is_answered_and_not_handled(self):
        self.receive(message(1, delivery=1, tag=1))
        self.handle()
        self.said()
        self.receive(message(1, delivery=1, tag=2, flags=wire.AGAIN))
        self.assertEqual(0, len(self.core.inbox))
        said = dict(self.said())
        self.assertEqual([(2, 0)], said[wire.DONE])
        self.assertEqual(2, said[wire.CREDIT][2][0])
        # The same number from another sender, lane or life is another message.
        self.receive(message(1, delivery=1, tag=3, sender="x#0"),
                     message(1, delivery=1, tag=4, lane=1),
                     message(1, delivery=1, tag=5, incarnation=8))
        self.assertEqual(3, len(self.core.inbox))

    def test_a_failed_one_is_handled_again(self):
        self.receive(message(1, delivery=1, tag=1))
        self.handle(wire.DONE_FAILED)
        self.receive(message(1, delivery=1, tag=2, flags=wire.AGAIN))
        self.assertTrue(self.handle().redelivered)
        self.assertEqual([[(1, 1), (2, 0)]], self.said(wire.DONE))

    def test_one_that_ends_between_hello_and_welcome_is_told(self):
        self.receive(message(1, delivery=1, tag=1))
        taken = self.core.inbox.take()
        self.break_link()
        self.core.connected(self.now)
        self.assertEqual([wire.HANDLING], [each.state for each in self.said(wire.KNOWN)[0]])
        self.core.inbox.finish(taken, wire.DONE_DONE, self.core.link, self.now)
        self.assertEqual([], self.said(wire.KNOWN))  # no more than the hello has announced
        self.receive(welcome())
        self.assertEqual([wire.HANDLED], [each.state for each in self.said(wire.KNOWN)[0]])

    def test_known_again_while_it_is_handled(self):
        self.receive(message(1, delivery=1, tag=1))
        taken = self.core.inbox.take()
        self.receive(message(1, delivery=1, tag=2))
        self.assertEqual([], self.said(wire.DONE))
        self.core.inbox.finish(taken, wire.DONE_DONE, self.core.link, self.now)
        self.assertEqual([[(2, 0)]], self.said(wire.DONE))

    def test_memory_of_identities_is_bounded(self):
        inbox = self.core.inbox
        for number in range(1, 5001):
            self.receive(message(number, delivery=1, tag=number))
            self.handle()
            self.now += 0.1
        self.assertEqual(4096, len(inbox._handled[b"market/feed#0"]))
        self.assertLessEqual(len(inbox._recent), 4097)
        with unittest.mock.patch("troupe.inbox.REMEMBERED_IN_ALL", 4100):
            for number in range(1, 5001):
                self.receive(message(1, delivery=1, tag=number, sender=f"x#{number}"))
                self.handle()
        # The sender that was heard longest ago is forgotten first.
        self.assertEqual(4100, sum(map(len, inbox._handled.values())))
        self.assertEqual([b"x#901", b"x#5000"], [list(inbox._handled)[at] for at in (0, -1)])
        self.assertFalse(inbox._handling)

    def test_what_waits_is_not_forgotten(self):
        with unittest.mock.patch.multiple("troupe.inbox", REMEMBERED=2, REMEMBERED_IN_ALL=3):
            self.receive(*(message(n, delivery=1, tag=n, sender=f"x#{n & 1}") for n in range(9)))
            self.receive(*(message(n, delivery=1, tag=9 + n, sender=f"x#{n & 1}")
                           for n in range(9)))
        self.assertEqual(9, len(self.core.inbox))

    def test_known_after_a_lost_link(self):
        self.receive(message(1, delivery=1, tag=1), message(2, delivery=2, tag=2), message(3))
        self.handle()
        self.break_link()
        self.core.connected(self.now)
        hello, known = (meaning for _, meaning in self.said())
        self.assertEqual(2, hello["known"])
        self.assertEqual([(2, 1, 7, 1, "market/feed#0"), (2, 0, 7, 2, "market/feed#0")],
                         [tuple(entry) for entry in known])
        self.receive(welcome())
        self.said()
        # What waited is handled, and told by KNOWN; it gives no credit on the new link.
        self.handle()
        self.handle()
        said = self.said()
        self.assertEqual([(wire.KNOWN, [(2, 1, 7, 2, "market/feed#0")])], said)

    def test_known_is_of_the_last_minute(self):
        self.receive(message(1, delivery=1, tag=1), message(2, delivery=1, tag=2))
        self.handle()
        self.now += 61
        self.receive(message(3, delivery=1, tag=3))
        self.break_link()
        self.core.connected(self.now)
        # The second one is still being handled.
        self.assertEqual([3, 2], [entry.sequence for entry in self.said(wire.KNOWN)[0]])

    def test_time_without_a_link_does_not_count(self):
        """A runtime that is down for long gives a message of before to nobody else."""
        self.receive(message(1, delivery=1, tag=1))
        self.handle()
        self.now += 50
        self.break_link()
        for _ in range(3): # of which none gets its welcome
            self.now += 100
            self.core.could_not_connect(self.now)
            self.core.connected(self.now)
            self.assertEqual([1], [entry.sequence for entry in self.said(wire.KNOWN)[0]])
            self.core.lost(self.now)
        self.link()
        self.now += 11
        self.break_link()
        self.core.connected(self.now)
        self.assertEqual([], self.said(wire.KNOWN))

    def test_known_is_what_has_ended_lately(self):
        self.receive(message(1, delivery=1, tag=1))
        self.now += 70
        self.handle()
        self.break_link()
        self.core.connected(self.now)
        self.assertEqual([wire.HANDLED], [entry.state for entry in self.said(wire.KNOWN)[0]])

    def test_known_frames_fit_before_the_welcome(self):
        for number in range(1, 2001):
            self.receive(message(number, delivery=1, tag=number))
            self.handle()
        self.break_link()
        self.core.connected(self.now)
        data = self.core.output(self.now)
        at = 0
        while at < len(data):
            at = wire.split(data, at, len(data), wire.MAX_EARLY_FRAME)[2]

    def test_a_failure_after_a_lost_link(self):
        self.receive(message(1, delivery=1, tag=1))
        self.break_link()
        self.link()
        self.said()
        self.handle(wire.DONE_FAILED)
        self.assertEqual([[(2, wire.HANDLER_FAILED, 7, 1, "market/feed#0")]],
                         self.said(wire.KNOWN))
        # Without a link nothing can be said: it is not known on the next one.
        self.receive(message(2, delivery=1, tag=2))
        self.break_link()
        self.handle(wire.DONE_FAILED)
        self.core.connected(self.now)
        self.assertEqual(0, self.said(wire.HELLO)[0]["known"])

    def test_compressed_without_the_feature(self):
        self.receive(message(1, flags=wire.COMPRESSED))
        self.assertEqual("bad_frame", self.said(wire.BYE)[0]["reason"])


if __name__ == "__main__":
    unittest.main()
