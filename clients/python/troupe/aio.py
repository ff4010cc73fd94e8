"""The asyncio front: the same bot for programs that have an event loop. Everything happens in the
loop that `run` or `start` is called in."""

import asyncio
import functools
import signal
import time
from types import TracebackType
from typing import Any, Callable, Generator, Mapping, Optional, Type

from . import wire
from .aio_loop import Loop, wake
from .base import (REQUEST_TIMEOUT_S, SEND_TIMEOUT_S, H, Handler, context_of, delivery_of,
                   error_of_reply, lane_of)
from .errors import Error, Failed, Rejected, TimedOut
from .message import Message, Payload, Ticket, encode_name
from .state import AsyncState


class Sent(Ticket):
    """What becomes of an `assured` or `durable` message: await it. It gives by whom it was taken,
    or raises Rejected."""

    __slots__ = ("_bot", "_asked")

    def __init__(self, bot: "Bot"):
        super().__init__()
        self._bot = bot
        self._asked = False

    def __await__(self) -> Generator[Any, None, str]:
        self._asked = True
        if not self.done:
            future: "asyncio.Future[None]" = asyncio.get_running_loop().create_future()
            super().then(lambda _: wake(future))
            yield from future.__await__()
        rejected = self.rejected
        if rejected:
            raise rejected
        assert self.outcome
        return self.outcome[1]

    def then(self, callback: Callable[[Ticket], Any]) -> None:
        """Calls it as a handler, once all is known; it may be a coroutine."""
        self._asked = True
        super().then(lambda ticket: self._bot._call_later(functools.partial(callback, ticket)))

    async def wait(self, timeout: float = SEND_TIMEOUT_S) -> str:
        """Raises TimedOut, too: then it is still under way."""
        try:
            return await asyncio.wait_for(_of(self), timeout)
        except asyncio.TimeoutError:
            raise TimedOut(f"nothing known of the message after {timeout} s") from None

    def __del__(self) -> None:
        if not self._asked and self.rejected and self.outcome:
            self._bot._core.complain_of("a message", *self.outcome)


async def _of(sent: Sent) -> str:
    return await sent


