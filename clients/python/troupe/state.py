"""`bot.state`: the keyed store that the bots of a group share, behind `runtime/state`
(docs/state.md)."""

import json
from typing import (TYPE_CHECKING, Any, Callable, Dict, Generator, List, NamedTuple, Optional,
                    Tuple, TypeVar)

from . import wire
from .errors import Error
from .message import Message

if TYPE_CHECKING:
    from .aio import Bot as AsyncBot
    from .bot import Bot

ADDRESS = "runtime/state"
#: `to` of the messages that tell of changes.
TOPIC = "topic:runtime.state"
_PAGE = 1000
T = TypeVar("T")
#: An operation: yields what to ask, is sent what the store says to it, and returns its result.
#: Neither front is in it.
Steps = Generator[Dict[str, Any], Dict[str, Any], T]


class Entry(NamedTuple):
    """What is kept under a key. `version` 0: nothing. `ttl`: seconds that it still lives."""

    key: str
    value: Any
    version: int
    durable: bool = False
    ttl: Optional[float] = None


class Change(NamedTuple):
    """What a watch tells. `value` is None when it was `deleted`."""

    group: str
    key: str
    value: Any
    version: int
    deleted: bool


class StateError(Error):
    """The store refuses; `code` as in docs/state.md: `bad_request`, `full`, `not_permitted`, …"""

    def __init__(self, code: str, text: str):
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class Conflict(StateError):
    """`if_version` is not the version that is there: `version` and `value` are."""

    def __init__(self, text: str, version: int, value: Any):
        super().__init__("conflict", text)
        self.version = version
        self.value = value


def answer_of(reply: Message) -> Dict[str, Any]:
    """What the store said; raises what it refuses."""
    said = reply.payload
    if isinstance(said, (str, bytes)):
        said = json.loads(said)
    if not reply._head[2] & wire.FAILED:
        return dict(said)
    error = said.get("error", {})
    code, text = str(error.get("code", "failed")), str(error.get("text", ""))
    if code == "conflict":
        raise Conflict(text, int(error.get("version", 0)), error.get("value"))
    raise StateError(code, text)


def _asked(op: str, group: Optional[str], **members: Any) -> Dict[str, Any]:
    """What is None is left to the store."""
    given = {"op": op, "group": group, **members}
    return {name: value for name, value in given.items() if value is not None}


def _entry(said: Dict[str, Any]) -> Entry:
    return Entry(said["key"], said.get("value"), said["version"], said.get("durable", False),
                 said.get("ttl"))


def _get(key: str, group: Optional[str]) -> Steps[Entry]:
    return _entry((yield _asked("get", group, key=key)))


def _set(key: str, value: Any, ttl: Optional[float], durable: bool, if_version: Optional[int],
         group: Optional[str]) -> Steps[int]:
    asked = _asked("set", group, key=key, ttl=ttl, durable=durable or None, if_version=if_version)
    asked["value"] = value # None is a value, too
    return int((yield asked)["version"])


def _update(key: str, change: Callable[[Any], Any], ttl: Optional[float], durable: bool,
            group: Optional[str]) -> Steps[Any]:
    entry = yield from _get(key, group)
    value, version = entry.value, entry.version
    while True:
        changed = change(value)
        try:
            yield from _set(key, changed, ttl, durable, version, group)
            return changed
        except Conflict as conflict:
            value, version = conflict.value, conflict.version


def _delete(key: str, if_version: Optional[int], group: Optional[str]) -> Steps[bool]:
    return bool((yield _asked("delete", group, key=key, if_version=if_version))["deleted"])


def _pages(first: Dict[str, Any], prefix: str, group: Optional[str]) \
        -> Steps[Tuple[List[Dict[str, Any]], Dict[str, Any]]]:
    """All entries, and what the first page says."""
    said = page = yield first
    entries = list(said["entries"])
    while page["more"] and page["entries"]:
        page = yield _asked("list", group, prefix=prefix, limit=_PAGE, after=entries[-1]["key"])
        entries += page["entries"]
    return entries, said


def _list(prefix: str, group: Optional[str]) -> Steps[List[Entry]]:
    first = _asked("list", group, prefix=prefix, limit=_PAGE)
    entries, _ = yield from _pages(first, prefix, group)
    return list(map(_entry, entries))


class Watch:
    """Keys of a group that begin with `prefix`. Its handler hears of what is there at first, then
    of each change; after a lost link of what has changed meanwhile."""

    def __init__(self, prefix: str, group: Optional[str], handler: Callable[[Change], Any]):
        self.prefix = prefix
        self.group = group
        self.handler = handler
        #: The link on which it was asked what is there.
        self.link = 0
        self._versions: Dict[str, int] = {}

    def on_list(self, entries: List[Dict[str, Any]], version: int, group: str) -> List[Change]:
        """What all pages say that was not known."""
        there = {said["key"] for said in entries}
        gone = [key for key in self._versions if key not in there]
        changes = [Change(group, key, None, version, True) for key in gone]
        for key in gone:
            del self._versions[key]
        for said in entries:
            if self._versions.get(said["key"], 0) < said["version"]:
                self._versions[said["key"]] = said["version"]
                changes.append(Change(group, said["key"], said.get("value"), said["version"],
                                      False))
        return changes

    def on_change(self, change: Change, own_group: str) -> bool:
        """Whether it is new, and for this watch."""
        if change.group != (own_group if self.group is None else self.group.rstrip("/")) \
                or not change.key.startswith(self.prefix) \
                or change.version <= self._versions.get(change.key, 0) \
                or change.deleted and change.key not in self._versions:
            return False
        if change.deleted:
            del self._versions[change.key]
        else:
            self._versions[change.key] = change.version
        return True


