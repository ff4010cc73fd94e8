"""The sending side of a link: what waits by lane, the windows, and what is kept until it is
known what became of it. No I/O; the clock is an argument."""

import heapq
from collections import deque
from typing import Callable, Deque, Dict, List, Optional, Tuple

from . import wire
from .message import Message, Ticket

#: What a lane holds before `send` waits.
MAX_WAITING = 1024
MAX_WAITING_BYTES = 8 << 20
MAX_PRESSURE = 1024
MAX_REQUESTS = 4096
#: How many messages of a lane go before the next lane has a turn; urgent ones go all.
_TURNS = ((0, 1 << 30), (1, 16), (2, 8), (3, 2))


class Item:
    """A message on its way out."""

    __slots__ = ("to", "payload", "lane", "delivery", "flags", "content", "expires", "request",
                 "trace", "span", "sender", "key", "length", "ticket", "sequence")

    def __init__(self, to: bytes, payload: bytes, lane: int, delivery: int, flags: int,
                 content: int, expires: float, request: int, trace: bytes, span: bytes,
                 key: bytes, ticket: Optional[Ticket]):
        self.to = to
        self.payload = payload
        self.lane = lane
        self.delivery = delivery
        self.flags = flags
        self.content = content
        #: Monotonic seconds, 0 for never.
        self.expires = expires
        self.request = request
        self.trace = trace
        self.span = span
        self.key = key
        self.ticket = ticket
        self.sequence = 0


