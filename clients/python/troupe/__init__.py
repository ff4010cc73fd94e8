"""Bots of a Troupe fleet that talk: see docs/sdk-python.md.

    import troupe

    bot = troupe.Bot()

    @bot.on_request
    def answer(message):
        return {"double": 2 * message.payload["n"]}

    bot.run()
"""

from . import aio
from .bot import Bot, Sent
from .errors import Error, Failed, Refuse, Rejected, TimedOut
from .message import LATER, Message
from .state import Change, Conflict, Entry, StateError

__version__ = "0.1.0"

__all__ = ["Bot", "Change", "Conflict", "Entry", "Error", "Failed", "LATER", "Message", "Refuse",
           "Rejected", "Sent", "StateError", "TimedOut", "aio"]