class Watches:
    """All watches of a bot."""

    def __init__(self, bot: Any):
        self._bot = bot
        self.all: List[Watch] = []

    @property
    def own_group(self) -> str:
        return str(self._bot.name).rpartition("/")[0] if self._bot.managed else ""

    def add(self, watch: Watch) -> None:
        self.all.append(watch)

    def group_of(self, watch: Watch) -> str:
        return self.own_group if watch.group is None else watch.group.rstrip("/")

    def find(self, message: Message) -> List[Tuple[Watch, Change]]:
        """Whom a message from the store concerns."""
        said = message.payload
        change = Change(said["group"], said["key"], said.get("value"), said["version"],
                        bool(said.get("deleted")))
        return [(watch, change) for watch in self.all if watch.on_change(change, self.own_group)]


class _Store:
    """What both fronts have of it."""

    def __init__(self, bot: Any):
        self._bot = bot
        self.watches = Watches(bot)

    def watch(self, prefix: str, handler: Callable[[Change], Any], *,
              group: Optional[str] = None) -> None:
        """Calls the handler for every entry that is there, then for every change. With asyncio it
        may be a coroutine."""
        watch = Watch(prefix, group, handler)
        self.watches.add(watch)
        self._bot._refresh_watches([watch])

    def _look(self, watch: Watch) -> Steps[List[Change]]:
        asked = _asked("watch", watch.group, prefix=watch.prefix, limit=_PAGE)
        entries, said = yield from _pages(asked, watch.prefix, watch.group)
        return watch.on_list(entries, int(said["version"]), self.watches.group_of(watch))


class State(_Store):
    """Every method asks the runtime, and raises StateError, Rejected or TimedOut. Values are
    JSON. `group` is another group than the bot's own."""

    _bot: "Bot"

    def _run(self, steps: Steps[T]) -> T:
        try:
            asked = next(steps)
            while True:
                try:
                    said = answer_of(self._bot._ask(ADDRESS, asked))
                except Conflict as conflict:
                    asked = steps.throw(conflict)
                else:
                    asked = steps.send(said)
        except StopIteration as end:
            return end.value # type: ignore[no-any-return]

    def entry(self, key: str, *, group: Optional[str] = None) -> Entry:
        """With its version, 0 when there is none."""
        return self._run(_get(key, group))

    def get(self, key: str, default: Any = None, *, group: Optional[str] = None) -> Any:
        entry = self.entry(key, group=group)
        return entry.value if entry.version else default

    def set(self, key: str, value: Any, *, ttl: Optional[float] = None, durable: bool = False,
            if_version: Optional[int] = None, group: Optional[str] = None) -> int:
        """Returns the new version. With `if_version` only if that one is there (0: none), else it
        raises Conflict. `ttl` in seconds; a `durable` entry outlives the runtime."""
        return self._run(_set(key, value, ttl, durable, if_version, group))

    def update(self, key: str, change: Callable[[Any], Any], *, ttl: Optional[float] = None,
               durable: bool = False, group: Optional[str] = None) -> Any:
        """Sets what `change` makes of the value (None when there is none), again when someone
        else was faster. Returns the new value."""
        return self._run(_update(key, change, ttl, durable, group))

    def delete(self, key: str, *, if_version: Optional[int] = None,
               group: Optional[str] = None) -> bool:
        """Says whether it was there."""
        return self._run(_delete(key, if_version, group))

    def list(self, prefix: str = "", *, group: Optional[str] = None) -> List[Entry]:
        """In the order of their keys."""
        return self._run(_list(prefix, group))

    def _refresh(self, watch: Watch) -> List[Change]:
        return self._run(self._look(watch))


class AsyncState(_Store):
    """The same with `await`."""

    _bot: "AsyncBot"

    async def _run(self, steps: Steps[T]) -> T:
        try:
            asked = next(steps)
            while True:
                try:
                    said = answer_of(await self._bot._ask(ADDRESS, asked))
                except Conflict as conflict:
                    asked = steps.throw(conflict)
                else:
                    asked = steps.send(said)
        except StopIteration as end:
            return end.value # type: ignore[no-any-return]

    async def entry(self, key: str, *, group: Optional[str] = None) -> Entry:
        return await self._run(_get(key, group))

    async def get(self, key: str, default: Any = None, *, group: Optional[str] = None) -> Any:
        entry = await self.entry(key, group=group)
        return entry.value if entry.version else default

    async def set(self, key: str, value: Any, *, ttl: Optional[float] = None,
                  durable: bool = False, if_version: Optional[int] = None,
                  group: Optional[str] = None) -> int:
        return await self._run(_set(key, value, ttl, durable, if_version, group))

    async def update(self, key: str, change: Callable[[Any], Any], *,
                     ttl: Optional[float] = None, durable: bool = False,
                     group: Optional[str] = None) -> Any:
        return await self._run(_update(key, change, ttl, durable, group))

    async def delete(self, key: str, *, if_version: Optional[int] = None,
                     group: Optional[str] = None) -> bool:
        return await self._run(_delete(key, if_version, group))

    async def list(self, prefix: str = "", *, group: Optional[str] = None) -> List[Entry]:
        return await self._run(_list(prefix, group))

    async def _refresh(self, watch: Watch) -> List[Change]:
        return await self._run(self._look(watch))
