"""Messages while everything dies: a fleet sends numbered messages, assured and durable, to an
instance and to a pool, and notes what it sends and handles; the test kills the runtime, bots, or
both at random, and then compares the journals with what was promised."""

import os
import random
import signal
import unittest
from collections import Counter
from pathlib import Path

from delivery_journal import Journals
from troupe_case import Case, poll_until
from troupe_test import times

HERE = Path(__file__).resolve().parent
CLIENT = HERE.parents[1] / "clients/python"
SENDERS = [f"sender#{i}" for i in range(2)]
RECEIVERS = ["one#0", *(f"pool#{i}" for i in range(3))]
KILLS = times(5, 100)


def seed_of_run():
    given = os.environ.get("TROUPE_SEED")
    return int(given) if given else random.randrange(1 << 32)


class Delivery(Case):
    def tree(self, fleet, seed):
        common = {
            "ready": "link",
            "environment": {"PYTHONPATH": str(CLIENT), "DELIVERY_SEED": str(seed),
                            "DELIVERY_STOP": str(fleet.directory / "stop")},
            "delay": {"initial": "50ms", "max": "50ms"}, "failed_starts": 10000,
            "max_restarts": {"count": 10000, "within": "10m"},
            "mailbox": {"messages": 100000, "bytes": "64MiB"},
            # Not what is tested here, and a message may be in many dying hands.
            "max_deliveries": 1000,
        }
        bot = ["/usr/bin/python3", "-B", str(HERE / "delivery_bot.py")]
        return {
            "group": {"defaults": common},
            "runtime": {"restart_rate": "1000/s"},
            "sender": {"command": [*bot, "send", "one#0", "pool"], "replicas": len(SENDERS)},
            "one": {"command": [*bot, "receive"]},
            "pool": {"command": [*bot, "receive"], "replicas": len(RECEIVERS) - 1},
        }

    def begin(self):
        self.seed = seed_of_run()
        print(f"{self.id()}: TROUPE_SEED={self.seed}", flush=True)
        self.dice = random.Random(self.seed)
        fleet = self.fleet(lambda f: self.tree(f, self.seed), innocents=False)
        fleet.wait_running(*SENDERS, *RECEIVERS)
        self.journals = Journals(fleet.state / "bots")
        return fleet

    def flow(self):
        """Waits until so many more messages were handled, by chance how many; by each receiver
        one at least, so that all have their link again."""
        before = Counter(self.journals.read().count)
        goal = self.journals.handled + self.dice.randrange(10, 300)

        def flows():
            now = self.journals.read().count
            return (self.journals.handled >= goal
                    and all(now[name] > before[name] for name in RECEIVERS))
        poll_until(flows)

    def kill_one(self, fleet, among):
        name = self.dice.choice(among)
        row = fleet.row(name)
        if row["pid"]:
            try:
                os.kill(row["pid"], signal.SIGKILL)
            except ProcessLookupError:
                pass

    def settle(self, fleet):
        """No more is sent; waits until all is known and handled. Returns who lives."""
        (fleet.directory / "stop").touch()
        fleet.wait_running(*SENDERS, *RECEIVERS)

        def living():
            return {(name, row["incarnation"]) for name, row in fleet.status().items()
                    if name in SENDERS}

        def settled():
            self.journals.read()
            now = living()
            return now <= self.journals.finished and not self.journals.missing(now)
        try:
            poll_until(settled, pause=0.1)
        except AssertionError:
            pass  # the complaints say more
        return living()

    def judge(self, fleet, once):
        living = self.settle(fleet)
        complaints = self.journals.read().complaints(living, once)
        self.assertEqual(0, len(complaints), "\n".join(complaints[:20]))
        again = sum(len(notes) - 1 for notes in self.journals.got.values())
        print(f"{self.id()}: {len(self.journals.sent)} sent, {self.journals.handled} handled, "
              f"{again} of them again", flush=True)
        deliveries = Counter(note["delivery"] for note in self.journals.sent.values())
        for delivery in ("assured", "durable"):
            self.assertGreater(deliveries[delivery], 10 * KILLS)
        self.check_no_zombies(fleet)
        fleet.end(limit=30)

    def test_the_runtime_is_killed(self):
        """Every assured message is handled exactly once; nothing durable is lost."""
        fleet = self.begin()
        for _ in range(KILLS):
            self.flow()
            fleet.kill_runtime()
        self.flow()
        self.judge(fleet, once=True)

    def test_bots_are_killed(self):
        """Nothing is lost while its sender lives; a second handling says so."""
        fleet = self.begin()
        for _ in range(KILLS):
            self.flow()
            self.kill_one(fleet, RECEIVERS if self.dice.random() < 0.8 else SENDERS)
        self.flow()
        self.judge(fleet, once=False)

    def test_both_are_killed(self):
        """The promises hold when a receiver and the runtime die in one moment, too."""
        fleet = self.begin()
        for _ in range(KILLS):
            self.flow()
            victims = ["runtime", "bot"]
            self.dice.shuffle(victims)
            pid = fleet.pid(self.dice.choice(RECEIVERS))
            for victim in victims:
                if victim == "runtime":
                    fleet.kill_runtime()
                elif pid:
                    os.kill(pid, signal.SIGKILL)
        self.flow()
        self.judge(fleet, once=False)


