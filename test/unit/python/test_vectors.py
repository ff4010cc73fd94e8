"""The vectors of test/vectors/, and that their files are fresh."""

import json
import subprocess
import sys
import unittest

from fake_runtime import ROOT
from troupe import wire

VECTORS = ROOT / "test/vectors"


def load(name):
    return json.loads((VECTORS / name).read_text())


def raw(digits):
    """Bytes of a vector."""
    if isinstance(digits, str):
        return bytes.fromhex(digits)
    return b"".join(bytes.fromhex(part) * times for part, times in digits)


def whole(vector):
    """Type and body of the one frame of a vector."""
    data = raw(vector["frame"])
    kind, body, stop = wire.split(data, 0, len(data))
    assert stop == len(data)
    return kind, memoryview(data)[body:stop - 4]


class Vectors(unittest.TestCase):
    def test_files_are_fresh(self):
        subprocess.run([sys.executable, VECTORS / "make.py", "--check"], check=True)

    def test_control(self):
        for vector in load("control.json"):
            with self.subTest(vector["name"]):
                kind, body = whole(vector)
                self.assertEqual(getattr(wire, vector["type"]), kind)
                if "json" in vector:
                    self.assertEqual(vector["json"], wire.decode_json(body))
                    again = wire.json_frame(kind, vector["json"])
                    self.assertEqual(vector["json"], wire.decode_json(again[5:-4]))
                else:
                    self.assertEqual(raw(vector["body"]), body)
                    self.assertEqual(raw(vector["frame"]), wire.frame(kind, body))

    def test_messages(self):
        for vector in load("messages.json"):
            with self.subTest(vector["name"]):
                kind, body = whole(vector)
                self.assertEqual(wire.MESSAGE, kind)
                head, to, sender, key, payload = wire.decode_message(body)
                fields = vector["message"]
                for name, value in wire.Head(*head)._asdict().items():
                    expected = fields[name]
                    self.assertEqual(raw(expected) if isinstance(value, bytes) else expected,
                                     value, name)
                self.assertEqual((fields["to"], fields["from"], fields["key"]),
                                 (to.decode(), sender.decode(), key.decode()))
                self.assertEqual(raw(fields["payload"]), payload)
                self.assertEqual(raw(vector["frame"]),
                                 wire.message_frame(*head, to, sender, key, payload))

    def test_lists(self):
        names = {"receipt": (wire.decode_receipt, wire.receipt_frame),
                 "credit": (wire.decode_credit, wire.credit_frame),
                 "outcome": (wire.decode_outcome, wire.outcome_frames),
                 "done": (wire.decode_done, wire.done_frames),
                 "known": (wire.decode_known,
                           lambda entries: wire.known_frames(entries, wire.MAX_FRAME))}
        for vector in load("lists.json"):
            with self.subTest(vector["name"]):
                kind, body = whole(vector)
                name = vector["type"].lower()
                self.assertEqual(getattr(wire, vector["type"]), kind)
                decode, encode = names[name]
                got = decode(body)
                expected = vector[name]
                if expected and isinstance(expected[0], dict):
                    expected = [tuple(entry.values()) for entry in expected]
                self.assertEqual([tuple(e) if isinstance(e, (list, tuple)) else e
                                  for e in expected],
                                 [tuple(e) if isinstance(e, tuple) else e for e in got])
                if got: # an empty list is never sent
                    self.assertEqual(raw(vector["frame"]), encode(got))

    def test_broken(self):
        decoders = {"MESSAGE": wire.decode_message, "RECEIPT": wire.decode_receipt,
                    "CREDIT": wire.decode_credit, "OUTCOME": wire.decode_outcome,
                    "DONE": wire.decode_done, "KNOWN": wire.decode_known}
        for vector in load("broken.json"):
            with self.subTest(vector["name"]):
                data = raw(vector["frame"])
                largest = wire.MAX_EARLY_FRAME if vector.get("early") else wire.MAX_FRAME
                if vector["problem"] != "body":
                    with self.assertRaises(wire.Broken) as caught:
                        wire.split(data, 0, len(data), largest)
                    self.assertEqual(vector["problem"], caught.exception.problem)
                    continue
                _, body = whole(vector)
                if vector["type"] in ("PING", "PONG"):
                    self.assertNotEqual(8, len(body)) # looked at by the core: test_core.py
                    continue
                with self.assertRaises(wire.Broken) as caught:
                    decoders.get(vector["type"], wire.decode_json)(body)
                self.assertEqual("body", caught.exception.problem)

    def test_any_cut_is_not_whole(self):
        for vector in load("messages.json")[:5]:
            data = raw(vector["frame"])
            for end in range(len(data)):
                self.assertIsNone(wire.split(data, 0, end))


if __name__ == "__main__":
    unittest.main()
