"""Faults of changes of a running fleet: F08, F12, F16, and SIGHUP where nothing is applied by
itself."""

import shutil
import socket
import time
import unittest
from pathlib import Path

import procfs
from config_case import SLEEPER, ConfigCase
from troupe_case import poll_until
from troupe_test import PATIENCE, times


def environment(pid):
    """Of a process; nothing when it has ended meanwhile."""
    try:
        text = Path(f"/proc/{pid}/environ").read_bytes().decode()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(one.split("=", 1) for one in text.split("\0") if "=" in one)


class Change(ConfigCase):
    def finish_edited(self, fleet):
        self.check_ping(fleet)
        self.check_no_zombies(fleet)
        self.check_history(fleet)
        fleet.end()

    def test_F08_a_storm_of_edits(self):
        fleet = self.edited_fleet({"bot": {**SLEEPER, "replicas": 2}, "other": SLEEPER})
        before = self.pids(fleet)
        edits = times(300, 1000)
        asked = 0
        for i in range(1, edits + 1):
            text = {**SLEEPER, "replicas": 2, "environment": {"EDIT": str(i)}}
            if i % 3 == 0:
                self.rewrite(fleet, {"bot": text})  # as it is: others may read half of it
            else:
                self.replace(fleet, "bot.json", text)
            if i % 50 == 0:
                self.hang_up(fleet)
                asked += 1
            time.sleep(0.01)  # the fault itself
        last = str(edits)

        def current():
            rows = fleet.status("bot")
            with_last = [name for name, row in rows.items() if row["state"] == "running"
                         and environment(row["pid"]).get("EDIT") == last]
            return len(with_last) == 2
        poll_until(current)
        applied = self.all_told(fleet, "applied by")
        # One for each 2 s of the storm, each HUP, and the end; each twice at the worst.
        self.assertLess(len(applied), 2 * (asked + edits / 100 + 5))
        restarts = {n: sum(e["instance"] == n and e["to"] == "starting" for e in fleet.events) - 1
                    for n in ("bot#0", "bot#1")}
        for name, count in restarts.items():
            self.assertLessEqual(count, len(applied), f"{name} changed more than once for a version")
        self.check_same(fleet, before, but={"bot#0", "bot#1"})
        self.finish_edited(fleet)

    def test_F12_removed_renamed_and_twice_there(self):
        polite = {**SLEEPER, "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"]}
        fleet = self.edited_fleet({"feed": polite, "trader": {**polite, "depends_on": {"feed": "started"}},
                                   "other": SLEEPER, "old": SLEEPER})
        before = self.pids(fleet)
        # Removed: ended in order, and gone.
        with_both = fleet.mark()
        hidden = fleet.directory / "hidden"
        hidden.mkdir()
        (fleet.tree / "trader.json").rename(hidden / "trader.json")
        (fleet.tree / "feed.json").rename(hidden / "feed.json")
        event = self.told(fleet, "applied by runtime: ", with_both)
        poll_until(lambda: not {"feed#0", "trader#0"} & set(fleet.status()))
        ends = [(e["instance"], e["to"]) for e in fleet.events if e["seq"] > with_both
                and e["instance"] in ("feed#0", "trader#0")]
        for name in ("feed#0", "trader#0"):
            self.assertIn((name, "stopping"), ends)
            procfs.wait_gone([before[name]], PATIENCE)
        # Renamed: one stops, one starts.
        (fleet.tree / "old.json").rename(fleet.tree / "young.json")
        event = self.told(fleet, r"applied by runtime: .*1 start", event["seq"])
        self.assertRegex(event["cause"], "1 stop")
        fleet.wait_state("young#0", "running", after=with_both)
        poll_until(lambda: "old#0" not in fleet.status())
        procfs.wait_gone([before["old#0"]], PATIENCE)
        # Twice there: refused.
        (fleet.tree / "other").mkdir()
        self.rewrite(fleet, {"other/bot": SLEEPER})
        event = self.told(fleet, "is not valid: .*one name", event["seq"])
        shutil.rmtree(fleet.tree / "other")
        self.told(fleet, "in force again", event["seq"])
        self.assertEqual(before["other#0"], fleet.pid("other#0"))
        self.assertEqual({"other#0", "young#0"}, set(fleet.status()))
        self.finish_edited(fleet)

    def test_F16_what_makes_all_bots_crash(self):
        base = {**SLEEPER, "update": {"batch": 1}, "start_grace": "1s"}
        bots = {f"b{i}": {"extends": "base", "replicas": 2} for i in range(4)}
        fleet = self.edited_fleet({"mixins/base": base, **bots, "other": SLEEPER})
        before = self.pids(fleet)
        after = fleet.mark()
        self.replace(fleet, "mixins/base.json", {**base, "command": ["false"]})
        event = self.told(fleet, "version 2 applied by runtime: 8 restarts", after)
        event = self.told(fleet, r"version 2 failed: b\d#\d.*version 1 comes back as 3", event["seq"])
        event = self.told(fleet, "version 3 is healthy", event["seq"])
        hit = self.touched_since(fleet, after)
        self.assertLess(len(hit), 3, "more than the first batch was touched")
        self.check_same(fleet, before, but=hit)
        poll_until(lambda: all(r["state"] == "running" for r in fleet.status().values()))
        # It is still on disk, and no runtime applies it again by itself.
        mark = fleet.mark()
        fleet.kill_runtime()
        self.told(fleet, "differs from version 3", mark, 2 * PATIENCE)
        self.assertEqual([], [e for e in self.all_told(fleet, "version 4")])
        self.check_same(fleet, before, but=hit)
        # Repaired, it is.
        self.replace(fleet, "mixins/base.json", {**base, "command": ["sleep", "100001"]})
        event = self.told(fleet, "version 4 applied by runtime: 8 restarts", mark)
        self.told(fleet, "version 4 is healthy", event["seq"])
        self.finish_edited(fleet)


class HangUp(ConfigCase):
    finish_edited = Change.finish_edited

    def test_only_when_asked(self):
        fleet = self.edited_fleet({"bot": SLEEPER, "other": SLEEPER}, auto=False)
        before = self.pids(fleet)
        self.replace(fleet, "bot.json", {**SLEEPER, "command": ["sleep", "100001"]})
        event = self.told(fleet, "differs from version 1: 1 restart")
        self.check_same(fleet, before)
        self.hang_up(fleet)
        event = self.told(fleet, "version 2 applied by runtime: 1 restart", event["seq"])
        self.told(fleet, "version 2 is healthy", event["seq"])
        self.check_same(fleet, before, but={"bot#0"})
        self.finish_edited(fleet)

    def test_the_service_manager_is_told(self):
        def heard(word):
            while True:
                fields = dict(x.split("=", 1) for x in manager.recv(4096).decode().splitlines())
                if word in fields:
                    return fields
        fleet = self.prepared({"bot": SLEEPER}, innocents=False)
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.settimeout(PATIENCE)
        manager.bind(str(fleet.directory / "notify"))
        fleet.env.update(NOTIFY_SOCKET=str(fleet.directory / "notify"))
        fleet.start()
        heard("READY")
        # The reload is refused here; it ends all the same.
        for content, what in (({**SLEEPER, "description": "new"}, "version 2 applied"),
                              ("{", "is not valid")):
            self.replace(fleet, "bot.json", content)
            begun = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self.hang_up(fleet)
            self.assertGreaterEqual(int(heard("RELOADING")["MONOTONIC_USEC"]), begun)
            heard("READY")
            self.told(fleet, what)
        fleet.end()


if __name__ == "__main__":
    unittest.main()
