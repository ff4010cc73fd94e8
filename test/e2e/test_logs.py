"""`troupe logs` and `troupe attach`: files that a test writes, with and without a runtime, and
the output of real bots."""

import json
import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from log_files import LogFiles, now, stamp
from log_stream import Stream
from troupe_case import Case, poll_until
from troupe_test import PATIENCE, TROUPE, Fleet, clean_environment, faultbot, run

SECOND = 1_000_000
KEYS = ["schema_version", "time", "instance", "incarnation", "text"]


class LogsCase(Case):
    """Cases with a state directory that no runtime uses."""

    def setUp(self):
        self.state = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="troupe-")))
        self.began = now() - 3600 * SECOND

    def log(self, instance, **more):
        return LogFiles(self.state, instance, **more)

    def logs(self, *words, **more):
        return run("--state", self.state, "logs", *words, **more)

    def lines(self, *words, **more):
        result = self.logs(*words, **more)
        self.assertEqual(0, result.exit, result)
        return result.out.splitlines()

    def documents(self, *words):
        result = self.logs(*words, "--json")
        self.assertEqual(0, result.exit, result)
        return result.documents

    def stream(self, *words, command="logs", **more):
        result = Stream("--state", self.state, command, *words, **more)
        self.addCleanup(result.close)
        return result


