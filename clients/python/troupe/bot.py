"""The sync front: one thread runs the link and the handlers; any thread may send."""

import functools
import signal
import threading
import time
from types import TracebackType
from typing import Any, Callable, Dict, Mapping, Optional, Type

from . import wire
from .base import (REQUEST_TIMEOUT_S, SEND_TIMEOUT_S, H, Handler, context_of, delivery_of,
                   error_of_reply, lane_of)
from .errors import Error, Failed, Rejected, TimedOut
from .loop import FLUSH_S, Loop
from .message import Message, Payload, Ticket, encode_name
from .state import State


class Sent(Ticket):
    """What becomes of an `assured` or `durable` message."""

    __slots__ = ("_bot", "_asked")

    def __init__(self, bot: "Bot"):
        super().__init__()
        self._bot = bot
        self._asked = False

    def wait(self, timeout: float = SEND_TIMEOUT_S) -> str:
        """Waits until it is handled (`assured`) or kept on disk (`durable`), and returns by whom.
        Raises Rejected, or TimedOut: then it is still under way."""
        self._asked = True
        if not self._bot._wait(lambda: self.done, timeout):
            raise TimedOut(f"nothing known of the message after {timeout} s")
        rejected = self.rejected
        if rejected:
            raise rejected
        assert self.outcome
        return self.outcome[1]

    def then(self, callback: "Callable[[Ticket], Any]") -> None:
        """Calls it in the thread of the link, as a handler, once all is known."""
        self._asked = True
        with self._bot._lock: # else the loop may resolve it between the look and the entry
            super().then(lambda ticket: self._bot._call_later(functools.partial(callback, ticket)))

    def __del__(self) -> None:
        # Nobody has asked, and nobody can any more.
        if not self._asked and self.rejected and self.outcome:
            self._bot._core.complain_of("a message", *self.outcome)


