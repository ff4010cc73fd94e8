"""The asyncio front: the same bot for programs that have an event loop. Everything happens in the
loop that `run` or `start` is called in."""

import asyncio
import functools
import inspect
import signal
import socket
import time
from types import TracebackType
from typing import Any, Awaitable, Callable, Generator, List, Mapping, Optional, Set, Tuple, Type

from . import trace, wire
from .base import (REQUEST_TIMEOUT_S, SEND_TIMEOUT_S, BotBase, H, Handler, Timer, context_of,
                   delivery_of, error_of_reply, lane_of)
from .core import Event
from .errors import Error, Failed, Rejected, TimedOut
from .message import Message, Payload, Ticket, encode_name
from .state import AsyncState, Watch

FLUSH_S = 3.0


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
            self.then(lambda _: _wake(future))
            yield from future.__await__()
        rejected = self.rejected
        if rejected:
            raise rejected
        assert self.outcome
        return self.outcome[1]

    def then(self, callback: Callable[[Ticket], Any]) -> None:
        self._asked = True
        super().then(callback)

    async def wait(self, timeout: float = SEND_TIMEOUT_S) -> str:
        """Raises TimedOut, too: then it is still under way."""
        try:
            return await asyncio.wait_for(_of(self), timeout)
        except asyncio.TimeoutError:
            raise TimedOut(f"nothing known of the message after {timeout} s") from None

    def __del__(self) -> None:
        if not self._asked and self.rejected and self.outcome:
            self._bot._core.complain_of("a message", *self.outcome)


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


async def _of(sent: Sent) -> str:
    return await sent


class _Connection(asyncio.Protocol):
    """The socket of a link."""

    def __init__(self, bot: "Bot"):
        self._bot = bot
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=1)  # says when all has gone
        self._bot._on_connected(transport)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        taken = self._bot._on_data(data)
        self._rest = data[taken:]

    def resume_writing(self) -> None:
        self._bot._flush()

    def connection_lost(self, error: Optional[Exception]) -> None:
        self._bot._on_lost(str(error) if error else "the runtime has closed the link")