class Bot(Loop):
    """As troupe.Bot, with `await`. Handlers may be coroutines or plain functions; `concurrency` of
    them are at work at a time: with 1, messages of a lane are handled in their order."""

    def __init__(self, *, concurrency: int = 1, window_messages: int = 256,
                 window_bytes: int = 256 << 10,
                 environment: Optional[Mapping[str, str]] = None):
        super().__init__(concurrency=concurrency, window_messages=window_messages,
                         window_bytes=window_bytes, environment=environment)
        #: The keyed store that the bots of a group share.
        self.state = AsyncState(self)
        self._core.replier = self._reply

    # -- running ---------------------------------------------------------------------------

    async def run(self, ready: bool = True) -> None:
        """Runs until SIGTERM, SIGINT or `stop()`; see troupe.Bot.run."""
        loop = asyncio.get_running_loop()
        caught = []
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler) \
                    or number == signal.SIGINT:
                try:
                    loop.add_signal_handler(number, self.stop)
                    caught.append(number)
                except (ValueError, RuntimeError, NotImplementedError):
                    pass  # not the main thread
        try:
            await self._run(ready)
        finally:
            for number in caught:
                loop.remove_signal_handler(number)

    def start(self, ready: bool = True) -> "Bot":
        """Runs beside what else the event loop does; signals are left to the program."""
        if self._runner is None:
            self._loop = asyncio.get_running_loop()
            self._runner = self._loop.create_task(self._run(ready))
        return self

    def stop(self) -> None:
        """Makes `run` return. In the event loop's thread."""
        self._stop_early = True
        if self._stopping:
            self._stopping.set()

    async def close(self) -> None:
        """Ends what `start` began: what was sent is written first."""
        self.stop()
        if self._runner:
            await self._runner

    async def __aenter__(self) -> "Bot":
        return self.start()

    async def __aexit__(self, kind: Optional[Type[BaseException]],
                        error: Optional[BaseException], where: Optional[TracebackType]) -> None:
        await self.close()

    # -- sending ---------------------------------------------------------------------------

    async def send(self, to: str, payload: Payload = None, *, lane: str = "normal",
                   delivery: str = "fire", ttl: Optional[float] = None, key: str = "",
                   traceparent: Optional[str] = None, timeout: float = SEND_TIMEOUT_S) \
            -> Optional[Sent]:
        """As troupe.Bot.send; what it returns for `assured` and `durable` can be awaited."""
        lane_number, delivery_number = lane_of(lane), delivery_of(delivery)
        address = encode_name(to, "an address")
        ticket = Sent(self) if delivery_number else None
        core = self._core
        if not core.closed and not core.outbox.has_room(lane_number, address):
            await self._wait_for_room(lane_number, address, False, to, timeout)
        if core.closed:
            if ticket:
                ticket._asked = not self.managed
                ticket.resolve(*self._refusal())
            return ticket
        core.send(address, payload, lane_number, delivery_number, ttl, key, time.monotonic(),
                  context_of(traceparent), ticket)
        self._flush_soon()
        return ticket

    async def publish(self, topic: str, payload: Payload = None, *, lane: str = "normal",
                      delivery: str = "fire", ttl: Optional[float] = None,
                      traceparent: Optional[str] = None, timeout: float = SEND_TIMEOUT_S) \
            -> Optional[Sent]:
        if delivery == "assured":
            raise ValueError("topics are fire or durable")
        return await self.send(f"topic:{topic}", payload, lane=lane, delivery=delivery, ttl=ttl,
                               traceparent=traceparent, timeout=timeout)

    async def request(self, to: str, payload: Payload = None, *,
                      timeout: float = REQUEST_TIMEOUT_S, lane: str = "normal",
                      delivery: str = "fire", key: str = "",
                      traceparent: Optional[str] = None) -> Payload:
        """As troupe.Bot.request."""
        return (await self.request_message(to, payload, timeout=timeout, lane=lane,
                                           delivery=delivery, key=key,
                                           traceparent=traceparent)).payload

    async def request_message(self, to: str, payload: Payload = None, *,
                              timeout: float = REQUEST_TIMEOUT_S, lane: str = "normal",
                              delivery: str = "fire", key: str = "",
                              traceparent: Optional[str] = None) -> Message:
        reply = await self._ask(to, payload, timeout, lane, delivery, key, traceparent)
        if reply._head[2] & wire.FAILED:
            raise Failed(error_of_reply(reply))
        return reply

    async def _ask(self, to: str, payload: Payload, timeout: float = REQUEST_TIMEOUT_S,
                   lane: str = "normal", delivery: str = "fire", key: str = "",
                   traceparent: Optional[str] = None) -> Message:
        """The reply, good or bad."""
        lane_number, delivery_number = lane_of(lane), delivery_of(delivery)
        address = encode_name(to, "an address")
        deadline = time.monotonic() + timeout
        core = self._core
        if not core.closed and not core.outbox.has_room(lane_number, address, True):
            await self._wait_for_room(lane_number, address, True, to, timeout)
        if core.closed:
            raise Rejected(*self._refusal())
        now = time.monotonic()
        ticket = Ticket()
        core.request(address, payload, lane_number, delivery_number, max(deadline - now, 0.001),
                     key, now, context_of(traceparent), ticket)
        loop = asyncio.get_running_loop()
        future: "asyncio.Future[None]" = loop.create_future()
        ticket.then(lambda _: wake(future))
        self._flush_soon()
        try:
            await asyncio.wait_for(future, max(deadline - now, 0.001) + 1)
        except asyncio.TimeoutError:
            pass
        if not ticket.outcome or ticket.outcome[0] == "timed_out":
            raise TimedOut(f"{to} has not replied within {timeout} s")
        if ticket.reply is None:
            raise ticket.rejected or Error("a request without an end")
        return ticket.reply

    def subscribe(self, pattern: str, handler: Optional[Handler] = None, *,
                  durable: bool = False) -> Callable[[H], H]:
        """As troupe.Bot.subscribe; no await is needed."""
        def register(function: H) -> H:
            self._add_subscription(pattern, function)
            self._core.subscribe(pattern, durable)
            self._flush_soon()
            return function
        return register if handler is None else register(handler)  # type: ignore[return-value]

    def unsubscribe(self, pattern: str) -> None:
        self._drop_subscription(pattern)
        self._core.unsubscribe(pattern)
        self._flush_soon()

    def status(self, text: str) -> None:
        self._core.status(text)
        self._flush_soon()

    def _reply(self, request: Message, payload: Payload, flags: int) -> None:
        if not self._core.closed:
            self._core.reply(request, payload, flags)
            self._flush_soon()


def main(bot: Bot) -> None:
    """`asyncio.run(bot.run())`, for programs of one bot."""
    asyncio.run(bot.run())


__all__ = ["Bot", "Sent", "main"]
