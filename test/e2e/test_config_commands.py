"""Changing a running fleet as a person does: plan, apply, reload, rollback, set, explain, versions,
audit. Waits are for events and for commands that wait themselves."""

import json
import os
import pty
import select
import shutil
import unittest

from troupe_case import Case, poll_until
from troupe_test import TROUPE, clean_environment, run, write_tree

SLEEPER = ["sh", "-c", "exec sleep 1000"]
FAST = {"start_grace": "10ms", "delay": {"initial": "50ms"}}
UPDATE = {"pause": "10ms", "ready_within": "20s"}


def bot(**more):
    return {**FAST, "command": SLEEPER, "update": UPDATE, **more}


class ConfigCommands(Case):
    def begin(self, **more):
        fleet = self.fleet({"market/feed": bot(), "market/trader": bot(replicas=3), **more},
                           innocents=False)
        fleet.wait_running()
        return fleet

    def pids(self, fleet):
        return {name: row["pid"] for name, row in fleet.status().items()}

    def edit(self, fleet, **more):
        write_tree(fleet.tree, {"market/trader": bot(**{"replicas": 3, **more})})

    def test_a_replica_count_is_edited_planned_and_applied(self):
        fleet = self.begin()
        before = self.pids(fleet)
        self.assertEqual(0, fleet("plan").exit)
        self.assertIn("nothing to do", fleet("plan").out)
        self.edit(fleet, replicas=4)
        planned = fleet("plan")
        self.assertEqual(1, planned.exit, planned)
        self.assertRegex(planned.out, r"\+ market/trader#3 start: replicas 3 -> 4  "
                                      r"\(market/trader\.json:1:\d+\)\n1 start\n")
        # A plan only looks.
        self.assertEqual(before, self.pids(fleet))
        applied = fleet("reload", "--wait=60s")
        self.assertEqual(0, applied.exit, applied)
        self.assertIn("+ market/trader#3 start", applied.out)
        self.assertRegex(applied.out, r"version \d+ is being carried out: 1 start")
        self.assertIn("is healthy", applied.out)
        fleet.wait_state("market/trader#3", "running")
        after = self.pids(fleet)
        self.assertTrue(after.pop("market/trader#3"))
        self.assertEqual(before, after)
        self.assertIn("nothing to do", fleet("reload").out)
        # And back, with a tree that lies elsewhere.
        elsewhere = fleet.directory / "elsewhere"
        shutil.copytree(fleet.tree, elsewhere)
        write_tree(elsewhere, {"market/trader": bot(replicas=2)})
        planned = fleet("plan", elsewhere)
        self.assertEqual(1, planned.exit, planned)
        self.assertIn("- market/trader#2…#3 stop: replicas 4 -> 2", planned.out)
        dry = fleet("apply", elsewhere, "--dry-run")
        self.assertEqual((0, planned.out), (dry.exit, dry.out), dry)
        applied = fleet("apply", elsewhere, "--reason", "too many", "--wait=60s")
        self.assertEqual(0, applied.exit, applied)
        fleet.wait_state("market/trader#2", "stopped", "defined", "stopping")
        versions = fleet("config", "versions")
        self.assertIn("too many", versions.out)
        # What is on disk is not what is in force now; that stands in the status once it was seen.
        fleet("plan")
        self.assertIn("the tree on disk differs", fleet("status").out)
        fleet.end()

    def test_a_typo_changes_nothing_and_is_shown_where_it_stands(self):
        fleet = self.begin()
        before = self.pids(fleet)
        write_tree(fleet.tree, {"market/trader.json":
                                '{\n  "command": ["sleep", "1000"],\n  "replica": 4\n}\n'})
        for words in (["plan"], ["apply"], ["reload", "--wait"], ["apply", fleet.tree]):
            with self.subTest(words):
                said = fleet(*words)
                self.assertEqual(6, said.exit, said)
                text = said.out + said.err
                self.assertIn("market/trader.json:3:3: error: \"replica\" is no key of a bot", text)
                self.assertIn('    3 |   "replica": 4\n', text)
                self.assertIn("^~~~~~~~~", text)
                self.assertIn("replicas", text)  # did you mean
        document = fleet("apply", "--json")
        self.assertEqual(6, document.exit)
        self.assertEqual("config-invalid", document.error["code"])
        self.assertEqual(3, document.document["problems"][0]["line"])
        self.assertEqual(before, self.pids(fleet))
        status = fleet("status")
        self.assertEqual(0, status.exit)
        self.assertIn("config: the tree on disk is not valid", status.out)
        self.assertIn("market/trader.json:3:3", status.out)
        self.assertEqual("invalid", fleet.ask("status")["config"]["disk"]["state"])
        fleet.wait_event(lambda e: e["instance"] == "config" and "not valid" in e["cause"])
        self.assertIn("fleet[invalid]> ", self.prompt(fleet))
        # The same elsewhere is not what is on disk.
        self.edit(fleet)
        self.assertIn("nothing to do", fleet("reload").out)
        self.assertNotIn("config:", fleet("status").out)
        elsewhere = write_tree(fleet.directory / "elsewhere", {"x.json": "{"})
        said = fleet("plan", elsewhere)
        self.assertEqual(6, said.exit, said)
        self.assertIn("x.json:1:", said.out)
        self.assertEqual(2, fleet("plan", fleet.directory / "nowhere").exit)
        self.assertNotIn("config:", fleet("status").out)
        fleet.end()

    def prompt(self, fleet, answer=b"exit\n", seen=b"> ", words=("shell",)):
        """What a terminal shows until `seen`; then `answer` is typed."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(TROUPE, [str(TROUPE), "--state", str(fleet.state), *map(str, words)],
                      clean_environment(TERM="dumb"))
        text = b""
        try:
            while True:
                self.assertTrue(select.select([terminal], [], [], 60)[0], text)
                try:
                    more = os.read(terminal, 4096)
                except OSError:
                    break
                if not more:
                    break
                text += more
                if answer and seen in text:
                    os.write(terminal, answer)
                    answer = b""
        finally:
            os.close(terminal)
            _, status = os.waitpid(pid, 0)
        self.last_exit = os.waitstatus_to_exitcode(status)
        return text.decode(errors="replace").replace("\r\n", "\n")

    def test_a_person_at_a_terminal_is_asked(self):
        fleet = self.begin()
        before = self.pids(fleet)
        self.edit(fleet, description="new")
        text = self.prompt(fleet, b"n\n", b"[y/N]", ("apply",))
        self.assertIn("= market/trader#0…#2 in place: description \"\" -> \"new\"", text)
        self.assertEqual(1, self.last_exit, text)
        self.assertEqual(1, fleet("plan").exit)
        text = self.prompt(fleet, b"y\n", b"[y/N]", ("apply", "--wait"))
        self.assertEqual(0, self.last_exit, text)
        self.assertIn("is healthy", text)
        self.assertEqual(0, fleet("plan").exit)
        self.assertEqual(before, self.pids(fleet))
        fleet.end()

    def test_a_command_that_crashes_comes_back_by_itself(self):
        fleet = self.begin()
        number = fleet.ask("config", "standing")["version"]
        feed = fleet.pid("market/feed#0")
        self.edit(fleet, command=["sh", "-c", "echo broken; exit 3"])
        said = fleet("apply", "--wait=120s", timeout=150)
        self.assertEqual(1, said.exit, said)
        self.assertIn("~ market/trader#0…#2 restart: command", said.out)
        self.assertIn(f"version {number + 1} failed: market/trader#0", said.out)
        self.assertIn(f"version {number} comes back as {number + 2}", said.out)
        self.assertIn(f"version {number + 1} is rolled back", said.err)
        standing = fleet.ask("config", "standing")
        self.assertEqual((number + 2, "healthy"), (standing["version"], standing["state"]))
        rows = fleet.ask("config", "versions")["versions"]
        self.assertEqual([number + 2, number + 1, number], [row["number"] for row in rows[:3]])
        self.assertEqual("rolled back", rows[1]["state"])
        self.assertEqual(rows[0]["hash"], rows[2]["hash"])
        fleet.wait_running(*[f"market/trader#{i}" for i in range(3)])
        poll_until(lambda: all(row["state"] == "running" for row in fleet.status().values()))
        self.assertEqual(feed, fleet.pid("market/feed#0"))
        self.assertIn("the tree on disk differs", fleet("status").out)
        # The same, said with a document.
        said = fleet("apply", "--wait=120s", "--json", timeout=150)
        self.assertEqual(1, said.exit, said)
        self.assertEqual(("rolled back", False),
                         (said.document["state"], said.document["reached"]))
        audit = fleet.ask("audit", "list")["entries"]
        self.assertIn(f"rollback of {number + 1}", [entry["command"] for entry in audit])
        fleet.end()

    def test_where_a_value_comes_from(self):
        fleet = self.begin(group={"defaults": {"limits": {"open_files": 200}}})
        write_tree(fleet.tree, {"market/group": {"defaults": {"limits": {"open_files": 300}}}})
        self.edit(fleet, environment={"API_TOKEN": "hunter2"})
        fleet.ask("reload", "--wait")
        said = fleet("set", "market/trader", "limits.open_files", "400", "--wait")
        self.assertEqual(0, said.exit, said)
        self.assertIn("limits.open_files 300 -> 400  (override)", said.out)
        values = fleet.ask("config", "explain", "market/trader#1", "limits")["values"]
        self.assertEqual(["/limits/open_files"], [value["pointer"] for value in values])
        self.assertEqual((400, "override"), (values[0]["value"], values[0]["scope"]))
        self.assertEqual([(300, "group defaults", "market/group.json"),
                          (200, "root defaults", "group.json")],
                         [(each["value"], each["scope"], each["file"])
                          for each in values[0]["overrides"] if each["file"]])
        said = fleet("config", "explain", "market/trader", "limits.open_files")
        self.assertRegex(said.out, r"limits\.open_files +400 +override\n"
                                   r" +over +300 +group defaults +market/group\.json:1:\d+\n")
        everything = fleet("config", "explain", "market/trader")
        self.assertNotIn("hunter2", everything.out)
        self.assertIn("***", everything.out)
        self.assertEqual(5, fleet("config", "explain", "market/trade").exit)
        self.assertEqual(1, fleet("config", "explain", "market/feed", "nothing").exit)
        self.assertEqual(0, fleet("config", "explain", "market/").exit)
        # Taken back.
        said = fleet("unset", "market/trader", "limits.open_files", "--wait")
        self.assertIn("limits.open_files 400 -> 300", said.out)
        # A secret is no value to set.
        for value, expect in (("hunter2", 1), ("${secret:TOKEN}", 6)):
            said = fleet("set", "market/trader", "environment.API_TOKEN", value)
            self.assertEqual(expect, said.exit, said)
        self.assertNotIn("hunter2", fleet("audit", "list").out)
        fleet.end()

    def test_an_earlier_version_comes_back(self):
        fleet = self.begin()
        first = fleet.ask("config", "standing")["version"]
        fleet.ask("set", "market/trader", "description", "other", "--wait")
        self.edit(fleet, replicas=2)
        second = fleet.ask("reload", "--wait")["number"]
        self.assertEqual(1, fleet("config", "diff", first, second).exit)
        said = fleet("config", "diff", first)
        self.assertIn("--- ", said.out)
        self.assertIn("+ set of market/trader", said.out)
        self.assertIn("- market/trader#2 stop: replicas 3 -> 2", said.out)
        self.assertEqual(0, fleet("config", "diff", first, first).exit)
        self.assertEqual(1, fleet("rollback", "999").exit)
        self.assertEqual(1, fleet("rollback", first, "--if-version", first).exit)
        said = fleet("rollback", first, "--wait=60s")
        self.assertEqual(0, said.exit, said)
        fleet.wait_state("market/trader#2", "running")
        rows = {row["number"]: row for row in fleet.ask("config", "versions")["versions"]}
        now = fleet.ask("config", "standing")
        self.assertEqual(rows[first]["hash"], rows[now["version"]]["hash"])
        self.assertEqual({}, fleet.ask("config", "show")["overrides"])
        # Out of the store and into a tree, which is the same.
        to = fleet.directory / "exported"
        said = fleet("config", "export", second, "--to", to)
        self.assertEqual(0, said.exit, said)
        self.assertIn("not in it, for it was set: market/trader", said.out)
        self.assertEqual(2, json.loads((to / "market/trader.json").read_text())["replicas"])
        self.assertEqual(0, run("check", to).exit)
        self.assertEqual(1, fleet("config", "export", second, "--to", to).exit)
        self.assertIn("── market/trader.json", fleet("config", "show", second).out)
        fleet.end()

    def test_an_edit_that_meets_what_was_set(self):
        fleet = self.begin()
        fleet.ask("scale", "market/trader", 5)
        self.edit(fleet, replicas=2)
        said = fleet("apply")
        self.assertEqual(1, said.exit, said)
        self.assertRegex(said.err, r"! market/trader conflict: replicas was set to 5 by uid \d+ at "
                                   r"\S+Z, and the tree now says 2 in place of 3\n")
        self.assertIn("--theirs", said.err)
        self.assertIn("in conflict", fleet("status").out)
        self.assertEqual("conflict", fleet("apply", "--json").error["code"])
        fleet.ask("apply", "--mine", "--wait")
        self.assertEqual(5, sum(name.startswith("market/trader#") for name in fleet.status()))
        self.edit(fleet, replicas=1)
        fleet.ask("apply", "--theirs", "--wait")
        poll_until(lambda: sum(name.startswith("market/trader#") for name in fleet.status()) == 1)
        fleet.end()

    def test_what_was_set_does_not_keep_a_fleet_from_starting(self):
        fleet = self.begin()
        fleet.ask("set", "market/feed", "limits.open_files", "64", "--wait")
        fleet.ask("set", "market/feed", "limits.memory", "64MiB", "--wait")
        fleet("shutdown")
        self.assertEqual(0, fleet.process.wait(60))
        # Above the limit that was set.
        write_tree(fleet.tree, {"market/feed": bot(limits={"memory_high": "128MiB"})})
        fleet.start()
        fleet.wait_running()
        self.assertIn("does not fit the tree", fleet.said())
        self.assertEqual({}, fleet.ask("config", "show")["overrides"])
        fleet.end()

    def test_a_link_that_is_the_tree_leads_to_another_release(self):
        fleet = self.prepared({"one": bot()}, innocents=False)
        other = fleet.directory / "next"
        shutil.copytree(fleet.tree, other)
        write_tree(other, {"two": bot()})
        first = fleet.tree.rename(fleet.directory / "first")
        fleet.tree.symlink_to(first)
        fleet.start()
        fleet.wait_running("one#0")
        fleet.tree.unlink()
        fleet.tree.symlink_to(other)
        fleet.ask("reload", "--wait")
        self.assertEqual({"one#0", "two#0"}, set(fleet.status()))
        fleet.end()

    def test_the_audit_has_it_all(self):
        fleet = self.begin()
        fleet.ask("set", "market/feed", "description", "word", "--wait")
        self.edit(fleet, description="x")
        number = fleet.ask("reload")["number"]
        self.assertEqual(5, fleet("set", "nobody", "nice", "1").exit)
        self.assertEqual(6, fleet("set", "market/feed", "nice", "99").exit)
        entries = fleet.ask("audit", "list")["entries"]
        self.assertEqual(["set market/feed description word --wait=10m", "reload",
                          "set market/feed nice 99"], [entry["command"] for entry in entries])
        self.assertEqual(number, entries[1]["version"])
        self.assertEqual("done", entries[1]["outcome"])
        self.assertIn("refused: config-invalid", entries[2]["outcome"])
        patch = fleet.ask("audit", "show", entries[0]["id"])["entry"]["patch"]
        self.assertIn("word", json.dumps(patch))
        self.assertTrue(fleet.ask("audit", "verify")["ok"])
        fleet.end()

    def test_keys_are_explained_without_a_runtime(self):
        said = run("config", "keys", "limits.memory")
        self.assertEqual(0, said.exit, said)
        self.assertIn("a change   at once", said.out)
        keys = run("config", "keys", "--json").document["keys"]
        self.assertTrue({"command", "replicas", "auto_apply", "strategy"}
                        <= {key["key"] for key in keys})
        said = run("config", "keys", "limit")
        self.assertEqual(1, said.exit)
        self.assertIn("limits", said.err)


if __name__ == "__main__":
    unittest.main()
