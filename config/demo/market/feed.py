#!/usr/bin/env python3
"""Sends random walks as lines «name price» to whoever connects to 127.0.0.1:FEED_PORT.

Speaks the protocol of NOTIFY_SOCKET: STATUS= for people, WATCHDOG=1 once a second.
"""

import os
import random
import select
import signal
import socket
import sys
import time

PERIOD_S = 0.1
MOST_LISTENERS = 64


def notify(text):
    """Tells the supervisor, if there is one that listens."""
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            try:
                sock.sendto(text.encode(), "\0" + path[1:] if path[0] == "@" else path)
            except OSError as error:
                print(f"cannot notify: {error}", file=sys.stderr, flush=True)


def send(listeners, text):
    """One that does not keep up is let go: prices do not wait."""
    for sock in list(listeners):
        try:
            sock.send(text)
        except OSError:
            listeners.remove(sock)
            sock.close()
            print(f"a listener left, {len(listeners)} stay", flush=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(os.environ.get("FEED_PORT", "8138"))
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind(("127.0.0.1", port))
    except OSError as error:
        print(f"port {port}: {error.strerror}: change FEED_PORT in market/group.json",
              file=sys.stderr)
        return 1
    server.listen()
    prices = {"gold": 2000.0, "tin": 30.0, "salt": 0.5}
    listeners, ticks, due = [], 0, time.monotonic()
    print(f"prices at 127.0.0.1:{port}", flush=True)
    while True:
        due += PERIOD_S
        ready, _, _ = select.select([server], [], [], max(0.0, due - time.monotonic()))
        if ready:
            sock, _ = server.accept()
            sock.setblocking(False)
            listeners.append(sock)
            if len(listeners) > MOST_LISTENERS:
                listeners.pop(0).close()
            continue
        for name in prices:
            prices[name] = max(0.01, prices[name] * random.gauss(1, 0.002))
        send(listeners, "".join(f"{n} {p:.2f}\n" for n, p in prices.items()).encode())
        ticks += 1
        if ticks % 10 == 0:
            notify(f"WATCHDOG=1\nSTATUS={ticks} ticks, {len(listeners)} listeners, "
                   f"gold at {prices['gold']:.2f}")
        if ticks % 100 == 0:
            print(", ".join(f"{n} {p:.2f}" for n, p in prices.items()), flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
