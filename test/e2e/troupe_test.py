"""Runs a real fleet for a test: a config tree in a directory of its own, `troupe run` in the
foreground, and `troupe events -f` as the stream that a test waits on."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import procfs

BIN = Path(os.environ.get("TROUPE_BIN", Path(__file__).parents[2] / "build/bin")).resolve()
TROUPE = BIN / "troupe"
FAULTBOT = BIN.parent / "test/faultbot"
FAULTBOX = BIN.parent / "test/faultbox"
SANITIZED = bool(os.environ.get("TROUPE_SANITIZE"))
LONG = bool(os.environ.get("TROUPE_LONG"))
# Time limits are there so that a test ends, not to judge speed.
PATIENCE = 60 if not SANITIZED else 240


def times(short, full):
    """How often a loop runs: cut short unless TROUPE_LONG is set."""
    return full if LONG else short


class Failed(AssertionError):
    """Something did not come about, or was answered wrongly."""


def poll_until(what, timeout=PATIENCE, pause=0.01):
    """Calls `what` until it gives something true; for what sends no event."""
    deadline = time.monotonic() + timeout
    while True:
        result = what()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise Failed(f"still {result!r} after {timeout} s: {what}")
        threading.Event().wait(pause)


class Result:
    """What one command printed."""

    def __init__(self, command, process, out, err):
        self.command, self.exit, self.out, self.err = command, process.returncode, out, err

    @property
    def document(self):
        try:
            return json.loads(self.out)
        except json.JSONDecodeError as problem:
            raise Failed(f"{self}: no single JSON document: {problem}") from None

    @property
    def documents(self):
        """One document a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self):
        return self.document["error"]

    def __str__(self):
        words = " ".join(map(str, self.command))
        return f"`{words}` ended with {self.exit}\n--- stdout\n{self.out}--- stderr\n{self.err}---"


