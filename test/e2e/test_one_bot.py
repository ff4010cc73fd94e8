"""One bot without a fleet: it must notice nothing of us, and who started us nothing of it."""

import ctypes
import json
import os
import pty
import signal
import subprocess
import time
import unittest
from pathlib import Path

import pexpect
from one_bot import ALL, LAST, SoloCase, group_of, ready, state_of
from troupe_test import TROUPE, clean_environment, poll_until, times

CGROUP2 = next((place for place in map(Path, ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"))
                if (place / "cgroup.procs").exists() and os.access(place, os.W_OK)
                and (place / "cgroup.controllers").exists()), None)


class Ends(SoloCase):
    def test_the_exit_code_is_ours(self):
        for code in (0, 1, 2, 42, 125, 126, 127, 255):
            self.assertEqual((code, "", ""), self.troupe("sh", "-c", f"exit {code}"))

    def test_death_by_signal_is_ours(self):
        for number in ("TERM", "KILL", "SEGV", "ABRT", "PIPE", "USR1", "INT", "HUP", "35"):
            with self.subTest(number):
                expected = int(number) if number.isdigit() else signal.Signals["SIG" + number]
                code, out, err = self.troupe("sh", "-c", f"kill -{number} $$")
                self.assertEqual((-expected, "", ""), (code, out, err))

    def test_only_the_bot_dumps_core(self):
        if Path("/proc/sys/kernel/core_pattern").read_text().strip() != "core":
            self.skipTest("cores do not go to the directory")
        code, _, _ = self.troupe("sh", "-c", "ulimit -c unlimited; cd inner; kill -SEGV $$",
                                 preexec_fn=lambda: os.mkdir(self.here / "inner"))
        self.assertEqual(-signal.SIGSEGV, code)
        self.assertEqual([], list(self.here.glob("core*")))

    def test_nothing_is_left(self):
        process = self.begin("cat", stdin=subprocess.PIPE)
        group = poll_until(lambda: len(group_of(process.pid)) == 3 and group_of(process.pid))
        self.assertIn(process.pid, group)
        process.stdin.close()
        self.assertEqual(0, process.wait())
        self.assertEqual([], group_of(process.pid))

    def test_killed_with_9_nobody_stays(self):
        process = self.begin("teller.py")
        bot = ready(process)
        others = set(group_of(process.pid)) - {process.pid}
        self.assertIn(bot, others)
        process.kill()
        self.assertEqual(-signal.SIGKILL, process.wait())
        for pid in others:
            self.gone(pid)

    def test_what_cannot_be_started(self):
        self.script("lost.sh", "#!/no/such/interpreter\n")
        self.script("plain", "echo no script for us\n")
        self.script("plain.js", "no script for us\n")
        for name, said in (("./lost.sh", "exec ./lost.sh: No such file"),
                           ("./lost.sh", "not what its #! line names"),
                           ("./plain.js", "`troupe run node ./plain.js`"),
                           ("./plain", "begins with #!")):
            code, out, err = self.troupe(name)
            self.assertEqual((1, ""), (code, out))
            self.assertIn(said, err)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_as_process_1(self):
        """Nobody can kill it from within, and orphans come to it."""
        command = ["unshare", "-pf", "--mount-proc", str(TROUPE), "run"]
        for script, code in (("exit 3", 3), ("kill -TERM $$", 128 + 15),
                             ("(sleep 0.05; true) & sh -c 'true & true & exit' ; "
                              "while ps -o stat= -e | grep -q Z; do sleep 0.02; done; exit 5", 5)):
            done = subprocess.run([*command, "sh", "-c", script], timeout=60, check=False)
            self.assertEqual(code, done.returncode, script)


class Inherited(SoloCase):
    """Compared with the same program without us."""

    def given(self, *before, **more):
        words = ["./probe.py", "--help", "--json", "-v", "--", "a b", ""]
        with open(self.here / "out", "w+", encoding="utf-8") as out:
            subprocess.run([*before, *words], cwd=self.here, check=True, timeout=60, stdout=out,
                           **more)
            out.seek(0)
            return json.load(out)

    def same(self, **more):
        directly = self.given(**more)
        self.assertEqual(directly, self.given(TROUPE, "run", **more))
        self.assertEqual(directly, self.given(TROUPE, "run", "--", **more))
        return directly

    def test_everything(self):
        seen = self.same()
        self.assertEqual(["--help", "--json", "-v", "--", "a b", ""], seen["arguments"])

    def test_odd_parents(self):
        def odd():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGRTMIN + 3})
            os.umask(0o137)
            os.nice(3)
        with open("/dev/null", "rb") as extra:
            seen = self.same(preexec_fn=odd, pass_fds=[extra.fileno()],
                             env={"ONLY": "this", "PATH": os.environ["PATH"]})
            self.assertEqual("/dev/null", seen["fds"][str(extra.fileno())])
        self.assertEqual(0o137, seen["umask"])

    def test_without_a_home(self):
        self.same(env={"PATH": os.environ["PATH"]})
        self.same(env={"PATH": os.environ["PATH"], "HOME": "/no/such/home",
                       "TROUPE_STATE": "/no/such/state"})

    def test_what_is_addressed_to_our_pid(self):
        """Sockets and a watchdog of systemd are for the bot."""
        line = (f"LISTEN_PID=$$ WATCHDOG_PID=$$ LISTEN_FDS=1 exec {TROUPE} run "
                "sh -c 'echo $$ $LISTEN_PID $WATCHDOG_PID; LISTEN_PID=7 exec env'")
        done = subprocess.run(["sh", "-c", line], stdout=subprocess.PIPE, text=True, check=True,
                              timeout=60)
        first, *rest = done.stdout.splitlines()
        self.assertEqual(1, len(set(first.split())), first)
        self.assertIn("LISTEN_FDS=1", rest)
        self.assertEqual("7\n", self.troupe("sh", "-c", "echo $LISTEN_PID",
                                            env=clean_environment(LISTEN_PID="7"))[1])

    def test_arguments_that_are_no_text(self):
        code, out, _ = self.troupe("printf", "%s", b"\xff\xfe".decode("utf-8", "surrogateescape"),
                                   text="", encoding="utf-8", errors="surrogateescape")
        self.assertEqual((0, "\udcff\udcfe"), (code, out))
        self.assertEqual("3000", self.troupe("sh", "-c", "printf $#", "sh",
                                             *map(str, range(3000)))[1])


