#!/usr/bin/env python3
"""Buys what rises and sells what falls: hears market.ticks.*, sends its orders to market/broker.

Keeps its position in TROUPE_BOT_DIR, so that position.py can close it. While an alert says that
the machine is busy it opens nothing. After half a minute to two minutes the exchange «refuses»
an order and it ends with 3, its position open.
"""

import random
import sys
import time
from collections import defaultdict, deque

import position
import troupe

WINDOW = 20

bot = troupe.Bot()
until = time.monotonic() + random.uniform(30, 120)
seen = defaultdict(lambda: deque(maxlen=WINDOW))
held = defaultdict(int)
busy = False


@bot.subscribe("watch.alerts.*")
def alert(message):
    global busy
    busy = message.payload["busy"]
    print("opens nothing: the machine is busy" if busy else "trades again", flush=True)


@bot.subscribe("market.ticks.*")
def tick(message):
    name, price = message.topic.rpartition(".")[2], message.payload
    history = seen[name]
    history.append(price)
    trend = history[-1] / history[0] - 1 if len(history) == WINDOW else 0
    want = 1 if trend > 0.004 else -1 if trend < -0.004 else held[name]
    if want != held[name] and not busy:
        trade(name, want, price)


def trade(name, want, price):
    if time.monotonic() > until and any(held.values()):
        print(f"order {name} {want:+d} refused: the exchange does not answer",
              file=sys.stderr, flush=True)
        sys.exit(3)
    order = {"name": name, "quantity": want - held[name], "price": price}
    try:
        done = bot.request("market/broker", order, timeout=2)
    except troupe.Error as error:
        print(f"no trade: {error}", file=sys.stderr, flush=True)
        return
    print(f"{'buys' if want > held[name] else 'sells'} {name} at {done['price']}", flush=True)
    held[name] = want
    position.save({n: q for n, q in held.items() if q})


@bot.on_flatten
def flatten():
    held.clear()
    print(position.flatten(), flush=True)


print(f"trading as number {bot.instance}", flush=True)
bot.run()
flatten()