def run(*words, timeout=PATIENCE, input=None, env=None, binary=False, **more):
    """Runs `troupe WORDS…`."""
    command = [str(TROUPE), *map(str, words)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE if input else subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=env or clean_environment(), **more)
    try:
        out, err = process.communicate(input.encode() if input else None, timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise Failed(f"`{' '.join(command)}` took more than {timeout} s\n"
                     f"{out.decode(errors='replace')}{err.decode(errors='replace')}") from None
    if not binary:
        out, err = out.decode(errors="replace"), err.decode(errors="replace")
    return Result(command, process, out, err)


def clean_environment(**more):
    """Ours without what would steer Troupe or colour its output."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("TROUPE_")}
    env.update(NO_COLOR="1", **more)
    return env


def faultbot(*options):
    return {"command": [str(FAULTBOT), *options]}


def write_tree(root, files):
    """`{"market/feed": {…}, "group": {…}, "notes.txt": "text"}`; objects become NAME.json."""
    for name, content in files.items():
        path = Path(root) / (name if isinstance(content, (str, bytes)) else name + ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
    return Path(root)


class Follower:
    """`troupe events -f --json`, read by a thread."""

    def __init__(self, fleet):
        self.events = []
        self.broken = None
        self.changed = threading.Condition()
        command = [str(TROUPE), "--state", str(fleet.state), "events", "-f", "--json",
                   "--since", "1970-01-01", "--timeout", f"{PATIENCE}s"]
        with open(fleet.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log,
                                            env=clean_environment())
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                try:
                    event = json.loads(line)
                    if "error" in event:
                        raise ValueError(event["error"])
                    self.events.append(event)
                except ValueError as problem:
                    self.broken = f"{line!r}: {problem}"
                self.changed.notify_all()
        with self.changed:
            self.broken = self.broken or "it has ended"
            self.changed.notify_all()

    def wait(self, check, timeout, what):
        with self.changed:
            found = self.changed.wait_for(lambda: check() or self.broken, timeout)
            result = check()
            if result:
                return result
            tail = "\n".join(f"  {e['seq']} {e['instance']}@{e['incarnation']} {e['from']} -> "
                             f"{e['to']}: {e['cause']}" for e in self.events[-25:])
            why = f"the event stream broke: {self.broken}" if found else f"not within {timeout} s"
            raise Failed(f"waiting for {what}: {why}; last events:\n{tail}")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


class Fleet:
    """One running fleet. Use it as a context manager, or call start() and end()."""

    def __init__(self, files, *, options=(), wrapper=(), name="fleet", env=None):
        self.directory = Path(tempfile.mkdtemp(prefix="troupe-"))
        self.directory.chmod(0o755)  # bots of other users look into it
        self.tree = write_tree(self.directory / name, {"group": {}, **files})
        self.state = self.directory / "state"
        self.log = self.directory / "log"
        self.journal = self.directory / "journal"
        self.options, self.wrapper = options, wrapper
        self.env = env or {}
        self.process = None
        self.follower = None
        self.lives = 0
        self.log.touch()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            self.end()
        except Exception:
            if kind is None:
                raise

    # -- life -------------------------------------------------------------------------------

    def launch(self):
        """Starts `troupe run` without waiting for anything."""
        command = [*self.wrapper, str(TROUPE), "--state", str(self.state), "run", str(self.tree),
                   *self.options]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True,
                                            env=clean_environment(**self.env))
        self.lives += 1
        return self

    def start(self):
        """Starts the fleet and follows it. Returns when it answers."""
        self.launch()
        self.wait_answer()
        self.follower = Follower(self)
        return self

    def wait_answer(self):
        def answers():
            if self.process.poll() is not None:
                raise Failed(f"`troupe run` ended with {self.process.returncode}:\n{self.said()}")
            return (self.state / "admin.sock").exists() and self("ping").exit == 0
        poll_until(answers)

    def said(self):
        return self.log.read_text(errors="replace")

    @property
    def keeper(self):
        """The pid of `troupe run`, which becomes the keeper."""
        return self.process.pid

    @property
    def runtime(self):
        return int((self.state / "runtime.pid").read_text())

    def kill_runtime(self, how=signal.SIGKILL):
        """Kills the runtime; returns its pid when it is gone."""
        pid = poll_until(lambda: procfs.alive(self.runtime) and self.runtime)
        os.kill(pid, how)
        procfs.wait_gone([pid], PATIENCE)
        return pid

    @contextlib.contextmanager
    def keeper_held(self):
        """The keeper sleeps within; so a dead runtime stays dead."""
        os.kill(self.keeper, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.keeper, signal.SIGCONT)

    def end(self, expect=0, how=signal.SIGTERM, limit=10, groups=True):
        """Ends the fleet in order and checks that nothing is left. Then removes its files."""
        try:
            if self.process is None:
                return
            mine = self.kin()
            if self.process.poll() is None:
                os.kill(self.keeper, how)
            try:
                code = self.process.wait(limit * (10 if SANITIZED else 3))
            except subprocess.TimeoutExpired:
                raise Failed(f"it lives on after the order to end:\n{self.said()}") from None
            if expect is not None and code != expect:
                raise Failed(f"`troupe run` ended with {code}, not {expect}:\n{self.said()}")
            # A runtime that a sanitizer ended came back, as after any other death.
            if re.search(r"ERROR: \w+Sanitizer|: runtime error: ", self.said()):
                raise Failed(f"a sanitizer found something:\n{self.said()}")
            self.check_nothing_left(mine, groups)
        finally:
            self.discard()

    def kin(self):
        """Every process of the fleet."""
        found = {self.keeper, *procfs.bots_of(self.state)}
        with contextlib.suppress(FileNotFoundError, ValueError):
            found.add(self.runtime)
        return {procfs.identity(pid) for pid in found} - {None}

    def check_nothing_left(self, kin=(), groups=True):
        left = [pid for pid in procfs.bots_of(self.state)]
        left += [pid for pid, begun in kin if procfs.identity(pid) == (pid, begun)
                 and procfs.alive(pid)]
        if left:
            raise Failed(f"processes were left behind: {sorted(set(left))}")
        group = self.cgroup()
        if groups and group and group.exists():
            raise Failed(f"the control group {group} was left behind")

    def cgroup(self):
        """The fleet's control group, or None."""
        with contextlib.suppress(FileNotFoundError):
            text = (self.state / "cgroup").read_text().strip()
            return Path(text) if text else None
        return None

    def discard(self):
        """Kills whatever is left and removes the files; for the end of a test, however it went."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.follower:
            self.follower.stop()
        for pid in procfs.bots_of(self.state):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    # -- asking -----------------------------------------------------------------------------

    def __call__(self, *words, **more):
        """Runs a command against this fleet."""
        return run("--state", self.state, *words, **more)

    def ask(self, *words, expect=0, **more):
        """The JSON document that a command prints."""
        result = self(*words, "--json", **more)
        if result.exit != expect:
            raise Failed(f"expected exit code {expect}: {result}\nthe fleet said:\n{self.said()}")
        return result.document

    def status(self, *targets):
        """Rows by instance name."""
        result = self("status", *targets, "--json")
        if result.exit not in (0, 3) or "instances" not in result.document:
            raise Failed(str(result))
        return {row["name"]: row for row in result.document["instances"]}

    def row(self, instance):
        return self.status(instance)[instance]

    def pid(self, instance):
        return self.row(instance)["pid"]

    def deaths(self, bot, last=100):
        return self.ask("deaths", bot, "-n", last)["deaths"]

    def wait_deaths(self, bot, count):
        """The deaths of a bot, oldest first, when so many are recorded."""
        return poll_until(lambda: (found := self.deaths(bot)) and len(found) >= count and found)

    def all_events(self):
        """Every event that is kept."""
        result = self("events", "--json")
        if result.exit != 0:
            raise Failed(str(result))
        return result.documents

    # -- waiting ----------------------------------------------------------------------------

    @property
    def events(self):
        return self.follower.events

    def mark(self):
        """The number of the last event that was seen: what is awaited comes after it."""
        with self.follower.changed:
            return self.events[-1]["seq"] if self.events else 0

    def wait_event(self, check, after=0, timeout=PATIENCE, what="an event"):
        """The first event after that one for which `check` holds."""
        def found():
            return next((e for e in self.events if e["seq"] > after and check(e)), None)
        return self.follower.wait(found, timeout, what)

    def wait_state(self, instance, *states, after=0, incarnation=None, cause="", timeout=PATIENCE):
        """Waits until the instance moves into one of the states; returns the event."""
        def fits(event):
            return (event["instance"] == instance and event["to"] in states
                    and (incarnation is None or event["incarnation"] == incarnation)
                    and re.search(cause, event["cause"]))
        what = f"{instance} {' or '.join(states)}" + (f" «{cause}»" if cause else "")
        return self.wait_event(fits, after, timeout, what)

    def wait_all(self, states, instances, timeout=PATIENCE):
        """Waits until each of them stands in one of the states."""
        def stand():
            now = {e["instance"]: e["to"] for e in self.events}
            return all(now.get(name) in states for name in instances)
        return self.follower.wait(stand, timeout, f"all of {sorted(instances)[:5]}… {states}")

    def wait_running(self, *instances, timeout=PATIENCE):
        if not instances:
            instances = list(self.status())
        if self.lives == 1:
            return self.wait_all({"running"}, instances, timeout)
        # The stream begins with the lives before this one: only the status is surely of this.
        return poll_until(lambda: (rows := self.status()) and all(
            name in rows and rows[name]["state"] == "running" for name in instances), timeout)

    def journal_entries(self):
        import history
        return history.read_journal(self.journal)
