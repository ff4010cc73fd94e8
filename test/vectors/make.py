#!/usr/bin/env python3
"""Writes the test vectors of the link protocol: test/vectors/*.json.

Made from docs/link-protocol.md alone; no code of any client is used, so that a client that
reads the page in another way fails. Run it after a change of the page; `make.py --check` says
whether the files are what it would write. README.md tells how the files are read.
"""

import json
import re
import struct
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).parent
TYPES = {"HELLO": 1, "WELCOME": 2, "BYE": 3, "PING": 4, "PONG": 5, "CALL": 6, "RESULT": 7,
         "TELL": 8, "ORDER": 9, "MESSAGE": 16, "RECEIPT": 17, "OUTCOME": 18, "DONE": 19,
         "CREDIT": 20, "KNOWN": 21}
MAX_U64 = 2**64 - 1
MAX_PAYLOAD = 983_040


# -- bytes ---------------------------------------------------------------------------------------

def frame(kind, body, size=None, spoil=0):
    """One frame; `size` and `spoil` (of the checksum) make it a wrong one."""
    number = TYPES[kind] if isinstance(kind, str) else kind
    start = struct.pack("<IB", len(body) + 5 if size is None else size, number) + body
    return start + struct.pack("<I", zlib.crc32(start) ^ spoil)


def hexed(data):
    """Hexadecimal digits; when a byte stands there more than 512 times in a row, a list of
    [digits, times]."""
    parts, at = [], 0
    for run in re.finditer(rb"(.)\1{512,}", data, re.DOTALL):
        parts += [[data[at:run.start()].hex(), 1], [run[1].hex(), len(run[0])]]
        at = run.end()
    return parts + [[data[at:].hex(), 1]] if parts else data.hex()


def message_body(m):
    payload = m["payload"]
    to, sender, key = (m[name].encode() for name in ("to", "from", "key"))
    return struct.pack("<BBBBIQQQQ16s8sIBBBB", m["lane"], m["delivery"], m["flags"], m["content"],
                       m["ttl"], m["sequence"], m["incarnation"], m["request"], m["tag"],
                       m["trace"], m["span"], m["length"], len(to), len(sender), len(key),
                       0) + to + sender + key + payload


def text8(text):
    data = text.encode()
    return struct.pack("<B", len(data)) + data


def outcome_body(entries):
    return struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<BBQ", e["lane"], e["code"], e["sequence"]) + text8(e["text"])
        for e in entries)


def done_body(entries):
    return struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<QB", e["tag"], e["result"]) for e in entries)


def known_body(entries):
    return struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<BBQQ", e["lane"], e["state"], e["incarnation"], e["sequence"])
        + text8(e["from"]) for e in entries)


def zstd_of_one_byte(byte, count):
    """A zstd frame of one RLE block (RFC 8878), its content size stated: `count` times `byte`."""
    assert 256 <= count < 65536 + 256
    descriptor = 1 << 6 | 1 << 5  # content size in 2 bytes, single segment
    block = (count << 3 | 1 << 1 | 1).to_bytes(3, "little")  # RLE, the last one
    return struct.pack("<IBH", 0xFD2FB528, descriptor, count - 256) + block + byte


# -- vectors ------------------------------------------------------------------------------------

