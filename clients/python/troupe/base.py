"""What both fronts share: who this bot is, its handlers, and which of them a message is for."""

import functools
import json
import os
import sys
import time
import traceback
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple, TypeVar

from . import trace, wire
from .core import Core, Event, Identity
from .errors import Error, Refuse
from .message import LATER, Message, Payload
from .state import ADDRESS, TOPIC

CLIENT = "troupe-python 0.1.0"
#: How long `send` waits for room, and a request for its reply, unless told otherwise.
SEND_TIMEOUT_S = 30.0
REQUEST_TIMEOUT_S = 5.0
_LANES = {name: number for number, name in enumerate(wire.LANES)}
_DELIVERIES = {name: number for number, name in enumerate(wire.DELIVERIES)}
_MAX_TOPICS = 4096
STATE_TOPIC, STATE_ADDRESS = TOPIC.encode(), ADDRESS.encode()
ALONE = "there is no runtime: TROUPE_LINK is not set"

Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)


class Subscription(NamedTuple):
    words: Tuple[str, ...]
    handler: Handler


class NoSuchActor(Exception):
    """The message is for an actor that this process does not host."""


class Timer:
    """A handler that is called again and again."""

    def __init__(self, period: float, handler: Handler):
        self.period = period
        self.handler = handler
        self.due = 0.0


def identity_of(environment: Mapping[str, str]) -> Optional[Identity]:
    """None without a runtime. Raises Error for what is there and wrong."""
    path = environment.get("TROUPE_LINK")
    if not path:
        return None
    try:
        return Identity(path, environment["TROUPE_TOKEN"], environment["TROUPE_BOT"],
                        int(environment["TROUPE_INSTANCE"]),
                        int(environment["TROUPE_INCARNATION"]))
    except (KeyError, ValueError) as error:
        raise Error(f"TROUPE_LINK is set, but what goes with it is missing or wrong: "
                    f"{error}") from None


def lane_of(name: str) -> int:
    try:
        return _LANES[name]
    except KeyError:
        raise ValueError(f"no lane: {name!r}; there are {', '.join(_LANES)}") from None


def delivery_of(name: str) -> int:
    try:
        return _DELIVERIES[name]
    except KeyError:
        raise ValueError(f"no delivery: {name!r}; there are {', '.join(_DELIVERIES)}") from None


def context_of(traceparent: Optional[str]) -> Optional[trace.Context]:
    return trace.parse(traceparent) if traceparent else trace.current.get()


def matches(pattern: Tuple[str, ...], topic: List[str]) -> bool:
    if pattern and pattern[-1] == ">":
        pattern = pattern[:-1]
        if len(topic) <= len(pattern):
            return False
    elif len(pattern) != len(topic):
        return False
    return all(p in ("*", word) for p, word in zip(pattern, topic))


