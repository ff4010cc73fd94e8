"""Frames of the link protocol as bytes (docs/link-protocol.md). No I/O and no state."""

import json
import struct
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union
from zlib import crc32

Buffer = Union[bytes, bytearray, memoryview]

VERSION = 1
OLDEST_VERSION = 1

(HELLO, WELCOME, BYE, PING, PONG, CALL, RESULT, TELL, ORDER) = range(1, 10)
(MESSAGE, RECEIPT, OUTCOME, DONE, CREDIT, KNOWN) = range(16, 22)
JSON_TYPES = frozenset((HELLO, WELCOME, BYE, CALL, RESULT, TELL, ORDER))
TYPES = frozenset(range(1, 10)) | frozenset(range(16, 22))

MAX_FRAME = 1 << 20
MAX_EARLY_FRAME = 16 << 10
MAX_JSON = 64 << 10
MAX_JSON_DEPTH = 16
MAX_PAYLOAD = 983_040
MAX_ENTRIES = 2048
MAX_NAME = 255
#: Bytes of a frame beside its body.
FRAME_OVERHEAD = 9
MESSAGE_HEAD = 72

LANES = ("urgent", "high", "normal", "low")
DELIVERIES = ("fire", "assured", "durable")
FIRE, ASSURED, DURABLE = range(3)
BYTES, TEXT, JSON = range(3)

AGAIN, COMPRESSED, REPLY, FAILED, SAMPLED = 1, 2, 4, 8, 16
_ALL_FLAGS = 31

OUTCOMES = {0: "accepted", 1: "done", 16: "no_such_address", 17: "not_permitted",
            18: "mailbox_full", 19: "not_running", 20: "not_linked", 21: "expired",
            22: "too_many_deliveries", 23: "dropped", 24: "store_unavailable",
            25: "receiver_died", 26: "refused", 27: "stopping", 28: "bad_message"}
#: Codes from here on are rejections.
REJECTED = 16

DONE_DONE, DONE_FAILED, DONE_NO_SUCH_ACTOR = range(3)
HANDLING, HANDLED, HANDLER_FAILED = range(3)

NO_TRACE = bytes(16)
NO_SPAN = bytes(8)

_START = struct.Struct("<IB")
_CRC = struct.Struct("<I")
_COUNT = struct.Struct("<H")
_RECEIPT = struct.Struct("<4Q")
_CREDIT = struct.Struct("<8Q")
_OUTCOME = struct.Struct("<BBQB")
_DONE = struct.Struct("<QB")
_KNOWN = struct.Struct("<BBQQB")
_MESSAGE = struct.Struct("<BBBBIQQQQ16s8sIBBBB")
#: Start of the frame and head of the message at once: one call for a message that is sent.
_MESSAGE_FRAME = struct.Struct("<IBBBBBIQQQQ16s8sIBBBB")


class Broken(Exception):
    """What came is no frame of the protocol: the connection is of no use any more. `problem`
    is `size`, `type`, `checksum` or `body`."""

    def __init__(self, problem: str, text: str):
        super().__init__(text)
        self.problem = problem


class Outcome(NamedTuple):
    lane: int
    code: int
    sequence: int
    text: str


class Done(NamedTuple):
    tag: int
    result: int


class Known(NamedTuple):
    lane: int
    state: int
    incarnation: int
    sequence: int
    sender: str


class Head(NamedTuple):
    """The numbers of a MESSAGE, in their order."""

    lane: int
    delivery: int
    flags: int
    content: int
    ttl: int
    sequence: int
    incarnation: int
    request: int
    tag: int
    trace: bytes
    span: bytes
    length: int


# -- frames -------------------------------------------------------------------------------------

def frame(kind: int, body: Buffer) -> bytes:
    start = _START.pack(len(body) + 5, kind) + body
    return start + _CRC.pack(crc32(start))


def json_frame(kind: int, body: Dict[str, Any]) -> bytes:
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    if len(data) > MAX_JSON:
        raise ValueError(f"{len(data)} bytes of JSON; a link takes {MAX_JSON} at most")
    return frame(kind, data)


