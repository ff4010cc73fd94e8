"""The man pages: complete, and without a warning of those who know."""

import json
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from troupe_test import BIN, Failed, run

SHARE = BIN.parent / "share"
SCHEMAS = Path(__file__).parents[2] / "config/schema"


def shown(page):
    """The page as a reader sees it."""
    environment = {**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8"}
    text = subprocess.run(["groff", "-man", "-Tutf8", "-P-cbou", "-rLL=190n", page],
                          stdout=subprocess.PIPE, check=True, env=environment).stdout.decode()
    return text.replace("\u2010", "-")


class Pages(unittest.TestCase):
    pages = [SHARE / "man/troupe.1", SHARE / "man/troupe.5"]

    def setUp(self):
        for page in self.pages:
            if not page.exists():
                raise Failed(f"{page} is not built: it is made by the target troupe_pages")

    def test_groff_has_nothing_to_say(self):
        for page in self.pages:
            result = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", page],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual((0, ""), (result.returncode, result.stdout.decode()), page)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc_has_nothing_to_say(self):
        for page in self.pages:
            result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual((0, ""), (result.returncode, result.stdout.decode()), page)

    def test_every_command_and_option_is_there(self):
        text = shown(self.pages[0])
        listed = re.findall(r"^  (\w+)  ", run("help").out, re.M)
        self.assertGreater(len(listed), 20)
        for name in listed:
            self.assertIn(f"troupe {name}", text)
            for flag in re.findall(r"^  (?:-\w, )?(--[\w-]+)", run("help", name).out, re.M):
                self.assertRegex(text, re.escape(flag))
        self.assertIn("$XDG_STATE_HOME/troupe", text)

    def test_every_key_is_there(self):
        text = shown(self.pages[1])
        for name in ("bot", "group", "profile", "tenant", "runtime"):
            keys = json.loads((SCHEMAS / f"{name}.json").read_text())["properties"]
            for key in keys.keys() - {"$schema"}:
                self.assertRegex(text, rf"(?m)^ +{key}( |$)")
        self.assertIn("${secret:NAME}", text)
        self.assertIn('"--index"', text)


if __name__ == "__main__":
    unittest.main()