class Files(LogsCase):
    def test_the_last_lines(self):
        log = self.log("market/trader#0")
        for i in range(1000):
            log.line(f"line {i}", self.began + i * SECOND)
            if i % 300 == 299:
                log.rotate()
        self.assertEqual([f"line {i}" for i in range(900, 1000)], self.lines("market/trader"))
        self.assertEqual(["line 999"], self.lines("market/trader#0", "-n", "1"))
        self.assertEqual([], self.lines("market/trader", "-n", "0"))
        everything = [f"line {i}" for i in range(1000)]
        self.assertEqual(everything, self.lines("market/trader", "--all"))
        self.assertEqual(everything, self.lines("market/trader", "-n", "5000"))
        self.assertEqual(everything[350:], self.lines("market/trader", "-n", "650"))

    def test_since_a_time(self):
        log = self.log("feed#0")
        for i in range(100):
            log.line(f"line {i}", self.began + i * 60 * SECOND - 2400 * SECOND)
        ago = self.lines("feed", "--since", "1h")
        self.assertEqual([f"line {i}" for i in range(41, 100)], ago[-59:])
        self.assertLessEqual(len(ago), 60)
        at = stamp(self.began)
        self.assertIn("line 41", self.lines("feed", "--since", at))
        self.assertEqual(["line 98", "line 99"], self.lines("feed", "--since", at, "-n", "2"))
        self.assertEqual([], self.lines("feed", "--since", "2100-01-01"))
        result = self.logs("feed", "--since", "yesterday-ish", "--json")
        self.assertEqual((2, "bad-time"), (result.exit, result.error["code"]))

    def test_the_process_before(self):
        log = self.log("flaky#0")
        for life in (1, 2, 3):
            log.incarnation = life
            for i in range(150):
                log.line(f"life {life} line {i}", self.began + life * 300 * SECOND + i * SECOND)
            log.rotate() if life == 1 else None
        before = self.lines("flaky", "--previous", "--all")
        self.assertEqual([f"life 2 line {i}" for i in range(150)], before)
        self.assertEqual(before[50:], self.lines("flaky", "-p"))
        self.log("once#0").line("only")
        result = self.logs("once", "-p", "--json")
        self.assertEqual((1, "no-previous"), (result.exit, result.error["code"]))

    def test_several_in_the_order_of_time(self):
        logs = [self.log(f"market/bot{i}#0") for i in range(3)]
        for i in range(30):
            logs[i % 3].line(f"line {i}", self.began + i * 2 * SECOND)
        lines = self.lines("market/", "--all")
        self.assertEqual([f"market/bot{i % 3}#0 | line {i}" for i in range(30)], lines)
        self.assertEqual([f"line {i}" for i in range(30)],
                         self.lines("market/", "--all", "--no-names"))
        self.assertEqual([f"line {i}" for i in range(30)],
                         [line["text"] for line in self.documents("market/", "--all")])
        # Ten of each by default.
        self.log("market/bot0#0").write(b"more\n" * 50)
        self.assertEqual(30, len(self.lines("market/")))

    def test_json(self):
        log = self.log("a#0")
        log.incarnation = 7
        log.line("h\u00e9llo \x1b[31m", self.began)
        log.write(b"\xff\n", self.began)
        first, second = self.documents("a")
        self.assertEqual(KEYS, list(first))
        self.assertEqual(("a#0", 7, "h\u00e9llo \x1b[31m"),
                         (first["instance"], first["incarnation"], first["text"]))
        self.assertEqual(stamp(self.began)[:-1], first["time"][:19])
        self.assertEqual("\ufffd", second["text"])

    def test_what_a_terminal_gets(self):
        log = self.log("a#0")
        log.write(b"\x1b]0;x\a\0\xff tab\there \xc2\x9b31m\r\n")
        shown = r"\x1b]0;x\x07\x00\xff tab" + "\there " + r"\u009b31m"
        self.assertEqual([shown], self.lines("a"))
        raw = self.logs("a", "--raw", binary=True)
        self.assertEqual(log.path().read_bytes(), raw.out)
        at_terminal = self.stream("a", tty=True)
        at_terminal.finish()
        self.assertNotIn("\x1b", at_terminal.text())
        self.assertIn(r"\x1b]0;x", at_terminal.text())
        refused = self.stream("a", "--raw", tty=True)
        self.assertEqual(2, refused.finish())
        self.assertIn("not for a terminal", refused.text())

    def test_colours_at_a_terminal(self):
        for name in ("a", "b"):
            self.log(f"{name}#0").line("text")
        env = {key: value for key, value in clean_environment(TERM="xterm").items()
               if key != "NO_COLOR"}
        coloured = self.stream(tty=True, env=env)
        self.assertEqual(0, coloured.finish())
        self.assertRegex(coloured.text(), "\x1b\\[\\d+ma#0 \\|\x1b\\[0m text")
        plain = self.stream(tty=True)
        self.assertEqual(0, plain.finish())
        self.assertIn("a#0 | text", plain.text())
        self.assertNotIn("\x1b", plain.text())

    def test_which_bot(self):
        for name in ("market/trader#0", "market/trader#1", "flaky#0"):
            self.log(name).line("text")
        for words, hint in ((["market/tradr"], "market/trader"), (["trader"], "market/trader"),
                            (["market"], "market/"), (["nobody#4"], "")):
            result = self.logs(*words, "--json")
            self.assertEqual((5, "no-such-bot"), (result.exit, result.error["code"]), result)
            self.assertIn(hint, result.error["hint"])
        self.assertEqual(2, len(self.lines("market/*")))
        self.assertEqual(1, len(self.lines("**/trader#1")))
        self.assertEqual(3, len(self.lines()))
        result = self.logs("-l", "env=prod", "--json")
        self.assertEqual(3, result.exit)
        self.assertIn("label", result.error["message"])
        for words in (["flaky", "--all", "-n", "3"], ["flaky", "-p", "-f"],
                      ["flaky", "--raw", "--json"], ["flaky", "-n", "many"]):
            self.assertEqual(2, self.logs(*words).exit, words)

    def test_nothing_is_there(self):
        result = self.logs("a", "--json")
        self.assertEqual((3, "no-runtime"), (result.exit, result.error["code"]))
        self.assertEqual(3, run("--state", self.state, "attach", "a", "--json").exit)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
    def test_not_permitted(self):
        self.state.chmod(0o711)
        self.log("a#0").line("secret")
        result = self.logs("a", "--json", user="nobody")
        self.assertEqual((4, "not-permitted"), (result.exit, result.error["code"]), result)
        self.assertNotIn("secret", result.out + result.err)

    def test_files_that_were_meddled_with(self):
        log = self.log("a#0")
        for i in range(50):
            log.line(f"line {i}", self.began + i * 2 * SECOND)
            log.rotate() if i in (10, 20, 30) else None
        log.path("index").unlink()
        log.path("index", 1).write_bytes(log.path("index", 1).read_bytes()[:37])
        log.append(log.path("index", 2), b"\xff" * 100)
        log.path("log", 3).unlink()
        log.path("log", 4).mkdir()
        expected = [f"line {i}" for i in range(11, 50)]
        self.assertEqual(expected, self.lines("a", "--all"))
        self.assertEqual(expected, [line["text"] for line in self.documents("a", "--all")])
        self.assertEqual(0, self.logs("a", "--since", "1d").exit)
        self.assertIn(self.logs("a", "-p").exit, (0, 1))

    def test_a_line_without_end(self):
        log = self.log("a#0")
        log.write(b"one\ntwo")
        self.assertEqual(["one", "two"], self.lines("a"))
        log.write(b"x" * 300_000)
        self.assertEqual("two" + "x" * 300_000, "".join(self.lines("a", "--all")[1:]))

    def test_the_end_of_a_large_log_comes_at_once(self):
        log = self.log("a#0")
        with open(log.path(), "wb") as file:  # a hole: nothing but zeros before the end
            file.truncate(1 << 30)
        log.write(b"\n" + b"".join(b"line %d\n" % i for i in range(100)))
        began = time.monotonic()
        lines = self.lines("a")
        self.assertLess(time.monotonic() - began, PATIENCE / 4)
        self.assertEqual([f"line {i}" for i in range(100)], lines)


