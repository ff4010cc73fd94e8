"""Faults of a config tree that is edited while the fleet runs: F01, F04, F05, F09, F11, F14, F17."""

import json
import os
import shutil
import subprocess
import time
import unittest
from pathlib import Path

from config_case import SLEEPER, ConfigCase
from troupe_case import poll_until, root_only
from troupe_test import PATIENCE

INVALID = "is not valid: "
IN_FORCE = "is what is in force again"
# Lets a fleet have no inotify watches, or no instance of it, without changing the machine.
NAMESPACE = ("unshare", "--user", "--map-root-user", "sh", "-c")


def few_watches(setting):
    return (*NAMESPACE, f'echo 1 > /proc/sys/user/{setting} && exec "$@"', "sh")


class Broken(ConfigCase):
    def test_F01_broken_at_reload(self):
        fleet = self.edited_fleet({"bot": SLEEPER, "other": SLEEPER})
        before = self.pids(fleet)
        good = json.dumps(SLEEPER)
        # By itself, and by request.
        for length in (1, 10, len(good) // 2, len(good) - 1):
            for ask in (False, True):
                with self.subTest(length=length, ask=ask):
                    after = fleet.mark()
                    self.replace(fleet, "bot.json", good[:length])
                    if ask:
                        self.hang_up(fleet)
                    event = self.told(fleet, INVALID, after)
                    self.assertRegex(event["cause"], r"bot\.json:1:\d+.*version 1 stays in force")
                    self.replace(fleet, "bot.json", good)
                    self.told(fleet, IN_FORCE, event["seq"])
        self.assertRegex(fleet.said(), r"bot\.json:1:\d+")
        self.check_same(fleet, before)
        self.assertEqual([], self.all_told(fleet, "applied by"))
        self.finish_edited(fleet)

    def test_F01_a_broken_tree_may_be_repaired_otherwise(self):
        fleet = self.edited_fleet({"bot": SLEEPER, "other": SLEEPER})
        before = self.pids(fleet)
        self.rewrite(fleet, {"bot.json": "{"})
        event = self.told(fleet, INVALID)
        # The other file changes too; nothing of it while the tree is broken.
        self.rewrite(fleet, {"other": {**SLEEPER, "description": "new"}})
        self.rewrite(fleet, {"bot": {**SLEEPER, "command": ["sleep", "100001"]}})
        event = self.told(fleet, "version 2 applied by runtime: 1 restart", event["seq"])
        self.told(fleet, "version 2 is healthy", event["seq"])
        self.check_same(fleet, before, but={"bot#0"})
        self.finish_edited(fleet)

    @root_only
    def test_F11_writable_by_all_at_reload(self):
        fleet = self.edited_fleet({"bot": SLEEPER})
        before = self.pids(fleet)
        (fleet.tree / "bot.json").chmod(0o666)
        event = self.told(fleet, INVALID + ".*bot.json may be written by everyone")
        (fleet.tree / "bot.json").chmod(0o644)
        event = self.told(fleet, IN_FORCE, event["seq"])
        fleet.tree.chmod(0o777)
        event = self.told(fleet, INVALID + ".*the tree's directory may be written", event["seq"])
        fleet.tree.chmod(0o755)
        self.told(fleet, IN_FORCE, event["seq"])
        self.check_same(fleet, before)
        self.finish_edited(fleet)

    @root_only
    def test_F11_unreadable_at_reload(self):
        # Root reads everything, so the fleet is somebody else's.
        fleet = self.prepared({**self.AUTO, "bot": SLEEPER, "g/bot": SLEEPER}, innocents=False,
                              wrapper=("setpriv", "--reuid=65534", "--regid=65534",
                                       "--clear-groups"))
        for path in (fleet.directory, *fleet.tree.rglob("*"), fleet.tree):
            os.chown(path, 65534, 65534)
        fleet.start()
        fleet.wait_running()
        before = self.pids(fleet)
        event = {"seq": 0}
        for name in ("bot.json", "g", "."):
            (fleet.tree / name).chmod(0o000)
            event = self.told(fleet, INVALID + ".*Permission denied", event["seq"])
            (fleet.tree / name).chmod(0o755)
            event = self.told(fleet, IN_FORCE, event["seq"])
        self.check_same(fleet, before)
        self.finish_edited(fleet)

    def finish_edited(self, fleet):
        self.check_ping(fleet)
        self.check_no_zombies(fleet)
        self.check_history(fleet)
        fleet.end()


class Disk(ConfigCase):
    finish_edited = Broken.finish_edited

    def test_F04_symlink_swap(self):
        def version(number):
            return {f"..v{number}/feed": {**SLEEPER, "command": ["sleep", f"10000{number}"]},
                    f"..v{number}/group": {"labels": {"of": f"v{number}"}}}
        fleet = self.prepared({**self.AUTO, "bot": SLEEPER, **version(1), **version(2)},
                              innocents=False)
        (fleet.tree / "..data").symlink_to("..v1")
        (fleet.tree / "market").mkdir()
        for name in ("feed.json", "group.json"):
            (fleet.tree / "market" / name).symlink_to(f"../..data/{name}")
        fleet.start()
        fleet.wait_running()
        before = self.pids(fleet)
        after = 0
        for number, target in ((2, "..v2"), (3, "..v1"), (4, "..v2")):
            self.swap(fleet, target, "..data")
            event = self.told(fleet, f"version {number} is healthy", after)
            self.assertEqual(["sleep", f"10000{target[-1]}"], self.command(fleet, "market/feed#0"))
            after = event["seq"]
        self.check_same(fleet, before, but={"market/feed#0"})
        self.assertEqual([], self.all_told(fleet, INVALID))
        # What goes with the old version is nothing to the tree.
        shutil.rmtree(fleet.tree / "..v1")
        self.replace(fleet, "..v2/feed.json", {**SLEEPER, "description": "the last"})
        self.told(fleet, "version 5 applied", after)
        self.finish_edited(fleet)

    def test_F04_what_is_no_file(self):
        fleet = self.edited_fleet({"bot": SLEEPER})
        before = self.pids(fleet)
        odd = fleet.tree / "odd.json"
        after = 0
        for make, kind in ((lambda: os.mkfifo(odd), "a FIFO"),
                           (lambda: odd.symlink_to("/dev/zero"), "a device"),
                           (lambda: odd.symlink_to("odd.json"), "symbolic links"),
                           (lambda: odd.symlink_to("nowhere.json"), "No such file")):
            with self.subTest(kind):
                make()
                event = self.told(fleet, f"{INVALID}.*odd.json.*{kind}", after)
                odd.unlink()
                after = self.told(fleet, IN_FORCE, event["seq"])["seq"]
        self.check_same(fleet, before)
        self.finish_edited(fleet)

    def test_F05_written_in_pieces(self):
        fleet = self.edited_fleet({"bot": SLEEPER, "other": SLEEPER})
        before = self.pids(fleet)
        text = json.dumps({**SLEEPER, "command": ["sleep", "100001"]})
        size = -(-len(text) // 10)
        longest = 0
        last = time.monotonic()
        with open(fleet.tree / "bot.json", "w") as file:
            for i in range(10):
                file.write(text[i * size:(i + 1) * size])
                file.flush()
                now = time.monotonic()
                longest, last = max(longest, now - last), now
                time.sleep(0.1)  # the fault itself
        longest = max(longest, time.monotonic() - last)
        event = self.told(fleet, "version 2 applied")
        self.told(fleet, "version 2 is healthy", event["seq"])
        if longest < 0.15:  # else it was quiet in between
            self.assertEqual([], self.all_told(fleet, INVALID))
        self.assertEqual(1, len(self.all_told(fleet, "applied by")))
        self.assertEqual(["sleep", "100001"], self.command(fleet, "bot#0"))
        self.check_same(fleet, before, but={"bot#0"})
        self.finish_edited(fleet)

    def test_F09_deleted_and_made_again(self):
        fleet = self.edited_fleet({"bot": SLEEPER, "g/other": SLEEPER})
        before = self.pids(fleet)
        kept = fleet.directory / "kept"
        shutil.copytree(fleet.tree, kept)
        after = 0
        for _ in range(3):
            shutil.rmtree(fleet.tree)
            event = self.told(fleet, f"{INVALID}.*cannot open .*No such file", after)
            self.check_same(fleet, before)
            shutil.copytree(kept, fleet.tree)
            after = self.told(fleet, IN_FORCE, event["seq"])["seq"]
        # It is watched as before.
        self.replace(fleet, "g/other.json", {**SLEEPER, "command": ["sleep", "100001"]})
        event = self.told(fleet, "version 2 applied by runtime: 1 restart", after)
        self.told(fleet, "version 2 is healthy", event["seq"])
        self.check_same(fleet, before, but={"g/other#0"})
        self.finish_edited(fleet)

    def test_F09_no_watches_to_be_had(self):
        for setting, said in (("max_inotify_watches", "limit of inotify watches"),
                              ("max_inotify_instances", "max_user_instances")):
            wrapper = few_watches(setting)
            if setting == "max_inotify_instances":
                wrapper = tuple(word.replace("echo 1", "echo 0") for word in wrapper)
            if subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode:
                self.skipTest("no user namespaces here")
            with self.subTest(setting):
                fleet = self.edited_fleet({"bot": SLEEPER, "a/b/c/bot": SLEEPER}, wrapper=wrapper)
                poll_until(lambda: said in fleet.said())
                self.assertIn("it is looked at every 5000 ms", fleet.said())
                self.replace(fleet, "bot.json", {**SLEEPER, "command": ["sleep", "100001"]})
                event = self.told(fleet, "version 2 applied by runtime: 1 restart")
                self.told(fleet, "version 2 is healthy", event["seq"])
                self.assertEqual(1, fleet.said().count("cannot be watched"))
                fleet.end(groups=False)

    def test_F14_without_a_change(self):
        fleet = self.edited_fleet({"bot": SLEEPER, "other": SLEEPER})
        before = self.pids(fleet)
        after = fleet.mark()
        os.utime(fleet.tree / "bot.json")
        self.replace(fleet, "bot.json", SLEEPER)
        self.hang_up(fleet)
        (fleet.tree / "notes.txt").write_text("no config")
        # What they had led to would come before this.
        self.hang_up(fleet)
        self.replace(fleet, "other.json", {**SLEEPER, "description": "new"})
        self.told(fleet, "version 2 applied", after)
        self.assertEqual(set(), self.touched_since(fleet, after))
        self.check_same(fleet, before)
        self.finish_edited(fleet)

    def test_F14_one_of_two_hundred(self):
        fleet = self.edited_fleet({f"g{i % 10}/b{i:03}": SLEEPER for i in range(200)})
        before = self.pids(fleet)
        self.assertEqual(200, len(before))
        after = fleet.mark()
        self.replace(fleet, "g7/b137.json", {**SLEEPER, "command": ["sleep", "100001"]})
        event = self.told(fleet, "version 2 is healthy", after)
        self.assertEqual({"g7/b137#0"}, self.touched_since(fleet, after))
        self.check_same(fleet, before, but={"g7/b137#0"})
        # A limit is changed in place: nobody at all.
        self.replace(fleet, "g3/b003.json", {**SLEEPER, "limits": {"open_files": 100}})
        self.told(fleet, "version 3 applied by runtime: 1 change in place", event["seq"])
        self.assertEqual({"g7/b137#0"}, self.touched_since(fleet, after))
        self.finish_edited(fleet)

    def test_F17_same_size_and_time(self):
        fleet = self.edited_fleet({"bot": {**SLEEPER, "command": ["sleep", "100001"]}})
        path = fleet.tree / "bot.json"
        was = path.stat()
        number = 1
        for when in (was.st_mtime_ns, 0, was.st_mtime_ns + 10**18):
            number += 1
            new = fleet.directory / "new"
            new.write_text(path.read_text().replace(f"10000{number - 1}", f"10000{number}"))
            os.utime(new, ns=(was.st_atime_ns, when))
            self.assertEqual(was.st_size, new.stat().st_size)
            new.rename(path)
            self.told(fleet, f"version {number} is healthy")
            self.assertEqual(["sleep", f"10000{number}"], self.command(fleet, "bot#0"))
        self.finish_edited(fleet)

    def test_F09_edited_while_the_runtime_was_away(self):
        fleet = self.edited_fleet({"bot": SLEEPER, "other": SLEEPER})
        before = self.pids(fleet)
        with fleet.keeper_held():
            fleet.kill_runtime()
            self.replace(fleet, "bot.json", {**SLEEPER, "command": ["sleep", "100001"]})
        event = self.told(fleet, "version 2 applied by runtime: 1 restart", timeout=2 * PATIENCE)
        self.told(fleet, "version 2 is healthy", event["seq"])
        self.check_same(fleet, before, but={"bot#0"})
        self.finish_edited(fleet)

    @staticmethod
    def command(fleet, instance):
        pid = fleet.pid(instance)
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]


if __name__ == "__main__":
    unittest.main()
