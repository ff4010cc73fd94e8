"""Faults of changes of a running fleet: F08, F12, F15, F16, and SIGHUP where nothing is applied by
itself."""

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
import unittest
from pathlib import Path

import procfs
from config_case import SLEEPER, ConfigCase
from troupe_case import poll_until
from troupe_test import PATIENCE, TROUPE, clean_environment, times


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


class Interrupted(ConfigCase):
    """F15: whatever dies in the middle of an apply, it is finished or rolled back."""

    # Takes a moment to end, so that there is a middle.
    SLOW = "trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.05; done"
    finish_edited = Change.finish_edited

    def bots(self, edit, script="", update=(), **more):
        """A bot of six, one that is changed with it, and one that never is."""
        base = {**SLEEPER, "environment": {"EDIT": str(edit)}, **more,
                "update": {"batch": 2, "pause": "200ms", **dict(update)}}
        return {"bot": {**base, "replicas": 6, "command": ["sh", "-c", script + self.SLOW]},
                "single": {**base, "command": ["sh", "-c", self.SLOW]}}

    def begin(self, *, auto=True, **more):
        fleet = self.edited_fleet({**self.bots(1, **more), "other": SLEEPER}, auto=auto)
        return fleet, self.pids(fleet), fleet.mark()

    def edit(self, fleet, number, script="", **more):
        """All files at once: as one edit."""
        for name, content in self.bots(number, script, **more).items():
            self.replace(fleet, f"{name}.json", content)

    def settled(self, fleet):
        """Waits until nothing is under way; the number of the version that is in force."""
        def stands():
            said = fleet("config", "standing", "--json")
            if said.exit != 0:
                return None
            now = said.document
            quiet = now["state"] in ("healthy", "stopped") and not now["deciding"]
            rows = fleet.status().values()
            return quiet and all(row["state"] == "running" for row in rows) and now
        return poll_until(stands)["version"]

    def check_whole(self, fleet, edit):
        """All run with the settings of one edit, and no version is left open."""
        found = {name: environment(row["pid"]).get("EDIT") for name, row in fleet.status().items()
                 if name != "other#0"}
        self.assertEqual(7, len(found))
        self.assertEqual({str(edit)}, set(found.values()), found)
        versions = fleet.ask("config", "versions")["versions"]
        self.assertEqual(list(range(len(versions), 0, -1)), [each["number"] for each in versions])
        self.assertNotIn("updating", {each["state"] for each in versions})
        return {each["number"]: each["state"] for each in versions}

    def check_touched(self, fleet, before, after, most=1):
        """The uninvolved one kept its process, the others were replaced so often at most."""
        self.assertEqual(before["other#0"], fleet.pid("other#0"))
        for name in before:
            causes = [e["cause"] for e in fleet.events if e["seq"] > after
                      and e["instance"] == name and e["to"] == "starting"]
            self.assertLessEqual(len(causes), most, f"{name}: {causes}")

    def test_F15_the_runtime_dies_in_the_middle_of_an_apply(self):
        moments = {"when it is asked": None,
                   "when it is written down": "version 2 applied",
                   "when the first bot is changed": r"version 2: (bot 2|single 1) of",
                   "between two batches": "version 2: bot 4 of 6"}
        for moment, told in moments.items():
            with self.subTest(moment):
                fleet, before, after = self.begin()
                self.edit(fleet, 2)
                if told:
                    self.told(fleet, told, after)
                else:
                    self.hang_up(fleet)
                fleet.kill_runtime()
                self.told(fleet, r"version \d is healthy", after, 2 * PATIENCE)
                number = self.settled(fleet)
                # It may be seen in two pieces, as there are two files.
                self.assertIn(number, (2, 3))
                self.check_whole(fleet, 2)
                self.check_touched(fleet, before, after)
                self.finish_edited(fleet)

    def test_F15_the_runtime_dies_again_and_again(self):
        fleet, before, after = self.begin()
        self.edit(fleet, 2)
        self.told(fleet, "version 2 applied", after)
        for _ in range(times(5, 20)):
            fleet.kill_runtime()
            poll_until(lambda: fleet("ping").exit == 0)
        self.settled(fleet)
        self.check_whole(fleet, 2)
        self.check_touched(fleet, before, after)
        self.finish_edited(fleet)

    def test_F15_the_runtime_dies_under_whoever_applies(self):
        # Nobody sees to it by itself: either nothing came of it, or all.
        for pause in (0.0, 0.02, 0.05, 0.1, 0.2):
            with self.subTest(pause=pause):
                fleet, before, after = self.begin(auto=False)
                self.edit(fleet, 2)
                client = subprocess.Popen(
                    [str(TROUPE), "--state", str(fleet.state), "apply", "-y"],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment())
                time.sleep(pause)  # the fault itself
                fleet.kill_runtime()
                client.wait(PATIENCE)
                poll_until(lambda: fleet("ping").exit == 0)
                number = self.settled(fleet)
                self.check_whole(fleet, number)
                self.check_touched(fleet, before, after, number - 1)
                # What was lost can be said again.
                fleet.ask("apply", "--wait")
                self.settled(fleet)
                self.check_whole(fleet, 2)
                self.check_touched(fleet, before, after)
                self.finish_edited(fleet)

    # The last two of six cannot run with it.
    BAD = '[ "$TROUPE_INSTANCE" -lt 4 ] || exit 1; '

    def test_F15_the_runtime_dies_during_a_rollback(self):
        for moment in ("comes back as 3", r"version 2: bot 4 of 6"):
            with self.subTest(moment):
                fleet, before, after = self.begin()
                self.replace(fleet, "bot.json", self.bots(2, self.BAD)["bot"])
                event = self.told(fleet, moment, after)
                fleet.kill_runtime()
                event = self.told(fleet, "version 3 is healthy", event["seq"], 2 * PATIENCE)
                self.assertEqual(3, self.settled(fleet))
                states = self.check_whole(fleet, 1)
                self.assertEqual({1: "healthy", 2: "rolled back", 3: "healthy"}, states)
                self.check_same(fleet, before, but={f"bot#{i}" for i in range(6)})
                # There, and back; those that failed may have been tried a few times.
                for i in range(4):
                    starts = [e for e in fleet.events if e["seq"] > after and e["to"] == "starting"
                              and e["instance"] == f"bot#{i}"]
                    self.assertEqual(2, len(starts), starts)
                self.finish_edited(fleet)

    def test_F15_the_new_one_fails_while_the_runtime_is_away(self):
        fleet, before, after = self.begin(start_grace="2s")
        self.replace(fleet, "single.json", {**self.bots(2, start_grace="2s")["single"],
                                            "command": ["sh", "-c", "sleep 1; exit 1"]})
        self.told(fleet, "version 2 applied", after)
        fleet.wait_state("single#0", "starting", after=after)
        with fleet.keeper_held():
            pid = fleet.pid("single#0")
            fleet.kill_runtime()
            procfs.wait_gone([pid], PATIENCE)
        self.told(fleet, "version 2 failed: single#0.*version 1 comes back as 3", after,
                  2 * PATIENCE)
        self.assertEqual(3, self.settled(fleet))
        self.check_whole(fleet, 1)
        self.check_same(fleet, before, but={"single#0"})
        self.finish_edited(fleet)

    def test_F15_what_changes_in_place_holds_though_the_runtime_dies(self):
        def behind():
            return {pid for pid in before.values()
                    if resource.prlimit(pid, resource.RLIMIT_NOFILE)[0] != limit}
        fleet = self.edited_fleet({"bot": {**SLEEPER, "replicas": 100}})
        before = self.pids(fleet)
        for limit in (500, 400, 300):  # not everyone may raise it
            runtime = fleet.runtime
            self.replace(fleet, "bot.json", {**SLEEPER, "replicas": 100,
                                             "limits": {"open_files": limit}})
            # The first has it, and the others are still to get it.
            poll_until(lambda: len(behind()) < 100, pause=0)
            os.kill(runtime, signal.SIGKILL)
            procfs.wait_gone([runtime], PATIENCE)
            poll_until(lambda: fleet("ping").exit == 0)
            poll_until(lambda: not behind())
        self.check_same(fleet, before)
        self.finish_edited(fleet)

    def test_F15_what_was_removed_ends_though_the_runtime_dies(self):
        bot = {**SLEEPER, "replicas": 100}
        fleet = self.edited_fleet({"bot": bot})
        before = self.pids(fleet)
        left = 100
        for pause in (0.052, 0.058, 0.064, 0.070, 0.076):
            runtime = fleet.runtime
            left -= 2
            self.replace(fleet, "bot.json", {**bot, "replicas": left})
            time.sleep(pause)  # from before it is written down to after it was told
            os.kill(runtime, signal.SIGKILL)
            procfs.wait_gone([runtime], PATIENCE)
            poll_until(lambda: fleet("ping").exit == 0)
            poll_until(lambda: len(fleet.status()) == left)
            gone = [before[f"bot#{i}"] for i in (left, left + 1)]
            self.assertEqual([], procfs.wait_gone(gone, PATIENCE))
        self.check_same(fleet, {name: pid for name, pid in before.items()
                                if int(name.rpartition("#")[2]) < left})
        self.finish_edited(fleet)

    def test_F15_what_was_rolled_back_by_hand_stays_so(self):
        fleet, before, _ = self.begin()
        self.replace(fleet, "single.json", self.bots(2)["single"])
        self.told(fleet, "version 2 is healthy")
        fleet.ask("rollback", 1, "--wait")
        after = fleet.mark()
        now = self.pids(fleet)
        fleet.kill_runtime()
        # The tree says something else; it did before, and nobody has edited it.
        self.told(fleet, "differs from version 3", after, 2 * PATIENCE)
        self.assertEqual(3, self.settled(fleet))
        self.check_whole(fleet, 1)
        self.check_same(fleet, now)
        self.check_same(fleet, before, but={"single#0"})
        # An edit brings all of it.
        self.replace(fleet, "other.json", {**SLEEPER, "description": "new"})
        self.told(fleet, "version 4 is healthy", after)
        self.assertEqual("2", environment(fleet.pid("single#0")).get("EDIT"))
        self.finish_edited(fleet)

    def replaced(self, fleet, name, after):
        return [e["cause"] for e in fleet.events if e["seq"] > after and e["instance"] == name
                and e["from"] == "running" and "config has changed" in e["cause"]]

    def test_F15_a_child_exits_in_the_middle_of_an_apply(self):
        # Before its turn; while it is stopped for it. Neither is a fault of the version.
        for name in ("bot#5", "bot#0"):
            with self.subTest(name):
                fleet, before, after = self.begin()
                self.replace(fleet, "bot.json", self.bots(2)["bot"])
                fleet.wait_state("bot#0", "stopping", after=after)
                with contextlib.suppress(ProcessLookupError):  # it is quick
                    os.kill(before[name], signal.SIGKILL)
                self.told(fleet, "version 2 is healthy", after)
                self.assertEqual(2, self.settled(fleet))
                self.check_same(fleet, before, but={f"bot#{i}" for i in range(6)})
                for i in range(6):
                    causes = self.replaced(fleet, f"bot#{i}", after)
                    self.assertLessEqual(len(causes), 1, f"bot#{i}")
                single = environment(fleet.pid("single#0")).get("EDIT")
                self.assertEqual("1", single)
                found = {environment(fleet.pid(f"bot#{i}")).get("EDIT") for i in range(6)}
                self.assertEqual({"2"}, found)
                self.finish_edited(fleet)

    def test_F15_a_changed_child_exits_before_the_others_are(self):
        fleet, before, after = self.begin(update={"pause": "60s"})
        self.replace(fleet, "bot.json", self.bots(2, update={"pause": "60s"})["bot"])
        event = self.told(fleet, "version 2: bot 2 of 6", after)
        os.kill(fleet.pid("bot#0"), signal.SIGKILL)
        event = self.told(fleet, "version 2 failed: bot#0 .*version 1 comes back as 3",
                          event["seq"])
        self.told(fleet, "version 3 is healthy", event["seq"])
        self.assertEqual(3, self.settled(fleet))
        states = self.check_whole(fleet, 1)
        self.assertEqual("rolled back", states[2])
        # The others had not had their turn.
        self.check_same(fleet, before, but={"bot#0", "bot#1"})
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