class Following(LogsCase):
    def test_over_rotation_truncation_and_removal(self):
        log = self.log("a#0")
        for i in range(30):
            log.line(f"old {i}")
        stream = self.stream("-f", "a")
        stream.wait_line("old 29")
        self.assertEqual(10, len(stream.lines))
        for i in range(200):
            log.line(f"new {i}")
            if i % 20 == 0:
                log.rotate()
                stream.wait_line(f"new {i}$")
        log.line("before the cut")
        stream.wait_line("before the cut")
        os.truncate(log.path(), 0)
        log.line("after the cut")
        stream.wait_line("after the cut")
        log.path().unlink()
        log.path("index").unlink()
        log.line("after the removal")
        stream.wait_line("after the removal")
        expected = [f"old {i}" for i in range(20, 30)] + [f"new {i}" for i in range(200)]
        expected += ["before the cut", "after the cut", "after the removal"]
        self.assertEqual(expected, [line.decode() for line in stream.lines])
        stream.interrupt()
        self.assertEqual(130, stream.finish())

    def test_whole_lines_only(self):
        log = self.log("a#0")
        log.line("first")
        stream = self.stream("-f", "a")
        stream.wait_line("first")
        log.write(b"half a ")
        log.write(b"line\nand half")
        stream.wait_line("^half a line$")
        self.assertEqual(2, len(stream.lines))
        self.assertEqual(b"", stream.partial)

    def test_what_appears_later(self):
        self.log("market/feed#0").line("feeding")
        stream = self.stream("-f", "market/")
        stream.wait_line("feeding")
        self.log("market/deep/new#0").line("in a new folder")
        stream.wait_line("market/deep/new#0 +| in a new folder")
        self.log("market/feed#1").line("second instance")
        stream.wait_line(r"market/feed#1 +\| second instance")
        self.log("other#0").line("not meant")
        self.log("market/feed#0").line("last")
        stream.wait_line(r"market/feed#0 +\| last")
        self.assertNotIn("not meant", stream.text())

    def test_a_flood_over_many_rotations(self):
        log = self.log("a#0", keep=50)
        log.line("begin")
        stream = self.stream("-f", "a", "-n", "0", "--json")
        # Only what comes after it was there is awaited.
        poll_until(lambda: log.line("ready?") or stream.lines)
        log.line("steady")
        stream.wait_line("steady")
        count = 20_000
        for i in range(count):
            log.line(f"number {i}")
            if i % 1000 == 0:
                log.rotate()
        stream.wait_line(f"number {count - 1}\"")
        numbers = [int(text.split()[1]) for text in
                   (json.loads(line)["text"] for line in stream.lines) if text.startswith("number")]
        self.assertEqual(list(range(count)), numbers)

    def test_a_reader_that_is_gone(self):
        log = self.log("a#0")
        log.line("text")
        process = subprocess.Popen([TROUPE, "--state", self.state, "logs", "-f", "a"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=clean_environment())
        self.addCleanup(process.stderr.close)
        self.assertEqual(b"text\n", process.stdout.readline())
        process.stdout.close()
        poll_until(lambda: log.line("more") or process.poll() is not None, pause=0.05)
        self.assertEqual(b"", process.stderr.read())


class WithRuntime(Case):
    """The runtime says which bots there are; what they wrote, the test writes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shared = Fleet({
            "market/feed": {**faultbot(), "labels": {"env": "prod"}},
            "market/trader": {**faultbot(), "replicas": 2},
            "silent": faultbot(),
        })
        cls.addClassCleanup(cls.shared.discard)
        cls.shared.start()
        cls.shared.wait_running("market/feed#0", "market/trader#0", "market/trader#1", "silent#0")

    def setUp(self):
        self.addCleanup(self.tell, self.shared)
        for name in ("market/feed#0", "market/trader#0", "market/trader#1", "gone/bot#0"):
            log = LogFiles(self.shared.state, name)
            for kind in ("log", "index"):
                log.path(kind).unlink(missing_ok=True)
            log.line(f"text of {name}")

    @classmethod
    def tearDownClass(cls):
        cls.shared.end()

    def lines(self, *words):
        result = self.shared("logs", *words)
        self.assertEqual(0, result.exit, result)
        return result.out.splitlines()

    def test_targets(self):
        self.assertEqual(["text of market/feed#0"], self.lines("-l", "env=prod"))
        self.assertEqual(["market/trader#0 | text of market/trader#0",
                          "market/trader#1 | text of market/trader#1"],
                         self.lines("market/trader"))
        self.assertEqual(3, len(self.lines("market/")))
        # Of all, what the fleet has; by name, what it had too.
        self.assertEqual(3, len(self.lines()))
        self.assertEqual(["text of gone/bot#0"], self.lines("gone/bot"))
        result = self.shared("logs", "market/tradr", "--json")
        self.assertEqual(5, result.exit)
        self.assertIn("market/trader", result.error["hint"])
        result = self.shared("logs", "silent")
        self.assertEqual((0, ""), (result.exit, result.out))
        self.assertIn("silent#0 has not written anything yet", result.err)

    def test_a_runtime_that_hangs(self):
        runtime = self.shared.runtime
        os.kill(runtime, signal.SIGSTOP)
        try:
            self.assertEqual(["text of market/feed#0"], self.lines("market/feed"))
            # By names alone it is not known what left the fleet.
            self.assertEqual(4, len(self.lines()))
        finally:
            os.kill(runtime, signal.SIGCONT)
        self.shared.wait_answer()

    def test_words_of_other_tools(self):
        for word in ("tail", "log", "journal"):
            self.assertEqual(["text of market/feed#0"],
                             self.shared(word, "market/feed").out.splitlines())
        result = self.shared("maintail", "--json")
        self.assertEqual(2, result.exit)
        self.assertIn("troupe logs", result.error["hint"])

    def test_follow_over_a_restart_of_the_runtime(self):
        log = LogFiles(self.shared.state, "silent#0")
        stream = Stream("--state", self.shared.state, "logs", "-f", "silent")
        self.addCleanup(stream.close)
        poll_until(lambda: log.line("before") or stream.lines)
        self.shared.kill_runtime()
        self.shared.wait_answer()
        log.line("after")
        stream.wait_line("after")
        for path in (log.path(), log.path("index")):
            path.unlink()

    def test_attach(self):
        fleet = self.shared
        log = LogFiles(fleet.state, "market/feed#0")
        for command in ("attach", "fg"):
            stream = Stream("--state", fleet.state, command, "market/feed")
            self.addCleanup(stream.close)
            stream.wait_line("^── market/feed#0 is running, pid ")
            stream.wait_line("text of market/feed#0")
            log.line(f"seen by {command}")
            stream.wait_line(f"^seen by {command}$")
            fleet.ask("restart", "market/feed", "--wait")
            stream.wait_line(r"^── \d\d:\d\d:\d\d running → stopping: .*uid 0")
            stream.wait_line(r"^── \d\d:\d\d:\d\d starting → running")
            log.line(f"and later by {command}")
            stream.wait_line(f"later by {command}$")
            stream.interrupt()
            self.assertEqual(130, stream.finish())
        stream = Stream("--state", fleet.state, "attach", "market/feed#0", "--json", "-n", "1")
        self.addCleanup(stream.close)
        stream.wait_line("later by fg")
        fleet.ask("restart", "market/feed", "--wait")
        stream.wait_line('"to":"running"')
        documents = [json.loads(line) for line in stream.lines]
        self.assertEqual(KEYS, list(documents[0]))
        self.assertTrue(all("text" in each or "cause" in each for each in documents))
        for bot, code in (("nobody", 5), ("market/", 2)):
            result = fleet("attach", bot, "--json")
            self.assertEqual((code, code), (result.exit, result.error["exit"]), result)

    def test_attach_over_a_restart_of_the_runtime(self):
        fleet = self.shared
        stream = Stream("--state", fleet.state, "attach", "silent")
        self.addCleanup(stream.close)
        stream.wait_line("is running")
        fleet.kill_runtime()
        fleet.wait_answer()
        fleet.ask("restart", "silent", "--wait")
        stream.wait_line("running → stopping")

    def test_at_the_prompt(self):
        log = LogFiles(self.shared.state, "market/trader#0")
        with tempfile.TemporaryDirectory() as home:
            shell = Stream("--state", self.shared.state, "shell", tty=True,
                           env=clean_environment(HOME=home, TERM="xterm"))
            self.addCleanup(shell.close)
            shell.wait_prompt()
            for command in ("logs -f market/trader#0", "attach market/trader#0"):
                shell.type(command + "\n")
                poll_until(lambda: log.line(f"seen at {command}")
                           or f"\nseen at {command}" in shell.text(), pause=0.1)
                shell.type("\x03")
                shell.wait_prompt()
            shell.type("ping\n")
            shell.wait_line("the runtime answers")
            shell.wait_prompt()
            shell.type("exit\n")
            self.assertEqual(0, shell.finish())


class RealOutput(Case):
    """What bots really write, through the runtime."""

    def test_output_of_bots(self):
        fleet = self.fleet({
            "talker": {**faultbot("--say=hello", "--say=tab\there"), "replicas": 2},
            "flaky": {**faultbot("--say=life", "--exit=3"), "delay": {"initial": "50ms"},
                      "failed_starts": 3}}, innocents=False)
        fleet.wait_running("talker#0", "talker#1")
        poll_until(lambda: fleet("logs", "talker").out.count("tab\there") == 2)
        self.assertEqual(["hello", "tab\there"], fleet("logs", "talker#1").out.splitlines())
        fleet.wait_state("flaky#0", "failed")
        poll_until(lambda: len(fleet("logs", "flaky").out.splitlines()) >= 3)
        lines = fleet("logs", "flaky", "--json").documents
        self.assertEqual([1, 2, 3], [line["incarnation"] for line in lines][:3])
        before = fleet("logs", "flaky", "-p", "--json").documents
        self.assertEqual([lines[-1]["incarnation"] - 1], [line["incarnation"] for line in before])
        self.assertLess(lines[-1]["time"], stamp(now() + 60 * SECOND))
        self.assertGreater(lines[0]["time"], stamp(now() - 3600 * SECOND))
        fleet.end()

    def test_logs_stay_when_the_fleet_has_ended(self):
        fleet = self.fleet({"talker": faultbot("--say=hello")}, innocents=False)
        fleet.wait_running("talker#0")
        poll_until(lambda: "hello" in fleet("logs", "talker").out)
        fleet.ask("shutdown", "--wait")
        result = fleet("logs", "talker")
        self.assertEqual((0, "hello\n"), (result.exit, result.out), result)
        fleet.end(how=0)

    def test_rotation_under_a_flood(self):
        count = 200_000
        fleet = self.fleet({"flood": {
            "command": ["/bin/sh", "-c", f"seq -f 'number %.0f' 1 {count}; exec sleep 1000"],
            "log": {"max_size": "100KiB", "keep": 100}, "autostart": False}}, innocents=False)
        follower = Stream("--state", fleet.state, "logs", "-f", "flood")
        self.addCleanup(follower.close)
        fleet.ask("start", "flood")
        follower.wait_line(f"^number {count}$")
        expected = [f"number {i}" for i in range(1, count + 1)]
        self.assertEqual(expected, [line.decode() for line in follower.lines])
        self.assertEqual(expected, fleet("logs", "flood", "--all").out.splitlines())
        self.assertEqual(expected[-5000:], fleet("logs", "flood", "-n", "5000").out.splitlines())

    def test_follow_and_attach(self):
        fleet = self.fleet({"ticker": {"command": [
            "/bin/sh", "-c", "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.02; done"]}},
            innocents=False)
        fleet.wait_running("ticker#0")
        follower = Stream("--state", fleet.state, "logs", "-f", "ticker", "--all")
        self.addCleanup(follower.close)
        attached = Stream("--state", fleet.state, "attach", "ticker")
        self.addCleanup(attached.close)
        follower.wait_line("^tick 20$")
        fleet.kill_runtime()
        fleet.wait_answer()
        follower.wait(lambda: follower.lines.count(b"tick 5") >= 1 and len(follower.lines) > 100,
                      "a hundred ticks")
        # One life, each tick once and in order. What the runtime had read and not written yet when
        # it was killed is lost (docs/logs.md): one gap, of less than a second.
        ticks = [int(line.split()[1]) for line in follower.lines]
        steps = [after - before for before, after in zip(ticks, ticks[1:])]
        self.assertEqual(1, ticks[0])
        self.assertEqual(1, min(steps), ticks)
        self.assertLessEqual(len([step for step in steps if step > 1]), 1, ticks)
        self.assertLessEqual(max(steps), 50, ticks)
        fleet.ask("restart", "ticker", "--wait")
        attached.wait_line("running → stopping")
        follower.wait(lambda: follower.lines.count(b"tick 5") == 2, "a second life")


if __name__ == "__main__":
    unittest.main()