class Streams(SoloCase):
    def test_pipes_go_through(self):
        self.assertEqual((0, "hi\n", ""), self.troupe("cat", text="hi\n"))
        data = os.urandom(8 << 20)
        process = self.begin("cat", stdin=subprocess.PIPE, text=False)
        out, _ = process.communicate(data, timeout=60)
        self.assertTrue(out == data and process.returncode == 0)

    def test_closed_streams(self):
        for closing in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"):
            with self.subTest(closing):
                probe = "ls -l /proc/self/fd | wc -l >count"
                line = f"{{0}} sh -c '{probe}; exit 4' {closing}; echo $?"
                counts = []
                for before in ("", f"{TROUPE} run"):
                    done = subprocess.run(["bash", "-c", line.format(before)], cwd=self.here,
                                          stdout=subprocess.PIPE, text=True, timeout=60, check=True)
                    self.assertEqual("4\n", done.stdout)
                    counts.append((self.here / "count").read_text())
                self.assertEqual(counts[0], counts[1])

    def test_what_the_bot_closes_is_closed(self):
        """Readers of a pipe see its end, though the bot and we live on."""
        process = self.begin("sh", "-c", "echo out; exec >&- 2>&-; read x; exit 6",
                             stdin=subprocess.PIPE)
        self.assertEqual("out\n", process.stdout.read())
        self.assertEqual("", process.stderr.read())
        self.assertIsNone(process.poll())
        process.stdin.close()
        self.assertEqual(6, process.wait())

    def test_that_holds_for_every_inherited_one(self):
        inner, outer = os.pipe()
        process = self.begin("sh", "-c", f"exec {inner}<&-; echo closed; read x", text=True,
                             stdin=subprocess.PIPE, pass_fds=[inner])
        os.close(inner)
        self.assertEqual("closed\n", process.stdout.readline())

        def broken():
            try:
                return os.write(outer, b"x") == 0
            except BrokenPipeError:
                return True
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        poll_until(broken)
        os.close(outer)
        process.stdin.close()
        self.assertEqual(1, process.wait(60))

    def test_a_reader_that_leaves(self):
        done = subprocess.run(["bash", "-c", f"{TROUPE} run yes | head -1; echo ${{PIPESTATUS[0]}}"],
                              stdout=subprocess.PIPE, text=True, timeout=60, check=True)
        self.assertEqual("y\n141\n", done.stdout)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_on_a_disk_that_is_read_only(self):
        line = f"mount -o remount,bind,ro / && cd / && {TROUPE} run sh -c 'touch /x || exit 9'"
        done = subprocess.run(["unshare", "-m", "sh", "-c", line], timeout=60, check=False,
                              env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
        self.assertEqual(9, done.returncode, done.stderr)
        self.assertIn("Read-only", done.stderr)


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


class Terminal(SoloCase):
    def test_signals_of_the_terminal_come_once(self):
        terminal = self.terminal(TROUPE, "run", self.here / "teller.py")
        terminal.expect(r"running one bot, no fleet\r\nready \d+\r\n")
        for number, act in ((signal.SIGINT, terminal.sendintr),
                            (signal.SIGQUIT, lambda: terminal.sendcontrol("\\")),
                            (signal.SIGTSTP, lambda: terminal.sendcontrol("z")),
                            (signal.SIGWINCH, lambda: terminal.setwinsize(30, 90))):
            act()
            terminal.expect(rf"got {int(number)}\r\n")
        os.kill(terminal.pid, signal.SIGRTMAX)
        terminal.expect(pexpect.EOF)
        self.assertEqual([signal.SIGRTMAX], self.signals(terminal.before.splitlines()))

    def test_a_hangup_reaches_the_bot(self):
        """The kernel tells only the leader of the session, which we are here."""
        journal = self.here / "journal"
        pid, terminal = pty.fork()
        if pid == 0:
            os.execl(TROUPE, "troupe", "run", self.here / "teller.py", "--journal", journal)
        said = b""
        while b"ready" not in said or not said.endswith(b"\n"):
            said += os.read(terminal, 1000)
        os.close(terminal)
        poll_until(lambda: journal.exists() and "got 1\n" in journal.read_text())
        os.kill(pid, signal.SIGRTMAX)
        self.assertEqual(0, os.waitpid(pid, 0)[1])
        seen = self.signals(journal.read_text().splitlines())
        self.assertEqual([signal.SIGHUP, signal.SIGCONT, signal.SIGRTMAX], sorted(seen))

    def test_ctrl_c_that_is_caught(self):
        # Short reads: one that bash begins just after the signal does not end by it.
        self.script("catch.sh", "#!/bin/bash\ntrap 'echo caught; exit 7' INT\necho ready\n"
                    "while :; do read -t 0.1 x; done\n")
        terminal = self.terminal(TROUPE, "run", "./catch.sh")
        terminal.expect("ready\r\n")
        terminal.sendintr()
        terminal.expect("caught\r\n")
        terminal.expect(pexpect.EOF)
        self.assertNotIn("caught", terminal.before)
        terminal.wait()
        self.assertEqual(7, terminal.exitstatus)

    def test_ctrl_c_that_is_not(self):
        shell = self.shell()
        shell.sendline("troupe run sleep 1000")
        shell.expect("no fleet")
        poll_until(lambda: self.foreground_of(shell) not in (0, shell.pid))
        shell.sendintr()
        shell.expect_exact("ready> ")
        shell.sendline("echo code=$?")
        shell.expect("code=130")

    @staticmethod
    def foreground_of(terminal):
        stat = Path(f"/proc/{terminal.pid}/stat").read_text().rpartition(")")[2].split()
        return int(stat[5])

    def test_an_interactive_python(self):
        terminal = self.terminal(TROUPE, "run", "python3", "-q")
        terminal.expect(">>> ")
        terminal.sendline("6 * 7")
        terminal.expect("42\r\n")
        terminal.expect(">>> ")
        terminal.sendintr()
        terminal.expect("KeyboardInterrupt")
        terminal.expect(">>> ")
        terminal.sendline("import os; os.get_terminal_size().columns")
        terminal.expect("100\r\n")
        terminal.setwinsize(20, 77)
        terminal.sendline("os.get_terminal_size().columns")
        terminal.expect("77\r\n")
        terminal.sendline("exit(5)")
        terminal.expect(pexpect.EOF)
        terminal.wait()
        self.assertEqual(5, terminal.exitstatus)

    def test_ctrl_z_and_fg(self):
        shell = self.shell()
        shell.sendline("troupe run cat")
        shell.expect("no fleet\r\n")
        for round_ in range(3):
            shell.sendline(f"word{round_}")
            shell.expect(f"word{round_}\r\nword{round_}\r\n")
            shell.sendcontrol("z")
            shell.expect("Stopped")
            shell.expect_exact("ready> ")
            shell.sendline("fg")
            shell.expect(r"troupe[^\r]*\r\n")
        shell.sendcontrol("d")
        shell.expect_exact("ready> ")
        shell.sendline("echo code=$?")
        shell.expect("code=0")

    def test_stopped_by_its_pid(self):
        """The shell sees a stopped job, as if there were only the bot."""
        shell = self.shell()
        shell.sendline("troupe run ./teller.py")
        shell.expect(r"ready (\d+)\r\n")
        os.kill(int(shell.match[1]), signal.SIGSTOP)
        shell.expect("Stopped")
        shell.expect_exact("ready> ")
        shell.sendline("fg")
        shell.expect("got 18\r\n")
        os.kill(self.foreground_of(shell), signal.SIGRTMAX)
        shell.expect("got 64\r\n")

    def test_stopped_then_in_the_background(self):
        # It starts nobody: dash, between its vfork and the program, cannot be stopped by Ctrl-Z.
        self.script("go.py", "import os, time\nprint('begun', flush=True)\n"
                    "while not os.path.exists('go'):\n    time.sleep(0.02)\nprint('went')\n")
        shell = self.shell()
        shell.sendline("troupe run ./go.py")
        shell.expect("begun\r\n")
        shell.sendcontrol("z")
        shell.expect("Stopped")
        shell.expect_exact("ready> ")
        shell.sendline("bg")
        shell.expect_exact("ready> ")
        (self.here / "go").touch()
        shell.expect("went")
        shell.sendline("wait; echo code=$?")
        shell.expect("code=0")

    def test_reading_in_the_background(self):
        shell = self.shell()
        shell.sendline(f"{TROUPE} run cat &")
        shell.expect("no fleet\r\n")
        poll_until(lambda: shell.sendline("jobs -l") and shell.expect("ready> ") == 0
                   and "tty input" in shell.before)
        shell.sendline("fg")
        shell.expect("run cat\r\n")
        shell.sendline("typed")
        shell.expect("typed\r\ntyped\r\n")
        shell.sendcontrol("d")
        shell.expect_exact("ready> ")

    def test_kill_of_a_job(self):
        """`kill %1` goes to the group, `kill PID` to us; the bot hears each once."""
        shell = self.shell()
        shell.sendline(f"{TROUPE} run ./teller.py >told &")
        shell.expect("no fleet\r\n")
        told = self.here / "told"
        poll_until(lambda: "ready" in told.read_text())
        shell.sendline("kill -USR1 %1; kill -USR2 $!; kill %1; kill -RTMAX $!; wait $!; echo c=$?")
        shell.expect("c=0\r\n")
        self.assertEqual([signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGRTMAX],
                         sorted(self.signals(told.read_text().splitlines())[:-1],
                                key=lambda n: (n != signal.SIGTERM, n))
                         + self.signals(told.read_text().splitlines())[-1:])

    def inner_shell(self):
        """An interactive bash as the bot, and the pid of a job that was stopped in it."""
        shell = self.shell()
        shell.sendline("troupe run bash --norc --noprofile -i")
        shell.sendline("PS1='inner''> '")
        shell.expect_exact("inner> ")
        shell.sendline("sleep 1000")
        shell.expect("sleep 1000\r\n")
        poll_until(lambda: "sleep" in Path(
            f"/proc/{self.foreground_of(shell)}/cmdline").read_text())
        job = self.foreground_of(shell)
        shell.sendcontrol("z")
        shell.expect("Stopped")
        shell.expect_exact("inner> ")
        return shell, job

    @staticmethod
    def leave(shell):
        shell.sendline("exit 8")
        shell.expect_exact("ready> ")
        shell.sendline("echo code=$?")
        shell.expect("code=8")

    def test_a_shell_as_the_bot(self):
        """It has job control of its own within ours."""
        shell, _ = self.inner_shell()
        shell.sendline("exit 8")
        shell.expect("stopped jobs")
        shell.expect_exact("inner> ")
        self.leave(shell)

    def test_a_shell_as_the_bot_kills_its_job(self):
        """bash, with us or without, may still call it stopped, until it waits for a program."""
        shell, job = self.inner_shell()
        shell.sendline("kill -9 %1; echo sent''")
        shell.expect("sent\r\n")
        self.gone(job)
        shell.sendline("/bin/true; jobs")
        shell.expect("Killed +sleep 1000\r\n")
        self.leave(shell)


if __name__ == "__main__":
    unittest.main()
