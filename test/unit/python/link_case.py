"""A link as a state machine, with a clock of its own, for tests."""

import unittest

import fake_runtime as fake
from fake_runtime import welcome
from troupe import wire
from troupe.base import identity_of
from troupe.core import Core
from troupe.message import Ticket


class LinkCase(unittest.TestCase):
    def setUp(self):
        self.now = 1000.0
        self.core = Core(identity_of(fake.ENVIRONMENT), "test 1", window_messages=8)

    def receive(self, *frames):
        data = b"".join(frames)
        return self.core.received(data, 0, len(data), self.now)

    def said(self, kind=None):
        """What the core writes now: (type, meaning), or the meanings of one type."""
        got, rest = fake.frames(self.core.output(self.now))
        self.assertEqual(b"", rest)
        return [m for k, m in got if k == kind] if kind else got

    def link(self, **changed):
        self.core.connected(self.now)
        hello = self.said()[0][1]
        self.receive(welcome(**changed))
        return hello

    def break_link(self):
        self.core.lost(self.now)
        self.core.events.clear()

    def send(self, payload=b"x", to=b"a/b", lane=2, delivery=0, ttl=None):
        ticket = Ticket() if delivery else None
        self.core.send(to, payload, lane, delivery, ttl, "", self.now, None, ticket)
        return ticket

    def request(self, timeout=5.0, delivery=0):
        ticket = Ticket()
        self.core.request(b"a/b", "?", 2, delivery, timeout, "", self.now, None, ticket)
        return ticket

    def sent(self):
        """(lane, sequence, again) of the messages that go out now."""
        return [(m.head.lane, m.head.sequence, bool(m.head.flags & wire.AGAIN))
                for m in self.said(wire.MESSAGE)]

    def handle(self, result=wire.DONE_DONE):
        taken = self.core.inbox.take()
        self.core.inbox.finish(taken, result, self.core.link, self.now)
        return taken
