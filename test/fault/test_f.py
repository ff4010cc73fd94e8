"""Faults of the configuration: F01, F02, F03, F06, F07, F10, F11, F13."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from troupe_case import Case, root_only
from troupe_test import (PATIENCE, SANITIZED, TROUPE, Fleet, clean_environment, run,
                         write_tree)

SAMPLE = """// A sample with every kind of value.
{
  "command": ["sleep", "1000"], "replicas": 2,
  "delay": {"initial": "500ms", "factor": 2.5},
  "labels": {"env": "prod", "unicode": "\\u00e9"},
  "autostart": false, "instances": {"1": {"nice": -3}}
}
"""

# (setting of a bot, key that the complaint is about)
BAD_VALUES = [
    *(({"command": value}, "/command") for value in
      ("sleep 1", [], 7, True, {}, ["sleep", 1], [["sleep"]])),
    *(({"replicas": value}, "/replicas") for value in
      (-1, 1.5, "2", [], {}, True, 0, 1e30, 18446744073709551616)),
    *(({"stop_timeout": value}, "/stop_timeout") for value in
      ("10", "10 parsecs", 10, -1, "-1s", "", "s", "1e400s", [], "99999999999999999999h", True)),
    *(({"delay": value}, "/delay") for value in
      ("1s", [], {"initial": -5}, {"initial": "x"}, {"factor": 0}, {"factor": "2"},
       {"jitter": 2}, {"jitter": -0.1}, {"max": "1"}, {"factor": -1})),
    *(({"limits": value}, "/limits") for value in
      ({"memory": "64"}, {"memory": "-1MiB"}, {"memory": "1ZiB"}, {"open_files": -1},
       {"open_files": "many"}, {"cpu": 0}, {"memory": 64}, [])),
    *(({"stop_signal": value}, "/stop_signal") for value in ("SIGNONE", 999, "", -1, [])),
    *(({"umask": value}, "/umask") for value in ("999", 18, "rwx")),
    *(({"restart": value}, "/restart") for value in ("sometimes", 1, True)),
    *(({"environment": value}, "/environment") for value in ({"A": 1}, ["A=1"], "A=1")),
    *(({"success_codes": value}, "/success_codes") for value in ([-1], [256], ["0"], 0)),
    *(({"nice": value}, "/nice") for value in (40, -40, "low")),
    *(({"max_restarts": value}, "/max_restarts") for value in
      (5, {"count": -1, "within": "1m"}, {"count": 1, "within": "1"})),
    *(({"depends_on": value}, "/depends_on") for value in ("feed", {"feed": "soon"})),
]


class Check(Case):
    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="troupe-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.tree = self.directory / "fleet"

    def check(self, files, expect=6):
        """`troupe check` of a tree of these files; returns its document."""
        shutil.rmtree(self.tree, ignore_errors=True)
        write_tree(self.tree, {"group": {}, **files})
        result = run("check", self.tree, "--json")
        self.assertEqual(expect, result.exit, result)
        self.assertEqual(expect == 0, result.document["ok"])
        return result.document

    def only_error(self, files):
        errors = self.check(files)["errors"]
        self.assertEqual(1, len(errors), errors)
        return errors[0]

    def test_F01_syntax_error_at_start(self):
        error = self.only_error({"bot.json": '{\n  "command": ["sleep" "1"]\n}\n'})
        self.assertEqual((2, True), (error["line"], error["file"].endswith("bot.json")))
        self.assertGreater(error["column"], 1)
        # Nothing is started, and no state is left in the way of the next try.
        fleet = Fleet({"bot.json": "{"})
        self.addCleanup(fleet.discard)
        fleet.launch()
        self.assertEqual(6, fleet.process.wait(PATIENCE), fleet.said())
        self.assertRegex(fleet.said(), r"bot\.json:1:\d+")
        fleet.check_nothing_left()

    def test_F01_truncated_at_each_byte(self):
        self.check({"bot.json": SAMPLE}, 0)
        text = SAMPLE.rstrip()
        step = 7 if SANITIZED else 1
        for length in range(0, len(text), step):
            (self.tree / "bot.json").write_text(text[:length])
            result = run("check", self.tree, "--json")
            self.assertEqual(6, result.exit, f"cut at {length}: {result}")
            self.assertTrue(result.document["errors"][0]["message"])

    def test_F02_circles_and_depth(self):
        bot = {"command": ["true"], "extends": "a"}
        error = self.only_error({"bot": bot, "mixins/a": {"extends": "a"}})
        self.assertRegex(error["message"], r"a -> a|a → a")
        error = self.only_error({"bot": bot, "mixins/a": {"extends": "b"},
                                 "mixins/b": {"extends": ["c"]}, "mixins/c": {"extends": "a"}})
        self.assertRegex(error["message"], r"a (->|→) b (->|→) c (->|→) a")
        deep = {f"mixins/m{i}": {"extends": f"m{i + 1}"} for i in range(1000)}
        errors = self.check({"bot": {**bot, "extends": "m0"}, **deep, "mixins/m1000": {}})["errors"]
        self.assertTrue(any("32" in json.dumps(error) for error in errors), errors[:3])

    def test_F03_too_large(self):
        write_tree(self.tree, {"group": {}, "good": {"command": ["sleep", "1"]}})
        with open(self.tree / "huge.json", "wb") as file:
            file.truncate(1 << 30)
        self.check_bounded("huge.json")
        (self.tree / "huge.json").unlink()
        (self.tree / "deep.json").write_text('{"command": ' + "[" * 100000)
        self.check_bounded("deep.json")
        (self.tree / "deep.json").unlink()
        (self.tree / "many.json").write_text('{"command": ["true"], "replicas": 1000000000}')
        self.check_bounded("many.json")

    def check_bounded(self, name):
        """The tree is refused, because of that file, with little memory."""
        with subprocess.Popen([str(TROUPE), "check", str(self.tree), "--json"],
                              stdout=subprocess.PIPE, env=clean_environment()) as process:
            out = process.stdout.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(6, process.returncode, out)
        self.assertIn(name.encode(), out)
        if not SANITIZED:
            self.assertLess(used.ru_maxrss, 100 * 1024, "KiB resident")

    def test_F06_unknown_key(self):
        error = self.only_error({"bot": {"command": ["true"], "restrat": "permanent"}})
        self.assertEqual("/restrat", error["pointer"])
        self.assertIn("restart", error["hint"])
        error = self.only_error({"bot": {"command": ["true"]}, "g/x": {"command": ["true"]},
                                 "g/group": {"stratgy": "one_for_all"}})
        self.assertEqual("/stratgy", error["pointer"])
        self.assertIn("strategy", error["hint"])

    def test_F07_bad_values(self):
        self.assertGreaterEqual(len(BAD_VALUES), 60)
        # All in one tree: every error of every file is told at once.
        files = {f"b{i:03}": {"command": ["true"], **setting}
                 for i, (setting, _) in enumerate(BAD_VALUES)}
        errors = {}
        for error in self.check(files)["errors"]:
            errors.setdefault(Path(error["file"]).stem, []).append(error)
        for i, (setting, pointer) in enumerate(BAD_VALUES):
            with self.subTest(setting=setting):
                found = errors.get(f"b{i:03}", [])
                self.assertTrue(found, "taken without a word")
                self.assertTrue(any(e["pointer"].startswith(pointer) for e in found), found)
                for error in found:
                    self.assertTrue(error["message"] and error["line"] >= 1, error)

    def test_F10_encodings(self):
        good = '{"command": ["sleep", "1"]}'
        self.check({"bom.json": b"\xef\xbb\xbf" + good.encode(),
                    "crlf.json": good.replace(" ", "\r\n")}, 0)
        for name, content in (("latin.json", b'{"command": ["caf\xe9"]}'),
                              ("nul.json", b'{"command": ["a\0b"]}'),
                              ("wide.json", good.encode("utf-16"))):
            with self.subTest(name):
                errors = self.check({name: content})["errors"]
                self.assertIn(name, errors[0]["file"])
                self.assertGreaterEqual(errors[0]["column"], 1)

    @root_only
    def test_F11_unreadable_and_writable_by_all(self):
        write_tree(self.tree, {"group": {}, "bot": {"command": ["true"]}})
        self.directory.chmod(0o755)
        (self.tree / "bot.json").chmod(0o666)
        result = run("check", self.tree, "--json")
        self.assertEqual(6, result.exit, result)
        self.assertIn("bot.json", result.document["errors"][0]["file"])
        (self.tree / "bot.json").chmod(0o000)
        # Root reads everything, so somebody else looks.
        result = run("check", self.tree, "--json", user="nobody")
        self.assertEqual(6, result.exit, result)
        self.assertIn("Permission denied", result.document["errors"][0]["message"])

    def test_F13_semantics(self):
        bot = {"command": ["true"]}
        error = self.only_error({"feed": bot, "trader": {**bot, "depends_on": {"fead": "ready"}}})
        self.assertIn("fead", error["message"])
        self.assertIn("feed", error["hint"])
        errors = self.check({"a": {**bot, "depends_on": {"b": "ready"}},
                             "b": {**bot, "depends_on": {"c": "ready"}},
                             "c": {**bot, "depends_on": {"a": "ready"}}})["errors"]
        self.assertEqual(1, len(errors), errors)
        self.assertRegex(errors[0]["message"], r"a.*->.*b.*->.*c.*->.*a|→")
        error = self.only_error({"x": bot, "x/y": bot})
        self.assertIn("one name", error["message"])
        self.assertRegex(error["file"], r"^x(\.json|/)")


if __name__ == "__main__":
    unittest.main()
