#!/usr/bin/env python3
"""Buys what rises and sells what falls, at the prices of 127.0.0.1:FEED_PORT.

Keeps its position in TROUPE_BOT_DIR, so that position.py can close it. After half a minute
to two minutes the exchange «refuses» an order and it ends with 3, its position open.
"""

import os
import random
import signal
import socket
import sys
import time
from collections import defaultdict, deque

import position

WINDOW = 20


def trade(lines, until):
    seen = defaultdict(lambda: deque(maxlen=WINDOW))
    held = defaultdict(int)
    for line in lines:
        name, price = line.split()
        history = seen[name]
        history.append(float(price))
        if len(history) < WINDOW:
            continue
        trend = history[-1] / history[0] - 1
        want = 1 if trend > 0.004 else -1 if trend < -0.004 else held[name]
        if want == held[name]:
            continue
        if time.monotonic() > until and any(held.values()):
            print(f"order {name} {want:+d} refused: the exchange does not answer",
                  file=sys.stderr, flush=True)
            return 3
        print(f"{'buys' if want > held[name] else 'sells'} {name} at {price}", flush=True)
        held[name] = want
        position.save({n: q for n, q in held.items() if q})
    print("the feed has ended", file=sys.stderr, flush=True)
    return 1


def end(*_):
    print(position.flatten(), flush=True)
    sys.exit(0)


def main():
    signal.signal(signal.SIGTERM, end)
    address = ("127.0.0.1", int(os.environ.get("FEED_PORT", "8138")))
    until = time.monotonic() + random.uniform(30, 120)
    with socket.create_connection(address, timeout=5) as feed:
        feed.settimeout(10)
        print(f"trading as number {os.environ.get('TROUPE_INSTANCE', '0')}", flush=True)
        try:
            with feed.makefile("r", encoding="ascii") as lines:
                return trade(lines, until)
        except OSError as error:
            print(f"the feed is silent: {error}", file=sys.stderr, flush=True)
            return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
