"""The link as a state machine without I/O: bytes and the time go in, bytes and events come out.
Both fronts drive it; a test does with a clock of its own. Not safe for threads: the sync front
has a lock around it."""

from collections import deque
from typing import Any, Callable, Deque, Dict, Iterable, List, NamedTuple, Optional, Tuple

from . import trace, wire
from .inbox import Inbox
from .message import Message, Payload, Ticket, encode, encode_name
from .outbox import Item, Outbox

#: Waits between attempts to connect.
FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 2.0
ALREADY_LINKED_WAIT_S = 0.1
#: A link that lived shorter counts as another failed attempt.
STEADY_S = 2.0
#: What a frame may take once it has begun, and how often a heartbeat may be missed.
FRAME_S = 30.0
MISSED_HEARTBEATS = 3
#: Bytes handed out and not taken by the kernel: beyond it messages wait by lane, so that an
#: urgent one overtakes them.
UNSENT = 64 << 10
MAX_SUBSCRIPTIONS = 1024
MAX_EVENTS = 1000

_FOR_GOOD = frozenset(("bad_hello", "bad_version", "bad_token", "old_incarnation", "silent",
                       "stopping"))


class Identity(NamedTuple):
    """Who links: from the environment."""

    path: str
    token: str
    bot: str
    instance: int
    incarnation: int

    @property
    def name(self) -> str:
        return f"{self.bot}#{self.instance}"

    def __repr__(self) -> str:
        return f"<{self.name}, incarnation {self.incarnation}>" # never the token


class Event(NamedTuple):
    """`linked`, `unlinked`, `closed`, `config`, `drain`, `flatten`, `complaint`,
    `rejected`."""

    what: str
    text: str = ""
    within_s: float = 0.0


def _of(context: Optional[trace.Context]) -> Tuple[int, bytes, bytes]:
    if context is None:
        return 0, wire.NO_TRACE, wire.NO_SPAN
    return wire.SAMPLED if context.sampled else 0, context.trace, context.span


