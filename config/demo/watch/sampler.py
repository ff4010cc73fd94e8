#!/usr/bin/env python3
"""Samples one figure of this machine once a second.

usage: sampler.py INDEX     0 processors, 1 memory, 2 load, 3 network

Appends lines "TIME KIND VALUE UNIT" to samples.log in TROUPE_BOT_DIR, and prints a summary
every thirty seconds. The log is turned over at 256 KiB; one old file is kept. Each sample is also
published, as watch.samples.KIND.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import troupe

PERIOD_S = 1.0
SUMMARY_EVERY = 30
LOG_BYTES = 256 * 1024


class Processors:
    """Share of the time since the last sample in which the processors were busy."""

    kind, unit = "cpu", "%"

    def __init__(self):
        self.before = self.times()

    @staticmethod
    def times():
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(word) for word in file.readline().split()[1:9]]
        return sum(fields), fields[3] + fields[4]

    def sample(self):
        total, idle = self.times()
        total_before, idle_before = self.before
        self.before = total, idle
        passed = total - total_before
        return 100 * (1 - (idle - idle_before) / passed) if passed > 0 else 0.0


class Memory:
    """Share of the memory that is in use."""

    kind, unit = "memory", "%"

    def sample(self):
        values = {}
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                name, value = line.split(":")
                values[name] = int(value.split()[0])
        return 100 * (1 - values["MemAvailable"] / values["MemTotal"])


class Load:
    """Processes that want to run, mean of a minute."""

    kind, unit = "load", "processes"

    def sample(self):
        return os.getloadavg()[0]


class Network:
    """Bytes received and sent since the last sample."""

    kind, unit = "network", "bytes/s"

    def __init__(self):
        self.before = self.total(), time.monotonic()

    @staticmethod
    def total():
        result = 0
        with open("/proc/net/dev", encoding="ascii") as file:
            for line in file.readlines()[2:]:
                fields = line.split(":")[1].split()
                result += int(fields[0]) + int(fields[8])
        return result

    def sample(self):
        now = self.total(), time.monotonic()
        before, self.before = self.before, now
        return max(0, now[0] - before[0]) / max(now[1] - before[1], 1e-3)


class Log:
    """A file that turns itself over."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "a", encoding="ascii", buffering=1)

    def write(self, line):
        self.file.write(line + "\n")
        if self.file.tell() > LOG_BYTES:
            self.file.close()
            self.path.replace(self.path.with_suffix(".log.1"))
            self.file = open(self.path, "a", encoding="ascii", buffering=1)


def main():
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        print(__doc__, file=sys.stderr)
        return 2
    kinds = [Processors, Memory, Load, Network]
    source = kinds[int(sys.argv[1]) % len(kinds)]()
    directory = Path(os.environ.get("TROUPE_BOT_DIR") or tempfile.gettempdir())
    log = Log(directory / "samples.log")
    bot = troupe.Bot()
    recent = []

    @bot.every(PERIOD_S)
    def sample():
        value = source.sample()
        log.write(f"{time.time():.0f} {source.kind} {value:.1f} {source.unit}")
        bot.publish(f"watch.samples.{source.kind}", round(value, 1), ttl=5)
        recent.append(value)
        if len(recent) == SUMMARY_EVERY:
            mean = sum(recent) / len(recent)
            print(f"{source.kind}: mean {mean:.1f}, most {max(recent):.1f} {source.unit}",
                  flush=True)
            recent.clear()

    print(f"sampling {source.kind} into {log.path}", flush=True)
    bot.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
