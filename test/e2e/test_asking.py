"""The commands that ask the runtime: wait, why, graph, env, limits, stats."""

import os
import signal
import subprocess
import time

from troupe_case import Case, poll_until
from troupe_test import PATIENCE, TROUPE, Fleet, clean_environment, faultbot


class Asking(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        fleet = cls.shared = Fleet({
            "group": {"defaults": {"start_grace": "100ms",
                                   "delay": {"initial": "100ms", "jitter": 0}}},
            "web/group": {"strategy": "rest_for_one", "order": ["redis", "server", "extra"]},
            "web/redis": {**faultbot(), "limits": {"open_files": 64, "memory": "512MiB"},
                          "environment": {"API_TOKEN": "hush-1", "PLAIN": "seen",
                                          "MADE": "x-${secret:db}"},
                          "environment_file": "more.env"},
            "web/server": {**faultbot(), "depends_on": {"redis": "ready"}},
            "web/extra": {**faultbot(), "depends_on": {"redis": "ready"}},
            "front": {**faultbot(), "replicas": 2, "depends_on": {"web/": "ready"}},
            "broken": {**faultbot("--exit=3", "--say=oh no"), "failed_starts": 2},
            "middle": {**faultbot(), "depends_on": {"broken": "ready"}},
            "needy": {**faultbot(), "depends_on": {"middle": "ready"}},
            "idle": {**faultbot(), "autostart": False},
            "once": {**faultbot("--exit=0"), "restart": "transient", "autostart": False},
        })
        cls.addClassCleanup(fleet.discard)
        (fleet.tree / "web" / "more.env").write_text("FILED=hush-3\n")
        (fleet.tree / "secrets").mkdir()
        (fleet.tree / "secrets" / "db").write_text("hush-2")
        (fleet.tree / "secrets" / "db").chmod(0o600)
        fleet.start()
        fleet.wait_state("broken#0", "failed")

    @classmethod
    def tearDownClass(cls):
        cls.shared.ask("shutdown")
        cls.shared.end(how=0)

    def setUp(self):
        self.addCleanup(self.tell, self.shared)

    def ask(self, *words, **more):
        return self.shared.ask(*words, **more)

    # -- wait --------------------------------------------------------------------------------

    def test_wait_until_all_are_up(self):
        document = self.ask("wait", "web/", "front", f"--wait={PATIENCE}s")
        self.assertEqual((True, 5, 5), (document["reached"], document["total"],
                                        document["there"]))
        plain = self.shared("wait", "front", "--for", "ready", f"--wait={PATIENCE}s")
        self.assertEqual((0, "all 2 instances are ready\n", ""),
                         (plain.exit, plain.out, plain.err))

    def test_wait_ends_when_it_cannot_come(self):
        began = time.monotonic()
        plain = self.shared("wait", "broken", "--wait=10m")
        self.assertEqual((1, ""), (plain.exit, plain.out))
        self.assertIn("broken#0 is failed and will not be running by itself", plain.err)
        self.assertLess(time.monotonic() - began, PATIENCE)
        document = self.ask("wait", "broken", "--wait=10m", expect=1)
        self.assertEqual((False, True), (document["reached"], document["failed"]))
        self.assertEqual(0, self.shared("wait", "broken", "--for", "failed").exit)
        self.assertEqual(1, self.shared("wait", "front", "--for", "completed").exit)

    def test_wait_runs_out(self):
        plain = self.shared("wait", "needy", "--wait=200ms")
        self.assertEqual((124, ""), (plain.exit, plain.out))
        self.assertIn("1 of 1 instance is not running after 0.2 s", plain.err)
        self.assertIn("needy#0 is waiting: waits for middle#0 (waiting)", plain.err)
        document = self.ask("wait", "needy", "--wait=0", expect=124)
        self.assertEqual("needy#0", document["missing"][0]["name"])

    def test_wait_is_refused(self):
        for exit, *words in ((5, "nobody"), (2, "idle", "--for", "runing"), (2, "idle", "--for="),
                             (2, "idle", "--wait", "5s")):
            result = self.shared("wait", *words, "--json")
            self.assertEqual(exit, result.exit, result)
            self.assertTrue(result.error["message"])

    def test_wait_across_a_new_runtime(self):
        waiting = subprocess.Popen(
            [TROUPE, "--state", self.shared.state, "wait", "once", "--for", "completed",
             f"--wait={PATIENCE}s"], env=clean_environment(), stdout=subprocess.PIPE, text=True)
        self.addCleanup(waiting.stdout.close)
        self.shared.kill_runtime()
        poll_until(lambda: self.shared("start", "once").exit == 0)
        self.assertEqual(0, waiting.wait(PATIENCE))
        self.assertEqual("it is completed\n", waiting.stdout.read())

    # -- why ---------------------------------------------------------------------------------

    @staticmethod
    def line(story, instance, words):
        found = [i for i, one in enumerate(story["chain"])
                 if one["instance"] == instance and words in one["what"]]
        return found[0] if found else None

    def leads(self, story, begin, end):
        if begin is None or end is None:
            return False
        return any(n == end or self.leads(story, n, end) for n in story["chain"][begin]["led_to"])

    def test_why_after_a_kill(self):
        fleet = self.shared
        self.ask("wait", "web/", f"--wait={PATIENCE}s")
        mark = fleet.mark()
        os.kill(fleet.pid("web/redis#0"), signal.SIGKILL)
        for dependent in ("web/server#0", "web/extra#0"):
            fleet.wait_state(dependent, "running", after=mark)
        for asked in ("web/redis", "web/server", "web/extra"):
            story = self.ask("why", asked)
            self.assertEqual("running", story["state"], story)
            death = self.line(story, "web/redis#0", "killed by signal 9 (KILL)")
            self.assertEqual(0, death, story)
            self.assertTrue(self.leads(story, death, self.line(
                story, "web/redis#0", "tried again after 0.1 s (attempt 1 of 15)")), story)
            for dependent in ("web/server#0", "web/extra#0"):
                round = self.line(story, dependent, "rest_for_one: web/redis#0 killed by signal 9")
                self.assertTrue(self.leads(story, death, round), story)
                self.assertTrue(self.leads(story, round, self.line(story, dependent, "running")),
                                story)
            self.assertIsNone(story["next"])
        plain = fleet("why", "web/redis")
        self.assertEqual((0, ""), (plain.exit, plain.err))
        self.assertIn("before that: killed by signal 9 (KILL)", plain.out)
        self.assertIn("\n→ ", plain.out)

    def test_why_it_waits(self):
        story = self.ask("why", "needy")
        self.assertEqual("broken#0", story["root"])
        given_up = self.line(story, "broken#0", "given up: exited with code 3")
        self.assertTrue(self.leads(story, given_up, self.line(
            story, "needy#0", "waits for middle#0")), story)
        self.assertEqual("probe", story["root_next"]["what"])
        self.assertEqual([("middle", "ready", "middle#0 (waiting)")],
                         [(one["target"], one["until"], one["missing"])
                          for one in story["waits_for"]])
        self.assertEqual("oh no", story["last_death"]["output"].strip())
        self.assertEqual((2, 2), (story["budget"]["failed_starts"],
                                  story["budget"]["failed_starts_limit"]))
        plain = self.shared("why", "needy")
        self.assertIn("    | oh no", plain.out)
        self.assertIn("next: broken#0: probe 1 in ", plain.out)

    def test_why_it_is_stopped(self):
        self.ask("wait", "front", f"--wait={PATIENCE}s")
        self.ask("stop", "front#1", "--wait")
        story = self.ask("why", "front")
        self.assertEqual(("front#1", "stopped"), (story["instance"], story["state"]))
        self.assertIsNotNone(self.line(story, "front#1", f"asked by uid {os.geteuid()}"))
        self.assertEqual(["front#0"], [one["name"] for one in story["others"]])
        self.ask("start", "front#1", "--wait")
        self.ask("pause", "front#1")  # what was just done is known
        self.assertIsNotNone(self.line(self.ask("why", "front#1"), "front#1", "paused: asked by"))
        self.ask("resume", "front#1", "--wait")
        self.assertIn("started, asked by uid", self.ask("why", "front#1")["summary"])
        self.assertEqual("idle#0 was never asked to run", self.ask("why", "idle")["summary"])
        self.assertEqual(5, self.shared("why", "nobody").exit)
        self.assertEqual(2, self.shared("why", "web/").exit)

    # -- graph, env, limits, stats --------------------------------------------------------------

    def test_graph(self):
        self.ask("wait", "web/", "front", f"--wait={PATIENCE}s")
        document = self.ask("graph", "front")
        self.assertEqual(["front", "web/extra", "web/redis", "web/server"],
                         [node["name"] for node in document["nodes"]])
        edges = {(e["from"], e["to"], e["until"], e["by"]) for e in document["edges"]}
        self.assertIn(("front", "web/", "ready", "depends_on"), edges)
        self.assertIn(("web/extra", "web/server", "started", "order"), edges)
        for step in document["critical"]:
            self.assertLessEqual(step["admitted"], step["started"])
            self.assertLessEqual(step["started"], step["ready"])
        plain = self.shared("graph").out
        self.assertIn("needy  waiting\n└─ middle  waiting  ready\n   └─ broken  failed  ready\n",
                      plain)
        dot = self.shared("graph", "--dot").out
        self.assertTrue(dot.startswith("digraph "), dot)
        self.assertIn('"needy" -> "middle" [label="ready"];', dot)

    def test_env(self):
        self.ask("wait", "web/redis", f"--wait={PATIENCE}s")
        result = self.shared("env", "web/redis", "--json")
        document = result.document
        self.assertEqual(self.shared.pid("web/redis#0"), document["pid"])
        rows = {row["name"]: row for row in document["variables"]}
        for name in ("API_TOKEN", "MADE", "FILED"):
            self.assertEqual(("***", True), (rows[name]["value"], rows[name]["masked"]), rows[name])
        self.assertEqual(("seen", "environment"), (rows["PLAIN"]["value"],
                                                   rows["PLAIN"]["source"]))
        self.assertEqual("environment_file", rows["FILED"]["source"])
        self.assertEqual("runtime", rows["TROUPE_BOT"]["source"])
        for said in (result.out, self.shared("env", "web/redis").out):
            self.assertNotIn("hush", said)
        # The process really has them.
        with open(f"/proc/{document['pid']}/environ", encoding="utf-8") as file:
            self.assertIn("MADE=x-hush-2\0", file.read())
        document = self.ask("env", "idle")
        self.assertIsNone(document["pid"])
        self.assertIn("PATH", [row["name"] for row in document["variables"]])

    def test_limits(self):
        self.ask("wait", "web/redis", f"--wait={PATIENCE}s")
        document = self.ask("limits", "web/redis")
        self.assertIsNone(document["runtime"])
        rows = {row["name"]: row for row in document["instances"][0]["limits"]}
        self.assertEqual(64, rows["open_files"]["limit"])
        pid = self.shared.pid("web/redis#0")
        self.assertEqual(len(os.listdir(f"/proc/{pid}/fd")), rows["open_files"]["used"])
        memory = rows["memory"]
        self.assertEqual(memory["limit"] is None, bool(memory["unenforced"]), memory)
        self.assertGreater(memory["used"], 100_000)
        runtime = {row["name"]: row for row in self.ask("limits")["runtime"]}
        self.assertEqual(64, runtime["sessions"]["limit"])
        self.assertGreaterEqual(runtime["sessions"]["used"], 1)
        self.assertEqual(100_000, runtime["events"]["limit"])
        self.assertGreater(runtime["runtime_files"]["used"], 5)
        self.assertIn("open files", self.shared("limits", "web/").out)

    def test_stats(self):
        document = self.ask("stats")
        rows = {row["name"]: row for row in document["instances"]}
        broken = rows["broken#0"]
        self.assertEqual((2, 2, {"code 3": 2}), (broken["starts"], broken["ends"],
                                                 broken["ends_by"]))
        self.assertGreater(broken["max_memory_bytes"], 100_000)
        self.ask("wait", "web/redis", f"--wait={PATIENCE}s")
        redis = self.ask("stats", "web/redis")["instances"][0]
        self.assertGreaterEqual(redis["ready_p50_s"], 0.1)
        self.assertGreater(redis["up_share"], 0)
        fleet = document["fleet"]
        self.assertEqual(self.shared.runtime, fleet["machine"]["runtime_pid"])
        self.assertEqual(self.shared.keeper, fleet["machine"]["keeper_pid"])
        self.assertGreater(fleet["journal"]["writes"], 0)
        self.assertEqual(len(rows), fleet["ledger"]["instances"])
        plain = self.shared("stats").out
        self.assertIn("2× code 3", plain)
        self.assertIn("runtime: pid ", plain)

    def test_words_of_other_tools(self):
        for word, command in (("list-dependencies", "graph"), ("critical-chain", "graph"),
                              ("metrics", "stats")):
            self.assertEqual(self.shared(command, "--help").out, self.shared(word, "--help").out)
        self.assertEqual(0, self.shared("printenv", "idle").exit)


if __name__ == "__main__":
    import unittest
    unittest.main()
