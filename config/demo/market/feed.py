#!/usr/bin/env python3
"""Publishes random walks: market.ticks.gold, .tin and .salt, ten times a second.

Says once a second, with systemd's protocol, that it is alive: WATCHDOG=1 to NOTIFY_SOCKET.
"""

import os
import random
import socket

import troupe

bot = troupe.Bot()
prices = {"gold": 2000.0, "tin": 30.0, "salt": 0.5}
ticks = 0


@bot.every(0.1)
def tick():
    global ticks
    ticks += 1
    for name in prices:
        prices[name] = round(max(0.01, prices[name] * random.gauss(1, 0.002)), 2)
        # A price that has waited for a second is none any more.
        bot.publish(f"market.ticks.{name}", prices[name], ttl=1)
    if ticks % 100 == 0:
        print(", ".join(f"{n} {p:.2f}" for n, p in prices.items()), flush=True)


@bot.every(1)
def alive():
    bot.status(f"{ticks} ticks, gold at {prices['gold']:.2f}")
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"WATCHDOG=1", "\0" + path[1:] if path[0] == "@" else path)


print("publishing prices" if bot.managed else "alone: nobody hears the prices", flush=True)
bot.run()
