#!/usr/bin/env python3
"""Writes every trade into trades.log in TROUPE_BOT_DIR, a line of JSON each.

Its subscription is durable: trades that are made while it is down wait for it. A line is on
disk before the trade counts as handled, so none is lost; one may be there twice after a crash.
"""

import json
import os
import tempfile
from pathlib import Path

import troupe

LOG_BYTES = 256 * 1024

bot = troupe.Bot()
path = Path(os.environ.get("TROUPE_BOT_DIR") or tempfile.gettempdir()) / "trades.log"
trades = 0


@bot.subscribe("market.trades.>", durable=True)
def record(message):
    global trades
    trades += 1
    with open(path, "a", encoding="utf-8") as file:
        print(json.dumps(message.payload), file=file, flush=True)
        os.fsync(file.fileno())
        if file.tell() > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
    bot.status(f"{trades} trades")


print(f"recording into {path}", flush=True)
bot.run()