class Bot(Loop):
    """A bot. Register handlers, then `run()`. See docs/sdk-python.md."""

    def __init__(self, *, window_messages: int = 256, window_bytes: int = 256 << 10,
                 environment: Optional[Mapping[str, str]] = None):
        super().__init__(window_messages=window_messages, window_bytes=window_bytes,
                         environment=environment)
        #: The keyed store that the bots of a group share.
        self.state = State(self)
        self._core.replier = self._reply

    # -- running ---------------------------------------------------------------------------

    def run(self, ready: bool = True) -> None:
        """Runs until SIGTERM, SIGINT or `stop()`. Says that the bot is ready as soon as it is
        linked, unless `ready` is False: then the bot calls `ready()` itself."""
        if ready:
            self.ready()
        previous: Dict[signal.Signals, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                # A handler that the program has set stays.
                if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                    previous[number] = signal.signal(number, lambda *_: self.stop())
        try:
            self._loop()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def start(self, ready: bool = True) -> "Bot":
        """Runs in a thread of its own; signals are left to the program."""
        if self._background is None:
            if ready:
                self.ready()
            self._background = threading.Thread(target=self._loop, name="troupe", daemon=True)
            self._background.start()
        return self

    def stop(self) -> None:
        """Makes `run` return after the handler that is at work. From any thread."""
        self._stop = True
        self._wake()

    def close(self) -> None:
        """Ends what `start` began and waits for it: what was sent is written first."""
        self.stop()
        if self._background is not None and self._thread != threading.get_ident():
            self._background.join(FLUSH_S + 2)

    def __enter__(self) -> "Bot":
        return self.start()

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 where: Optional[TracebackType]) -> None:
        self.close()

    def breathe(self) -> None:
        """For a handler that works for long: keeps the link alive, handles nothing."""
        if self._thread == threading.get_ident():
            self._turn(0.0)

    # -- sending ---------------------------------------------------------------------------

    def send(self, to: str, payload: Payload = None, *, lane: str = "normal",
             delivery: str = "fire", ttl: Optional[float] = None, key: str = "",
             traceparent: Optional[str] = None, timeout: float = SEND_TIMEOUT_S) \
            -> Optional[Sent]:
        """Sends a message. Of `assured` and `durable` it returns what to wait on, of `fire` None.
        Waits up to `timeout` when there is no room, then raises TimedOut. `ttl` in seconds."""
        lane_number, delivery_number = lane_of(lane), delivery_of(delivery)
        ticket = Sent(self) if delivery_number else None
        address = encode_name(to, "an address")
        while True:
            with self._lock:
                core = self._core
                if core.closed:
                    if ticket:
                        ticket._asked = not self.managed # alone there is nobody to reject
                        ticket.resolve(*self._refusal())
                    return ticket
                if core.outbox.has_room(lane_number, address):
                    core.send(address, payload, lane_number, delivery_number, ttl, key,
                              time.monotonic(), context_of(traceparent), ticket)
                    break
            self._wait_for_room(lane_number, address, False, to, timeout)
        self._wake()
        return ticket

    def publish(self, topic: str, payload: Payload = None, *, lane: str = "normal",
                delivery: str = "fire", ttl: Optional[float] = None,
                traceparent: Optional[str] = None, timeout: float = SEND_TIMEOUT_S) \
            -> Optional[Sent]:
        """Sends to all that subscribe to the topic; `fire` or `durable`."""
        if delivery == "assured":
            raise ValueError("topics are fire or durable")
        return self.send(f"topic:{topic}", payload, lane=lane, delivery=delivery, ttl=ttl,
                         traceparent=traceparent, timeout=timeout)

    def request(self, to: str, payload: Payload = None, *, timeout: float = REQUEST_TIMEOUT_S,
                lane: str = "normal", delivery: str = "fire", key: str = "",
                traceparent: Optional[str] = None) -> Payload:
        """Asks and returns the payload of the reply. Raises Failed when the handler there failed,
        Rejected when the request was not delivered or its receiver died, TimedOut. Within a
        handler nothing else is handled meanwhile."""
        return self.request_message(to, payload, timeout=timeout, lane=lane, delivery=delivery,
                                    key=key, traceparent=traceparent).payload

    def request_message(self, to: str, payload: Payload = None, *,
                        timeout: float = REQUEST_TIMEOUT_S, lane: str = "normal",
                        delivery: str = "fire", key: str = "",
                        traceparent: Optional[str] = None) -> Message:
        """The same; returns the reply as a message, with its sender."""
        reply = self._ask(to, payload, timeout, lane, delivery, key, traceparent)
        if reply._head[2] & wire.FAILED:
            raise Failed(error_of_reply(reply))
        return reply

    def _ask(self, to: str, payload: Payload, timeout: float = REQUEST_TIMEOUT_S,
             lane: str = "normal", delivery: str = "fire", key: str = "",
             traceparent: Optional[str] = None) -> Message:
        """The reply, good or bad."""
        lane_number, delivery_number = lane_of(lane), delivery_of(delivery)
        address = encode_name(to, "an address")
        deadline = time.monotonic() + timeout
        ticket = Ticket()
        while True:
            now = time.monotonic()
            with self._lock:
                if self._core.closed:
                    raise Rejected(*self._refusal())
                if self._core.outbox.has_room(lane_number, address, request=True):
                    self._core.request(address, payload, lane_number, delivery_number,
                                       max(deadline - now, 0.001), key, now,
                                       context_of(traceparent), ticket)
                    break
            self._wait_for_room(lane_number, address, True, to, deadline - now)
        self._wake()
        # The link ends it at its deadline; the second is for a busy machine.
        if not self._wait(lambda: ticket.done, max(deadline - now, 0) + 1) \
                or ticket.outcome and ticket.outcome[0] == "timed_out":
            raise TimedOut(f"{to} has not replied within {timeout} s")
        if ticket.reply is None:
            raise ticket.rejected or Error("a request without an end")
        return ticket.reply

    def flush(self, timeout: float = SEND_TIMEOUT_S) -> bool:
        """Waits until all that was sent was taken, and is handled or kept if it has to be."""
        return self._wait(lambda: self._core.closed or self._core.outbox.idle, timeout)

    def subscribe(self, pattern: str, handler: Optional[Handler] = None, *,
                  durable: bool = False) -> Callable[[H], H]:
        """As a decorator, or with a handler: gets what is published on topics that match, as
        `ticks.*` or `ticks.>`. A durable subscription collects while the bot is down."""
        def register(function: H) -> H:
            self._add_subscription(pattern, function)
            with self._lock:
                self._core.subscribe(pattern, durable)
            self._wake()
            return function
        return register if handler is None else register(handler)  # type: ignore[return-value]

    def unsubscribe(self, pattern: str) -> None:
        self._drop_subscription(pattern)
        with self._lock:
            self._core.unsubscribe(pattern)
        self._wake()

    def ready(self) -> None:
        """Tells the runtime that the bot is ready: the `ready: "link"` of its config."""
        with self._lock:
            self._core.ready()
        self._wake()

    def status(self, text: str) -> None:
        """A line for people: `troupe show` has it."""
        with self._lock:
            self._core.status(text)
        self._wake()

    def _reply(self, request: Message, payload: Payload, flags: int) -> None:
        with self._lock:
            if not self._core.closed:
                self._core.reply(request, payload, flags)
        self._wake()
