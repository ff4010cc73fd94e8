"""A link by hand, from nothing but docs/link-protocol.md: what the tests say when no client would.

The runtime knows a bot by its key and user, so a test that runs as the same user may speak in a
bot's place: it takes the key from the environment of the bot's process."""

import json
import socket
import struct
import zlib
from pathlib import Path

HELLO, WELCOME, BYE, PING, PONG, CALL, RESULT, TELL, ORDER = range(1, 10)
MESSAGE, RECEIPT, OUTCOME, DONE, CREDIT, KNOWN = range(16, 22)
URGENT, HIGH, NORMAL, LOW = range(4)
FIRE, ASSURED, DURABLE = range(3)
AGAIN, COMPRESSED, REPLY, FAILED = 1, 2, 4, 8
HEAD = struct.Struct("<BBBBIQQQQ16s8sIBBBB")


def credit(**lanes):
    """CREDIT: of each lane (messages, bytes) handled since the link began."""
    names = ("urgent", "high", "normal", "low")
    return frame(CREDIT, struct.pack("<8Q", *(n for name in names for n in lanes.get(name, (0, 0)))))


def frame(kind, body=b""):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    front = struct.pack("<IB", len(body) + 5, kind) + body
    return front + struct.pack("<I", zlib.crc32(front))


def environment_of(pid):
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(p.decode().split("=", 1) for p in pairs if b"=" in p)


class Ended(Exception):
    """The other side has closed the link; `bye` is what it said before, if anything."""

    def __init__(self, bye=None):
        super().__init__(bye)
        self.bye = bye


class Message:
    def __init__(self, body):
        (self.lane, self.delivery, self.flags, self.content, self.ttl, self.sequence,
         self.incarnation, self.request, self.tag, self.trace, self.span, self.length,
         to, origin, key, _) = HEAD.unpack_from(body)
        self.size = len(body)
        rest = body[HEAD.size:]
        self.to, self.origin = rest[:to].decode(), rest[to:to + origin].decode()
        self.key = rest[to + origin:to + origin + key].decode()
        self.payload = rest[to + origin + key:]


class Link:
    """Speaks as the process with this environment."""

    def __init__(self, environment, timeout=60):
        self.environment = environment
        self.instance = f"{environment['TROUPE_BOT']}#{environment['TROUPE_INSTANCE']}"
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(environment["TROUPE_LINK"])
        self.input = b""
        self.bye = None
        self.sent = [0, 0, 0, 0]
        self.welcome = None

    @classmethod
    def of(cls, pid, **more):
        """Links as that bot."""
        return cls(environment_of(pid), **more).greet()

    def hello(self, **more):
        return {"version": 1, "oldest": 1, "instance": self.instance,
                "incarnation": int(self.environment["TROUPE_INCARNATION"]),
                "token": self.environment["TROUPE_TOKEN"], "client": "raw_link.py 1", **more}

    def greet(self, **more):
        """Says HELLO; Ended when it is not answered by a WELCOME."""
        self.say(frame(HELLO, self.hello(**more)))
        self.welcome = json.loads(self.hear(WELCOME))
        return self

    def say(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what it said before is still to be read

    def next(self):
        """The next frame: its type and body."""
        while True:
            if len(self.input) >= 5:
                size, kind = struct.unpack_from("<IB", self.input)
                if len(self.input) >= size + 4:
                    whole, self.input = self.input[:size + 4], self.input[size + 4:]
                    assert zlib.crc32(whole[:-4]) == struct.unpack("<I", whole[-4:])[0]
                    return kind, whole[5:-4]
            try:
                got = self.socket.recv(1 << 16)
            except ConnectionResetError:
                got = b""
            if not got:
                raise Ended(self.bye)
            self.input += got

    def hear(self, *kinds):
        """The body of the next frame of one of these types; others are passed over, PINGs
        answered."""
        while True:
            kind, body = self.next()
            if kind == BYE:
                self.bye = json.loads(body)
            if kind == PING:
                self.say(frame(PONG, body))
            if kind in kinds:
                return body

    def end(self):
        """Waits for the end of the link; returns the BYE before it."""
        try:
            while True:
                self.hear()
        except Ended as end:
            return end.bye

    def send(self, to, payload, *, lane=NORMAL, delivery=FIRE, flags=0, request=0, ttl=0, key=""):
        """Sends a message; returns its number in its lane."""
        self.sent[lane] += 1
        self.say(frame(MESSAGE, HEAD.pack(
            lane, delivery, flags, 1, ttl, self.sent[lane],
            int(self.environment["TROUPE_INCARNATION"]), request, 0, bytes(16), bytes(8),
            len(payload), len(to), 0, len(key), 0) + to.encode() + key.encode() + payload))
        return self.sent[lane]

    def message(self):
        return Message(self.hear(MESSAGE))

    def done(self, *messages, result=0):
        self.say(frame(DONE, struct.pack("<H", len(messages)) + b"".join(
            struct.pack("<QB", m.tag, result) for m in messages)))

    def outcomes(self):
        """The next OUTCOME frame: a list of (lane, code, sequence, text)."""
        body = self.hear(OUTCOME)
        count, at, result = struct.unpack_from("<H", body)[0], 2, []
        for _ in range(count):
            lane, code, sequence, size = struct.unpack_from("<BBQB", body, at)
            at += 11
            result.append((lane, code, sequence, body[at:at + size].decode()))
            at += size
        return result

    def receipt(self):
        return struct.unpack("<4Q", self.hear(RECEIPT))

    def close(self):
        self.socket.close()

    def __del__(self):
        self.close()
