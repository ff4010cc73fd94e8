"""Reads the journals of delivery_bot.py, and says what in them breaks a promise."""

import json
from collections import Counter, defaultdict

# The outcomes that are not a refusal.
GOOD = ("accepted", "done")


class Journals:
    """All that the bots of one fleet have noted. `read` may be called again and again: it goes on
    where it was."""

    def __init__(self, directory):
        self.directory = directory
        self.read_until = {}
        self.sent = {}      # id -> note
        self.unsent = set()
        self.outcomes = {}  # id -> note
        self.got = defaultdict(list)  # id -> notes
        self.count = Counter()  # handled, by instance
        self.finished = set()  # (instance, incarnation) of senders
        self.twice = []  # second outcomes

    def read(self):
        for path in sorted(self.directory.glob("**/delivery.jsonl")):
            with open(path, "rb") as file:
                file.seek(self.read_until.get(path, 0))
                data = file.read()
            whole = data.rfind(b"\n") + 1
            self.read_until[path] = self.read_until.get(path, 0) + whole
            for line in data[:whole].splitlines():
                self.take(json.loads(line))
        return self

    def take(self, note):
        what, name = note["what"], note.get("id")
        if what == "sent":
            self.sent[name] = note
        elif what == "unsent":
            self.unsent.add(name)
        elif what == "outcome":
            if name in self.outcomes:
                self.twice.append(name)
            self.outcomes[name] = note
        elif what == "got":
            self.got[name].append(note)
            self.count[note["by"]] += 1
        elif what == "finished":
            self.finished.add((note["by"], note["incarnation"]))

    @property
    def handled(self):
        return sum(self.count.values())

    def owed(self, living):
        """Ids that somebody has to handle: those of senders that live, and whatever the runtime
        has accepted. `living` are (instance, incarnation)."""
        for name, note in self.sent.items():
            if name in self.unsent:
                continue
            known = self.outcomes.get(name)
            if known and known["outcome"] not in GOOD:
                continue
            if known or (note["by"], note["incarnation"]) in living:
                yield name

    def missing(self, living):
        return [name for name in self.owed(living) if name not in self.got]

    def unresolved(self, living):
        return [name for name, note in self.sent.items()
                if name not in self.outcomes and name not in self.unsent
                and (note["by"], note["incarnation"]) in living]

    def complaints(self, living, once):
        """One line for each promise that was broken. `once`: no receiver has died, so nothing may
        be handled twice; else a second handling must say that it may be one."""
        result = []

        def complain(name, text):
            about = self.sent.get(name, {})
            result.append(f"{about.get('delivery', '?')} {name} to {about.get('to', '?')}: {text}: "
                          f"outcome {self.outcomes.get(name)}, handled {self.got.get(name)}")

        for name in self.missing(living):
            complain(name, "lost")
        for name in self.unresolved(living):
            complain(name, "its sender never learned what became of it")
        for name in self.twice:
            complain(name, "two outcomes")
        for name, note in self.outcomes.items():
            expected = "accepted" if self.sent[name]["delivery"] == "durable" else "done"
            if note["outcome"] != expected:
                complain(name, f"refused as {note['outcome']}")
        for name, notes in self.got.items():
            if name not in self.sent or name in self.unsent:
                complain(name, "nobody sent it")
            elif len(notes) > 1:
                self.check_again(name, sorted(notes, key=lambda x: x["at"]), once, complain)
        return result

    @staticmethod
    def check_again(name, notes, once, complain):
        if once:
            complain(name, f"handled {len(notes)} times")
            return
        # Each process knows what it has had.
        if len({note["pid"] for note in notes}) < len(notes):
            complain(name, "handled twice by one process")
        if not all(note["redelivered"] for note in notes[1:]):
            complain(name, "handled again without the flag")