def split(buffer: Buffer, at: int, end: int, largest: int = MAX_FRAME) \
        -> Optional[Tuple[int, int, int]]:
    """The frame that begins at `at`: its type, where its body begins, and where it ends with its
    checksum, or None while it is not whole. Raises Broken."""
    if end - at < 5:
        if end - at >= 4:
            _check_size(_CRC.unpack_from(buffer, at)[0], largest)
        return None
    size, kind = _START.unpack_from(buffer, at)
    _check_size(size, largest)
    if kind not in TYPES:
        raise Broken("type", f"there is no frame of type {kind}")
    stop = at + 4 + size
    if stop > end:
        return None
    view = memoryview(buffer)[at:stop - 4]
    if crc32(view) != _CRC.unpack_from(buffer, stop - 4)[0]:
        raise Broken("checksum", "the checksum of a frame is wrong")
    return kind, at + 5, stop


def _check_size(size: int, largest: int) -> None:
    if not 5 <= size <= largest:
        raise Broken("size", f"a frame of {size} bytes; allowed are 5 to {largest}")


# -- JSON ---------------------------------------------------------------------------------------

def decode_json(body: Buffer) -> Dict[str, Any]:
    if len(body) > MAX_JSON:
        raise Broken("body", f"{len(body)} bytes of JSON; allowed are {MAX_JSON}")
    try:
        result = json.loads(bytes(body).decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Broken("body", f"no JSON: {error}") from None
    if not isinstance(result, dict):
        raise Broken("body", "the JSON of a frame is an object")
    if _too_deep(result):
        raise Broken("body", f"JSON that is deeper than {MAX_JSON_DEPTH} levels")
    return result


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [each for v in level if isinstance(v, (dict, list))
                 for each in (v.values() if isinstance(v, dict) else v)
                 if isinstance(each, (dict, list))]
        if not level:
            return False
    return True


# -- messages -----------------------------------------------------------------------------------

def message_frame(lane: int, delivery: int, flags: int, content: int, ttl: int, sequence: int,
                  incarnation: int, request: int, tag: int, trace: bytes, span: bytes,
                  length: int, to: bytes, sender: bytes, key: bytes, payload: bytes) -> bytes:
    """A whole frame; names must be within MAX_NAME, the payload within MAX_PAYLOAD."""
    start = _MESSAGE_FRAME.pack(
        77 + len(to) + len(sender) + len(key) + len(payload), MESSAGE, lane, delivery, flags,
        content, ttl, sequence, incarnation, request, tag, trace, span, length, len(to),
        len(sender), len(key), 0) + to + sender + key + payload
    return start + _CRC.pack(crc32(start))


def decode_message(body: Buffer) -> Tuple[Tuple[Any, ...], bytes, bytes, bytes, bytes]:
    """The numbers (in the order of Head), `to`, `from`, `key` and the payload as it travels."""
    if len(body) < MESSAGE_HEAD:
        raise Broken("body", f"a message of {len(body)} bytes; its head has {MESSAGE_HEAD}")
    head = _MESSAGE.unpack_from(body)
    lane, delivery, flags, content = head[:4]
    length, to, sender, key, zero = head[11:]
    if lane > 3 or delivery > 2 or flags > _ALL_FLAGS or content > 2 or zero:
        raise Broken("body", "a message with a lane, delivery, flag or content that is none")
    texts = MESSAGE_HEAD + to + sender + key
    size = len(body) - texts
    if size < 0:
        raise Broken("body", "a message ends within its addresses")
    if length > MAX_PAYLOAD or size > MAX_PAYLOAD:
        raise Broken("body", f"a payload of more than {MAX_PAYLOAD} bytes")
    if size != length and not flags & COMPRESSED:
        raise Broken("body", "a message has another length than it says")
    rest = bytes(body[MESSAGE_HEAD:])
    to_end, sender_end, key_end = to, to + sender, to + sender + key
    return (head[:12], rest[:to_end], rest[to_end:sender_end], rest[sender_end:key_end],
            rest[key_end:])


# -- what is said about messages ----------------------------------------------------------------

def receipt_frame(taken: Sequence[int]) -> bytes:
    return frame(RECEIPT, _RECEIPT.pack(*taken))


def decode_receipt(body: Buffer) -> Tuple[int, ...]:
    if len(body) != _RECEIPT.size:
        raise Broken("body", "a receipt has 32 bytes")
    return _RECEIPT.unpack(body)


def credit_frame(finished: Iterable[Sequence[int]]) -> bytes:
    return frame(CREDIT, _CREDIT.pack(*(n for pair in finished for n in pair)))


def decode_credit(body: Buffer) -> List[Tuple[int, int]]:
    if len(body) != _CREDIT.size:
        raise Broken("body", "a credit has 64 bytes")
    flat = _CREDIT.unpack(body)
    return list(zip(flat[::2], flat[1::2]))


def outcome_frames(entries: Sequence[Outcome]) -> bytes:
    return _list_frames(OUTCOME, [_OUTCOME.pack(e.lane, e.code, e.sequence, len(text)) + text
                                  for e in entries for text in (e.text.encode()[:MAX_NAME],)])


def done_frames(entries: Sequence[Tuple[int, int]]) -> bytes:
    return _list_frames(DONE, [_DONE.pack(tag, result) for tag, result in entries])


def known_frames(entries: Sequence[Known], largest: int = MAX_EARLY_FRAME) -> bytes:
    """Frames of at most `largest` bytes: those after a HELLO come before the WELCOME."""
    packed = [_KNOWN.pack(e.lane, e.state, e.incarnation, e.sequence, len(name)) + name
              for e in entries for name in (e.sender.encode()[:MAX_NAME],)]
    return _list_frames(KNOWN, packed, largest)


def _list_frames(kind: int, entries: Sequence[bytes], largest: int = MAX_FRAME) -> bytes:
    """Nothing for no entries."""
    result: List[bytes] = []
    batch: List[bytes] = []
    size = 7
    for entry in entries:
        if len(batch) == MAX_ENTRIES or size + len(entry) > largest:
            result.append(frame(kind, _COUNT.pack(len(batch)) + b"".join(batch)))
            batch, size = [], 7
        batch.append(entry)
        size += len(entry)
    if batch:
        result.append(frame(kind, _COUNT.pack(len(batch)) + b"".join(batch)))
    return b"".join(result)


def decode_outcome(body: Buffer) -> List[Outcome]:
    result = []
    for (lane, code, sequence, _), text in _entries(body, _OUTCOME, text=True):
        if lane > 3:
            raise Broken("body", f"an outcome in lane {lane}")
        result.append(Outcome(lane, code, sequence, text.decode(errors="replace")))
    return result


def decode_done(body: Buffer) -> List[Done]:
    result = [Done(*numbers) for numbers, _ in _entries(body, _DONE)]
    if any(each.result > DONE_NO_SUCH_ACTOR for each in result):
        raise Broken("body", "a done with a result that is none")
    return result


def decode_known(body: Buffer) -> List[Known]:
    result = []
    for (lane, state, incarnation, sequence, _), name in _entries(body, _KNOWN, text=True):
        if lane > 3 or state > HANDLER_FAILED:
            raise Broken("body", "a known message with a lane or state that is none")
        result.append(Known(lane, state, incarnation, sequence, name.decode(errors="replace")))
    return result


def _entries(body: Buffer, entry: struct.Struct, text: bool = False) \
        -> List[Tuple[Tuple[Any, ...], bytes]]:
    """The entries of a list; with `text` the last number is the length of a text behind it."""
    try:
        count, at = _COUNT.unpack_from(body)[0], 2
        if count > MAX_ENTRIES or count * entry.size > len(body):
            raise Broken("body", f"a list of {count} entries in {len(body)} bytes")
        result = []
        for _ in range(count):
            numbers = entry.unpack_from(body, at)
            at += entry.size
            size = numbers[-1] if text else 0
            if at + size > len(body):
                raise Broken("body", "a list ends too early")
            result.append((numbers, bytes(body[at:at + size])))
            at += size
    except struct.error:
        raise Broken("body", "a list ends too early") from None
    if at != len(body):
        raise Broken("body", "a list with bytes that belong to nothing")
    return result
