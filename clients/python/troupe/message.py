"""A message as a handler gets it, and what becomes of one that is sent."""

import json
from typing import Any, Callable, List, Optional, Tuple, Union

from . import trace, wire
from .errors import Rejected

Payload = Any
#: A handler returns this when it, or someone else, replies later with `message.reply()`.
LATER = object()


def encode(payload: Payload) -> Tuple[int, bytes]:
    """The content and bytes of a payload: bytes as they are, str as UTF-8, all else as JSON."""
    if isinstance(payload, str):
        content, data = wire.TEXT, payload.encode()
    elif isinstance(payload, (bytes, bytearray, memoryview)):
        content, data = wire.BYTES, bytes(payload)
    else:
        content, data = wire.JSON, json.dumps(payload, ensure_ascii=False,
                                              separators=(",", ":")).encode()
    if len(data) > wire.MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(data)} bytes; a message takes {wire.MAX_PAYLOAD}")
    return content, data


def decode(content: int, data: bytes) -> Payload:
    """The other way; raises ValueError for what is not what it says."""
    if content == wire.JSON:
        return json.loads(data)
    return data.decode() if content == wire.TEXT else data


class Message:
    """A message that came. What a handler may do with it: read it, `reply`, `fail`."""

    __slots__ = ("_head", "_to", "_sender", "_key", "raw", "_replier", "_arrived", "_link",
                 "_size", "_replied", "_context")

    def __init__(self, head: Tuple[Any, ...], to: bytes, sender: bytes, key: bytes, raw: bytes,
                 replier: "Optional[Callable[[Message, Payload, int], None]]", arrived: float,
                 link: int, size: int):
        self._head = head
        self._to = to
        self._sender = sender
        self._key = key
        #: The payload as bytes.
        self.raw = raw
        self._replier = replier
        self._arrived = arrived
        self._link = link
        self._size = size
        self._replied = False
        self._context: Optional[trace.Context] = None

    @property
    def payload(self) -> Payload:
        """bytes, str, or what the JSON says. Raises ValueError when it is not what it claims."""
        return decode(self._head[3], self.raw)

    @property
    def to(self) -> str:
        """The address as its sender wrote it."""
        return self._to.decode(errors="replace")

    @property
    def sender(self) -> str:
        """The instance that sent it, as `market/feed#0`: an address to send to."""
        return self._sender.decode(errors="replace")

    @property
    def topic(self) -> Optional[str]:
        """`ticks.btc`, or None when it was not published."""
        return self.to[6:] if self._to.startswith(b"topic:") else None

    @property
    def key(self) -> str:
        return self._key.decode(errors="replace")

    @property
    def lane(self) -> str:
        """`urgent`, `high`, `normal` or `low`."""
        return wire.LANES[self._head[0]]

    @property
    def delivery(self) -> str:
        """`fire`, `assured` or `durable`."""
        return wire.DELIVERIES[self._head[1]]

    @property
    def redelivered(self) -> bool:
        """It may have been handled before, by a process that has ended since."""
        return bool(self._head[2] & wire.AGAIN)

    @property
    def is_request(self) -> bool:
        """Its sender waits for a reply."""
        return self._head[7] != 0 and not self._head[2] & wire.REPLY

    @property
    def identity(self) -> Tuple[str, int, str, int]:
        """(sender, its incarnation, lane, sequence): what no other message has."""
        return self.sender, self._head[6], self.lane, self._head[5]

    @property
    def traceparent(self) -> Optional[str]:
        """The W3C trace context it came with."""
        context = self.came_with
        return context.traceparent() if context else None

    @property
    def came_with(self) -> Optional[trace.Context]:
        head = self._head
        if head[9] == wire.NO_TRACE:
            return None
        return trace.Context(head[9], head[10], bool(head[2] & wire.SAMPLED))

    def reply(self, payload: Payload = None) -> None:
        """Answers a request, once; from any thread. Does nothing for what is no request."""
        self._answer(payload, 0)

    def fail(self, text: str) -> None:
        """Answers a request with a failure: its sender gets `Failed(text)`."""
        # Texts of exceptions have names of files that are no UTF-8, now and then.
        self._answer(text.encode(errors="backslashreplace").decode(), wire.FAILED)

    def _answer(self, payload: Payload, flags: int) -> None:
        if self._replied or not self.is_request or self._replier is None:
            return
        self._replier(self, payload, flags) # raises for what cannot be sent
        self._replied = True

    def __repr__(self) -> str:
        return f"<troupe.Message from {self.sender} to {self.to}, {len(self.raw)} bytes>"


class Ticket:
    """What becomes of a message that was sent. Final from `done` on."""

    __slots__ = ("outcome", "reply", "_callbacks")

    def __init__(self) -> None:
        #: (name, text): `("done", "market/trader#2")`, `("expired", "")`.
        self.outcome: Optional[Tuple[str, str]] = None
        self.reply: Optional[Message] = None
        self._callbacks: "Optional[List[Callable[[Ticket], Any]]]" = None

    @property
    def done(self) -> bool:
        return self.outcome is not None

    @property
    def rejected(self) -> Optional[Rejected]:
        """Why it was not delivered; None while nothing is known and when it was."""
        if self.outcome is None or self.outcome[0] in ("accepted", "done", "replied", "sent"):
            return None
        return Rejected(*self.outcome)

    def then(self, callback: "Callable[[Ticket], Any]") -> None:
        """Calls it when all is known, at once if it is. Called by whoever runs the link."""
        if self.outcome is not None:
            callback(self)
            return
        if self._callbacks is None:
            self._callbacks = []
        self._callbacks.append(callback)

    def resolve(self, name: str, text: str = "") -> bool:
        """False when all was known before."""
        if self.outcome is not None:
            return False
        self.outcome = (name, text)
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            callback(self)
        return True


def encode_name(name: Union[str, bytes], what: str) -> bytes:
    data = name if isinstance(name, bytes) else name.encode()
    if len(data) > wire.MAX_NAME:
        raise ValueError(f"{what} has {len(data)} bytes; {wire.MAX_NAME} are the most: {name!r}")
    return data