def control():
    """Frames with a JSON body, and PING and PONG."""
    hello = {"version": 1, "oldest": 1, "instance": "market/trader#2", "incarnation": 118,
             "token": "5f" * 16, "client": "troupe-python 0.1.0", "features": ["zstd"],
             "handles": ["drain", "flatten", "config"],
             "window": {"messages": 256, "bytes": 262144}, "next": [1, 1, 1, 1], "known": 0}
    welcome = {"version": 1, "fleet": "demo", "epoch": 3, "instance": "market/trader#2",
               "incarnation": 118, "features": ["zstd"], "heartbeat_s": 10,
               "window": {"messages": 8192, "bytes": 8388608}, "unresolved": 1024,
               "config": {"version": 7, "labels": {"env": "prod"}, "settings": {"symbol": "BTC"}}}
    deep = {}
    for _ in range(13):
        deep = {"deeper": deep}
    cases = [
        ("hello", "HELLO", hello),
        ("hello of a relinking bot", "HELLO", {**hello, "next": [3, 1, 2**63, MAX_U64],
                                               "known": 4096, "features": [], "handles": []}),
        ("hello with a member of a later version", "HELLO", {**hello, "mood": {"is": "good"}}),
        ("welcome", "WELCOME", welcome),
        ("welcome, 16 levels deep", "WELCOME",
         {**welcome, "config": {"version": 1, "labels": {}, "settings": deep}}),
        ("bye of a bot that ends", "BYE", {"reason": "done", "text": ""}),
        ("bye for a wrong version", "BYE",
         {"reason": "bad_version", "text": "this runtime speaks 1", "versions": [1, 1]}),
        ("bye with a text that is not ASCII", "BYE", {"reason": "stopping", "text": "bis später ⏏"}),
        ("subscribe", "CALL", {"id": 7, "op": "subscribe", "pattern": "ticks.*", "durable": False}),
        ("unsubscribe", "CALL", {"id": 8, "op": "unsubscribe", "pattern": "ticks.>"}),
        ("good result", "RESULT", {"id": 7, "ok": True}),
        ("bad result", "RESULT",
         {"id": 8, "error": {"code": "not_permitted", "text": "may_subscribe does not allow it"}}),
        ("ready", "TELL", {"op": "ready"}),
        ("status", "TELL", {"op": "status", "text": "42 orders open"}),
        ("stopping", "TELL", {"op": "stopping"}),
        ("drained", "TELL", {"op": "drained", "ok": True, "text": ""}),
        ("flattened, but not all", "TELL", {"op": "flattened", "ok": False, "text": "2 left open"}),
        ("order to drain", "ORDER", {"op": "drain", "within_s": 2.5}),
        ("order to flatten", "ORDER", {"op": "flatten", "within_s": 10}),
        ("new config", "ORDER", {"op": "config", "version": 8, "labels": {},
                                 "settings": {"symbol": "ETH", "limits": [1, 2.5, None, True]}}),
        ("pressure", "ORDER", {"op": "pressure", "to": "market/trader", "on": True}),
        ("an order of a later version", "ORDER", {"op": "dance"}),
    ]
    vectors = [{"name": name, "type": kind, "json": body,
                "frame": hexed(frame(kind, json.dumps(body, ensure_ascii=False,
                                                      separators=(",", ":")).encode()))}
               for name, kind, body in cases]
    for kind in ("PING", "PONG"):
        for eight in (bytes(8), b"\xff" * 8, bytes(range(1, 9))):
            vectors.append({"name": f"{kind.lower()} {eight.hex()}", "type": kind,
                            "body": eight.hex(), "frame": hexed(frame(kind, eight))})
    text = "x" * (65_536 - len('{"op":"status","text":""}'))
    vectors.append({"name": "the largest JSON body", "type": "TELL",
                    "json": {"op": "status", "text": text},
                    "frame": hexed(frame("TELL", b'{"op":"status","text":"%s"}' % text.encode()))})
    return vectors


def message(**fields):
    result = {"lane": 2, "delivery": 0, "flags": 0, "content": 0, "ttl": 0, "sequence": 1,
              "incarnation": 118, "request": 0, "tag": 0, "trace": bytes(16), "span": bytes(8),
              "to": "market/trader", "from": "", "key": "", "payload": b"", "length": None}
    result.update(fields)
    if result["length"] is None:
        result["length"] = len(result["payload"])
    return result


