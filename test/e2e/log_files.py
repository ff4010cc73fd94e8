"""Writes logs in the form that docs/logs.md describes, in place of a runtime."""

import datetime
import os
import struct
import time
from pathlib import Path

RECORD = struct.Struct("<QqQ")


def now():
    return time.time_ns() // 1000


def stamp(micros):
    """RFC 3339 of microseconds since 1970."""
    at = datetime.datetime.fromtimestamp(micros / 1e6, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class LogFiles:
    """The log of one instance, `market/trader#0`, under a state directory."""

    def __init__(self, state, instance, keep=5):
        logs = Path(state) / "logs"
        bot, _, index = instance.rpartition("#")
        self.stem = logs / f"{bot}.{index}"
        self.stem.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        logs.chmod(0o700)
        self.keep = keep
        self.incarnation = 1
        self.of = None
        self.recorded = 0

    def path(self, kind="log", number=0):
        return Path(f"{self.stem}.{kind}" + (f".{number}" if number else ""))

    @staticmethod
    def append(path, data):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)

    def write(self, data, at=None):
        """Bytes that were read at that time: a record, if one is due, then the bytes."""
        at = at or now()
        size = self.path().stat().st_size if self.path().exists() else 0
        if not size or self.incarnation != self.of or at >= self.recorded + 1_000_000:
            self.append(self.path("index"), RECORD.pack(size, at, self.incarnation))
            self.recorded, self.of = at, self.incarnation
        self.append(self.path(), data)
        os.utime(self.path(), ns=(at * 1000, at * 1000))

    def line(self, text, at=None):
        self.write(text.encode() + b"\n", at)

    def rotate(self):
        for number in reversed(range(self.keep)):
            for kind in ("log", "index"):
                if self.path(kind, number).exists():
                    self.path(kind, number).rename(self.path(kind, number + 1))
        self.append(self.path(), b"")
        self.of = None
