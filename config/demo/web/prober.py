#!/usr/bin/env python3
"""Asks a web server for /health every two seconds and reports the latency.

The server is 127.0.0.1 with the port of the variable PORT, else 8137. Prints a failure at
once and a summary every thirty seconds. The server being away is its report, not its end.
"""

import http.client
import os
import signal
import statistics
import sys
import time

PERIOD_S = 2.0
SUMMARY_EVERY = 15
TIMEOUT_S = 1.5


def probe(port):
    """Milliseconds until the whole answer was there; raises OSError or HTTPException."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        answer.read(65536)
        if answer.status != 200:
            raise http.client.HTTPException(f"status {answer.status}")
    finally:
        connection.close()
    return (time.perf_counter() - began) * 1000


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(os.environ.get("PORT", "8137"))
    print(f"probing http://127.0.0.1:{port}/health", flush=True)
    times, failures, away = [], 0, False
    while True:
        try:
            times.append(probe(port))
            if away:
                print("the server answers again", flush=True)
            away = False
        except (OSError, http.client.HTTPException) as error:
            failures += 1
            if not away:
                print(f"no answer: {error}", file=sys.stderr, flush=True)
            away = True
        if len(times) + failures == SUMMARY_EVERY:
            if times:
                print(f"latency: median {statistics.median(times):.1f} ms, "
                      f"most {max(times):.1f} ms, {failures} failed", flush=True)
            times, failures = [], 0
        time.sleep(PERIOD_S)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