def messages():
    cases = [
        ("nothing in it", message()),
        ("text", message(content=1, payload="Grüße".encode())),
        ("JSON", message(content=2, payload=b'{"price":41.5}', to="topic:ticks.btc")),
        ("bytes", message(payload=bytes(range(256)))),
        ("every field", message(lane=1, delivery=2, flags=1 | 16, content=2, ttl=30_000,
                                sequence=0x0102030405060708, incarnation=0x1112131415161718,
                                request=0x2122232425262728, tag=0x3132333435363738,
                                trace=bytes(range(0x40, 0x50)), span=bytes(range(0x50, 0x58)),
                                to="market/trader#2/pricer", **{"from": "market/feed#0/btc"},
                                key="BTC", payload=b"[1,2,3]")),
        ("the largest numbers", message(lane=3, delivery=1, flags=1 | 4 | 8 | 16, content=1,
                                        ttl=2**32 - 1, sequence=MAX_U64, incarnation=MAX_U64,
                                        request=MAX_U64, tag=MAX_U64, trace=b"\xff" * 16,
                                        span=b"\xff" * 8, payload=b"late")),
        ("a request", message(request=9, ttl=5000, to="runtime/time")),
        ("a reply", message(flags=4, request=9, content=2, payload=b"{}", to="market/feed#0",
                            **{"from": "market/trader#0"})),
        ("a reply of failure", message(flags=4 | 8, request=9, content=1, payload=b"no such key",
                                       to="market/feed#0")),
        ("from an actor that the bot hosts", message(**{"from": "/pricer"})),
        ("to all of a group", message(to="market/*", lane=0, payload=b"stop")),
        ("addresses of 255 bytes", message(to="a" * 255, key="k" * 255, **{"from": "f" * 255},
                                           payload=b"p")),
        ("empty address", message(to="", payload=b"to nobody")),
        ("the largest payload", message(payload=b"a" * MAX_PAYLOAD)),
        ("the largest payload and addresses", message(to="a" * 255, key="k" * 255, payload=
                                                      b"a" * MAX_PAYLOAD, **{"from": "f" * 255})),
        ("a compressed payload", message(flags=2, payload=zstd_of_one_byte(b"z", 1200),
                                         length=1200)),
    ]
    for number, lane in enumerate(("urgent", "high", "normal", "low")):
        cases.append((f"lane {lane}", message(lane=number, sequence=number + 1)))
    for number, delivery in enumerate(("fire", "assured", "durable")):
        cases.append((f"delivery {delivery}", message(delivery=number)))
    for name, flag in (("again", 1), ("reply", 4), ("failed", 8), ("sampled", 16)):
        cases.append((f"flag {name}", message(flags=flag)))
    vectors = []
    for name, fields in cases:
        shown = {key: value.hex() if key in ("trace", "span") else value
                 for key, value in fields.items()}
        shown["payload"] = hexed(fields["payload"])
        vectors.append({"name": name, "type": "MESSAGE", "message": shown,
                        "frame": hexed(frame("MESSAGE", message_body(fields)))})
        if name == "a compressed payload":
            vectors[-1]["uncompressed"] = hexed(b"z" * 1200)
    return vectors


