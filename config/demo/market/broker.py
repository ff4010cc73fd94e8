#!/usr/bin/env python3
"""Carries out orders: answers requests {"name", "quantity", "price"} with what was paid.

Each trade is published as market.trades.NAME, durable: whoever records them gets all.
"""

import random

import troupe

bot = troupe.Bot()
trades = 0


@bot.on_request
def order(message):
    global trades
    asked = message.payload
    if not asked["quantity"]:
        raise troupe.Refuse("an order of nothing")
    trades += 1
    spread = random.uniform(0, 0.001) * (1 if asked["quantity"] > 0 else -1)
    trade = {**asked, "price": round(asked["price"] * (1 + spread), 2), "trader": message.sender}
    bot.publish(f"market.trades.{asked['name']}", trade, delivery="durable")
    bot.status(f"{trades} orders")
    return trade


print("taking orders", flush=True)
bot.run()
