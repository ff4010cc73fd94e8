"""What `cmake --install` puts down: complete, and able to run wherever it is."""

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from troupe_test import BIN, PATIENCE, clean_environment, poll_until, write_tree

SHARED = ("man/man1/troupe.1", "man/man5/troupe.5", "bash-completion/completions/troupe",
          "zsh/vendor-completions/_troupe", "fish/vendor_completions.d/troupe.fish",
          "troupe/schema/bot.json", "doc/troupe/copyright", "doc/troupe/demo/group.json",
          "doc/troupe/docs/production.md")


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = Path(tempfile.mkdtemp(prefix="troupe-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.prefix = cls.directory / "before"
        subprocess.run(["cmake", "--install", BIN.parent, "--prefix", cls.prefix], check=True,
                       stdout=subprocess.DEVNULL)
        # It has to work where nobody knew that it would be.
        cls.prefix = cls.prefix.rename(cls.directory / "after")

    def troupe(self, *words, **more):
        return subprocess.run([self.prefix / "bin/troupe", "--state", self.directory / "state",
                               *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=clean_environment(), timeout=PATIENCE, **more)

    def test_all_is_there(self):
        self.assertEqual(["troupe"], [file.name for file in (self.prefix / "bin").iterdir()])
        for name in SHARED:
            self.assertTrue((self.prefix / "share" / name).stat().st_size, name)

    def test_python_finds_its_client(self):
        where = self.prefix / "lib/python3/dist-packages"
        said = subprocess.run(["/usr/bin/python3", "-B", "-c",
                               "import troupe; print(troupe.__file__)"], check=True, text=True,
                              stdout=subprocess.PIPE, env=clean_environment(PYTHONPATH=str(where)))
        self.assertEqual(f"{where}/troupe/__init__.py", said.stdout.strip())
        self.assertTrue((where / "troupe/py.typed").exists())

    def test_it_runs_a_fleet(self):
        tree = write_tree(self.directory / "fleet", {"group": {}, "one": {
            "command": ["sleep", "infinity"]}})
        self.assertIn(b'"id":"install.programs","level":"ok"',
                      self.troupe("doctor", "--json").stdout)
        with open(self.directory / "log", "wb") as log:
            fleet = subprocess.Popen([self.prefix / "bin/troupe", "--state",
                                      self.directory / "state", "run", tree], stdout=log,
                                     stderr=log, env=clean_environment())
        try:
            poll_until(lambda: self.troupe("status", "one", "--timeout", "0s").returncode == 0)
            self.assertIn(str(self.prefix / "libexec/troupe/troupe-keeper"),
                          Path(f"/proc/{fleet.pid}/cmdline").read_bytes().decode())
            self.assertEqual(0, self.troupe("shutdown", "--wait").returncode)
            self.assertEqual(0, fleet.wait(PATIENCE))
        finally:
            fleet.kill()
            fleet.wait()

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_systemd_understands_the_units(self):
        for name in ("troupe.service", "troupe@.service"):
            text = (self.prefix / "lib/systemd/system" / name).read_text()
            # Where it is now, systemd would not look for it.
            there = self.directory / name
            there.write_text(re.sub(r"(?m)^(Exec\w+)=troupe ",
                                    rf"\1={self.prefix}/bin/troupe ", text))
            result = subprocess.run(["systemd-analyze", "verify", "--man=no", there],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            mine = [line for line in result.stdout.decode().splitlines() if "troupe" in line]
            self.assertEqual([], mine, result.stdout.decode())


if __name__ == "__main__":
    unittest.main()