def lists():
    def vector(name, kind, meaning, body):
        return {"name": name, "type": kind, **meaning, "frame": hexed(frame(kind, body))}

    result = []
    for name, four in (("nothing yet", [0, 0, 0, 0]), ("some", [1, 2, 3, 4]),
                       ("the largest", [MAX_U64] * 4)):
        result.append(vector(f"receipt: {name}", "RECEIPT", {"receipt": four},
                             struct.pack("<4Q", *four)))
    for name, four in (("nothing yet", [[0, 0]] * 4),
                       ("some", [[1, 100], [2, 200], [3, 300], [4, 400]]),
                       ("the largest", [[MAX_U64, MAX_U64]] * 4)):
        result.append(vector(f"credit: {name}", "CREDIT", {"credit": four},
                             b"".join(struct.pack("<2Q", *pair) for pair in four)))
    codes = {"accepted": 0, "done": 1, "no_such_address": 16, "not_permitted": 17,
             "mailbox_full": 18, "not_running": 19, "not_linked": 20, "expired": 21,
             "too_many_deliveries": 22, "dropped": 23, "store_unavailable": 24,
             "receiver_died": 25, "refused": 26, "stopping": 27, "bad_message": 28}
    outcomes = [("none", []),
                ("every code", [{"lane": i % 4, "code": code, "sequence": i + 1, "text": name}
                                for i, (name, code) in enumerate(codes.items())]),
                ("a code of a later version", [{"lane": 2, "code": 99, "sequence": 5,
                                                "text": "what a later version knows"}]),
                ("text of 255 bytes, no text", [
                    {"lane": 0, "code": 26, "sequence": MAX_U64, "text": "t" * 255},
                    {"lane": 3, "code": 1, "sequence": 1, "text": ""}]),
                ("2048 entries", [{"lane": i % 4, "code": 1, "sequence": i + 1, "text": ""}
                                  for i in range(2048)])]
    for name, entries in outcomes:
        result.append(vector(f"outcome: {name}", "OUTCOME", {"outcome": entries},
                             outcome_body(entries)))
    dones = [("none", []),
             ("every result", [{"tag": 1, "result": 0}, {"tag": 2, "result": 1},
                               {"tag": MAX_U64, "result": 2}]),
             ("2048 entries", [{"tag": i + 1, "result": i % 3} for i in range(2048)])]
    for name, entries in dones:
        result.append(vector(f"done: {name}", "DONE", {"done": entries}, done_body(entries)))
    knowns = [("none", []),
              ("every state", [{"lane": 0, "state": 0, "incarnation": 7, "sequence": 1,
                                "from": "market/feed#0"},
                               {"lane": 3, "state": 1, "incarnation": MAX_U64,
                                "sequence": MAX_U64, "from": "f" * 255},
                               {"lane": 2, "state": 2, "incarnation": 0, "sequence": 0,
                                "from": ""}]),
              ("2048 entries", [{"lane": i % 4, "state": i % 2, "incarnation": 9,
                                 "sequence": i + 1, "from": "a#0"} for i in range(2048)])]
    for name, entries in knowns:
        result.append(vector(f"known: {name}", "KNOWN", {"known": entries}, known_body(entries)))
    return result


