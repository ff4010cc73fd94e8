"""Faults of the admin side: A04, A06."""

import os
import subprocess
import unittest

import procfs
from log_files import LogFiles
from log_stream import Stream
from troupe_case import Case, poll_until
from troupe_test import SANITIZED, TROUPE, clean_environment, faultbot, times

MIB = 1 << 20
LINE = b"%011d " + b"x" * 87 + b"\n"  # of 100 bytes


def peak(fleet, *words):
    """The most memory that `troupe WORDS… > /dev/null` had, in bytes, and its exit code."""
    process = subprocess.Popen([TROUPE, "--state", fleet.state, *words], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, env=clean_environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024, process.returncode


def fill(log, size):
    """So many bytes of lines with their numbers; returns how many lines."""
    count = size // 100
    for begin in range(0, count, 10_000):
        log.append(log.path(), b"".join(LINE % i for i in range(begin, min(begin + 10_000, count))))
    return count


class Output(Case):
    def test_A04_very_large_output(self):
        fleet = self.fleet({"large": faultbot(), "small": faultbot()})
        fleet.wait_running("large#0", "small#0")
        before = self.measure(fleet)
        LogFiles(fleet.state, "small#0").line("text")
        large = LogFiles(fleet.state, "large#0")
        large.line("text")
        fill(large, times(100 * MIB, 1024 * MIB))
        for words in (["--all"], ["--all", "--json"], ["-n", "4000000000"], ["--since", "1970-01-02"]):
            with self.subTest(words):
                little, code = peak(fleet, "logs", "small", *words)
                self.assertEqual(0, code)
                much, code = peak(fleet, "logs", "large", *words)
                self.assertEqual(0, code)
                if not SANITIZED:
                    self.assertLess(much - little, 8 * MIB)
        self.finish(fleet, before)

    def test_A06_reader_that_stops_reading(self):
        fleet = self.fleet({"talker": faultbot()})
        fleet.wait_running("talker#0")
        before = self.measure(fleet)
        log = LogFiles(fleet.state, "talker#0")
        log.line("begin")
        reader = subprocess.Popen([TROUPE, "--state", fleet.state, "logs", "-f", "talker"],
                                  stdout=subprocess.PIPE, env=clean_environment())
        self.addCleanup(reader.wait)
        self.addCleanup(reader.kill)
        self.addCleanup(reader.stdout.close)
        self.assertEqual(b"begin\n", reader.stdout.readline())
        memory = procfs.usage(reader.pid)["memory"]
        count = fill(log, 40 * MIB)
        poll_until(lambda: procfs.state_of(reader.pid) == "S")
        # Nobody else waits for it: commands, other readers, the bots.
        self.check_ping(fleet)
        other = Stream("--state", fleet.state, "logs", "-f", "talker")
        self.addCleanup(other.close)
        other.wait_line(f"^{count - 1:011} ")
        other.interrupt()
        self.assertEqual(130, other.finish())
        fleet.ask("restart", "talker", "--wait")
        if not SANITIZED:
            self.assertLess(procfs.usage(reader.pid)["memory"] - memory, 8 * MIB)
        # When it reads again, all is there.
        seen = [int(reader.stdout.readline()[:11]) for _ in range(count)]
        self.assertEqual(list(range(count)), seen)
        reader.kill()
        self.finish(fleet, before)


if __name__ == "__main__":
    unittest.main()
