"""What /proc and the cgroup tree tell about processes."""

import os
import select
import time
from pathlib import Path


def stat_fields(pid):
    """The fields of /proc/PID/stat after the name; None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text[text.rindex(")") + 2:].split()


def state_of(pid):
    """R, S, D, T, Z …; None when there is no such process."""
    fields = stat_fields(pid)
    return fields and fields[0]


def alive(pid):
    return state_of(pid) not in (None, "Z", "X")


def identity(pid):
    """What makes a process the same one: its pid and when it started."""
    fields = stat_fields(pid)
    return fields and (pid, int(fields[19]))


def cpu_seconds(pid):
    fields = stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid):
    """All children, zombies too."""
    result = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            result += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return result


def zombies(parent):
    return [pid for pid in children(parent) if state_of(pid) == "Z"]


def catches(pid, number):
    """Whether it has a handler of its own for that signal."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    caught, = (line.split()[1] for line in text.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def variable(pid, name):
    try:
        block = Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    for pair in block.split(b"\0"):
        if pair.startswith(name.encode() + b"="):
            return os.fsdecode(pair.split(b"=", 1)[1])
    return None


def bots_of(state):
    """Living processes that a fleet with this state directory has started, strays included."""
    prefix = f"{os.path.realpath(state)}/bots/"
    result = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        if (variable(name, "TROUPE_BOT_DIR") or "").startswith(prefix) and alive(name):
            result.append(int(name))
    return result


def cgroup2_mount():
    """Where cgroup2 is mounted, or None."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ")
        if after.split()[0] == "cgroup2":
            return before.split()[4]
    return None


def wait_gone(pids, timeout):
    """Waits for the end of processes; the pids that are still there when the time is over."""
    deadline = time.monotonic() + timeout
    left = []
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            poller = select.poll()
            poller.register(fd, select.POLLIN)
            if not poller.poll(max(0, deadline - time.monotonic()) * 1000):
                left.append(pid)
        finally:
            os.close(fd)
    return left


def usage(pid):
    """(resident bytes, fds, threads)"""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in status)
    return {"memory": int(values["VmRSS"].split()[0]) * 1024,
            "fds": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": int(values["Threads"])}