class Checker(unittest.TestCase):
    """It sees what it is there for."""

    def setUp(self):
        self.journals = Journals(Path("/nonexistent"))
        self.living = {("s#0", 1)}

    def note(self, what, name, by="r#0", incarnation=1, **more):
        self.journals.take({"what": what, "id": name, "by": by, "incarnation": incarnation,
                            "pid": hash((by, incarnation)), "at": more.pop("at", 0), **more})

    def send(self, name, delivery="assured", outcome="", incarnation=1):
        self.note("sent", name, by="s#0", incarnation=incarnation, delivery=delivery, to="r")
        if outcome:
            self.note("outcome", name, by="s#0", incarnation=incarnation, outcome=outcome, text="")

    def check(self, *expected, once=True):
        found = self.journals.complaints(self.living, once)
        self.assertEqual(len(expected), len(found), found)
        for part, line in zip(expected, found):
            self.assertIn(part, line)

    def test_all_is_well(self):
        self.send("1", outcome="done")
        self.send("2", "durable", "accepted")
        for name in ("1", "2"):
            self.note("got", name, redelivered=False)
        self.check()

    def test_lost(self):
        self.send("1", outcome="done")
        self.send("2", "durable", "accepted", incarnation=0)
        self.send("3", incarnation=0)  # its sender is dead: it may be lost
        self.check("lost", "lost")

    def test_unresolved(self):
        self.send("1")
        self.note("got", "1", redelivered=False)
        self.check("never learned")

    def test_refused(self):
        self.send("1", outcome="mailbox_full")
        self.check("refused as mailbox_full")

    def test_handled_twice(self):
        self.send("1", outcome="done")
        self.note("got", "1", redelivered=False, at=1)
        self.note("got", "1", redelivered=True, at=2, incarnation=2)
        self.check("handled 2 times")
        self.check(once=False)

    def test_handled_twice_without_the_flag(self):
        self.send("1", outcome="done")
        self.note("got", "1", redelivered=True, at=1)
        self.note("got", "1", redelivered=False, at=2, incarnation=2)
        self.check("without the flag", once=False)

    def test_handled_twice_by_one(self):
        self.send("1", outcome="done")
        self.note("got", "1", redelivered=False, at=1)
        self.note("got", "1", redelivered=True, at=2)
        self.check("by one process", once=False)

    def test_out_of_nothing(self):
        self.note("got", "1", redelivered=False)
        self.check("nobody sent it")


if __name__ == "__main__":
    unittest.main()
