"""talk for the Python client: `sink FROM COUNT` and `flood TO COUNT SIZE`, as in main.cpp."""

import json
import os
import pathlib
import sys
import threading
import time

import troupe

RESULTS = pathlib.Path(os.environ["TALK_RESULTS"])


def await_go():
    (RESULTS / f"ready.{os.getpid()}").touch()
    while not (RESULTS / "go").exists():
        time.sleep(0.002)


def report(**members):
    path = RESULTS / f"result.{os.getpid()}"
    path.with_suffix(f".{os.getpid()}.new").write_text(json.dumps(members))
    path.with_suffix(f".{os.getpid()}.new").rename(path)


def flood(to, count, size):
    bot = troupe.Bot()
    bot.start()
    payload = b"x" * size
    await_go()
    began = time.monotonic()
    for _ in range(count):
        bot.send(to, payload)
    report(mode="flood", seconds=time.monotonic() - began)
    threading.Event().wait()  # what is not sent yet must not be lost with us


def sink(count):
    bot = troupe.Bot()
    seen = {"count": 0, "first_ns": 0}

    @bot.on_message
    def take(message):
        if not seen["count"]:
            seen["first_ns"] = time.monotonic_ns()
        seen["count"] += 1
        if seen["count"] == count:
            report(mode="sink", last_ns=time.monotonic_ns(), **seen)

    await_go()
    bot.run()


if __name__ == "__main__":
    if sys.argv[1] == "flood":
        flood(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        sink(int(sys.argv[3]))
