"""What runs beneath the asyncio front: the socket, the waiting, and the handlers that are called."""

import asyncio
import functools
import inspect
import socket
import time
from typing import Any, Awaitable, Callable, List, Mapping, Optional, Set, Tuple

from . import trace, wire
from .base import SEND_TIMEOUT_S, BotBase, Handler, Timer
from .core import Event
from .errors import Error, TimedOut
from .message import Message
from .state import AsyncState, Watch

FLUSH_S = 3.0


def wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


class _Connection(asyncio.Protocol):
    """The socket of a link."""

    def __init__(self, bot: "Loop"):
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


class Loop(BotBase):
    """Runs a link within an event loop; everything belongs to that one's thread."""

    state: AsyncState

    def __init__(self, *, concurrency: int, window_messages: int, window_bytes: int,
                 environment: Optional[Mapping[str, str]]):
        super().__init__(window_messages=window_messages, window_bytes=window_bytes,
                         environment=environment)
        if concurrency < 1:
            raise ValueError("at least one handler is at work")
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
        self._calls: "Set[asyncio.Task[Any]]" = set()
        self._room: "List[Tuple[Callable[[], bool], asyncio.Future[None]]]" = []
        self._timer: Optional[asyncio.TimerHandle] = None
        self._runner: "Optional[asyncio.Task[None]]" = None
        self._reconnect: Optional[asyncio.Event] = None

    async def _run(self, ready: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping, self._work = asyncio.Event(), asyncio.Event()
        if self._stop_early:
            self._stopping.set()
        if ready:
            self.ready()
        connecting = self._spawn(self._keep_connected())
        working = [self._spawn(self._keep_time(timer)) for timer in self._timers]
        working.append(self._spawn(self._dispatch()))
        try:
            await self._stopping.wait()
        finally:
            await self._finish(connecting, working)

    async def _finish(self, connecting: "asyncio.Task[Any]",
                      working: "List[asyncio.Task[Any]]") -> None:
        # What is being handled gets to its end; nothing else is begun.
        deadline = time.monotonic() + FLUSH_S
        self._ending = True
        while self._busy and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        for task in working:
            task.cancel()
        self._flush()
        # Over a link that may still have to come.
        await self._wait(lambda: self._core.closed or self._core.outbox.idle, FLUSH_S)
        connecting.cancel()
        if self._core.link:
            self._core.close()
            self._closed_reason = "not_linked", "the bot has closed its link"
        else:
            self._core._end("not_linked", "the bot has ended")
        self._flush()
        await self._wait(lambda: self._transport is None, 1.0)
        if self._timer:
            self._timer.cancel()
        if self._calls:
            await asyncio.wait(self._calls, timeout=FLUSH_S)

    def _spawn(self, work: "Awaitable[Any]") -> "asyncio.Task[Any]":
        assert self._loop
        task: "asyncio.Task[Any]" = self._loop.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def ready(self) -> None:
        self._core.ready()
        self._flush_soon()

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
            self._set_timer()
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
        self._core.inbox.finish(message, result, self._core.link, time.monotonic())
        self._flush_soon()

    def _call_later(self, call: Callable[[], Any]) -> None:
        """In a turn of the event loop of its own: what fails there ends no link."""
        task = (self._loop or asyncio.get_running_loop()).create_task(
            self._call("an outcome", call))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

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
