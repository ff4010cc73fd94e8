"""The thread of the sync front: the socket, the waiting, and the handlers that are called."""

import functools
import os
import selectors
import socket
import sys
import threading
import time
from collections import deque
from typing import Any, Callable, Deque, List, Mapping, Optional

from . import trace, wire
from .base import BotBase
from .core import Event
from .errors import Error, TimedOut
from .message import Message
from .state import State, Watch

#: How many messages are handled before the link is looked at again: an urgent one that arrives
#: meanwhile waits for no more.
BATCH = 32
_READ = 64 << 10
#: How long the end of `run` waits until what was sent has arrived.
FLUSH_S = 3.0


class Loop(BotBase):
    """Runs a link. `_wait`, `_wait_for_room`, `_call_later` and `_wake` may be called by any thread; all else
    belongs to the one that runs `_loop`."""

    state: State

    def __init__(self, *, window_messages: int, window_bytes: int,
                 environment: Optional[Mapping[str, str]]):
        super().__init__(window_messages=window_messages, window_bytes=window_bytes,
                         environment=environment)
        # Around the core, and whatever is changed by more than one thread.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiters = 0
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._woken = False
        self._socket: Optional[socket.socket] = None
        self._writing = False
        self._unsent = b""
        self._buffer = bytearray(wire.MAX_FRAME + 4 + _READ)
        self._view = memoryview(self._buffer)
        self._begin = self._end = 0
        self._thread: Optional[int] = None
        self._background: Optional[threading.Thread] = None
        self._stop = False
        self._fresh_watches: List[Watch] = []
        self._calls: Deque[Callable[[], Any]] = deque()
        self._drain_by: Optional[float] = None
        self._drain_asked = False

    def __del__(self) -> None:
        if not hasattr(self, "_wake_write"):
            return # its environment was wrong
        self._selector.close()
        for end in (self._wake_read, self._wake_write):
            os.close(end)

    # -- waiting ---------------------------------------------------------------------------

    def _wait_for_room(self, lane: int, address: bytes, request: bool, to: str,
                       timeout: float) -> None:
        if not self._wait(lambda: self._core.closed
                          or self._core.outbox.has_room(lane, address, request), timeout):
            why = "it is under pressure" if address in self._core.outbox.pressed \
                else "too much waits" if self.linked else "there is no link"
            raise TimedOut(f"no room for a message to {to} within {timeout:.3g} s: {why}")

    def _wait(self, done: Callable[[], bool], timeout: float) -> bool:
        """In the thread of the link: runs it meanwhile. Elsewhere: waits for that thread."""
        deadline = time.monotonic() + timeout
        if self._thread == threading.get_ident():
            while not done():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._turn(left)
            return True
        with self._changed:
            if done():
                return True
            if self._thread is None and self._background is None:
                raise Error("nothing runs the link: call run() or start() before this")
            self._waiters += 1
            try:
                return self._changed.wait_for(done, timeout)
            finally:
                self._waiters -= 1

    def _wake(self) -> None:
        """Lets the thread of the link look at what is to be written. A byte at most."""
        if self._thread == threading.get_ident() and not self._stop or self._woken:
            return
        self._woken = True
        try:
            os.write(self._wake_write, b"\0")
        except OSError:
            pass  # full: it is awake

    # -- the loop --------------------------------------------------------------------------

    def _loop(self) -> None:
        if self._thread is not None:
            raise Error("the bot runs already")
        self._thread = threading.get_ident()
        now = time.monotonic()
        for timer in self._timers:
            timer.due = now
        try:
            while not self._stop:
                self._turn(0.0 if len(self._core.inbox) or self._calls else self._until_timer())
                self._handle_events()
                self._handle_timers()
                for _ in range(BATCH):
                    message = self._core.inbox.take()
                    if message is None or self._stop:
                        break
                    self._handle(message)
                if self._drain_by is not None:
                    self._drain()
        finally:
            self._finish()

    def _until_timer(self) -> float:
        times = [timer.due for timer in self._timers]
        if self._drain_by is not None:
            times.append(self._drain_by)
        return max(0.0, min(times) - time.monotonic()) if times else 60.0

    def _finish(self) -> None:
        """The end: what was sent goes out, over a link that may still have to come, then a
        goodbye."""
        try:
            deadline = time.monotonic() + FLUSH_S
            while (not self._core.closed and time.monotonic() < deadline
                    and not (self._core.outbox.idle and not self._unsent)):
                self._turn(max(0.0, deadline - time.monotonic()))
            with self._lock:
                if self._core.link:
                    self._core.close()
                    self._closed_reason = "not_linked", "the bot has closed its link"
                else:
                    self._core._end("not_linked", "the bot has ended")
            self._write()
            self._disconnect("the bot has closed its link")
            self._handle_calls() # what has ended since, or with the link
        finally:
            self._thread = None
            with self._changed:
                self._changed.notify_all()
            sys.stdout.flush()

    def _turn(self, timeout: float) -> None:
        """Writes what is to be written, waits up to `timeout` and reads what has come."""
        now = time.monotonic()
        self._connect(now)
        more = self._write()
        if more:
            timeout = 0.0
        elif timeout > 0:
            with self._lock:
                due = self._core.due()
            for when in (due, None if self._socket else self._core.connect_at):
                if when is not None and not self._core.closed:
                    timeout = min(timeout, max(0.0, when - now))
        for key, events in self._selector.select(timeout):
            if key.fd == self._wake_read:
                try:
                    os.read(self._wake_read, 4096)
                except BlockingIOError:
                    pass
                # After the read: whoever wakes before this is seen by what follows, and the byte
                # of whoever wakes after it stays.
                self._woken = False
            else:
                if events & selectors.EVENT_READ:
                    self._read()
        if self._core.due() is not None:
            now = time.monotonic()
            with self._changed:
                self._core.tick(now)
                if self._waiters:
                    self._changed.notify_all()
        self._write()

    def _connect(self, now: float) -> None:
        core = self._core
        if self._socket or core.closed or core.connect_at is None or now < core.connect_at:
            return
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        sock.setblocking(False)
        try:
            sock.connect(core.identity.path)
        except OSError:
            sock.close()
            with self._lock:
                core.could_not_connect(now)
            return
        self.attach(sock)

    def attach(self, sock: socket.socket) -> None:
        """Takes a socket that is connected to a runtime."""
        sock.setblocking(False)
        self._socket = sock
        self._selector.register(sock, selectors.EVENT_READ)
        self._writing = False
        self._unsent = b""
        self._begin = self._end = 0
        with self._lock:
            self._core.connected(time.monotonic())

    def _disconnect(self, why: str) -> None:
        if self._socket is None:
            return
        self._selector.unregister(self._socket)
        self._socket.close()
        self._socket = None
        self._unsent = b""
        with self._changed:
            self._core.lost(time.monotonic(), why)
            self._changed.notify_all()

    def _write(self) -> bool:
        """As much as goes; says whether there may be more at once."""
        if self._socket is None:
            return False
        for _ in range(4):
            with self._changed:
                data = self._core.output(time.monotonic(), len(self._unsent))
                if self._waiters:
                    self._changed.notify_all()
            if self._unsent:
                data = self._unsent + data
            if not data:
                if self._core.closing:
                    self._disconnect("the link was closed")
                return False
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._disconnect(f"cannot write: {error.strerror}")
                return False
            self._unsent = data[sent:]
            if bool(self._unsent) != self._writing:
                self._writing = not self._writing
                self._selector.modify(self._socket, selectors.EVENT_READ
                                      | (selectors.EVENT_WRITE if self._writing else 0))
            if self._unsent:
                return False
        return True

    def _read(self) -> None:
        if self._socket is None:
            return
        try:
            size = self._socket.recv_into(self._view[self._end:self._end + _READ])
        except BlockingIOError:
            return
        except OSError as error:
            self._disconnect(f"cannot read: {error.strerror}")
            return
        if not size:
            self._disconnect("the runtime has closed the link")
            return
        self._end += size
        with self._changed:
            self._begin = self._core.received(self._buffer, self._begin, self._end,
                                              time.monotonic())
            if self._waiters:
                self._changed.notify_all()
        if self._begin == self._end:
            self._begin = self._end = 0
        elif self._begin:
            rest = self._end - self._begin
            self._buffer[:rest] = self._buffer[self._begin:self._end]
            self._begin, self._end = 0, rest

    # -- handling --------------------------------------------------------------------------

    def _handle(self, message: Message) -> None:
        began = time.monotonic()
        result = wire.DONE_DONE
        if not self._too_late(message, began):
            token = self._enter(message)
            try:
                answer = None
                for handler in self._handlers_of(message):
                    answer = handler(message)
                result = self._succeed(message, answer)
            except Exception as error:
                result = self._fail(message, error)
            finally:
                trace.current.reset(token)
        core = self._core
        now = time.monotonic()
        core.inbox.finish(message, result, core.link, now)
        if now - began > 0.002:
            self._turn(0.0)  # others wait for what it has said

    def _call(self, what: str, call: Callable[[], Any]) -> Optional[BaseException]:
        token = trace.current.set(trace.current.get())
        try:
            call()
        except Exception as error:
            self._log_failure(f"the handler of {what} failed", error)
            return error
        finally:
            trace.current.reset(token) # a trace that it began ends with it
        return None

    def _call_later(self, call: Callable[[], Any]) -> None:
        """By whoever holds the lock: the loop calls it without."""
        self._calls.append(call)
        self._wake()

    def _handle_calls(self) -> None:
        while self._calls:
            self._call("an outcome", self._calls.popleft())

    def _handle_events(self) -> None:
        self._handle_calls()
        while self._core.events:
            event = self._core.events.popleft()
            if event.what == "drain":
                self._drain_by = time.monotonic() + event.within_s
                self._drain_asked = False
            elif event.what == "watch" or event.what == "linked" and self.state.watches.all:
                self._look_at_state(event)
            elif event.what == "flatten":
                handler = self._on_event.get("flatten")
                if handler:
                    self._answer("flatten", self._call("flatten", handler))
            else:
                call = self._event_handler(event)
                if call:
                    self._call(event.what, call)

    def _refresh_watches(self, watches: List[Watch]) -> None:
        with self._lock:
            self._fresh_watches += watches
            self._core.events.append(Event("watch"))
        self._wake()

    def _look_at_state(self, event: Event) -> None:
        """Asks what is there: of new watches, after a new link of all."""
        with self._lock:
            fresh, self._fresh_watches = self._fresh_watches, []
        if event.what == "linked":
            fresh = self.state.watches.all
            call = self._event_handler(event)
            if call:
                self._call("linked", call)
        for watch in fresh:
            if watch.link == self._core.link:
                continue
            watch.link = self._core.link
            try:
                changes = self.state._refresh(watch)
            except Error as error:
                if self.linked: # else the next link brings it
                    self._complain(f"cannot watch {watch.prefix}*: {error}")
                continue
            for change in changes:
                self._call("a watch", functools.partial(watch.handler, change))

    def _on_state(self, message: Message) -> None:
        for watch, change in self.state.watches.find(message):
            watch.handler(change)

    def _answer(self, order: str, error: Optional[BaseException]) -> None:
        with self._lock:
            self._core.answer_order(order, error is None, str(error or ""))

    def _drain(self) -> None:
        """Once nothing waits here, the handler; once nothing is on its way, the answer."""
        if len(self._core.inbox):
            return
        if not self._drain_asked:
            self._drain_asked = True
            handler = self._on_event.get("drain")
            error = self._call("drain", handler) if handler else None
            if error:
                self._drain_by = None
                self._answer("drain", error)
                return
        if self._drain_by is not None and (self._core.outbox.idle
                                           or time.monotonic() >= self._drain_by):
            idle, self._drain_by = self._core.outbox.idle, None
            self._answer("drain", None if idle else
                         TimedOut("not all that was sent has arrived"))

    def _handle_timers(self) -> None:
        for timer in self._timers:
            now = time.monotonic()
            if timer.due <= now and not self._stop:
                timer.due = max(timer.due + timer.period, now)
                self._call("every", timer.handler)
