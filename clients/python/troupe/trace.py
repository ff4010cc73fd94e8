"""W3C trace context: where what is happening now belongs."""

import contextvars
import random
import re
from typing import NamedTuple, Optional

from .wire import NO_SPAN, NO_TRACE

_PARENT = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
# Not for secrets: an id has to be different, not unknown. Seeded by the system in each process.
_random = random.Random()


class Context(NamedTuple):
    """A trace, and the span in it that is the parent of what is sent now."""

    trace: bytes
    span: bytes
    sampled: bool

    def traceparent(self) -> str:
        return f"00-{self.trace.hex()}-{self.span.hex()}-{int(self.sampled):02x}"


#: The trace of the message that is being handled, or of `bot.traceparent = …`.
current: "contextvars.ContextVar[Optional[Context]]" = contextvars.ContextVar(
    "troupe_trace", default=None)


def parse(traceparent: str) -> Context:
    """Raises ValueError for what is no `traceparent` of the W3C."""
    match = _PARENT.fullmatch(traceparent.strip())
    if not match or traceparent.startswith("ff"):
        raise ValueError(f"no traceparent: {traceparent!r}")
    trace, span = bytes.fromhex(match[1]), bytes.fromhex(match[2])
    if trace == NO_TRACE or span == NO_SPAN:
        raise ValueError(f"a traceparent of zeros: {traceparent!r}")
    return Context(trace, span, bool(int(match[3], 16) & 1))


def start(sampled: bool = True) -> Context:
    """A trace of its own."""
    return Context(_random.getrandbits(128).to_bytes(16, "big"), new_span(), sampled)


def new_span() -> bytes:
    return _random.getrandbits(64).to_bytes(8, "big")
