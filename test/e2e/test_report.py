"""`troupe doctor` and `troupe report`: with a fleet, without one, and with secrets about."""

import json
import os
import shutil
import signal
import tarfile
import tempfile
import unittest
from pathlib import Path

from troupe_case import Case
from troupe_test import clean_environment, faultbot, run, write_tree

FINDING_KEYS = {"id", "level", "what", "meaning", "todo"}
# Each is told to the bots in another way, and none may leave.
CANARIES = {
    "environment": "canary-in-environment-7f3a",
    "innocent": "canary-of-innocent-name-51bc",
    "secret file": "canary-in-secret-file-90de",
    "key line": "canaryKeyLineTwoAAAAB3Nz",
    "environment file": "canary \"quoted\" file-2b6e",
    "keeper": "canary-from-keeper-c0ffee",
    "argument": "canary-argument-44aa",
    "url": "canaryurlpass",
}


def read_bundle(path):
    """{name: bytes}, without the directory that all is in."""
    with tarfile.open(path, "r:gz") as tar:
        members = tar.getmembers()
        tops = {m.name.split("/", 1)[0] for m in members}
        assert len(tops) == 1 and all(m.isreg() and m.mode == 0o600 for m in members), members
        return {m.name.split("/", 1)[1]: tar.extractfile(m).read() for m in members}


class Report(Case):
    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="troupe-report-"))
        self.addCleanup(lambda: shutil.rmtree(self.directory))

    def report(self, *words, expect=0, **more):
        """The document of `report` and what is in the bundle."""
        result = run(*words, "report", "--json", cwd=self.directory, **more)
        self.assertEqual(expect, result.exit, result)
        if expect:
            return result.error
        document = result.document
        path = self.directory / document["file"]
        self.assertEqual(0o600, path.stat().st_mode & 0o777)
        self.assertEqual(document["size_bytes"], path.stat().st_size)
        files = read_bundle(path)
        self.assertEqual(document["files"], list(files))
        return document, files

    def talkative(self, fleet):
        """A bot that prints all that it was given, and dies of it."""
        secrets = fleet.tree / "secrets"
        secrets.mkdir(mode=0o700)
        for name, text in (("plain", CANARIES["secret file"] + "\n"),
                           ("key", "-----BEGIN KEY-----\n" + CANARIES["key line"] + "\n-----END-----\n")):
            (secrets / name).write_text(text)
            (secrets / name).chmod(0o600)
        (fleet.tree / "more.env").write_text(
            "FROM_FILE='" + CANARIES["environment file"] + "'\n")
        script = 'printenv; echo "$@"; exit 3'
        return {
            "sieve": {
                "command": ["sh", "-c", script, "sh", "--password=" + CANARIES["argument"],
                            "--db", f"pg://me:{CANARIES['url']}@host/db"],
                "environment": {"API_TOKEN": CANARIES["environment"],
                                "PLAIN": CANARIES["innocent"],
                                "FILED": "${secret:plain}", "KEY": "${secret:key}",
                                "WHOLE": "x${env:KEEPER_CANARY}"},
                "pass_environment": ["KEEPER_CANARY"],
                "environment_file": "more.env", "failed_starts": 2,
                "delay": {"initial": "10ms", "max": "10ms"}, "retry_failed": False},
            "calm": faultbot(),
        }

    def check_no_canary(self, files):
        for name, text in files.items():
            for where, canary in CANARIES.items():
                for form in {canary, canary.replace('"', '\\"')}:
                    self.assertNotIn(form.encode(), text, f"the {where} is in {name}")

    def test_no_secret_leaves(self):
        fleet = self.prepared(self.talkative, innocents=False,
                              env={"KEEPER_CANARY": CANARIES["keeper"]}).start()
        fleet.wait_running("calm#0")
        fleet.wait_state("sieve#0", "failed")
        # They really are there to be found.
        kept = str(fleet.deaths("sieve"))
        for where in ("environment", "innocent", "secret file", "key line", "keeper"):
            self.assertIn(CANARIES[where], kept, where)

        document, files = self.report("--state", fleet.state)
        self.assertEqual([], document["missing"])
        for name in ("manifest.json", "status.json", "tree.json", "show/sieve.json", "events.jsonl",
                     "deaths.json", "config/sieve.json", "config/calm.json", "doctor.json",
                     "version.json", "host.txt", "log.txt"):
            self.assertIn(name, files)
        self.assertNotIn("show/calm.json", files)
        self.assertIn(b"sieve#0", files["events.jsonl"])
        self.assertIn(b"API_TOKEN=***", files["deaths.json"])
        self.assertIn(b"${secret:plain}", files["config/sieve.json"])
        self.assertIn(b"runs fleet", files["log.txt"])
        self.check_no_canary(files)

        # The same from the store, when nothing answers any more.
        fleet.process.terminate()
        self.assertEqual(0, fleet.process.wait(60))
        env = clean_environment(KEEPER_CANARY=CANARIES["keeper"])
        before = sorted(os.listdir(fleet.state))
        again, files = self.report("--state", fleet.state, "--timeout", "0s", env=env)
        self.assertEqual(before, sorted(os.listdir(fleet.state)), "the store was touched")
        for name in ("deaths.json", "events.jsonl", "config/sieve.json", "doctor.json", "host.txt"):
            self.assertIn(name, files)
        self.assertIn("status.json", {gap["what"] for gap in again["missing"]})
        self.assertIn(b"sieve#0", files["events.jsonl"])
        self.check_no_canary(files)

    def test_a_secret_that_cannot_be_read_keeps_all_output_in(self):
        fleet = self.prepared(self.talkative, innocents=False).start()
        fleet.wait_state("sieve#0", "failed")
        (fleet.tree / "more.env").unlink()
        document, files = self.report("--state", fleet.state)
        self.assertIn("what bots have printed", {gap["what"] for gap in document["missing"]})
        self.assertNotIn(b"FROM_FILE", files["deaths.json"])
        self.assertNotIn("log.txt", files)
        self.check_no_canary(files)
        fleet.end()

    def test_a_runtime_that_hangs(self):
        fleet = self.prepared({"one": faultbot()}, innocents=False).start()
        fleet.wait_running("one#0")
        runtime = fleet.runtime
        with fleet.keeper_held():  # else it would be replaced
            os.kill(runtime, signal.SIGSTOP)
            try:
                document, files = self.report("--state", fleet.state, "--timeout", "1s")
            finally:
                os.kill(runtime, signal.SIGCONT)
        self.assertIn("status.json", {gap["what"] for gap in document["missing"]})
        levels = {one["id"]: one["level"] for one in json.loads(files["doctor.json"])["findings"]}
        self.assertEqual("problem", levels["fleet.runtime"])
        for name in ("events.jsonl", "config/one.json", "log.txt", "host.txt"):
            self.assertIn(name, files)
        fleet.end()

    def test_at_the_prompt_it_is_of_that_fleet(self):
        fleet = self.prepared({"one": faultbot()}, innocents=False).start()
        fleet.wait_running("one#0")
        result = run("--state", fleet.state, "shell", "-c", "report", cwd=self.directory)
        self.assertEqual(0, result.exit, result)
        files = read_bundle(next(self.directory.glob("troupe-report-*.tar.gz")))
        self.assertIn("config/one.json", files)
        found = json.loads(run("--state", fleet.state, "shell", "-c", "doctor --json").out)
        what = {one["id"]: one["what"] for one in found["findings"]}
        self.assertIn(str(fleet.state), what["state.directory"])
        self.assertIn("the runtime answers", what["fleet.runtime"])
        fleet.end()

    def test_without_any_fleet(self):
        document, files = self.report("--state", self.directory / "none")
        self.assertIn("doctor.json", files)
        self.assertIn("host.txt", files)
        self.assertTrue(document["missing"])
        self.assertFalse((self.directory / "none").exists(), "a state directory was made")

    def test_no_file_is_replaced(self):
        precious = self.directory / "precious"
        precious.write_text("mine")
        result = run("--state", self.directory / "none", "report", "-o", precious, "--json")
        self.assertEqual((1, "exists"), (result.exit, result.error["code"]))
        link = self.directory / "link"
        link.symlink_to(self.directory / "elsewhere")
        result = run("--state", self.directory / "none", "report", "-o", link, "--json")
        self.assertEqual((1, "output"), (result.exit, result.error["code"]))
        self.assertEqual("mine", precious.read_text())
        self.assertFalse((self.directory / "elsewhere").exists())
        result = run("--state", self.directory / "none", "report", "-o", "/nonexistent/x")
        self.assertEqual(1, result.exit, result)
        self.assertIn("/nonexistent/x", result.err)


