"""`troupe completion`: the scripts, sourced by the shells they are for."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from troupe_case import Case
from troupe_test import PATIENCE, TROUPE, clean_environment, faultbot, run

BASH = r"""
source <("$1" completion bash)
shift
complete -p troupe | grep -q -- '-F _troupe troupe' || exit 9
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE=${COMP_WORDS[*]} COMP_POINT=${#COMP_LINE}
_troupe
printf '%s\n' "${COMPREPLY[@]}"
"""


class Completion(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        from troupe_test import Fleet
        fleet = cls.shared = Fleet({"market/feed": faultbot(), "market/trader": faultbot(),
                                    "lonely": faultbot()})
        cls.addClassCleanup(fleet.discard)
        fleet.start()
        cls.scripts = Path(tempfile.mkdtemp(prefix="troupe-completion-"))
        cls.addClassCleanup(shutil.rmtree, cls.scripts)
        for shell in ("bash", "zsh", "fish"):
            (cls.scripts / shell).write_text(run("completion", shell).out)

    @classmethod
    def tearDownClass(cls):
        cls.shared.end()

    def environment(self, **more):
        return clean_environment(PATH=f"{TROUPE.parent}:{os.environ['PATH']}", **more)

    def bash(self, *words, state=True, cwd="/"):
        """What bash offers for the last word; bash has taken words apart at '='."""
        env = self.environment(**({"TROUPE_STATE": str(self.shared.state)} if state else {}))
        result = subprocess.run(["bash", "--norc", "-c", BASH, "bash", TROUPE, "troupe", *words],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=cwd,
                                timeout=PATIENCE)
        self.assertEqual((0, b""), (result.returncode, result.stderr), words)
        return result.stdout.decode().split("\n")[:-1]

    def test_commands(self):
        self.assertEqual(["start", "state", "stats", "status"], self.bash("sta"))
        self.assertLess(20, len(self.bash("")))
        self.assertNotIn("await", self.bash(""))
        self.assertEqual(["bash"], self.bash("completion", "b"))
        self.assertEqual(["scale"], self.bash("help", "sc"))
        self.assertEqual([""], self.bash("nonsense", ""))

    def test_options_and_their_values(self):
        self.assertEqual(["--wait"], self.bash("stop", "--w"))
        self.assertIn("--state", self.bash("status", "--"))
        self.assertEqual([""], self.bash("status", "--w"))
        self.assertEqual(["30s"], self.bash("stop", "--wait", "=", "3"))
        self.assertEqual(["10s", "1m", "30s", "5m", "5s"], self.bash("stop", "--wait", "="))
        self.assertEqual(["HUP"], self.bash("signal", "H"))
        self.assertEqual(["--state"], self.bash("--st"))

    def test_names_of_the_fleet(self):
        self.assertEqual(["market/", "market/feed", "market/feed#0", "market/trader",
                          "market/trader#0"], self.bash("stop", "ma"))
        self.assertEqual(["lonely", "lonely#0"], self.bash("stop", "market/feed", "lo"))
        self.assertEqual(["lonely", "lonely#0"], self.bash("signal", "HUP", "lo"))
        self.assertEqual(["market/feed", "market/feed#0", "market/trader", "market/trader#0"],
                         self.bash("show", "market/"))

    def test_the_state_directory_that_is_typed(self):
        state = str(self.shared.state)
        for words in (["--state", state, "stop", "lo"], ["--state", "=", state, "stop", "lo"],
                      ["stop", "--state", state, "lo"]):
            self.assertEqual(["lonely", "lonely#0"], self.bash(*words, state=False), words)
        self.assertEqual([""], self.bash("--state", "/nonexistent", "stop", "lo"))

    def test_paths(self):
        here = self.scripts / "here"
        (here / "some fleet").mkdir(parents=True)
        (here / "notes").touch()
        self.assertEqual(["some fleet"], self.bash("run", "some", cwd=here))
        self.assertEqual(["notes"], self.bash("report", "-o", "n", cwd=here))
        self.assertEqual(["some fleet"], self.bash("--state", "", cwd=here))

    def test_a_runtime_that_hangs_holds_nobody_up(self):
        import signal
        os.kill(self.shared.keeper, signal.SIGSTOP)
        runtime = self.shared.runtime
        os.kill(runtime, signal.SIGSTOP)
        try:
            self.assertEqual(["all"], self.bash("stop", ""))  # or the time limit above
        finally:
            os.kill(runtime, signal.SIGCONT)
            os.kill(self.shared.keeper, signal.SIGCONT)

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        def fish(line):
            home = str(self.scripts)
            result = subprocess.run(
                ["fish", "--no-config", "-c",
                 f"source {self.scripts}/fish; complete -C '{line}'"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                env=self.environment(TROUPE_STATE=str(self.shared.state), HOME=home))
            self.assertEqual((0, b""), (result.returncode, result.stderr), line)
            return [one.split("\t")[0] for one in result.stdout.decode().splitlines()]
        self.assertEqual({"start", "state", "stats", "status"}, set(fish("troupe sta")))
        self.assertEqual({"lonely", "lonely#0"}, set(fish("troupe stop lo")))
        self.assertEqual(["--wait"], fish("troupe stop --w"))
        self.assertEqual(["--wait=30s"], fish("troupe stop --wait=3"))
        self.assertIn("/usr/", fish("troupe run /us"))

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh(self):
        import pexpect
        # The package has it in fpath, where the first line makes it known.
        (self.scripts / "fpath").mkdir()
        shutil.copy(self.scripts / "zsh", self.scripts / "fpath/_troupe")
        for ready in (f"fpath=({self.scripts}/fpath $fpath)\nautoload -Uz compinit\ncompinit -u -D\n",
                      f"autoload -Uz compinit\ncompinit -u -D\nsource {self.scripts}/zsh\n"):
            (self.scripts / "rc").write_text(
                ready + "unsetopt prompt_cr zle_bracketed_paste\nPS1='ready> '\nbindkey -e\n")
            zsh = pexpect.spawn("zsh", ["-f", "-i"], timeout=PATIENCE, encoding="utf-8",
                                dimensions=(40, 120), env=self.environment(
                                    TERM="dumb", TROUPE_STATE=str(self.shared.state)))
            try:
                zsh.sendline(f"source {self.scripts}/rc")
                zsh.expect("\nready> ")
                for typed, wanted in (("troupe complet\t", "completion"),
                                      ("troupe completion z\t", "zsh"),
                                      ("troupe stop market/f\t", "market/feed"),
                                      ("troupe stop lonely\\#\t", "lonely\\#0"),
                                      ("troupe scale --wait=3\t", "--wait=30s")):
                    zsh.send(typed)
                    zsh.expect_exact(wanted)
                    zsh.sendcontrol("u")  # away with the line
            finally:
                zsh.close(force=True)


if __name__ == "__main__":
    unittest.main()
