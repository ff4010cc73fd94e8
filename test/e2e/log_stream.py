"""A command whose output is read while it runs, through a pipe or at a terminal."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading

from troupe_test import PATIENCE, TROUPE, Failed, clean_environment


class Stream:
    """`troupe WORDS…`, its output line by line. With `tty` it has a terminal of its own."""

    def __init__(self, *words, tty=False, env=None):
        self.lines, self.partial = [], b""
        self.changed = threading.Condition()
        self.ended = False
        command = [str(TROUPE), *map(str, words)]
        env = env or clean_environment()
        if tty:
            self.source, other = pty.openpty()
            fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
            self.process = subprocess.Popen(
                command, stdin=other, stdout=other, stderr=other, env=env, start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
            os.close(other)
        else:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
            self.source = os.dup(self.process.stdout.fileno())
            self.process.stdout.close()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while True:
            try:
                block = os.read(self.source, 65536)
            except OSError:  # of a terminal whose other side is closed
                block = b""
            with self.changed:
                *whole, self.partial = (self.partial + block).split(b"\n")
                self.lines += whole
                self.ended = not block
                self.changed.notify_all()
            if not block:
                return

    def wait(self, check, what, timeout=PATIENCE):
        with self.changed:
            self.changed.wait_for(lambda: check() or self.ended, timeout)
            result = check()
            if not result:
                raise Failed(f"waited for {what}; it {'ended' if self.ended else 'said'}: "
                             f"{self.lines[-20:]} {self.partial}")
            return result

    def wait_line(self, pattern, timeout=PATIENCE):
        """The first line in which the pattern is found."""
        pattern = re.compile(pattern.encode())
        return self.wait(lambda: next((line for line in self.lines if pattern.search(line)), None),
                         pattern, timeout).decode(errors="replace")

    def wait_prompt(self):
        """Until a terminal shows the prompt again."""
        return self.wait(lambda: self.partial.rstrip().endswith(b">"), "a prompt")

    def type(self, text):
        os.write(self.source, text.encode())

    def text(self):
        with self.changed:
            return b"\n".join([*self.lines, self.partial]).decode(errors="replace")

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def finish(self, timeout=PATIENCE):
        """Its exit code, as a shell would see it."""
        code = self.process.wait(timeout)
        self.thread.join(timeout)
        return 128 - code if code < 0 else code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.thread.join()
        with contextlib.suppress(OSError):
            os.close(self.source)
        if self.process.stderr:
            self.process.stderr.close()