def broken():
    """`problem` is what is wrong: size, type, checksum (of any frame), body (of that type).
    The reason of the BYE is bad_frame. `early`: the frame comes before the WELCOME."""
    def vector(name, problem, data, **more):
        return {"name": name, "problem": problem, "reason": "bad_frame", "frame": hexed(data),
                **more}

    ping = frame("PING", bytes(8))
    result = [vector(f"a size of {size}", "size", frame("PING", bytes(8), size=size))
              for size in (0, 4, 1_048_577, 2**31, 2**32 - 1)]
    result.append(vector("16385 bytes before the WELCOME", "size",
                         frame("HELLO", b" " * 16_380), early=True))
    result += [vector(f"type {number}", "type", frame(number, b"{}"))
               for number in (0, 10, 15, 22, 127, 255)]
    result.append(vector("a wrong checksum", "checksum", frame("PING", bytes(8), spoil=1)))
    result.append(vector("a bit of the body has changed", "checksum",
                         ping[:6] + b"\x01" + ping[7:]))
    result.append(vector("checksum of a message", "checksum",
                         frame("MESSAGE", message_body(message(payload=b"x")), spoil=1 << 31)))

    def body(name, kind, data):
        result.append(vector(name, "body", frame(kind, data), type=kind))

    for kind in ("PING", "PONG"):
        for size in (0, 7, 9):
            body(f"{kind} of {size} bytes", kind, bytes(size))
    for kind in ("HELLO", "WELCOME", "BYE", "CALL", "RESULT", "TELL", "ORDER"):
        body(f"{kind}: no body", kind, b"")
        body(f"{kind}: no object", kind, b"[1]")
        body(f"{kind}: no JSON", kind, b"{")
    body("not UTF-8", "TELL", b'{"op":"status","text":"\xff"}')
    body("something after the object", "TELL", b'{"op":"ready"} {}')
    body("17 levels deep", "TELL", b'{"op":' * 16 + b"{}" + b"}" * 16)
    body("17 levels of arrays", "TELL", b'{"op":"ready","a":' + b"[" * 16 + b"]" * 16 + b"}")
    body("JSON of 65537 bytes", "TELL", b'{"op":"ready","pad":"' + b"x" * 65_514 + b'"}')

    good = message_body(message(to="abc", key="k", **{"from": "de"}, payload=b"pay"))
    body("no message", "MESSAGE", b"")
    body("a message of 71 bytes", "MESSAGE", good[:71])
    for name, offset, value in (("lane 4", 0, 4), ("delivery 3", 1, 3), ("flag 32", 2, 32),
                                ("flag 128", 2, 128), ("content 3", 3, 3), ("last byte 1", 71, 1)):
        body(f"a message with {name}", "MESSAGE",
             good[:offset] + bytes([value]) + good[offset + 1:])
    body("a message that ends in its addresses", "MESSAGE", good[:77])
    body("a message that says a length of one more", "MESSAGE",
         good[:64] + struct.pack("<I", 4) + good[68:])
    body("a message that says a length of one less", "MESSAGE",
         good[:64] + struct.pack("<I", 2) + good[68:])
    body("a payload of 983041 bytes", "MESSAGE",
         message_body(message(payload=b"a" * (MAX_PAYLOAD + 1))))
    body("a compressed payload that would be too long", "MESSAGE", message_body(
        message(flags=2, payload=zstd_of_one_byte(b"z", 1200), length=MAX_PAYLOAD + 1)))

    body("a receipt of 31 bytes", "RECEIPT", bytes(31))
    body("a receipt of 33 bytes", "RECEIPT", bytes(33))
    body("a credit of 63 bytes", "CREDIT", bytes(63))
    body("a credit of 72 bytes", "CREDIT", bytes(72))
    outcome = outcome_body([{"lane": 1, "code": 1, "sequence": 1, "text": "abc"}])
    done = done_body([{"tag": 1, "result": 0}])
    known = known_body([{"lane": 1, "state": 0, "incarnation": 1, "sequence": 1, "from": "a#0"}])
    for kind, entry in (("OUTCOME", outcome), ("DONE", done), ("KNOWN", known)):
        body(f"{kind}: nothing", kind, b"")
        body(f"{kind}: half a count", kind, b"\x00")
        body(f"{kind}: one entry is missing", kind, struct.pack("<H", 2) + entry[2:])
        body(f"{kind}: cut", kind, entry[:-1])
        body(f"{kind}: a byte too much", kind, entry + b"\x00")
        body(f"{kind}: bytes after no entry", kind, struct.pack("<H", 0) + entry[2:])
        body(f"{kind}: 65535 entries, none there", kind, struct.pack("<H", 65_535))
    body("OUTCOME: lane 4", "OUTCOME", outcome[:2] + b"\x04" + outcome[3:])
    body("DONE: result 3", "DONE", done[:-1] + b"\x03")
    body("KNOWN: lane 4", "KNOWN", known[:2] + b"\x04" + known[3:])
    body("KNOWN: state 3", "KNOWN", known[:3] + b"\x03" + known[4:])
    body("DONE: 2049 entries", "DONE",
         done_body([{"tag": i + 1, "result": 0} for i in range(2049)]))
    return result


FILES = {"control.json": control, "messages.json": messages, "lists.json": lists,
         "broken.json": broken}


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        print(__doc__, file=sys.stderr)
        return 2
    stale = []
    for name, make in FILES.items():
        # One vector a line, so that a change can be read.
        text = "[\n" + ",\n".join(json.dumps(v) for v in make()) + "\n]\n"
        file = HERE / name
        if check and (not file.exists() or file.read_text() != text):
            stale.append(name)
        elif not check:
            file.write_text(text)
    if stale:
        print(f"{', '.join(stale)}: not what test/vectors/make.py writes", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
