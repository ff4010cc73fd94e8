"""A runtime that does what a test says: the other end of a link, over a socket or over bytes."""

import socket
import sys
from collections import deque
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "clients/python"))

from troupe import wire  # noqa: E402

ENVIRONMENT = {"TROUPE_LINK": "/nonexistent/link.sock", "TROUPE_TOKEN": "5f" * 16,
               "TROUPE_BOT": "market/trader", "TROUPE_INSTANCE": "2",
               "TROUPE_INCARNATION": "118"}
WELCOME = {"version": 1, "fleet": "demo", "epoch": 3, "instance": "market/trader#2",
           "incarnation": 118, "features": [], "heartbeat_s": 10,
           "window": {"messages": 8192, "bytes": 8 << 20}, "unresolved": 1024,
           "config": {"version": 7, "labels": {"env": "prod"}, "settings": {"symbol": "BTC"}}}


class Sent:
    """A MESSAGE that the bot sent."""

    def __init__(self, body):
        head, to, sender, key, self.payload = wire.decode_message(body)
        self.head = wire.Head(*head)
        self.to, self.sender, self.key = to.decode(), sender.decode(), key.decode()


def read(kind, body):
    """What a frame of a bot means."""
    if kind in wire.JSON_TYPES:
        return wire.decode_json(body)
    if kind == wire.MESSAGE:
        return Sent(body)
    return {wire.DONE: wire.decode_done, wire.CREDIT: wire.decode_credit,
            wire.KNOWN: wire.decode_known}.get(kind, bytes)(body)


def frames(data):
    """(type, meaning) of each frame, and what is left."""
    result, at = [], 0
    while True:
        found = wire.split(data, at, len(data))
        if found is None:
            return result, data[at:]
        kind, body, at_next = found
        result.append((kind, read(kind, memoryview(data)[body:at_next - 4])))
        at = at_next


def message(sequence=1, payload=b"x", *, lane=2, delivery=0, flags=0, content=0, ttl=0,
            sender="market/feed#0", incarnation=7, request=0, tag=0, to="market/trader#2",
            trace=wire.NO_TRACE, span=wire.NO_SPAN, key=""):
    """A MESSAGE frame as a runtime sends it."""
    return wire.message_frame(lane, delivery, flags, content, ttl, sequence, incarnation, request,
                              tag, trace, span, len(payload), to.encode(), sender.encode(),
                              key.encode(), payload)


def welcome(**changed):
    return wire.json_frame(wire.WELCOME, {**WELCOME, **changed})


def outcome(code, sequence, lane=2, text=""):
    return wire.outcome_frames([wire.Outcome(lane, code, sequence, text)])


class FakeRuntime:
    """One end of a socketpair; the other is for a bot. `expect` reads until a frame of that
    type has come; others that came before it are kept for later calls."""

    def __init__(self, timeout=20):
        self.socket, self.bots = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self._rest = b""
        self._frames = deque()

    def expect(self, kind, matching=lambda _: True):
        skipped = deque()
        while True:
            while self._frames:
                found = self._frames.popleft()
                if found[0] == kind and matching(found[1]):
                    self._frames.extendleft(reversed(skipped))
                    return found[1]
                skipped.append(found)
            data = self.socket.recv(1 << 16)
            if not data:
                raise AssertionError(f"the bot closed its link before frame {kind} came; "
                                     f"others: {list(skipped)}")
            got, self._rest = frames(self._rest + data)
            self._frames.extend(got)

    def send(self, *frames_):
        self.socket.sendall(b"".join(frames_))

    def greet(self, **changed):
        """HELLO and WELCOME; returns the HELLO."""
        hello = self.expect(wire.HELLO)
        self.send(welcome(**changed))
        return hello

    def ended(self):
        """Reads to the end of the connection."""
        while True:
            data = self.socket.recv(1 << 16)
            if not data:
                return [kind_and_meaning for kind_and_meaning in self._frames]
            got, self._rest = frames(self._rest + data)
            self._frames.extend(got)

    def hang_up(self):
        """Both ways; a bot that ends has nothing to wait for then."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the bot was faster

    def close(self):
        self.socket.close()
        self.bots.close()
