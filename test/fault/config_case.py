"""Fleets whose config tree is edited while they run: what faults of hot reload share."""

import json
import os
import re
import signal

from troupe_case import Case
from troupe_test import PATIENCE, write_tree

SLEEPER = {"command": ["sleep", "100000"], "start_grace": "10ms", "delay": {"initial": "50ms"}}


class ConfigCase(Case):
    AUTO = {"runtime": {"auto_apply": True}}

    def edited_fleet(self, files, *, auto=True, **more):
        """A fleet that runs, with `auto_apply`; what was told of its tree so far is settled."""
        fleet = self.prepared({**(self.AUTO if auto else {}), **files}, innocents=False, **more)
        fleet.start()
        fleet.wait_running()
        return fleet

    @staticmethod
    def told(fleet, pattern, after=0, timeout=PATIENCE):
        """The first event of the config after that one whose text fits."""
        return fleet.wait_event(
            lambda e: e["instance"] == "config" and re.search(pattern, e["cause"]), after, timeout,
            f"config «{pattern}»")

    @staticmethod
    def all_told(fleet, pattern=""):
        return [e["cause"] for e in fleet.events
                if e["instance"] == "config" and re.search(pattern, e["cause"])]

    @staticmethod
    def replace(fleet, name, content):
        """Renames a new file into place, as good editors do."""
        path = fleet.tree / name
        text = content if isinstance(content, str) else json.dumps(content)
        new = path.with_name(f"{path.name}.new")
        new.write_text(text)
        new.rename(path)
        return path

    @staticmethod
    def rewrite(fleet, files):
        write_tree(fleet.tree, files)

    @staticmethod
    def hang_up(fleet):
        os.kill(fleet.keeper, signal.SIGHUP)

    @staticmethod
    def pids(fleet):
        return {name: row["pid"] for name, row in fleet.status().items()}

    def check_same(self, fleet, before, but=()):
        """All processes are those of before, except those of these instances."""
        now = self.pids(fleet)
        self.assertEqual({k: v for k, v in before.items() if k not in but},
                         {k: v for k, v in now.items() if k not in but})

    def touched_since(self, fleet, after):
        """The instances that anything has happened to."""
        return {e["instance"] for e in fleet.events if e["seq"] > after} - {"config"}

    @staticmethod
    def swap(fleet, target, name):
        """Points a symlink of the tree elsewhere, in one step."""
        new = fleet.tree / f"{name}.swap"
        new.symlink_to(target)
        new.rename(fleet.tree / name)
