"""What can go wrong, as exceptions."""


class Error(Exception):
    """The base of what this package raises."""


class Rejected(Error):
    """A message was not delivered. `reason` is a name of docs/link-protocol.md, as
    `no_such_address`, or `not_linked` when there is no runtime at all."""

    def __init__(self, reason: str, text: str = ""):
        super().__init__(f"{reason}: {text}" if text else reason)
        self.reason = reason
        self.text = text


class Failed(Error):
    """A request was handled, and its handler failed: the text is the handler's."""


class TimedOut(Error):
    """What was waited for has not come in time."""


class Refuse(Error):
    """For handlers to raise: the message is answered as failed with this text, and nothing is
    logged."""
