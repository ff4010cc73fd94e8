"""A bot that sends numbered messages, or one that notes what it gets; each keeps a journal in its
directory. Run by test_delivery.py: `delivery_bot.py send ADDRESS…` or `delivery_bot.py receive`."""

import json
import os
import random
import sys
import time

import troupe

NAME = f"{os.environ['TROUPE_BOT']}#{os.environ['TROUPE_INSTANCE']}"
INCARNATION = int(os.environ["TROUPE_INCARNATION"])
DICE = random.Random(f"{os.environ.get('DELIVERY_SEED', '')}/{NAME}/{INCARNATION}")
LANES = ("urgent", "high", "normal", "low")
# Fewer than a link may have unresolved, so that no send has to wait.
UNDER_WAY = 200
BURST = 8


class Journal:
    """Appends a line at a time, each with one write: what is in it has happened, whenever the
    process is killed."""

    def __init__(self):
        path = os.path.join(os.environ["TROUPE_BOT_DIR"], "delivery.jsonl")
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def note(self, what, **more):
        line = {"what": what, "by": NAME, "incarnation": INCARNATION, "pid": os.getpid(),
                "at": time.monotonic(), **more}
        os.write(self.file, json.dumps(line).encode() + b"\n")


class Sender:
    """Sends until the file that DELIVERY_STOP names exists, and then waits for what is under way."""

    def __init__(self, bot, journal, addresses):
        self.bot, self.journal, self.addresses = bot, journal, addresses
        self.number = 0
        self.under_way = 0
        self.finished = False
        bot.every(0.005)(self.tick)

    def tick(self):
        if os.path.exists(os.environ["DELIVERY_STOP"]):
            if self.under_way == 0 and not self.finished:
                self.finished = True
                self.journal.note("finished")
            return
        for _ in range(min(BURST, UNDER_WAY - self.under_way)):
            self.send(DICE.choice(self.addresses), DICE.choice(("assured", "durable")),
                      DICE.choice(LANES))

    def send(self, to, delivery, lane):
        self.number += 1
        name = f"{NAME}/{INCARNATION}/{self.number}"
        self.journal.note("sent", id=name, to=to, delivery=delivery, lane=lane)
        try:
            ticket = self.bot.send(to, {"id": name}, delivery=delivery, lane=lane, timeout=0.05)
        except troupe.TimedOut:
            self.journal.note("unsent", id=name)
            return
        self.under_way += 1
        ticket.then(lambda known: self.resolved(name, known))

    def resolved(self, name, ticket):
        self.under_way -= 1
        self.journal.note("outcome", id=name, outcome=ticket.outcome[0], text=ticket.outcome[1])


def receive(bot, journal):
    @bot.on_message
    def got(message):
        journal.note("got", id=message.payload["id"], redelivered=message.redelivered,
                     sender=message.sender)
        if DICE.random() < 0.1:
            time.sleep(DICE.uniform(0, 0.02)) # so that some are killed in the middle of it


def main():
    bot, journal = troupe.Bot(), Journal()
    journal.note("begun")
    if sys.argv[1] == "send":
        Sender(bot, journal, sys.argv[2:])
    else:
        receive(bot, journal)
    bot.run()
    journal.note("ended")


if __name__ == "__main__":
    main()
