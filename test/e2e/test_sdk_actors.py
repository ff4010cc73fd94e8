"""Actors in a custom bot, as their author gets them: the example is built out of tree against an
installed Troupe, run by hand and in a fleet, and one of its actors crashes."""

import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from troupe_case import Case
from troupe_test import BIN, PATIENCE, SANITIZED, clean_environment

ROOT = Path(__file__).parents[2]


@unittest.skipIf(SANITIZED, "what is installed here is built with sanitizers, the example is not")
class Actors(Case):
    @classmethod
    def setUpClass(cls):
        cls.place = Path(tempfile.mkdtemp(prefix="troupe-actors-"))
        cls.addClassCleanup(shutil.rmtree, cls.place)
        prefix, source = cls.place / "prefix", cls.place / "example"
        shutil.copytree(ROOT / "docs/examples/actor-bot", source)
        for command in (["cmake", "--install", BIN.parent, "--component", "sdk", "--prefix", prefix],
                        ["cmake", "-S", source, "-B", source / "build",
                         f"-DCMAKE_PREFIX_PATH={prefix}"],
                        ["cmake", "--build", source / "build"]):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode != 0:
                raise AssertionError(done.stdout.decode())
        cls.desk = source / "build/desk"
        cls.place.chmod(0o755)

    def test_it_works_by_hand(self):
        with subprocess.Popen([self.desk], stdout=subprocess.PIPE, env=clean_environment()) as desk:
            self.assertEqual(b"desk works alone\n", desk.stdout.readline())
            desk.terminate()
            self.assertEqual(0, desk.wait(PATIENCE))

    def test_its_actors_have_addresses_and_supervisors(self):
        fleet = self.fleet({"desk.json": json.dumps({"command": [str(self.desk)],
                                                     "ready": "link"})}, innocents=False)
        fleet.wait_running("desk#0")
        pid = fleet.status()["desk#0"]["pid"]
        price = fleet("request", "desk#0/pricer", "BTC")
        self.assertEqual("64000.000000", price.out.strip())
        self.assertEqual(1, fleet("request", "desk#0/pricer", "DOGE").exit)
        self.assertEqual(1, fleet("request", "desk#0/nobody", "BTC").exit)
        # It throws; what it was asked has failed, and it is there again, in the same process.
        self.assertEqual(1, fleet("request", "desk#0/pricer", "crash").exit)
        again = fleet("request", "desk#0/pricer", "ETH", "--timeout", "30s")
        self.assertEqual("3100.000000", again.out.strip())
        for _ in range(3):
            self.assertEqual(0, fleet("send", "desk#0/ledger", "a trade", "--assured").exit)
        self.assertEqual("3", fleet("request", "desk#0/ledger").out.strip())
        self.assertEqual(pid, fleet.status()["desk#0"]["pid"])


if __name__ == "__main__":
    unittest.main()
