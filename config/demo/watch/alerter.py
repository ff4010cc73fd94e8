#!/usr/bin/env python3
"""Hears the samples of the processors and tells everyone, urgently, when they get busy and when
they calm down: watch.alerts.cpu {"busy", "percent"}. BUSY_PERCENT is the limit, else 80.

The last alert is kept in the state of the group, for who comes later.
"""

import os

import troupe

bot = troupe.Bot()
limit = float(os.environ.get("BUSY_PERCENT", "80"))
busy = False


@bot.subscribe("watch.samples.cpu")
def sample(message):
    global busy
    # It has to fall well below before it is calm again.
    now = message.payload >= (limit - 10 if busy else limit)
    if now == busy:
        return
    busy = now
    alert = {"busy": busy, "percent": message.payload}
    bot.publish("watch.alerts.cpu", alert, lane="urgent")
    bot.state.set("alert.cpu", alert)
    bot.status(f"the processors are {'busy' if busy else 'calm'}")
    print(f"the processors are {'busy' if busy else 'calm'}: {message.payload} %", flush=True)


print(f"alert at {limit:.0f} %", flush=True)
bot.run()
