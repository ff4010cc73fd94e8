"""Bots and helpers for the cases of one bot without a fleet."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import pexpect
from troupe_test import PATIENCE, TROUPE, Failed, clean_environment, poll_until

LAST = signal.SIGRTMAX
# What a process cannot wait for, and what its children send it.
UNSEEN = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
# Python ignores these itself, and gives them back to what `subprocess` starts.
KEPT_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}
ALL = sorted(set(signal.valid_signals()) - UNSEEN - {LAST})

# Tells every signal that reaches it, until LAST does. They queue while it writes.
TELLER = """
import os, signal, sys
seen = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, seen)
if "--leave" in sys.argv:
    os.setpgid(0, 0)
print("ready", os.getpid(), flush=True)
while True:
    number = signal.sigwaitinfo(seen).si_signo
    if "--journal" in sys.argv:
        with open(sys.argv[-1], "a") as journal:
            print("got", int(number), file=journal)
    else:
        print("got", int(number), flush=True)
    if number == signal.SIGRTMAX:
        sys.exit(0)
"""

# What a process is given by its parent.
PROBE = """
import json, os, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
fds = {}
for fd in os.listdir("/proc/self/fd"):
    try:
        fds[fd] = os.readlink("/proc/self/fd/" + fd)
    except OSError:
        pass
fds = {fd: to for fd, to in fds.items() if "/proc/" not in to}
mask = os.umask(0)
limits = open("/proc/self/limits").read()
print(json.dumps({"environment": dict(os.environ), "directory": os.getcwd(), "umask": mask,
    "group": os.getpgrp(), "session": os.getsid(0), "arguments": sys.argv[1:], "fds": fds,
    "terminal": os.isatty(0), "limits": limits, "nice": os.nice(0),
    **{key: status[key].strip() for key in
       ("SigBlk", "SigIgn", "SigCgt", "NoNewPrivs", "Uid", "Gid", "Groups", "CapEff")}}))
"""


class SoloCase(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        """What is started starts as at a prompt: `&` in a script ignores INT and QUIT, nohup HUP,
        and that is inherited."""
        for number in signal.valid_signals() - KEPT_BY_PYTHON:
            if signal.getsignal(number) == signal.SIG_IGN:
                cls.addClassCleanup(signal.signal, number,
                                    signal.signal(number, signal.SIG_DFL))
        cls.addClassCleanup(signal.pthread_sigmask, signal.SIG_SETMASK,
                            signal.pthread_sigmask(signal.SIG_SETMASK, set()))

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.here = Path(directory.name).resolve()
        self.script("teller.py", TELLER)
        self.script("probe.py", PROBE)

    def script(self, name, text, executable=True):
        path = self.here / name
        path.write_text(f"#!{sys.executable} -B\n{text}" if name.endswith(".py") else text)
        path.chmod(0o755 if executable else 0o644)
        return path

    def bot_file(self, name="bot.json", **settings):
        path = self.here / name
        path.write_text(json.dumps(settings, indent=1))
        return path

    def begin(self, *words, **more):
        """`troupe run WORDS…` in a process group of its own."""
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                    "stderr": subprocess.PIPE, "text": True, "cwd": self.here,
                    "env": clean_environment(), "start_new_session": True, **more}
        process = subprocess.Popen([str(TROUPE), "run", *map(str, words)], **settings)
        self.addCleanup(self.discard, process)
        return process

    @staticmethod
    def discard(process):
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()
        if process.poll() is None:
            process.kill()
            process.wait()

    def end_of(self, process, text=None):
        """(exit code or -signal, stdout, stderr)."""
        try:
            out, err = process.communicate(text, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed(f"{process.args} has not ended") from None
        return process.returncode, out, err

    def troupe(self, *words, text=None, **more):
        more = {"stdin": subprocess.PIPE, **more} if text is not None else more
        return self.end_of(self.begin(*words, **more), text)

    def terminal(self, program, *words, **more):
        """A program that leads a session on a terminal of its own."""
        result = pexpect.spawn(str(program), list(map(str, words)), cwd=str(self.here),
                               env=clean_environment(TERM="dumb", PS1="$ ", HOME=str(self.here)),
                               encoding="utf-8", timeout=PATIENCE, dimensions=(40, 100), **more)
        self.addCleanup(result.close, force=True)
        return result

    def shell(self):
        """An interactive bash with job control, as a person has it."""
        result = self.terminal("/bin/bash", "--norc", "--noprofile", "-i")
        result.sendline("PS1='ready''> '; bind 'set enable-bracketed-paste off' 2>/dev/null; "
                        f"troupe() {{ {TROUPE} \"$@\"; }}")
        result.expect_exact("ready> ")
        return result

    @staticmethod
    def signals(lines):
        return [signal.Signals(int(n)) if int(n) < 32 else int(n)
                for word, n in (line.split() for line in lines if line.startswith("got"))]

    def told(self, process):
        """What the teller was sent, up to LAST, which is sent to `troupe` alone."""
        process.send_signal(LAST)
        code, out, err = self.end_of(process)
        self.assertEqual((0, ""), (code, err))
        seen = self.signals(out.splitlines())
        self.assertEqual(LAST, seen.pop())
        return seen

    def gone(self, pid):
        poll_until(lambda: state_of(pid) in "ZX")


def ready(process):
    """Waits for the teller; returns its pid."""
    word, pid = process.stdout.readline().split()
    assert word == "ready"
    return int(pid)


def state_of(pid):
    """«S», «T», «Z» …, and «X» when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def group_of(pid):
    """The living processes of a process group."""
    result = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.getpgid(int(entry)) == pid:
                result.append(int(entry))
        except ProcessLookupError:
            pass
    return result
