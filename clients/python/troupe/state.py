"""`bot.state`: the keyed store that the bots of a group share, behind `runtime/state`
(docs/state.md)."""

import json
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Tuple

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


def _set(key: str, value: Any, ttl: Optional[float], durable: bool, if_version: Optional[int],
         group: Optional[str]) -> Dict[str, Any]:
    asked = _asked("set", group, key=key, ttl=ttl, durable=durable or None, if_version=if_version)
    asked["value"] = value # None is a value, too
    return asked


def _entry(said: Dict[str, Any]) -> Entry:
    return Entry(said["key"], said.get("value"), said["version"], said.get("durable", False),
                 said.get("ttl"))


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

    def first_page(self) -> Dict[str, Any]:
        return _asked("watch", self.group, prefix=self.prefix, limit=_PAGE)

    def next_page(self, after: str) -> Dict[str, Any]:
        return _asked("list", self.group, prefix=self.prefix, limit=_PAGE, after=after)

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


class State:
    """Every method asks the runtime, and raises StateError, Rejected or TimedOut. Values are
    JSON. `group` is another group than the bot's own."""

    def __init__(self, bot: "Bot"):
        self._bot = bot
        self.watches = Watches(bot)

    def _ask(self, asked: Dict[str, Any]) -> Dict[str, Any]:
        return answer_of(self._bot._ask(ADDRESS, asked))

    def entry(self, key: str, *, group: Optional[str] = None) -> Entry:
        """With its version, 0 when there is none."""
        return _entry(self._ask(_asked("get", group, key=key)))

    def get(self, key: str, default: Any = None, *, group: Optional[str] = None) -> Any:
        entry = self.entry(key, group=group)
        return entry.value if entry.version else default

    def set(self, key: str, value: Any, *, ttl: Optional[float] = None, durable: bool = False,
            if_version: Optional[int] = None, group: Optional[str] = None) -> int:
        """Returns the new version. With `if_version` only if that one is there (0: none), else it
        raises Conflict. `ttl` in seconds; a `durable` entry outlives the runtime."""
        return int(self._ask(_set(key, value, ttl, durable, if_version, group))["version"])

    def update(self, key: str, change: Callable[[Any], Any], *, ttl: Optional[float] = None,
               durable: bool = False, group: Optional[str] = None) -> Any:
        """Sets what `change` makes of the value (None when there is none), again when someone
        else was faster. Returns the new value."""
        entry = self.entry(key, group=group)
        value, version = entry.value, entry.version
        while True:
            changed = change(value)
            try:
                self.set(key, changed, ttl=ttl, durable=durable, if_version=version, group=group)
                return changed
            except Conflict as conflict:
                value, version = conflict.value, conflict.version

    def delete(self, key: str, *, if_version: Optional[int] = None,
               group: Optional[str] = None) -> bool:
        """Says whether it was there."""
        return bool(self._ask(_asked("delete", group, key=key, if_version=if_version))["deleted"])

    def list(self, prefix: str = "", *, group: Optional[str] = None) -> List[Entry]:
        """In the order of their keys."""
        entries: List[Entry] = []
        while True:
            said = self._ask(_asked("list", group, prefix=prefix, limit=_PAGE,
                                    after=entries[-1].key if entries else None))
            entries += map(_entry, said["entries"])
            if not said["more"] or not said["entries"]:
                return entries

    def watch(self, prefix: str, handler: Callable[[Change], Any], *,
              group: Optional[str] = None) -> None:
        """Calls the handler for every entry that is there, then for every change."""
        watch = Watch(prefix, group, handler)
        self.watches.add(watch)
        self._bot._refresh_watches([watch])

    def _refresh(self, watch: Watch) -> List[Change]:
        said = self._ask(watch.first_page())
        entries, version = list(said["entries"]), int(said["version"])
        while said["more"] and said["entries"]:
            said = self._ask(watch.next_page(entries[-1]["key"]))
            entries += said["entries"]
        return watch.on_list(entries, version, self.watches.group_of(watch))


class AsyncState:
    """The same with `await`."""

    def __init__(self, bot: "AsyncBot"):
        self._bot = bot
        self.watches = Watches(bot)

    async def _ask(self, asked: Dict[str, Any]) -> Dict[str, Any]:
        return answer_of(await self._bot._ask(ADDRESS, asked))

    async def entry(self, key: str, *, group: Optional[str] = None) -> Entry:
        return _entry(await self._ask(_asked("get", group, key=key)))

    async def get(self, key: str, default: Any = None, *, group: Optional[str] = None) -> Any:
        entry = await self.entry(key, group=group)
        return entry.value if entry.version else default

    async def set(self, key: str, value: Any, *, ttl: Optional[float] = None,
                  durable: bool = False, if_version: Optional[int] = None,
                  group: Optional[str] = None) -> int:
        return int((await self._ask(_set(key, value, ttl, durable, if_version, group)))["version"])

    async def update(self, key: str, change: Callable[[Any], Any], *,
                     ttl: Optional[float] = None, durable: bool = False,
                     group: Optional[str] = None) -> Any:
        entry = await self.entry(key, group=group)
        value, version = entry.value, entry.version
        while True:
            changed = change(value)
            try:
                await self.set(key, changed, ttl=ttl, durable=durable, if_version=version,
                               group=group)
                return changed
            except Conflict as conflict:
                value, version = conflict.value, conflict.version

    async def delete(self, key: str, *, if_version: Optional[int] = None,
                     group: Optional[str] = None) -> bool:
        return bool((await self._ask(_asked("delete", group, key=key, if_version=if_version)))
                    ["deleted"])

    async def list(self, prefix: str = "", *, group: Optional[str] = None) -> List[Entry]:
        entries: List[Entry] = []
        while True:
            said = await self._ask(_asked("list", group, prefix=prefix, limit=_PAGE,
                                          after=entries[-1].key if entries else None))
            entries += map(_entry, said["entries"])
            if not said["more"] or not said["entries"]:
                return entries

    def watch(self, prefix: str, handler: Callable[[Change], Any], *,
              group: Optional[str] = None) -> None:
        """Its handler may be a coroutine."""
        watch = Watch(prefix, group, handler)
        self.watches.add(watch)
        self._bot._refresh_watches([watch])

    async def _refresh(self, watch: Watch) -> List[Change]:
        said = await self._ask(watch.first_page())
        entries, version = list(said["entries"]), int(said["version"])
        while said["more"] and said["entries"]:
            said = await self._ask(watch.next_page(entries[-1]["key"]))
            entries += said["entries"]
        return watch.on_list(entries, version, self.watches.group_of(watch))