class Bot(BotBase):
    """As troupe.Bot, with `await`. Handlers may be coroutines or plain functions; `concurrency` of
    them are at work at a time: with 1, messages of a lane are handled in their order."""

    def __init__(self, *, concurrency: int = 1, window_messages: int = 256,
                 window_bytes: int = 256 << 10,
                 environment: Optional[Mapping[str, str]] = None):
        super().__init__(window_messages=window_messages, window_bytes=window_bytes,
                         environment=environment)
        if concurrency < 1:
            raise ValueError("at least one handler is at work")
        #: The keyed store that the bots of a group share.
        self.state = AsyncState(self)
        self._core.replier = self._reply
        self._concurrency = concurrency
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._transport: Optional[asyncio.Transport] = None
        self._stopping: Optional[asyncio.Event] = None
        self._stop_early = False
        self._work: Optional[asyncio.Event] = None
        self._flush_due = False
        self._busy = 0
        self._ending = False
        self._tasks: "Set[asyncio.Task[Any]]" = set()
        self._room: "List[Tuple[Callable[[], bool], asyncio.Future[None]]]" = []
        self._timer: Optional[asyncio.TimerHandle] = None
        self._runner: "Optional[asyncio.Task[None]]" = None

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

    async def _run(self, ready: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping, self._work = asyncio.Event(), asyncio.Event()
        if self._stop_early:
            self._stopping.set()
        if ready:
            self.ready()
        helpers = [self._spawn(self._keep_connected())]
        helpers += [self._spawn(self._keep_time(timer)) for timer in self._timers]
        helpers.append(self._spawn(self._dispatch()))
        try:
            await self._stopping.wait()
        finally:
            await self._finish(helpers)

    async def _finish(self, helpers: "List[asyncio.Task[Any]]") -> None:
        # What is being handled gets to its end; nothing else is begun.
        deadline = time.monotonic() + FLUSH_S
        self._ending = True
        while self._busy and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        for task in helpers:
            task.cancel()
        self._flush()
        await self._wait(lambda: not self._core.link or self._core.outbox.idle, FLUSH_S)
        if self._core.link:
            self._core.close()
            self._closed_reason = "not_linked", "the bot has closed its link"
        else:
            self._core._end("not_linked", "the bot has ended")
        self._flush()
        await self._wait(lambda: self._transport is None, 1.0)
        if self._timer:
            self._timer.cancel()

    def _spawn(self, work: "Awaitable[Any]") -> "asyncio.Task[Any]":
        assert self._loop
        task: "asyncio.Task[Any]" = self._loop.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- the connection --------------------------------------------------------------------

    async def _keep_connected(self) -> None:
        core = self._core
        while not core.closed:
            now = time.monotonic()
            if self._transport is None and core.connect_at is not None \
                    and core.connect_at <= now:
                await self._connect()
                continue
            wait = core.connect_at - now if core.connect_at is not None else 3600.0
            self._reconnect = asyncio.Event()
            try:
                await asyncio.wait_for(self._reconnect.wait(), max(wait, 0.0))
            except asyncio.TimeoutError:
                pass

    async def _connect(self) -> None:
        assert self._loop
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        sock.setblocking(False)
        try:
            sock.connect(self._core.identity.path)
        except OSError:
            sock.close()
            self._core.could_not_connect(time.monotonic())
            return
        await self.attach(sock)

    async def attach(self, sock: socket.socket) -> None:
        """Takes a socket that is connected to a runtime."""
        sock.setblocking(False)
        await asyncio.get_running_loop().create_connection(lambda: _Connection(self), sock=sock)

    _reconnect: Optional[asyncio.Event] = None

    def _on_connected(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._core.connected(time.monotonic())
        self._flush()

    def _on_lost(self, why: str) -> None:
        self._transport = None
        self._core.lost(time.monotonic(), why)
        self._after()
        if self._reconnect:
            self._reconnect.set()

    def _on_data(self, data: bytes) -> int:
        taken = self._core.received(data, 0, len(data), time.monotonic())
        self._after()
        return taken

    def _after(self) -> None:
        """After something has come: whoever waits looks whether it is theirs."""
        while self._core.events:
            self._on_core_event(self._core.events.popleft())
        if len(self._core.inbox) and self._work:
            self._work.set()
        self._flush()

    def _flush(self) -> None:
        """Writes what is to be written, as far as the transport takes it at once."""
        self._flush_due = False
        core, transport = self._core, self._transport
        if transport is None:
            self._check_room()
            return
        now = time.monotonic()
        for _ in range(4):
            unsent = transport.get_write_buffer_size()
            data = core.output(now, unsent)
            if not data:
                break
            transport.write(data)
        else:
            self._flush_soon()
        if core.closing:
            transport.close()
        self._check_room()
        self._set_timer()

    def _flush_soon(self) -> None:
        """Once for all that is sent in this turn of the event loop."""
        if not self._flush_due and self._loop:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _set_timer(self) -> None:
        due = self._core.due()
        if self._loop is None or due is None or self._stopping is None:
            return
        if self._timer is not None and not self._timer.cancelled():
            if self._timer.when() - self._loop.time() <= due - time.monotonic() + 0.001 \
                    and self._timer.when() > self._loop.time():
                return
            self._timer.cancel()
        self._timer = self._loop.call_later(max(0.0, due - time.monotonic()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._core.tick(time.monotonic())
        self._after()
        self._set_timer()

    def _check_room(self) -> None:
        if not self._room:
            return
        waiting, self._room = self._room, []
        for done, future in waiting:
            if future.done():
                continue
            if done():
                future.set_result(None)
            else:
                self._room.append((done, future))

    async def _wait(self, done: Callable[[], bool], timeout: float) -> bool:
        if done():
            return True
        if self._loop is None:
            raise Error("nothing runs the link: run() or start() the bot before this")
        future: "asyncio.Future[None]" = self._loop.create_future()
        self._room.append((done, future))
        try:
            await asyncio.wait_for(future, timeout)
            return True
        except asyncio.TimeoutError:
            return done()

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
        ticket.then(lambda _: _wake(future))
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

    async def _wait_for_room(self, lane: int, address: bytes, request: bool, to: str,
                             timeout: float) -> None:
        outbox = self._core.outbox
        if not await self._wait(lambda: self._core.closed
                                or outbox.has_room(lane, address, request), timeout):
            why = "it is under pressure" if address in outbox.pressed \
                else "too much waits" if self.linked else "there is no link"
            raise TimedOut(f"no room for a message to {to} within {timeout:.3g} s: {why}")

    async def flush(self, timeout: float = SEND_TIMEOUT_S) -> bool:
        """Waits until all that was sent was taken, and is handled or kept if it has to be."""
        self._flush_soon()
        return await self._wait(lambda: self._core.closed or self._core.outbox.idle, timeout)

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

    def ready(self) -> None:
        self._core.ready()
        self._flush_soon()

    def status(self, text: str) -> None:
        self._core.status(text)
        self._flush_soon()

    def _reply(self, request: Message, payload: Payload, flags: int) -> None:
        if not self._core.closed:
            self._core.reply(request, payload, flags)
            self._flush_soon()

    # -- handling --------------------------------------------------------------------------

    async def _dispatch(self) -> None:
        assert self._work
        batch = 0
        while True:
            if self._ending or self._busy >= self._concurrency or not len(self._core.inbox):
                self._work.clear()
                await self._work.wait()
                continue
            message = self._core.inbox.take()
            if message is None:
                continue
            self._busy += 1
            if self._concurrency == 1:
                await self._handle_beside(message)
                batch += 1
                if batch % 32 == 0:
                    await asyncio.sleep(0)  # the link is looked at, too
            else:
                self._spawn(self._handle_beside(message))

    async def _handle_beside(self, message: Message) -> None:
        try:
            await self._handle(message)
        finally:
            self._busy -= 1
            assert self._work
            self._work.set()

    async def _handle(self, message: Message) -> None:
        result = wire.DONE_DONE
        if not self._too_late(message, time.monotonic()):
            token = self._enter(message)
            try:
                answer: Any = None
                for handler in self._handlers_of(message):
                    answer = handler(message)
                    if inspect.isawaitable(answer):
                        answer = await answer
                result = self._succeed(message, answer)
            except Exception as error:
                result = self._fail(message, error)
            finally:
                trace.current.reset(token)
        self._core.inbox.finish(message, result, self._core.link)
        self._flush_soon()

    async def _call(self, what: str, call: Callable[[], Any]) -> Optional[BaseException]:
        token = trace.current.set(trace.current.get())
        try:
            result = call()
            if inspect.isawaitable(result):
                await result
        except Exception as error:
            self._log_failure(f"the handler of {what} failed", error)
            return error
        finally:
            trace.current.reset(token) # a trace that it began ends with it
        return None

    def _on_core_event(self, event: Event) -> None:
        if event.what == "drain":
            self._spawn(self._drain(event.within_s))
        elif event.what == "flatten":
            handler = self._on_event.get("flatten")
            if handler:
                self._spawn(self._flatten(handler))
        else:
            call = self._event_handler(event)
            if call:
                self._spawn(self._call(event.what, call))
            if event.what == "linked":
                self._refresh_watches(self.state.watches.all)

    def _refresh_watches(self, watches: List[Watch]) -> None:
        """Asks what is there; a link that comes later asks, too."""
        if self.linked:
            for watch in watches:
                if watch.link != self._core.link:
                    watch.link = self._core.link
                    self._spawn(self._look_at_state(watch))

    async def _look_at_state(self, watch: Watch) -> None:
        try:
            changes = await self.state._refresh(watch)
        except Error as error:
            if self.linked:
                self._complain(f"cannot watch {watch.prefix}*: {error}")
            return
        for change in changes:
            await self._call("a watch", functools.partial(watch.handler, change))

    async def _on_state(self, message: Message) -> None:
        for watch, change in self.state.watches.find(message):
            result = watch.handler(change)
            if inspect.isawaitable(result):
                await result

    async def _flatten(self, handler: Handler) -> None:
        self._answer("flatten", await self._call("flatten", handler))

    async def _drain(self, within: float) -> None:
        deadline = time.monotonic() + within
        while (len(self._core.inbox) or self._busy) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        handler = self._on_event.get("drain")
        error = await self._call("drain", handler) if handler else None
        if not error and not await self.flush(max(0.0, deadline - time.monotonic())):
            error = TimedOut("not all that was sent has arrived")
        self._answer("drain", error)

    def _answer(self, order: str, error: Optional[BaseException]) -> None:
        self._core.answer_order(order, error is None, str(error or ""))
        self._flush_soon()

    async def _keep_time(self, timer: Timer) -> None:
        due = time.monotonic()
        while True:
            await self._call("every", timer.handler)
            due = max(due + timer.period, time.monotonic())
            await asyncio.sleep(due - time.monotonic())


def main(bot: Bot) -> None:
    """`asyncio.run(bot.run())`, for programs of one bot."""
    asyncio.run(bot.run())


__all__ = ["Bot", "Sent", "main"]