class Outbox:
    """`rejected(item, reason, text)` hears of messages that nobody has a ticket of."""

    def __init__(self, incarnation: int, rejected: Callable[[str, str, str], None]):
        self._incarnation = incarnation
        self._rejected = rejected
        self.next = [1, 1, 1, 1]
        self._waiting: List[Deque[Item]] = [deque() for _ in wire.LANES]
        self._waiting_bytes = [0, 0, 0, 0]
        self._again: Deque[Item] = deque()
        # Of each lane what has no final outcome yet, by sequence and in its order.
        self._unresolved: List[Dict[int, Item]] = [{} for _ in wire.LANES]
        self._unresolved_count = 0
        self.pressed: Dict[bytes, bool] = {}
        # Sent on this link and not taken yet: (sequence, bytes).
        self._under_way: List[Deque[Tuple[int, int]]] = [deque() for _ in wire.LANES]
        self._under_way_messages = 0
        self._under_way_bytes = 0
        # The last `fire` ones: (sequence, address, whether it is a reply), for words about them.
        self._fired: List[Deque[Tuple[int, bytes, int]]] = [deque(maxlen=512) for _ in wire.LANES]
        self._window_messages = 0
        self._window_bytes = 0
        self._max_unresolved = 0
        # Requests that wait: number -> (ticket, lane, address); what is sent of them by identity.
        self._requests: Dict[int, Item] = {}
        self._request_of: Dict[Tuple[int, int], int] = {}
        self._deadlines: List[Tuple[float, int]] = []
        self._last_request = 0

    # -- what waits ------------------------------------------------------------------------

    def has_room(self, lane: int, to: bytes, request: bool = False) -> bool:
        return (len(self._waiting[lane]) < MAX_WAITING
                and self._waiting_bytes[lane] < MAX_WAITING_BYTES
                and to not in self.pressed
                and not (request and len(self._requests) >= MAX_REQUESTS))

    def put(self, item: Item) -> None:
        self._waiting[item.lane].append(item)
        self._waiting_bytes[item.lane] += len(item.payload)

    def put_request(self, item: Item) -> None:
        """`item.expires` is when its sender does not wait any more."""
        self._last_request += 1
        item.request = self._last_request
        self._requests[item.request] = item
        heapq.heappush(self._deadlines, (item.expires, item.request))
        self.put(item)

    @property
    def idle(self) -> bool:
        """Everything has been taken, and it is known what became of it."""
        return not (any(self._waiting) or self._again or self._under_way_messages
                    or self._unresolved_count)

    # -- a link begins ---------------------------------------------------------------------

    def linked(self, messages: int, size: int, unresolved: int) -> None:
        """A WELCOME: everything unresolved goes again, before what is new."""
        self._window_messages, self._window_bytes = messages, size
        self._max_unresolved = unresolved
        self._again = deque(item for lane in self._unresolved for item in lane.values())

    def unlinked(self) -> None:
        """Nothing is under way: what is unresolved goes again, the rest is lost."""
        for lane in self._under_way:
            lane.clear()
        self._under_way_messages = self._under_way_bytes = 0
        self.pressed.clear()

    # -- onto the wire ---------------------------------------------------------------------

    def fill(self, out: List[bytes], room: int, now: float) -> int:
        """Appends frames to `out`, until about `room` bytes; returns how many bytes."""
        size = 0
        while self._again and size < room and self._open(0, len(self._again[0].payload)):
            item = self._again.popleft()
            if item.sequence in self._unresolved[item.lane]:
                size += self._write(out, item, now, wire.AGAIN)
        if self._again:
            return size
        most = self._max_unresolved
        unresolved = (most,) + (most - (most >> 3),) * 3
        moved = True
        while moved and size < room:
            moved = False
            for lane, turn in _TURNS:
                waiting = self._waiting[lane]
                while waiting and turn and size < room:
                    item = waiting[0]
                    if not self._open(lane, len(item.payload)):
                        break
                    if item.delivery and self._unresolved_count >= unresolved[lane]:
                        break
                    waiting.popleft()
                    self._waiting_bytes[lane] -= len(item.payload)
                    if item.expires and item.expires <= now:
                        self._end(item, "expired", "it was not sent in time")
                        continue
                    item.sequence = self.next[lane]
                    self.next[lane] += 1
                    if item.delivery:
                        self._unresolved[lane][item.sequence] = item
                        self._unresolved_count += 1
                    else:
                        self._fired[lane].append((item.sequence, item.to,
                                                  item.flags & wire.REPLY))
                    if item.request and not item.flags & wire.REPLY:
                        self._request_of[lane, item.sequence] = item.request
                    size += self._write(out, item, now, 0)
                    turn -= 1
                    moved = True
        return size

    def _open(self, lane: int, size: int) -> bool:
        """Lanes but the urgent one leave an eighth of every bound free for it."""
        messages, size_left = self._window_messages, self._window_bytes
        if lane:
            messages -= messages >> 3
            size_left -= size_left >> 3
        return (self._under_way_messages < messages
                and self._under_way_bytes + size + 1024 <= size_left
                or not self._under_way_messages and messages > 0)

    def _write(self, out: List[bytes], item: Item, now: float, flags: int) -> int:
        ttl = 0
        if item.expires:
            ttl = min(max(int((item.expires - now) * 1000), 1), 0xFFFFFFFF)
        frame = wire.message_frame(
            item.lane, item.delivery, item.flags | flags, item.content, ttl, item.sequence,
            self._incarnation, item.request, 0, item.trace, item.span, len(item.payload), item.to,
            b"", item.key, item.payload)
        out.append(frame)
        size = len(frame)
        self._under_way[item.lane].append((item.sequence, size))
        self._under_way_messages += 1
        self._under_way_bytes += size
        return size

    # -- what the runtime says -------------------------------------------------------------

    def on_receipt(self, taken: Tuple[int, ...]) -> None:
        for lane, sequence in zip(self._under_way, taken):
            while lane and lane[0][0] <= sequence:
                self._under_way_bytes -= lane.popleft()[1]
                self._under_way_messages -= 1

    def on_outcome(self, outcome: wire.Outcome) -> None:
        lane, code, sequence, text = outcome
        item = self._unresolved[lane].get(sequence)
        name = wire.OUTCOMES.get(code, f"code {code}")
        if code < wire.REJECTED:
            # `accepted` says nothing final of an assured one.
            if item is None or (code == 0 and item.delivery == wire.ASSURED):
                return
            del self._unresolved[lane][sequence]
            self._unresolved_count -= 1
            if item.request in self._requests:
                self._request_of.pop((lane, sequence), None)
            elif item.ticket:
                item.ticket.resolve(name, text)
            return
        number = self._request_of.pop((lane, sequence), 0)
        if item is not None:
            del self._unresolved[lane][sequence]
            self._unresolved_count -= 1
        if number:
            item = self._requests.pop(number, item)
        if item is not None:
            self._end(item, name, text)
        else:
            self._end_fired(lane, sequence, name, text)

    def _end_fired(self, lane: int, sequence: int, name: str, text: str) -> None:
        for number, to, reply in reversed(self._fired[lane]):
            if number == sequence:
                if not reply: # of one that nobody waits for any more nobody wants to know
                    self._rejected(f"a message to {to.decode(errors='replace')}", name, text)
                return
        self._rejected(f"message {sequence} of lane {wire.LANES[lane]}", name, text)

    def _end(self, item: Item, name: str, text: str) -> None:
        if item.request and not item.flags & wire.REPLY:
            self._requests.pop(item.request, None)
            self._request_of.pop((item.lane, item.sequence), None)
        if item.ticket:
            item.ticket.resolve(name, text)
        elif not item.flags & wire.REPLY:
            self._rejected(f"a message to {item.to.decode(errors='replace')}", name, text)

    def on_reply(self, number: int, reply: Message) -> None:
        """A late one, to a request that was given up, is dropped."""
        item = self._requests.pop(number, None)
        if item is not None:
            self._request_of.pop((item.lane, item.sequence), None)
            if item.ticket:
                item.ticket.reply = reply
                item.ticket.resolve("replied")

    def on_pressure(self, to: str, on: bool) -> None:
        if not on:
            self.pressed.pop(to.encode(), None)
        elif len(self.pressed) < MAX_PRESSURE:
            self.pressed[to.encode()] = True

    # -- time ------------------------------------------------------------------------------

    def due(self) -> Optional[float]:
        while self._deadlines and self._deadlines[0][1] not in self._requests:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def tick(self, now: float) -> None:
        """Ends requests whose deadline has passed."""
        while self._deadlines and self._deadlines[0][0] <= now:
            _, number = heapq.heappop(self._deadlines)
            item = self._requests.pop(number, None)
            if item is not None:
                self._request_of.pop((item.lane, item.sequence), None)
                if item.ticket:
                    item.ticket.resolve("timed_out", "no reply in time")

    def give_up(self, reason: str, text: str) -> None:
        """There will be no link any more: ends everything."""
        for lane in self._waiting:
            while lane:
                item = lane.popleft()
                self._waiting_bytes[item.lane] -= len(item.payload)
                if item.ticket:
                    self._end(item, reason, text)
        for unresolved in self._unresolved:
            items = list(unresolved.values())
            unresolved.clear()
            for item in items:
                self._end(item, reason, text)
        self._unresolved_count = 0
        self._again.clear()
        for item in list(self._requests.values()):
            self._end(item, reason, text)
