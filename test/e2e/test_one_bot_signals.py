"""Signals of one bot without a fleet: each reaches it, and once."""

import ctypes
import os
import signal
import subprocess
import time
import unittest
from pathlib import Path

from one_bot import ALL, LAST, SoloCase, group_of, ready, state_of
from troupe_test import poll_until, times

CGROUP2 = next((place for place in map(Path, ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"))
                if (place / "cgroup.procs").exists() and os.access(place, os.W_OK)
                and (place / "cgroup.controllers").exists()), None)


class Signals(SoloCase):
    def test_sent_to_us_they_reach_it_once(self):
        process = self.begin("./teller.py")
        ready(process)
        for number in ALL:
            process.send_signal(number)
            word, got = process.stdout.readline().split()
            self.assertEqual(("got", number), (word, int(got)))
        self.assertEqual([], self.told(process))

    def test_sent_to_the_group_they_reach_it_once(self):
        process = self.begin("./teller.py")
        ready(process)
        for number in ALL:
            os.killpg(process.pid, number)
            word, got = process.stdout.readline().split()
            self.assertEqual(("got", number), (word, int(got)))
        self.assertEqual([], self.told(process))

    def test_from_its_first_moment_on(self):
        """A signal that the group gets while the bot is not there yet reaches the bot."""
        self.script("die.sh", "#!/bin/sh\nexec sleep 1000\n")
        for round_ in range(times(60, 1000)):
            process = self.begin("-v", "./die.sh")
            self.assertIn("no fleet", process.stderr.readline())
            # From here on we have what is sent, and then the bot has it.
            if round_ % 2:
                poll_until(lambda: len(group_of(process.pid)) > 1, pause=0.0001)
            os.killpg(process.pid, signal.SIGINT)
            self.assertEqual(-signal.SIGINT, process.wait(60))

    def test_stop_and_continue_overtake_each_other(self):
        """The kernel drops one for the other, which may come between us and our witness."""
        process = self.begin("./teller.py")
        ready(process)
        for _ in range(times(200, 5000)):
            for number in (signal.SIGCONT, signal.SIGTSTP, signal.SIGCONT, signal.SIGTTIN):
                os.killpg(process.pid, number)
                self.assertEqual(f"got {int(number)}\n", process.stdout.readline())
        self.assertEqual([], self.told(process))

    def test_faster_than_we_can_look(self):
        """We come to it late under load; what the group is sent again meanwhile is no other."""
        process = self.begin("./teller.py")
        ready(process)
        for _ in range(times(500, 10000)):
            for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGHUP):
                os.killpg(process.pid, number)
                self.assertEqual(f"got {int(number)}\n", process.stdout.readline())
        self.assertEqual([], self.told(process))

    def test_real_time_signals_are_counted(self):
        process = self.begin("./teller.py")
        ready(process)
        for _ in range(20):
            os.killpg(process.pid, signal.SIGRTMIN + 1)
            process.send_signal(signal.SIGRTMIN + 2)
        seen = self.told(process)
        self.assertEqual((20, 20), tuple(seen.count(signal.SIGRTMIN + i) for i in (1, 2)))
        self.assertEqual(40, len(seen))

    def test_real_time_signals_while_it_is_made(self):
        """One of them comes once, whatever the moment; and of a flood none comes twice."""
        number = signal.SIGRTMIN + 1

        def blocking():
            signal.pthread_sigmask(signal.SIG_BLOCK, {number, LAST})
        rounds = times(40, 400)
        for round_ in range(rounds):
            process = self.begin("./teller.py", preexec_fn=blocking)
            flood = 300 if round_ % 4 == 0 else 1
            self.spin(0.004 * round_ / rounds)
            for _ in range(flood):
                os.killpg(process.pid, number)
                self.spin(2e-5)
            seen = self.told(process)
            if flood == 1:
                self.assertEqual([number], seen)
            else:
                self.assertLessEqual(len(seen), flood)

    @staticmethod
    def spin(seconds):
        """For what is too short to sleep."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            pass

    def test_a_value_travels_along(self):
        self.script("value.py", "import signal, sys\n"
                    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})\n"
                    "print('ready', 0, flush=True)\n"
                    "libc = __import__('ctypes').CDLL(None)\n"
                    "info = (__import__('ctypes').c_int * 32)()\n"
                    "mask = (__import__('ctypes').c_ulong * 16)(1 << (signal.SIGUSR1 - 1))\n"
                    "libc.sigwaitinfo(mask, info)\nprint(info[2], info[6])\n")
        process = self.begin("./value.py")
        ready(process)
        ctypes.CDLL(None).sigqueue(process.pid, signal.SIGUSR1, ctypes.c_void_p(4711))
        self.assertEqual((0, "-1 4711\n", ""), self.end_of(process))

    def test_sent_by_the_bot_to_its_group(self):
        code, out, _ = self.troupe("bash", "-c", "n=0; trap 'n=$((n+1))' USR1; kill -USR1 0; "
                                   "for i in $(seq 20); do sleep 0.01; done; echo $n")
        self.assertEqual((0, "1\n"), (code, out))

    def test_a_bot_that_left_the_group(self):
        process = self.begin("./teller.py", "--leave")
        ready(process)
        os.killpg(process.pid, signal.SIGINT)
        self.assertEqual([signal.SIGINT], self.told(process))

    def test_who_stops_the_bot_alone_need_not_know_us(self):
        process = self.begin("./teller.py")
        bot = ready(process)
        for _ in range(2):
            os.kill(bot, signal.SIGSTOP)
            poll_until(lambda: state_of(bot) == "T")
            os.kill(bot, signal.SIGCONT)
            self.assertEqual("got 18\n", process.stdout.readline())
        self.assertEqual([], self.told(process))

    def test_a_child_signal_that_hides_another(self):
        """Of a kind only one waits: what somebody sends may stand for the end of the bot."""
        process = self.begin("./teller.py")
        bot = ready(process)
        process.send_signal(signal.SIGSTOP)
        poll_until(lambda: state_of(process.pid) == "T")
        process.send_signal(signal.SIGCHLD)
        os.kill(bot, signal.SIGKILL)
        poll_until(lambda: state_of(bot) == "Z")
        process.send_signal(signal.SIGCONT)
        self.assertEqual(-signal.SIGKILL, process.wait(60))

    def test_a_witness_that_was_stopped(self):
        process = self.begin("./teller.py")
        bot = ready(process)
        (other,) = set(group_of(process.pid)) - {process.pid, bot}
        os.kill(other, signal.SIGSTOP)
        poll_until(lambda: state_of(other) == "T")
        process.send_signal(signal.SIGTERM)
        self.assertEqual("got 15\n", process.stdout.readline())
        self.gone(other)
        self.assertEqual([], self.told(process))

    @unittest.skipUnless(os.geteuid() == 0 and CGROUP2, "needs root and cgroup2")
    def test_a_witness_that_is_slow(self):
        """It is not given up, and what comes meanwhile is no other: it would reach the bot twice."""
        process = self.begin("./teller.py")
        bot = ready(process)
        (other,) = set(group_of(process.pid)) - {process.pid, bot}
        cage = CGROUP2 / f"troupe-test-{other}"
        cage.mkdir()
        self.addCleanup(lambda: poll_until(lambda: self.removed(cage)))
        self.addCleanup(self.discard, process)
        (cage / "cgroup.procs").write_text(str(other))
        (cage / "cgroup.freeze").write_text("1")
        poll_until(lambda: "frozen 1" in (cage / "cgroup.events").read_text())
        for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGTSTP, signal.SIGCONT):
            os.killpg(process.pid, number)
            self.assertEqual(f"got {int(number)}\n", process.stdout.readline())
        time.sleep(1.5) # longer than the wait for one that was stopped
        (cage / "cgroup.freeze").write_text("0")
        self.assertEqual([], self.told(process))

    @staticmethod
    def removed(directory):
        try:
            directory.rmdir()
        except OSError:
            return False
        return True

    def test_a_witness_that_was_killed(self):
        process = self.begin("./teller.py")
        bot = ready(process)
        (other,) = set(group_of(process.pid)) - {process.pid, bot}
        os.kill(other, signal.SIGKILL)
        self.gone(other)
        process.send_signal(signal.SIGTERM)
        self.assertEqual([signal.SIGTERM], self.told(process))


if __name__ == "__main__":
    unittest.main()