class Core:
    def __init__(self, identity: Identity, client: str, *, window_messages: int = 256,
                 window_bytes: int = 256 << 10, handles: Iterable[str] = ()):
        if not (1 <= window_messages <= 65_536 and 4 << 10 <= window_bytes <= 16 << 20):
            raise ValueError("a window has 1 to 65536 messages and 4 KiB to 16 MiB")
        self.identity = identity
        self._client = client
        self._window = {"messages": window_messages, "bytes": window_bytes}
        self.handles = set(handles)
        self.outbox = Outbox(identity.incarnation, self.complain_of)
        self.inbox = Inbox(window_messages, window_bytes)
        self.events: Deque[Event] = deque()
        self.config: Dict[str, Any] = {"version": 0, "labels": {}, "settings": {}}
        self.fleet = ""
        #: Number of the link that is up, 0 for none.
        self.link = 0
        self._links = 0
        #: Set when the front has to close the connection after what is to be written.
        self.closing = False
        self.closed = False  # for good
        #: What `Message.reply` calls: the front's, that knows of threads.
        self.replier: Callable[[Message, Payload, int], None] = self.reply
        self.connect_at: Optional[float] = 0.0
        self._wait = 0.0
        self._up_since = 0.0
        self._control: List[bytes] = []
        self._heartbeat = 10.0
        self._heard = 0.0
        self._missed = 0
        self._frame_began = 0.0
        self._connected = False
        self._was_refused = False
        self._ready = False
        self._status: Optional[str] = None
        self._subscriptions: Dict[str, Tuple[bool, Ticket]] = {}
        self._calls: Dict[int, Tuple[Dict[str, Any], Ticket]] = {}
        self._last_call = 0

    # -- the connection --------------------------------------------------------------------

    def connected(self, now: float) -> None:
        """The front has connected: HELLO is the first that is written."""
        self._connected = True
        self._heard, self._missed = now, 0
        self.connect_at = None
        self.closing = False
        known = self.inbox.linked(now)
        hello = {"version": wire.VERSION, "oldest": wire.OLDEST_VERSION,
                 "instance": self.identity.name, "incarnation": self.identity.incarnation,
                 "token": self.identity.token, "client": self._client, "features": [],
                 "handles": sorted(self.handles), "window": self._window,
                 "next": self.outbox.next, "known": len(known)}
        self._control = [wire.json_frame(wire.HELLO, hello), wire.known_frames(known)]

    def lost(self, now: float, why: str = "the runtime has closed the link") -> None:
        """The connection has ended, or could not be made."""
        was_up, self.link = self.link, 0
        self._connected = False
        self._frame_began = 0.0
        self._control.clear()
        self.closing = False
        self.outbox.unlinked()
        if was_up:
            self.inbox.unlinked(now)
            self.events.append(Event("unlinked", why))
        if self.closed:
            return
        if was_up and now - self._up_since >= STEADY_S:
            self._wait = 0.0
        if self.connect_at is None:  # nobody has said when
            self.connect_at = now + self._wait
        self._wait = min(max(2 * self._wait, FIRST_WAIT_S), LONGEST_WAIT_S)

    def could_not_connect(self, now: float) -> None:
        self.connect_at = None
        self.lost(now)

    def close(self) -> None:
        """On purpose: what is unresolved is given up."""
        if self._connected and not self.closed:
            self._control.append(wire.json_frame(wire.BYE, {"reason": "done", "text": ""}))
        self._end("not_linked", "the bot has closed its link")

    def _end(self, reason: str, text: str) -> None:
        self.closed = self.closing = True
        self.connect_at = None
        self.outbox.give_up(reason, text)
        for _, ticket in list(self._calls.values()):
            ticket.resolve(reason, text)
        self._calls.clear()

    # -- bytes in --------------------------------------------------------------------------

    def received(self, buffer: wire.Buffer, at: int, end: int, now: float) -> int:
        """Takes the whole frames in buffer[at:end] and returns where the rest begins."""
        self._heard, self._missed = now, 0
        began = at
        view = memoryview(buffer)
        try:
            while not self.closing:
                found = wire.split(buffer, at, end)
                if found is None:
                    break
                kind, body, stop = found
                if kind == wire.MESSAGE and self.link:
                    self._on_message(view[body:stop - 4], now)
                else:
                    self._on_frame(kind, view[body:stop - 4], now)
                at = stop
        except wire.Broken as error:
            self._break("bad_frame", str(error))
            at = end
        finally:
            view.release()
        if at == end:
            self._frame_began = 0.0
        elif at != began or not self._frame_began:
            self._frame_began = now
        return at

    def _on_message(self, body: memoryview, now: float) -> None:
        head, to, sender, key, payload = wire.decode_message(body)
        if head[2] & wire.COMPRESSED:
            raise wire.Broken("body", "a compressed payload, which was not asked for")
        message = Message(head, to, sender, key, payload, self.replier, now, self.link, len(body))
        self.inbox.put(message, self.link, now)
        if head[2] & wire.REPLY and self.inbox.take_back(message):
            # A reply has arrived by being here; nobody handles it.
            self.outbox.on_reply(head[7], message)
            self.inbox.finish(message, wire.DONE_DONE, self.link, now)

    def _on_frame(self, kind: int, body: memoryview, now: float) -> None:
        if kind in (wire.PING, wire.PONG):
            if len(body) != 8:
                raise wire.Broken("body", "a heartbeat has 8 bytes")
            if kind == wire.PING:
                self._control.append(wire.frame(wire.PONG, bytes(body)))
            return
        said = wire.decode_json(body) if kind in wire.JSON_TYPES else {}
        if kind == wire.BYE:
            self._on_bye(said, now)
        elif not self.link:
            if kind != wire.WELCOME:
                self._break("bad_order", "the first frame is a WELCOME")
            else:
                self._on_welcome(said, now)
        elif kind == wire.RECEIPT:
            self.outbox.on_receipt(wire.decode_receipt(body))
        elif kind == wire.OUTCOME:
            for outcome in wire.decode_outcome(body):
                self.outbox.on_outcome(outcome)
        elif kind == wire.RESULT:
            self._on_result(said)
        elif kind == wire.ORDER:
            self._on_order(said)
        else:
            self._break("bad_order", f"frame {kind} does not come from a runtime")

    def _on_welcome(self, said: Dict[str, Any], now: float) -> None:
        try:
            window = said["window"]
            messages, size = int(window["messages"]), int(window["bytes"])
            unresolved, heartbeat = int(said["unresolved"]), float(said["heartbeat_s"])
            if said["version"] != wire.VERSION or min(messages, size, unresolved) < 1 \
                    or not 0 < heartbeat < 86_400:
                raise ValueError("a number in it is none that can be")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise wire.Broken("body", f"a WELCOME that is none: {error}") from None
        self.fleet = str(said.get("fleet", ""))
        self._heartbeat = heartbeat
        self._links += 1
        self._was_refused = False
        self.link = self._links
        self._up_since = now
        known = (self.config["labels"], self.config["settings"])
        self._take_config(said.get("config"))
        # The first ones are no change; what changed while there was no link is.
        if self._links > 1 and known != (self.config["labels"], self.config["settings"]):
            self.events.append(Event("config"))
        self.outbox.linked(messages, size, unresolved)
        calls, self._calls = self._calls, {}
        for pattern, (durable, ticket) in self._subscriptions.items():
            self._call({"op": "subscribe", "pattern": pattern, "durable": durable}, ticket)
        for members, ticket in calls.values():
            if members["op"] != "subscribe":
                self._call(members, ticket)
        if self._ready:
            self._tell(op="ready")
        if self._status is not None:
            self._tell(op="status", text=self._status)
        self.events.append(Event("linked"))

    def _on_bye(self, said: Dict[str, Any], now: float) -> None:
        reason, text = str(said.get("reason")), str(said.get("text", ""))
        self.closing = True
        if reason == "already_linked":
            self.connect_at = now + ALREADY_LINKED_WAIT_S
            if not self._was_refused:
                self._was_refused = True # most of the time the old link is just about to go
                self._complain(f"this process has a link already; trying on: {text}")
        if reason in _FOR_GOOD:
            self._end("stopping" if reason == "stopping" else "not_linked", text or reason)
            self.events.append(Event("closed", f"{reason}: {text}"))
        elif reason not in ("done", "already_linked"):
            self._complain(f"the runtime ends the link: {reason}: {text}")

    def _on_result(self, said: Dict[str, Any]) -> None:
        number = said.get("id")
        found = self._calls.pop(number, None) if isinstance(number, int) else None
        if found is None:
            return
        members, ticket = found
        error = said.get("error")
        if not isinstance(error, dict):
            ticket.resolve("done")
            return
        code, text = str(error.get("code")), str(error.get("text", ""))
        if members["op"] == "subscribe" and code == "bad_message":
            self._subscriptions.pop(members["pattern"], None) # the others may get better
        if not ticket.resolve(code, text) or members["op"] == "subscribe":
            self._complain(f"cannot {members['op']} {members.get('pattern', '')}: {code}: {text}")

    def _on_order(self, said: Dict[str, Any]) -> None:
        op = said.get("op")
        if op == "pressure":
            self.outbox.on_pressure(str(said.get("to", "")), said.get("on") is True)
        elif op == "config":
            self._take_config(said)
            self.events.append(Event("config"))
        elif op in ("drain", "flatten"):
            within = said.get("within_s", 0)
            known = isinstance(within, (int, float)) and 0 <= within < 86_400
            self.events.append(Event(op, "", float(within) if known else 0.0))

    def _take_config(self, said: Any) -> None:
        if isinstance(said, dict):
            for member, kind in (("version", int), ("labels", dict), ("settings", dict)):
                if isinstance(said.get(member), kind):
                    self.config[member] = said[member]

    def _break(self, reason: str, text: str) -> None:
        """The other side broke a rule: says so, and closes."""
        self._complain(f"the link is made anew: {reason}: {text}")
        self._control.append(wire.json_frame(wire.BYE, {"reason": reason, "text": text[:500]}))
        self.closing = True

    def _complain(self, text: str, what: str = "complaint") -> None:
        if len(self.events) < MAX_EVENTS: # a front that does not look loses words, not memory
            self.events.append(Event(what, text))

    def complain_of(self, message: str, reason: str, text: str) -> None:
        self._complain(f"{message}: {reason}{': ' if text else ''}{text}", "rejected")

    # -- bytes out -------------------------------------------------------------------------

    def output(self, now: float, unsent: int = 0) -> bytes:
        """What is to be written now, when `unsent` bytes of before have not been."""
        out = self._control
        if self.link and not self.closing:
            self._control = []
            self.inbox.fill(out)
            room = UNSENT - unsent
            if room > 0:
                self.outbox.fill(out, room, now)
        elif out:
            self._control = []
        return b"".join(out)

    def _tell(self, **members: Any) -> None:
        if self.link:
            self._control.append(wire.json_frame(wire.TELL, members))

    def ready(self) -> None:
        self._ready = True
        self._tell(op="ready")

    def status(self, text: str) -> None:
        self._status = text.encode()[:256].decode(errors="ignore")
        self._tell(op="status", text=self._status)

    def stopping(self) -> None:
        self._tell(op="stopping")

    def answer_order(self, order: str, ok: bool, text: str) -> None:
        """`order` is drain or flatten."""
        self._tell(op="drained" if order == "drain" else "flattened", ok=ok, text=text[:1000])

    def _call(self, members: Dict[str, Any], ticket: Ticket) -> None:
        self._last_call += 1
        self._calls[self._last_call] = (members, ticket)
        if self.link:
            self._control.append(wire.json_frame(wire.CALL, {"id": self._last_call, **members}))

    def subscribe(self, pattern: str, durable: bool) -> Ticket:
        """Holds over lost links."""
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS and pattern not in self._subscriptions:
            raise ValueError(f"more than {MAX_SUBSCRIPTIONS} subscriptions")
        ticket = Ticket()
        self._subscriptions[pattern] = (durable, ticket)
        if self.link:
            self._call({"op": "subscribe", "pattern": pattern, "durable": durable}, ticket)
        return ticket

    def unsubscribe(self, pattern: str) -> Ticket:
        ticket = Ticket()
        self._subscriptions.pop(pattern, None)
        self._call({"op": "unsubscribe", "pattern": pattern}, ticket)
        return ticket

    # -- messages out ----------------------------------------------------------------------

    def send(self, to: bytes, payload: Payload, lane: int, delivery: int, ttl: Optional[float],
             key: str, now: float, context: Optional[trace.Context],
             ticket: Optional[Ticket] = None) -> None:
        """Puts it into the outbox; whether there is room is asked before. Raises ValueError."""
        content, data = encode(payload)
        flags, trace_id, span = _of(context)
        self.outbox.put(Item(to, data, lane, delivery, flags, content,
                             now + ttl if ttl else 0.0, 0, trace_id, span,
                             encode_name(key, "a key") if key else b"", ticket))

    def request(self, to: bytes, payload: Payload, lane: int, delivery: int, timeout: float,
                key: str, now: float, context: Optional[trace.Context], ticket: Ticket) -> None:
        """The same, with a reply or the lack of one for the ticket."""
        content, data = encode(payload)
        flags, trace_id, span = _of(context)
        self.outbox.put_request(Item(to, data, lane, delivery, flags, content, now + timeout, 0,
                                     trace_id, span, encode_name(key, "a key") if key else b"",
                                     ticket))

    def reply(self, request: Message, payload: Payload, flags: int) -> None:
        """Assured when the request was more than `fire`."""
        content, data = encode(payload)
        head = request._head
        context = request._context or request.came_with
        trace_id, span = (context.trace, context.span) if context else (wire.NO_TRACE,
                                                                        wire.NO_SPAN)
        self.outbox.put(Item(request._sender, data, head[0], min(head[1], wire.ASSURED),
                             wire.REPLY | flags | head[2] & wire.SAMPLED, content, 0.0, head[7],
                             trace_id, span, b"", None))

    # -- time ------------------------------------------------------------------------------

    def due(self) -> Optional[float]:
        """When `tick` is wanted next, but for connecting: that is `connect_at`."""
        times = [self.outbox.due()]
        if self.link:
            times.append(self._heard + self._heartbeat * (self._missed + 1))
            if self._frame_began:
                times.append(self._frame_began + FRAME_S)
        return min((t for t in times if t is not None), default=None)

    def tick(self, now: float) -> None:
        self.outbox.tick(now)
        if not self.link or self.closing:
            return
        if self._frame_began and now >= self._frame_began + FRAME_S:
            self._break("too_slow", "a frame was not completed in 30 s")
        elif now >= self._heard + self._heartbeat * (self._missed + 1):
            if self._missed == MISSED_HEARTBEATS:
                self._complain("the runtime is silent: the link is made anew")
                self.closing = True
            else:
                self._missed += 1
                self._control.append(wire.frame(wire.PING, self._missed.to_bytes(8, "little")))
