"""The base of fault cases: one fleet with 20 innocent bots, and checks that hold every time."""

import os
import time
import unittest

import history
import procfs
from troupe_test import (FAULTBOT, PATIENCE, SANITIZED, TROUPE, Failed, Fleet, faultbot, poll_until,
                         write_tree)

INNOCENTS = 20


def innocent_names():
    return [f"innocent/bystander#{i}" for i in range(INNOCENTS)]


class Case(unittest.TestCase):
    """Cases that each start a fleet of their own."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        for program in (TROUPE, TROUPE.with_name("troupe-runtime"),
                        TROUPE.with_name("troupe-keeper"), FAULTBOT):
            if not program.exists():
                raise Failed(f"{program} is not built; TROUPE_BIN says where the programs are")

    def fleet(self, files, *, innocents=True, **more):
        """A fleet that is started, and whose remains are removed in any case."""
        result = self.prepared(files, innocents=innocents, **more).start()
        if innocents:
            self.meet_innocents(result)
        return result

    @staticmethod
    def meet_innocents(fleet):
        """Waits until they run, and notes who they are."""
        fleet.wait_running(*innocent_names())
        rows = fleet.status()
        fleet.innocents = {name: rows[name] for name in innocent_names()}

    def prepared(self, files, *, innocents=True, **more):
        """The same, but not started yet. `files` may be a function of the fleet."""
        fleet = Fleet({}, **more)
        self.addCleanup(fleet.discard)
        self.addCleanup(self.tell, fleet)
        files = files(fleet) if callable(files) else files
        if innocents:
            files = {**files, "innocent/bystander": {
                **faultbot(f"--journal={fleet.journal}"), "replicas": INNOCENTS}}
        write_tree(fleet.tree, files)
        return fleet

    def tell(self, fleet):
        """What the fleet said, when the test failed."""
        result = getattr(self._outcome, "result", None)
        failed = [*getattr(result, "failures", []), *getattr(result, "errors", [])]
        if fleet.log.exists() and any(self in (test, getattr(test, "test_case", None))
                                      for test, _ in failed):
            print(f"\n--- what the fleet of {self.id()} said\n{fleet.said()[-6000:]}---")

    # -- the common checks --------------------------------------------------------------------

    def check_innocents(self, fleet):
        """They keep their pid, incarnation and number of restarts."""
        now = fleet.status()
        for name, before in fleet.innocents.items():
            after = now[name]
            for key in ("pid", "incarnation", "restarts"):
                self.assertEqual(before[key], after[key], f"{key} of {name}: {after}")
            self.assertEqual("running", after["state"], after)

    def check_history(self, fleet):
        """Every change of state is there exactly once and follows from the one before; each
        end is reported once; no instance had two lives at a time."""
        events = fleet.all_events()
        complaints = history.check_events(events, fleet.lives)
        seen = {e["seq"]: e for e in fleet.events}
        kept = {e["seq"]: e for e in events}
        for seq, event in seen.items():
            if seq in kept and kept[seq] != event:
                complaints.append(f"event {seq} was streamed as {event} and kept as {kept[seq]}")
        complaints += history.check_events(list(fleet.events), fleet.lives)
        complaints += history.check_journal(fleet.journal_entries())
        deaths = []
        for bot in {e["instance"].rpartition("#")[0] for e in events}:
            if bot and not bot.startswith("innocent/"):  # none: an event of the config
                deaths += fleet.deaths(bot, 10000)
        watched = [e for e in events if not e["instance"].startswith("innocent/")]
        complaints += history.check_deaths(deaths, watched)
        self.assertEqual([], complaints)

    def check_no_zombies(self, fleet):
        """The keeper has reaped whatever ended, but for what the runtime is just releasing."""
        poll_until(lambda: not procfs.zombies(fleet.keeper))
        self.assertEqual([], procfs.zombies(fleet.runtime))

    def measure(self, fleet):
        return {"runtime": procfs.usage(fleet.runtime), "keeper": procfs.usage(fleet.keeper)}

    def check_usage(self, fleet, before):
        """Memory, fds and threads come back to within a tenth (and a little for small numbers)."""
        def back():
            now = self.measure(fleet)
            for who, parts in before.items():
                for part, value in parts.items():
                    slack = 2 << 20 if part == "memory" else 4
                    if part == "memory" and SANITIZED:
                        continue  # a sanitizer keeps freed memory in quarantine
                    if now[who][part] > value * 1.1 + slack:
                        return None
            return now
        poll_until(back, 30)

    def check_ping(self, fleet, limit=0.25):
        """The runtime answers. The whole process counts, so the limit is generous: this is no
        measurement, it finds what hangs."""
        took = []
        for _ in range(10):
            began = time.monotonic()
            fleet.ask("ping")
            took.append(time.monotonic() - began)
        self.assertLess(sorted(took)[len(took) // 2], limit * 20, f"ping took {took}")

    def check_all(self, fleet, before=None):
        self.check_innocents(fleet)
        self.check_ping(fleet)
        self.check_no_zombies(fleet)
        self.check_history(fleet)
        if before:
            self.check_usage(fleet, before)

    def finish(self, fleet, before=None, **more):
        """The common checks, then the end of the fleet, which must leave nothing."""
        self.check_all(fleet, before)
        fleet.end(**more)


class SharedCase(Case):
    """Cases that share one fleet: `tree(fleet)` gives its files. Every case is followed by the
    common checks; the last one by an orderly end."""

    @classmethod
    def tree(cls, fleet):
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        fleet = cls.shared = Fleet({})
        cls.addClassCleanup(fleet.discard)
        write_tree(fleet.tree, {**cls.tree(fleet), "innocent/bystander": {
            **faultbot(f"--journal={fleet.journal}"), "replicas": INNOCENTS}})
        fleet.start()
        cls.meet_innocents(fleet)

    def setUp(self):
        self.addCleanup(self.tell, self.shared)
        self.before = self.measure(self.shared)

    def tearDown(self):
        self.check_all(self.shared, self.before)

    @classmethod
    def tearDownClass(cls):
        cls.shared.end()


def root_only(test):
    return unittest.skipUnless(os.geteuid() == 0, "needs root")(test)


__all__ = ["Case", "SharedCase", "PATIENCE", "innocent_names", "poll_until", "root_only"]
