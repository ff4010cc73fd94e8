"""One bot without a fleet: it must notice nothing of us, and who started us nothing of it."""

import json
import os
import pty
import signal
import subprocess
import unittest
from pathlib import Path

import pexpect
from one_bot import SoloCase, group_of, ready
from troupe_test import TROUPE, clean_environment, poll_until


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

    def test_what_is_ignored_ends_nobody(self):
        def ignoring():
            for number in (signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
        self.assertEqual((4, "", ""), self.troupe("sh", "-c", "kill -HUP 0; kill -INT 0; exit 4",
                                                  preexec_fn=ignoring))

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

    def test_the_cases_themselves_begin_as_at_a_prompt(self):
        """Also under nohup and in a loop in the background."""
        asked = sum(1 << (n - 1) for n in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT))
        seen = self.given()
        self.assertEqual((0, 0), (int(seen["SigIgn"], 16) & asked, int(seen["SigBlk"], 16)))

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
