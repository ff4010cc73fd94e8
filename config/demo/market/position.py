#!/usr/bin/env python3
"""The position of one trader: a file in its own directory.

  position.py flatten         closes what is open
  position.py must-be-flat    ends with 1 when something is open
"""

import json
import os
import sys
import tempfile
from pathlib import Path

FILE = Path(os.environ.get("TROUPE_BOT_DIR") or tempfile.gettempdir()) / "position.json"


def load():
    try:
        return json.loads(FILE.read_text())
    except FileNotFoundError:
        return {}


def save(held):
    """Replaced as a whole: whoever reads it finds the old one or the new one."""
    fresh = FILE.with_suffix(".new")
    fresh.write_text(json.dumps(held))
    fresh.replace(FILE)


def flatten():
    """Closes everything. Returns what was done, for people."""
    held = load()
    save({})
    if not held:
        return "nothing was open"
    return "closed " + ", ".join(f"{quantity:+d} {name}" for name, quantity in held.items())


def main():
    if sys.argv[1:] == ["flatten"]:
        print(flatten())
        return 0
    if sys.argv[1:] == ["must-be-flat"]:
        if load():
            print(f"{len(load())} positions are open", file=sys.stderr)
            return 1
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
