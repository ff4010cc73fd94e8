"""`troupe import` of real files, and `troupe init`: the trees pass `check` and run."""

import collections
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from troupe_test import BIN

TROUPE = str(BIN / "troupe")
UNITS = Path("/lib/systemd/system")
SAMPLE = Path("/usr/share/doc/supervisor/examples/sample.conf")


def troupe(*words, cwd=None):
    """Exit code, stdout and stderr of a command."""
    result = subprocess.run([TROUPE, *map(str, words)], cwd=cwd, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=120)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def debian_units():
    """Every unit that is installed; of a template an instance."""
    result = []
    for path in sorted(UNITS.glob("*.service")):
        if path.name.endswith("@.service"):
            path = path.with_name(path.name.replace("@.", "@x."))
        result.append(path)
    return result


def survey(paths):
    """Imports each unit alone: how many become a bot, why others do not, what is reported."""
    imported, refused, keys = 0, collections.Counter(), collections.Counter()
    for path in paths:
        code, out, _ = troupe("import", path, "--dry-run", "--json")
        document = json.loads(out)
        if code == 0:
            imported += 1
            keys.update({(row["level"], row["key"]) for row in document["remarks"]})
        else:
            refused[document["error"]["code"]] += 1
    return imported, refused, keys


class Import(unittest.TestCase):
    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="troupe-import-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def check(self, tree):
        code, out, err = troupe("check", tree, "--json")
        self.assertEqual(0, code, out + err)
        return json.loads(out)

    def test_every_unit_of_this_machine(self):
        paths = debian_units()
        self.assertGreater(len(paths), 20)
        imported, refused, _ = survey(paths)
        # What is no bot has nothing to run; nothing fails in another way.
        self.assertEqual({"no-bots"}, set(refused) | {"no-bots"}, refused)
        self.assertGreater(imported, len(paths) * 3 // 4)

    def test_all_units_together_pass_check(self):
        tree = self.directory / "tree"
        code, out, err = troupe("import", *debian_units(), "--to", tree)
        self.assertEqual(0, code, out + err)
        self.check(tree)
        for path in tree.rglob("*"):
            self.assertEqual(0o700 if path.is_dir() else 0o600, path.stat().st_mode & 0o7777, path)

    def test_redis_and_nginx(self):
        tree = self.directory / "tree"
        code, out, err = troupe("import", UNITS / "redis-server.service", UNITS / "nginx.service",
                                "--to", tree)
        self.assertEqual(0, code, out + err)
        self.check(tree)
        self.assertIn("forking", out)  # nginx goes into the background
        _, shown, _ = troupe("import", UNITS / "redis-server.service", "--dry-run", "--json")
        self.assertEqual("redis-server", json.loads(shown)["bots"][0]["name"])

    @unittest.skipUnless(SAMPLE.exists(), "supervisor is not installed")
    def test_the_sample_of_supervisor(self):
        # All of it is commented out; without the comments it has one of each section.
        code, out, err = troupe("import", SAMPLE, "--format", "supervisord", "--dry-run")
        self.assertEqual(6, code, out + err)
        text = "".join(line[1:] if line.startswith(";") and not line.startswith("; ") else line
                       for line in SAMPLE.read_text().splitlines(keepends=True))
        sample = self.directory / "supervisord.conf"
        sample.write_text(text)
        tree = self.directory / "tree"
        code, out, err = troupe("import", sample, "--to", tree)
        self.assertEqual(0, code, out + err)
        self.check(tree)
        self.assertIn("[eventlistener:theeventlistenername]", out)

    def test_nothing_is_written_over(self):
        procfile = self.directory / "Procfile"
        procfile.write_text("web: sleep 1000\n")
        tree = self.directory / "tree"
        tree.mkdir()
        (tree / "mine").write_text("x")
        code, _, err = troupe("import", procfile, "--to", tree)
        self.assertEqual(1, code)
        self.assertIn("not empty", err)
        self.assertEqual(["mine"], os.listdir(tree))
        code, out, err = troupe("import", procfile, "--to", tree, "--force")
        self.assertEqual(0, code, err)
        self.assertIn(f"{tree}.1", out)
        self.assertEqual(["mine"], os.listdir(f"{tree}.1"))
        self.check(tree)

    def test_all_that_is_wrong_is_said_and_nothing_written(self):
        (self.directory / "a.js").write_text("")
        (self.directory / "b.yml").write_text("")
        tree = self.directory / "tree"
        code, _, err = troupe("import", self.directory / "a.js", self.directory / "b.yml",
                              self.directory / "gone", "--to", tree)
        self.assertEqual(6, code)
        for part in ("a.js", "JSON.stringify", "b.yml", "docker compose config", "gone"):
            self.assertIn(part, err)
        self.assertFalse(tree.exists())

    def test_secrets_are_warned_of_and_never_printed(self):
        conf = self.directory / "supervisord.conf"
        conf.write_text('[program:a]\ncommand=a\nenvironment=API_TOKEN="t0ps3cret"\n')
        for more in ([], ["--json"]):
            code, out, err = troupe("import", conf, "--to", self.directory / f"t{len(more)}", *more)
            self.assertEqual(0, code, err)
            self.assertIn("${secret:api_token}", out)
            self.assertNotIn("t0ps3cret", out + err)


class Init(unittest.TestCase):
    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="troupe-init-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def test_the_tree_passes_check_and_runs(self):
        code, out, err = troupe("init", "fleet", cwd=self.directory)
        self.assertEqual(0, code, err)
        self.assertIn("troupe run fleet", out)
        tree = self.directory / "fleet"
        code, out, err = troupe("check", tree)
        self.assertEqual((0, ""), (code, err))
        state = self.directory / "s"
        with subprocess.Popen([TROUPE, "--state", str(state), "run", str(tree)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as fleet:
            try:
                code, out, err = troupe("--state", state, "wait", "hello", "--for", "ready",
                                        "--wait=60s")
                for _ in range(100):  # until the socket is there
                    if code != 3:
                        break
                    try:
                        fleet.wait(0.2)
                    except subprocess.TimeoutExpired:
                        pass
                    code, out, err = troupe("--state", state, "wait", "hello", "--for", "ready",
                                            "--wait=60s")
                self.assertEqual(0, code, out + err)
                _, out, _ = troupe("--state", state, "logs", "hello")
                self.assertIn("hello number 1", out)
            finally:
                fleet.terminate()
                fleet.wait(60)

    def test_a_directory_that_is_not_empty_is_left_alone(self):
        (self.directory / "mine").write_text("x")
        code, _, err = troupe("init", self.directory)
        self.assertEqual(1, code)
        self.assertIn("not empty", err)
        self.assertEqual(["mine"], os.listdir(self.directory))

    def test_here(self):
        empty = self.directory / "My Fleet"
        empty.mkdir()
        code, _, err = troupe("init", ".", cwd=empty)
        self.assertEqual(0, code, err)
        self.assertIn('"my-fleet"', (empty / "runtime.json").read_text())


def report():
    """For docs/importing.md: what this machine's units come to."""
    paths = debian_units()
    imported, refused, keys = survey(paths)
    print(f"{imported} of {len(paths)} units import; refused: {dict(refused)}")
    for (level, key), count in keys.most_common(40):
        print(f"{count:4} {level:8} {key}")


if __name__ == "__main__":
    import sys
    if "--report" in sys.argv:
        report()
    else:
        unittest.main()
