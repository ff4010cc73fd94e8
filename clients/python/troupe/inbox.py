"""The receiving side of a link: what waits to be handled, credit, what was handled before, and
what has to be said about it. No I/O; the clock is an argument."""

from collections import OrderedDict, deque
from typing import Deque, Dict, List, Optional, Tuple

from . import wire
from .message import Message

#: Identities of handled messages that are remembered, of each sender and in all. Those that wait or
#: are being handled are bounded by the windows.
REMEMBERED = 4096
REMEMBERED_IN_ALL = 65_536
#: KNOWN after a lost link: what came or ended so long before the loss, and how many.
KNOWN_S = 60.0
MAX_KNOWN = 4096

Identity = Tuple[int, int, int]
#: The order in which lanes are looked at; `low` is first now and then, so that it moves.
_ORDERS = ((0, 1, 2, 3),) * 6 + ((0, 2, 1, 3),) * 2 + ((0, 1, 2, 3),) * 6 + \
    ((0, 2, 1, 3), (0, 3, 1, 2))


class Entry:
    """An assured or durable message that came."""

    __slots__ = ("sender", "identity", "state", "at", "tag", "link")

    def __init__(self, sender: bytes, identity: Identity, at: float, tag: int, link: int):
        self.sender = sender
        self.identity = identity
        self.state = wire.HANDLING
        self.at = at # when it came, or ended
        self.tag = tag
        self.link = link