class Doctor(Case):
    def findings(self, *words, expect=None):
        result = run("doctor", *words, "--json")
        document = result.document
        self.assertEqual({"schema_version", "ok", "findings"}, set(document))
        for one in document["findings"]:
            self.assertEqual(FINDING_KEYS, set(one))
            self.assertEqual(one["level"] == "ok", one["todo"] == "", one)
        problems = [one for one in document["findings"] if one["level"] == "problem"]
        self.assertEqual((0 if not problems else 1, not problems), (result.exit, document["ok"]))
        if expect is not None:
            self.assertEqual(expect, [one["id"] for one in problems], problems)
        return {one["id"]: one for one in document["findings"]}

    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="troupe-doctor-"))
        self.addCleanup(lambda: shutil.rmtree(self.directory))
        self.tree = write_tree(self.directory / "fleet", {"group": {}, "one": faultbot()})

    def test_this_host_and_a_good_tree(self):
        found = self.findings(self.tree, "--state", self.directory / "state", expect=[])
        self.assertIn("1 instance", found["tree.valid"]["what"])
        self.assertIn("no fleet runs", found["fleet.runtime"]["what"])
        self.assertFalse((self.directory / "state").exists(), "it made a state directory")
        text = run("doctor", self.tree, "--state", self.directory / "state")
        self.assertEqual(0, text.exit, text)
        self.assertIn("no problem", text.out)

    def test_what_run_would_refuse_is_a_problem(self):
        state = self.directory / "state"
        state.mkdir()
        state.chmod(0o777)
        (self.tree / "bad.json").write_text('{"command": 3}')
        secrets = self.tree / "secrets"
        secrets.mkdir(mode=0o700)
        (secrets / "key").write_text("x")
        (secrets / "key").chmod(0o644)
        self.findings(self.tree, "--state", state,
                      expect=["state.directory", "tree.valid", "tree.secrets"])
        plain = run("doctor", self.tree, "--state", state)
        self.assertEqual(1, plain.exit)
        self.assertIn("3 problems", plain.out)
        self.assertIn("chmod go-w", plain.out)
        refused = run("--state", state, "run", self.tree)
        self.assertNotEqual(0, refused.exit, refused)

    def test_a_running_fleet_is_asked(self):
        fleet = self.prepared({"one": faultbot()}, innocents=False).start()
        found = self.findings(fleet.tree, "--state", fleet.state, expect=[])
        self.assertIn("the runtime answers", found["fleet.runtime"]["what"])
        fleet.end()


if __name__ == "__main__":
    unittest.main()
