"""What the bench reads of other processes, from /proc alone and alike for every contestant."""

import os
import select
import signal
import time


def read(path):
    """The bytes of a /proc file; None when the process is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(fd, 65536)
    except OSError:
        return None
    finally:
        os.close(fd)


class BotWatch:
    """Sees each process that becomes a bot, from the moment this object is made.

    Pids are given out in order and /proc/loadavg names the newest, so only new processes are
    looked at and /proc is never listed: a poll costs some ten microseconds, however many
    processes there are. A bot is a `sleep` whose argument is the one of this bench.
    """

    # A pid is counted before its process can be seen; what is not there after this long has ended.
    APPEARS_WITHIN = 0.2

    def __init__(self, argument, settled=()):
        """`settled`: (comm, comm of the parent) of processes that never become a bot any more,
        e.g. ("runsv", "runsvdir"). The comm alone would not do: a child is called like its
        parent until it execs."""
        self._cmdline = b"sleep\0" + argument.encode() + b"\0"
        self._settled = {comm.encode(): parent.encode() for comm, parent in settled}
        self._loadavg = os.open("/proc/loadavg", os.O_RDONLY | os.O_CLOEXEC)
        self._pid_max = int(read("/proc/sys/kernel/pid_max"))
        self._last = self._newest()
        self._pending = {}

    def close(self):
        os.close(self._loadavg)

    def _newest(self):
        return int(os.pread(self._loadavg, 128, 0).rsplit(None, 1)[1])

    def poll(self):
        """The pids that became a bot since the last poll."""
        newest = self._newest()
        if newest != self._last:
            now = time.monotonic()
            if newest > self._last:
                fresh = range(self._last + 1, newest + 1)
            else:  # the numbers started again from the bottom
                fresh = [*range(self._last + 1, self._pid_max), *range(1, newest + 1)]
            self._pending.update(dict.fromkeys(fresh, now + self.APPEARS_WITHIN))
            self._last = newest
        bots = []
        for pid, deadline in list(self._pending.items()):
            comm = read(f"/proc/{pid}/comm")
            if comm is None:
                if time.monotonic() > deadline:
                    del self._pending[pid]
                continue
            comm = comm.rstrip(b"\n")
            if comm == b"sleep":
                cmdline = read(f"/proc/{pid}/cmdline")
                if not cmdline:  # between the new name and the new arguments
                    continue
                if cmdline == self._cmdline:
                    bots.append(pid)
                del self._pending[pid]
            elif comm in self._settled and self._parent_comm(pid) == self._settled[comm]:
                del self._pending[pid]
        return bots

    @staticmethod
    def _parent_comm(pid):
        stat = read(f"/proc/{pid}/stat")
        if stat is None:
            return None
        parent = int(stat.rpartition(b")")[2].split()[1])
        return (read(f"/proc/{parent}/comm") or b"").rstrip(b"\n")

    def wait_for(self, count, timeout, alive=lambda: True):
        """`count` bots, or fewer after `timeout` seconds or once `alive` says no."""
        bots = []
        end = time.monotonic() + timeout
        while len(bots) < count:
            began = time.monotonic()
            bots += self.poll()
            now = time.monotonic()
            if now > end or not alive():
                break
            # At most a fifth of one core goes into watching.
            time.sleep(max(0.001, 4 * (now - began)))
        return bots

    def wait_for_one(self, timeout):
        """The next bot, seen within a fifth of a millisecond; None after `timeout` seconds."""
        began = time.monotonic()
        while True:
            bots = self.poll()
            if bots:
                return bots[0]
            waited = time.monotonic() - began
            if waited > timeout:
                return None
            # Never without a pause: who spins is preempted by the next tick only, and what
            # is measured waits for that, four milliseconds on two cores.
            time.sleep(0.0002)


def is_bot(pid, argument):
    return read(f"/proc/{pid}/cmdline") == b"sleep\0" + argument.encode() + b"\0"


def descendants(roots):
    """`roots` and all that descends from them, of what lives."""
    children = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        stat = read(f"/proc/{name}/stat")
        if stat:
            parent = int(stat.rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(name))
    found, queue = [], list(roots)
    while queue:
        pid = queue.pop()
        if read(f"/proc/{pid}/comm") is not None:
            found.append(pid)
        queue += children.get(pid, ())
    return found


def pss_kib(pids):
    """Sum of the proportional set sizes, KiB."""
    total = 0
    for pid in pids:
        for line in (read(f"/proc/{pid}/smaps_rollup") or b"").splitlines():
            if line.startswith(b"Pss:"):
                total += int(line.split()[1])
                break
    return total


def cpu_seconds(pids):
    """CPU time of all threads that live, in seconds; to the nanosecond where the kernel tells."""
    total = 0
    for pid in pids:
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for thread in threads:
            schedstat = read(f"/proc/{pid}/task/{thread}/schedstat")
            if schedstat:
                total += int(schedstat.split()[0]) / 1e9
                continue
            stat = read(f"/proc/{pid}/task/{thread}/stat")
            if stat:
                fields = stat.rpartition(b")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def open_pidfds(pids):
    """pid → pidfd of those that live."""
    fds = {}
    for pid in pids:
        try:
            fds[pid] = os.pidfd_open(pid)
        except ProcessLookupError:
            pass
    return fds


def wait_gone(pidfds, timeout):
    """Waits until all have ended; returns the pids that had not. Closes the pidfds."""
    poller = select.poll()
    left = {fd: pid for pid, fd in pidfds.items()}
    for fd in left:
        poller.register(fd, select.POLLIN)
    end = time.monotonic() + timeout
    while left:
        wait = end - time.monotonic()
        if wait <= 0:
            break
        for fd, _ in poller.poll(wait * 1000):
            poller.unregister(fd)
            os.close(fd)
            del left[fd]
    for fd in left:
        os.close(fd)
    return sorted(left.values())


def kill_all(pids, timeout=10):
    """kill -9 for what still lives of `pids`; returns what survived."""
    fds = open_pidfds(pids)
    for fd in fds.values():
        try:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return wait_gone(fds, timeout)