class Inbox:
    def __init__(self, window_messages: int, window_bytes: int):
        self._window_messages = window_messages
        self._window_bytes = window_bytes
        self._queues: List[Deque[Message]] = [deque() for _ in wire.LANES]
        self._count = 0
        self._turn = 0
        self._finished = [[0, 0] for _ in wire.LANES]
        self._credited = [[0, 0] for _ in wire.LANES]
        self._credit_due = False
        self._lost = 0.0
        self._handling: Dict[Tuple[bytes, Identity], Entry] = {}
        # By sender, heard last at the end; of each the identities, oldest first.
        self._handled: "OrderedDict[bytes, OrderedDict[Identity, None]]" = OrderedDict()
        self._remembered = 0
        self._recent: Deque[Entry] = deque()
        self._done: List[Tuple[int, int]] = []
        self._known: List[wire.Known] = []

    def __len__(self) -> int:
        return self._count

    # -- a link begins ---------------------------------------------------------------------

    def linked(self, now: float) -> List[wire.Known]:
        """What KNOWN says; what belonged to the old link is forgotten."""
        self._finished = [[0, 0] for _ in wire.LANES]
        self._credited = [[0, 0] for _ in wire.LANES]
        self._credit_due = False
        self._done.clear()
        self._known.clear()
        # Time without a link does not count: nobody could be told meanwhile.
        for entry in self._recent:
            entry.at += now - self._lost
        self._lost = now
        self._forget(now)
        return [self._known_of(e) for e in list(self._recent)[-MAX_KNOWN:]
                if e.state != wire.HANDLER_FAILED]

    def unlinked(self, now: float) -> None:
        self._lost = now

    def _forget(self, now: float) -> None:
        """Handled ones after a minute; what is still being handled is never too old."""
        recent = self._recent
        while recent and (recent[0].at < now - KNOWN_S or len(recent) > 2 * MAX_KNOWN):
            entry = recent.popleft()
            if entry.state == wire.HANDLING:
                entry.at = now
                recent.append(entry)
                if len(recent) <= 2 * MAX_KNOWN:
                    continue
                break

    @staticmethod
    def _known_of(entry: Entry) -> wire.Known:
        lane, incarnation, sequence = entry.identity
        return wire.Known(lane, entry.state, incarnation, sequence,
                          entry.sender.decode(errors="replace"))

    # -- messages come ---------------------------------------------------------------------

    def put(self, message: Message, link: int, now: float) -> None:
        """Takes it, or answers it when it was here before."""
        head = message._head
        if head[1] != wire.FIRE and self._is_known(message, link, now):
            self._credit(message)
            return
        self._queues[head[0]].append(message)
        self._count += 1

    def _is_known(self, message: Message, link: int, now: float) -> bool:
        head = message._head
        sender, identity = message._sender, (head[0], head[6], head[5])
        if identity in self._handled.get(sender, ()):
            self._done.append((head[8], wire.DONE_DONE))
            return True
        entry = self._handling.get((sender, identity))
        if entry is not None: # answered under its new tag when the handler returns
            entry.tag, entry.link = head[8], link
            return True
        entry = Entry(sender, identity, now, head[8], link)
        self._handling[sender, identity] = entry
        self._recent.append(entry)
        if len(self._recent) > MAX_KNOWN:
            self._forget(now)
        return False

    def _remember(self, sender: bytes, identity: Identity) -> None:
        """That it was handled. What was handled first of the sender that was heard longest ago is
        forgotten first."""
        of_sender = self._handled.get(sender)
        if of_sender is None:
            of_sender = self._handled[sender] = OrderedDict()
        else:
            self._handled.move_to_end(sender)
        of_sender[identity] = None
        self._remembered += 1
        if len(of_sender) > REMEMBERED:
            of_sender.popitem(last=False)
            self._remembered -= 1
        elif self._remembered > REMEMBERED_IN_ALL:
            name, oldest = next(iter(self._handled.items()))
            oldest.popitem(last=False)
            self._remembered -= 1
            if not oldest:
                del self._handled[name]

    def take_back(self, message: Message) -> bool:
        """Takes out the one that was just put; False when it was known and is not there."""
        queue = self._queues[message._head[0]]
        if not queue or queue[-1] is not message:
            return False
        queue.pop()
        self._count -= 1
        return True

    def take(self) -> Optional[Message]:
        """The next one to be handled."""
        if not self._count:
            return None
        self._turn = (self._turn + 1) & 15
        for lane in _ORDERS[self._turn]:
            queue = self._queues[lane]
            if queue:
                self._count -= 1
                return queue.popleft()
        return None

    # -- what became of them ---------------------------------------------------------------

    def finish(self, message: Message, result: int, link: int, now: float) -> None:
        """Its handler has returned; `link` is the link of now, 0 before its WELCOME."""
        head = message._head
        if head[1] != wire.FIRE:
            self._answer(message, (head[0], head[6], head[5]), result, link, now)
        if message._link == link:
            self._credit(message)

    def _answer(self, message: Message, identity: Identity, result: int, link: int,
                now: float) -> None:
        entry = self._handling.pop((message._sender, identity))
        entry.at = now
        tag, came_by = entry.tag, entry.link
        if result == wire.DONE_DONE:
            entry.state = wire.HANDLED
            self._remember(message._sender, identity)
        else: # it is to be handled when it comes again
            entry.state = wire.HANDLER_FAILED
        if link and came_by == link:
            self._done.append((tag, result))
        else: # also between HELLO, which has said that it is being handled, and WELCOME
            self._known.append(self._known_of(entry))

    def _credit(self, message: Message) -> None:
        lane = message._head[0]
        finished, credited = self._finished[lane], self._credited[lane]
        finished[0] += 1
        finished[1] += message._size
        if (2 * (finished[0] - credited[0]) >= self._window_messages
                or 2 * (finished[1] - credited[1]) >= self._window_bytes):
            self._credit_due = True

    def fill(self, out: List[bytes]) -> None:
        """Appends DONE, KNOWN and CREDIT frames as far as they are due."""
        if self._done:
            out.append(wire.done_frames(self._done))
            self._done = []
        if self._known:
            out.append(wire.known_frames(self._known))
            self._known = []
        if self._credit_due or (not self._count and self._finished != self._credited):
            out.append(wire.credit_frame(self._finished))
            self._credited = [list(pair) for pair in self._finished]
            self._credit_due = False