class BotBase:
    """Handlers are registered before the bot runs; subscriptions at any time."""

    def __init__(self, *, window_messages: int = 256, window_bytes: int = 256 << 10,
                 environment: Optional[Mapping[str, str]] = None):
        environment = os.environ if environment is None else environment
        identity = identity_of(environment)
        #: There is a runtime to link to; without one the bot works alone.
        self.managed = identity is not None
        #: `market/trader#2`; of a bot that works alone the name of its program.
        self.name: str
        if identity is None:
            self.name = os.path.basename(sys.argv[0] or "bot")
            identity = Identity("", "", "alone", 0, 1)
        else:
            self.name = identity.name
        self._core = Core(identity, CLIENT, window_messages=window_messages,
                          window_bytes=window_bytes, handles=("drain", "config"))
        self._closed_reason = "not_linked", ALONE
        if not self.managed:
            self._core.closed = True
        self._on_message: Optional[Handler] = None
        self._on_request: Optional[Handler] = None
        self._hosted: Dict[str, Handler] = {}
        self._subscriptions: Dict[str, Subscription] = {}
        self._topics: Dict[str, List[Handler]] = {}
        self._timers: List[Timer] = []
        self._on_event: Dict[str, Handler] = {}
        self._said = [0.0, 0.0]

    # -- what is known ---------------------------------------------------------------------

    @property
    def linked(self) -> bool:
        """The link is up now."""
        return self._core.link != 0

    @property
    def fleet(self) -> str:
        """Its name; empty before the first link."""
        return self._core.fleet

    @property
    def instance(self) -> int:
        """Which of the replicas this is."""
        return self._core.identity.instance

    @property
    def incarnation(self) -> int:
        return self._core.identity.incarnation

    @property
    def settings(self) -> Dict[str, Any]:
        """The bot's `settings` of the config; empty before the first link."""
        return dict(self._core.config["settings"])

    @property
    def labels(self) -> Dict[str, str]:
        return dict(self._core.config["labels"])

    @property
    def traceparent(self) -> Optional[str]:
        """The W3C trace context that what is sent now belongs to; set by a message that is being
        handled, or by hand."""
        context = trace.current.get()
        return context.traceparent() if context else None

    @traceparent.setter
    def traceparent(self, value: Optional[str]) -> None:
        trace.current.set(trace.parse(value) if value else None)

    def start_trace(self, sampled: bool = True) -> str:
        """Begins a trace for what is sent from here on; a sampled one is kept by the runtime
        for `troupe trace`. Returns its traceparent."""
        context = trace.start(sampled)
        trace.current.set(context)
        return context.traceparent()

    # -- handlers --------------------------------------------------------------------------

    def on_message(self, handler: H) -> H:
        """Gets what was sent to this bot and that no other handler takes."""
        self._on_message = handler
        return handler

    def on_request(self, handler: H) -> H:
        """Gets requests; what it returns is the reply. An exception is the reply, too: the sender
        gets `Failed` with its text."""
        self._on_request = handler
        return handler

    def host(self, name: str) -> Callable[[H], H]:
        """Gets messages and requests to `market/trader#2/NAME`."""
        def register(handler: H) -> H:
            self._hosted[name] = handler
            return handler
        return register

    def every(self, seconds: float) -> Callable[[H], H]:
        """Calls a function without arguments again and again while the bot runs."""
        if seconds <= 0:
            raise ValueError("a period is longer than nothing")

        def register(handler: H) -> H:
            self._timers.append(Timer(seconds, handler))
            return handler
        return register

    def on_drain(self, handler: H) -> H:
        """Called when the bot has to finish: after everything that has come was handled, and
        before the runtime is told that nothing is left."""
        return self._register("drain", handler)

    def on_flatten(self, handler: H) -> H:
        """Called when the bot has to cancel what it has open outside. Raises when it cannot."""
        self._core.handles.add("flatten")
        return self._register("flatten", handler)

    def on_config(self, handler: H) -> H:
        """Called with the new settings."""
        return self._register("config", handler)

    def on_link(self, handler: H) -> H:
        """Called with True when the link is there, with False when it is lost."""
        return self._register("link", handler)

    def on_rejected(self, handler: H) -> H:
        """Called with a text for each message that was rejected and that nobody waits for.
        Without it they are logged."""
        return self._register("rejected", handler)

    def _register(self, event: str, handler: H) -> H:
        self._on_event[event] = handler
        return handler

    def _add_subscription(self, pattern: str, handler: Handler) -> None:
        words = tuple(pattern.split("."))
        if not all(words) or len(pattern) > 200:
            raise ValueError(f"no pattern of topics: {pattern!r}")
        self._subscriptions[pattern] = Subscription(words, handler)
        self._topics.clear()

    def _drop_subscription(self, pattern: str) -> None:
        self._subscriptions.pop(pattern, None)
        self._topics.clear()

    # -- dispatch --------------------------------------------------------------------------

    def _handlers_of(self, message: Message) -> List[Handler]:
        """Raises Refuse when nobody is there for it, NoSuchActor for an actor that is not."""
        to = message._to
        if to.startswith(b"topic:"):
            if to == STATE_TOPIC and message._sender == STATE_ADDRESS:
                return [self._on_state]
            topic = to[6:].decode(errors="replace")
            found = self._topics.get(topic)
            if found is None:
                words = topic.split(".")
                found = [s.handler for s in self._subscriptions.values()
                         if matches(s.words, words)]
                if len(self._topics) >= _MAX_TOPICS:
                    self._topics.clear()
                self._topics[topic] = found
            return found
        if b"#" in to:
            at = to.find(b"/", to.find(b"#"))
            if at >= 0:
                actor = to[at + 1:].decode(errors="replace")
                if actor not in self._hosted:
                    raise NoSuchActor(f"{self.name} hosts no {actor!r}")
                return [self._hosted[actor]]
        handler = self._on_request if message._head[7] else self._on_message
        if handler is None:
            handler = self._on_message
        if handler is None:
            raise Refuse(f"{self.name} has no handler for "
                         f"{'requests' if message._head[7] else 'messages'}")
        return [handler]

    def _on_state(self, message: Message) -> Any:
        raise NotImplementedError

    def _too_late(self, message: Message, now: float) -> bool:
        """Of a request nobody waits for any more."""
        head = message._head
        return bool(head[7] and head[4] and head[1] == wire.FIRE
                    and now > message._arrived + head[4] / 1000)

    @staticmethod
    def _enter(message: Message) -> Any:
        """Makes the trace of the message the current one; what it returns undoes that."""
        context = message.came_with
        if context is not None:
            context = context._replace(span=trace.new_span())
        message._context = context
        return trace.current.set(context)

    def _succeed(self, message: Message, result: Payload) -> int:
        """After the handler: replies. Returns the result for DONE."""
        if message._head[7] and result is not LATER:
            try:
                message.reply(result)
            except (TypeError, ValueError) as error:
                return self._fail(message, error)
        return wire.DONE_DONE

    def _fail(self, message: Message, error: BaseException) -> int:
        """After a handler that failed. A request that was answered, be it with an error, is done:
        it does not come again."""
        if isinstance(error, NoSuchActor):
            message.fail(str(error))
            return wire.DONE_NO_SUCH_ACTOR
        if isinstance(error, Refuse):
            message.fail(str(error)[:4096])
        else:
            self._log_failure(f"the handler of {message!r} failed", error)
            message.fail(f"{type(error).__name__}: {error}"[:4096])
        return wire.DONE_DONE if message.is_request else wire.DONE_FAILED

    # -- words for people ------------------------------------------------------------------

    @staticmethod
    def _log_failure(what: str, error: BaseException) -> None:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        print(f"{what}:\n{''.join(lines)}", end="", file=sys.stderr, flush=True)

    def _complain(self, text: str) -> None:
        """To stderr; at most ten a second, and how many were left out."""
        second = float(int(time.monotonic()))
        if second != self._said[0]:
            left_out = int(self._said[1]) - 10
            if left_out > 0:
                print(f"troupe: {left_out} more like that", file=sys.stderr, flush=True)
            self._said = [second, 0.0]
        self._said[1] += 1
        if self._said[1] <= 10:
            print(f"troupe: {text}", file=sys.stderr, flush=True)

    def _event_handler(self, event: Event) -> Optional[Callable[[], Any]]:
        """What is to be called for an event, if anybody wants to know; complaints are logged."""
        what = event.what
        handler: Optional[Handler]
        arguments: Tuple[Any, ...]
        if what in ("linked", "unlinked"):
            handler, arguments = self._on_event.get("link"), (what == "linked",)
        elif what == "config":
            handler, arguments = self._on_event.get("config"), (self.settings,)
        elif what == "rejected" and "rejected" in self._on_event:
            handler, arguments = self._on_event["rejected"], (event.text,)
        else:
            if what == "closed":
                reason, _, text = event.text.partition(": ")
                self._closed_reason = ("stopping" if reason == "stopping" else "not_linked",
                                       text or reason)
                if reason != "stopping":
                    self._complain(f"works on without a link: {event.text}")
            elif what in ("complaint", "rejected"):
                self._complain(event.text)
            return None
        return functools.partial(handler, *arguments) if handler else None

    def _refusal(self) -> Tuple[str, str]:
        """Why nothing can be sent any more."""
        return self._closed_reason


def error_of_reply(reply: Message) -> str:
    try:
        return reply.payload if isinstance(reply.payload, str) else json.dumps(reply.payload)
    except (TypeError, ValueError):
        return repr(reply.raw)
