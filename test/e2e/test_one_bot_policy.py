"""One bot without a fleet: what is run, restarts, a bot's file, the state directory."""

import json
import os
import signal
import stat
import subprocess
import time
import unittest
from pathlib import Path

import pexpect
from one_bot import SoloCase, ready
from troupe_test import TROUPE, clean_environment, poll_until, run, write_tree


class WhatIsRun(SoloCase):
    def refused(self, *words, exit=2, hint="", **more):
        """Both forms say the same; returns the message."""
        result = run("run", "--json", *words, cwd=self.here, **more)
        self.assertEqual(exit, result.exit, result)
        error = result.error
        self.assertIn(hint, error["hint"])
        plain = run("run", *words, cwd=self.here, **more)
        self.assertEqual((exit, ""), (plain.exit, plain.out), plain)
        self.assertIn(error["message"], plain.err)
        return error["message"]

    def test_nothing_given(self):
        self.assertIn("run what?", self.refused(hint="troupe run fleet/"))
        self.script("main.py", "print('hello')", executable=False)
        self.refused(hint="`troupe run python3 main.py`")
        (self.here / "main.py").chmod(0o755)
        self.refused(hint="`troupe run ./main.py`")
        write_tree(self.here, {"harbour/group": {}, "harbour/bot": {"command": ["true"]}})
        self.refused(hint="`troupe run harbour/`")

    def test_a_tree_here(self):
        write_tree(self.here, {"group": {}})
        result = run("run", "-v", cwd=self.here)
        self.assertEqual(6, result.exit, result)
        self.assertIn("there is a group.json in this directory: running a fleet", result.err)

    def test_what_is_not_executable(self):
        self.script("main.py", "print('hello')", executable=False)
        for word in ("main.py", "./main.py"):
            self.assertIn(f'"{word}" is not executable', self.refused(
                word, hint=f"`chmod +x {word}`, or `troupe run python3 {word}`"))
        self.script("tool", "", executable=False)
        self.refused("./tool", hint="`chmod +x ./tool`")

    def test_what_is_not_there(self):
        self.refused("./nothing")
        self.refused("nothing/at/all")
        self.refused("no-such-program-anywhere")
        self.refused("probe.p", hint='did you mean "probe.py"?')
        self.refused("")
        self.refused("none.json")
        self.refused("probe.py/inner")

    def test_what_cannot_run(self):
        os.mkfifo(self.here / "fifo")
        self.assertIn("neither a directory nor a file", self.refused("./fifo"))
        os.mkfifo(self.here / "fifo.json")
        self.assertIn("no regular file", self.refused("./fifo.json"))
        write_tree(self.here, {"fleet/group": {}, "runtime": {}})
        self.assertIn("describes a group", self.refused("fleet/group.json", hint="troupe run fleet"))
        self.assertIn("describes a runtime", self.refused("runtime.json", hint="troupe run ."))

    def test_a_name_is_searched_before_the_directory(self):
        self.script("cat", "#!/bin/sh\necho here\n")
        self.script("mine.sh", "#!/bin/sh\necho mine \"$0\"\n")
        self.assertEqual((0, "there\n", ""), self.troupe("cat", text="there\n"))
        self.assertEqual((0, "here\n", ""), self.troupe("./cat"))
        self.assertEqual((0, "mine ./mine.sh\n", ""), self.troupe("mine.sh"))

    def test_options_in_the_wrong_place(self):
        write_tree(self.here, {"fleet/bot": {"command": ["true"]}})
        self.assertIn("--restart is for one bot",
                      self.refused("fleet", "--restart", "always", hint="group.json"))
        self.assertIn("--profile is for a fleet", self.refused("--profile", "x", "true"))
        self.refused("--delay", "1s", "true", hint="--restart")
        self.refused("--max-restarts", "1", "true", hint="--restart")
        self.refused("--restart", "alway", "true", hint='did you mean "always"?')
        self.refused("--restart")
        self.refused("--delay", "soon", "--restart", "always", "true")
        self.refused("fleet/", "more")

    def test_what_is_chosen_is_said_on_a_terminal_or_when_asked(self):
        self.assertEqual((0, "", ""), self.troupe("true"))
        self.assertIn("running one bot, no fleet", self.troupe("-v", "true")[2])
        terminal = self.terminal(TROUPE, "run", "./probe.py")
        terminal.expect_exact('troupe: "./probe.py" is an executable file: running one bot, '
                              'no fleet\r\n')

    def test_help_is_ours_only_before_the_program(self):
        self.assertIn("usage: troupe run", run("run", "--help", "true").out)
        self.assertIn("usage: troupe run", run("run", "-h").out)
        self.assertIn("Usage: cat", run("run", "cat", "--help").out)


class Restarts(SoloCase):
    def setUp(self):
        super().setUp()
        self.script("count.sh", '#!/bin/sh\necho x >>runs\nn=$(wc -l <runs)\n'
                    'test $n -gt "$1" && exit "${3:-0}"\neval "$2"\n')

    def runs(self):
        path = self.here / "runs"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def test_none_unless_asked(self):
        self.assertEqual((3, "", ""), self.troupe("./count.sh", 9, "exit 3"))
        self.assertEqual((3, "", ""), self.troupe("--restart", "never", "./count.sh", 9, "exit 3"))
        self.assertEqual(2, self.runs())

    def test_on_failure(self):
        for word, start in (("on_failure", 0), ("transient", 3)):
            self.assertEqual((0, "", ""), self.troupe(
                "--restart", word, "--delay", "1ms", "./count.sh", start + 2, "exit 3"))
            self.assertEqual(start + 3, self.runs())

    def test_a_signal_is_a_failure(self):
        self.assertEqual(0, self.troupe("--restart", "on_failure", "--delay", "0", "./count.sh", 1,
                                        "kill -SEGV $$")[0])
        self.assertEqual(2, self.runs())

    def test_always(self):
        """Until the budget is passed; then its last end is ours."""
        code, _, err = self.troupe("-v", "--restart", "always", "--delay", "1ms",
                                   "--max-restarts", "4", "./count.sh", 2, "exit 3")
        self.assertEqual((0, 5), (code, self.runs()), err)
        self.assertIn("count.sh exited with code 3 after", err)
        self.assertIn("starting it again in 1ms", err)
        self.assertIn("given up", err)

    def test_no_restart_at_all(self):
        self.assertEqual(3, self.troupe("--restart", "always", "--max-restarts", "0", "./count.sh",
                                        9, "exit 3")[0])
        self.assertEqual(1, self.runs())

    def test_code_125_is_final(self):
        self.assertEqual(125, self.troupe("--restart", "always", "./count.sh", 9, "exit 125")[0])
        self.assertEqual(1, self.runs())

    def test_the_budget_ends_with_a_signal(self):
        code, _, err = self.troupe("--restart", "always", "--delay", "0", "--max-restarts", "2",
                                   "./count.sh", 9, "kill -USR1 $$")
        self.assertEqual((-signal.SIGUSR1, 3), (code, self.runs()), err)

    def test_a_program_that_vanishes(self):
        code, _, err = self.troupe("--restart", "on_failure", "--delay", "1ms", "--max-restarts",
                                   "2", "./count.sh", 9, "rm count.sh missing")
        self.assertEqual((1, 1), (code, self.runs()), err)
        self.assertEqual(1, err.count("starting it again"), err)
        self.assertIn("exec ./count.sh: No such file", err)

    def test_while_it_waits_we_end_at_once(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            process = self.begin("-v", "--restart", "always", "--delay", "1h", "false")
            self.assertIn("running one bot", process.stderr.readline())
            self.assertIn("starting it again in", process.stderr.readline())
            process.send_signal(signal.SIGUSR1)
            process.send_signal(number)
            self.assertEqual(-number, process.wait(30))

    def test_who_asks_it_to_end_means_it(self):
        for number, code in ((signal.SIGTERM, 5), (signal.SIGINT, 5)):
            # Short reads: one that bash begins just after the signal does not end by it.
            process = self.begin("--restart", "always", "--delay", "0", "bash", "-c",
                                 "trap 'exit 5' TERM INT; echo ready $$; "
                                 "while :; do read -t 0.1 x; done", stdin=subprocess.PIPE)
            ready(process)
            process.send_signal(number)
            self.assertEqual(code, process.wait(30))

    def test_ctrl_c_ends_it_for_good(self):
        terminal = self.terminal(TROUPE, "run", "--restart", "always", "--delay", "0", "sh", "-c",
                                 "echo begun; exec sleep 1000")
        terminal.expect("begun\r\n")
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
        terminal.wait()
        self.assertEqual(signal.SIGINT, terminal.signalstatus)

    def test_a_reload_is_no_end(self):
        """HUP is caught, and the bot fails later: it is started again."""
        process = self.begin("--restart", "on_failure", "--delay", "0", "bash", "-c",
                             "trap 'echo again >>runs; exit 1' HUP; echo ready $$; "
                             "test -e runs && exit 0; while :; do sleep 0.02; done")
        ready(process)
        process.send_signal(signal.SIGHUP)
        self.assertEqual((0, 1), (process.wait(30), self.runs()))

    def test_ctrl_z_while_it_waits(self):
        shell = self.shell()
        shell.sendline("troupe run --restart always --delay 1h false")
        shell.expect("starting it again")
        shell.sendcontrol("z")
        shell.expect("Stopped")
        shell.expect_exact("ready> ")
        shell.sendline("fg")
        shell.expect(r"troupe[^\r]*\r\n")
        shell.sendintr()
        shell.expect_exact("ready> ")
        shell.sendline("echo code=$?")
        shell.expect("code=130")

    def test_the_terminal_comes_back(self):
        """From a bot that had a group of its own in front when it was killed."""
        self.script("front.py", "import os, signal\n"
                    "if os.path.exists('been'):\n    print('read', input())\n    raise SystemExit\n"
                    "open('been', 'w').close()\n"
                    "signal.signal(signal.SIGTTOU, signal.SIG_IGN)\n"
                    "os.setpgid(0, 0)\nos.tcsetpgrp(0, os.getpgrp())\nos.kill(os.getpid(), 9)\n")
        terminal = self.terminal(TROUPE, "run", "--restart", "on_failure", "--delay", "0",
                                 "./front.py")
        terminal.expect("killed by signal 9")
        terminal.sendline("typed")
        terminal.expect("read typed\r\n")

    def test_the_terminal_is_put_right(self):
        self.script("raw.sh", "#!/bin/sh\ntest -e been && { stty -a; exit 0; }\n"
                    "touch been; stty -echo raw; exit 1\n")
        terminal = self.terminal(TROUPE, "run", "--restart", "on_failure", "--delay", "0",
                                 "./raw.sh")
        terminal.expect(r" (-?)echo ")
        self.assertEqual("", terminal.match[1])


class BotFile(SoloCase):
    def ask(self, path, *options, **more):
        """What the probe says of what it was given."""
        code, out, err = self.troupe(*options, path, **more)
        self.assertEqual(0, code, err)
        return json.loads(out), err

    def test_what_it_does_not_set_is_inherited(self):
        directly = json.loads(subprocess.run(
            ["./probe.py"], cwd=self.here, env=clean_environment(A="1", HOME="/", USER="me"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout)
        seen, err = self.ask(self.bot_file(command=["./probe.py"]), cwd="/",
                             env=clean_environment(A="1", HOME="/", USER="me"))
        self.assertEqual("", err)
        own = {name: seen["environment"].pop(name) for name in list(seen["environment"])
               if name.startswith("TROUPE_")}
        self.assertEqual({"TROUPE_BOT": "bot", "TROUPE_INSTANCE": "0", "TROUPE_INCARNATION": "1"},
                         own)
        for both in (directly, seen):
            for key in ("fds", "group", "session"):
                both.pop(key)
        directly["environment"].pop("PWD", None)
        seen["environment"].pop("PWD", None)
        self.assertEqual(directly, seen)

    def test_what_it_sets_holds(self):
        write_tree(self.here, {"inner/vars": "FROM_FILE=2\n", "secrets/key": "s3cret\n"})
        (self.here / "secrets/key").chmod(0o600)
        seen, err = self.ask(self.bot_file(
            command=["../probe.py", "${bot.name}", "x y"], directory="inner", umask="027", nice=5,
            environment={"OWN": "1", "KEY": "${secret:key}"}, environment_file="inner/vars",
            no_new_privs=True, limits={"open_files": 99}))
        self.assertEqual("", err)
        self.assertEqual(str(self.here / "inner"), seen["directory"])
        self.assertEqual(["bot", "x y"], seen["arguments"])
        self.assertEqual((0o027, 5, "1"), (seen["umask"], seen["nice"], seen["NoNewPrivs"]))
        environment = seen["environment"]
        self.assertEqual(("1", "2", "s3cret"),
                         tuple(environment[k] for k in ("OWN", "FROM_FILE", "KEY")))
        self.assertRegex(seen["limits"], r"Max open files +99 +99 ")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_another_user(self):
        self.here.chmod(0o755)
        seen, _ = self.ask(self.bot_file(command=["./probe.py"], user="nobody"))
        self.assertEqual({"65534"}, set(seen["Uid"].split()))
        self.assertEqual("nobody", seen["environment"]["USER"])

    def test_errors_have_their_place(self):
        path = self.here / "bot.json"
        path.write_text('{\n  "comand": ["true"],\n  "umask": 7\n}\n')
        code, out, err = self.troupe(path)
        self.assertEqual((6, ""), (code, out))
        self.assertIn("bot.json:2:3", err)
        self.assertIn('did you mean "command"', err)
        self.assertIn("bot.json:3:12", err)
        result = run("run", path, "--json")
        self.assertEqual((6, "config-invalid"), (result.exit, result.error["code"]))
        path.write_text("{")
        self.assertIn("bot.json:1:2", self.troupe(path)[2])
        path.chmod(0o666)
        self.assertIn("may be written by everyone", self.troupe(path)[2])

    def test_check_takes_it_too(self):
        path = self.bot_file(command=["true"], replicas=2)
        done = run("check", path)
        self.assertEqual(0, done.exit, done)
        self.assertIn("1 warning", done.out)
        path.write_text('{"comand": ["true"]}')
        done = run("check", path, "--json")
        self.assertEqual((6, False), (done.exit, done.document["ok"]))
        self.assertEqual({"bot.json"}, {e["file"] for e in done.document["errors"]})
        self.assertEqual(2, run("check", self.here / "none.json").exit)

    def test_what_needs_a_fleet_is_said(self):
        code, _, err = self.troupe(self.bot_file(
            command=["true"], replicas=3, depends_on={"feed": "ready"}, kill_mode="group",
            stop_signal="INT", limits={"memory": "1GiB"}, labels={"a": "b"}, autostart=False))
        self.assertEqual(0, code, err)
        for key in ("replicas", "depends_on", "kill_mode", "stop_signal", "limits/memory"):
            self.assertIn(f'"{key}" has no effect: the bot runs alone', err)
        self.assertEqual(5, err.count("has no effect"), err)
        self.assertIn("bot.json:5:14", err)

    def test_its_policy_holds_and_the_command_line_wins(self):
        self.script("fail.sh", "#!/bin/sh\necho $TROUPE_INCARNATION >>runs\nexit 3\n")
        path = self.bot_file(command=["./fail.sh"], restart="on_failure", delay={"initial": "1ms"},
                             max_restarts={"count": 2})
        self.assertEqual(3, self.troupe(path)[0])
        self.assertEqual("1\n2\n3\n", (self.here / "runs").read_text())
        (self.here / "runs").unlink()
        self.assertEqual(3, self.troupe(path, "--max-restarts", "1")[0])
        self.assertEqual("1\n2\n", (self.here / "runs").read_text())
        self.assertEqual(3, self.troupe("--restart", "never", path)[0])
        self.assertEqual("1\n2\n1\n", (self.here / "runs").read_text())

    def test_without_a_policy_nothing_is_restarted(self):
        self.script("fail.sh", "#!/bin/sh\necho x >>runs\nexit 3\n")
        path = self.bot_file(command=["./fail.sh"], delay={"initial": "1ms"})
        self.assertEqual(3, self.troupe(path)[0])
        self.assertEqual("x\n", (self.here / "runs").read_text())

    def test_what_is_missing_at_the_start(self):
        code, _, err = self.troupe(self.bot_file(command=["true"], directory="/no/such/place"))
        self.assertEqual(1, code)
        self.assertIn("chdir /no/such/place: No such file or directory", err)
        code, _, err = self.troupe(self.bot_file(command=["true"], environment_file="none"))
        self.assertEqual(1, code)
        self.assertIn("environment_file", err)


class State(SoloCase):
    def test_nothing_is_written_without_it(self):
        home = self.here / "home"
        home.mkdir()
        self.troupe("true", env=clean_environment(HOME=str(home), XDG_STATE_HOME=str(home),
                                                  TROUPE_STATE=str(home / "state")))
        self.assertEqual([], list(home.iterdir()))

    def test_a_directory_of_its_own_and_a_lock(self):
        state = self.here / "state"
        process = self.begin("--state", state, "sh", "-c",
                             "echo ready $$; echo $TROUPE_BOT_DIR; read x", stdin=subprocess.PIPE)
        bot = ready(process)
        own = Path(process.stdout.readline().strip())
        self.assertEqual(state / "bots/sh.0", own)
        self.assertEqual(0o700, stat.S_IMODE(own.stat().st_mode))
        second = run("run", "--state", state, "--json", "true")
        self.assertEqual((7, "already-running"), (second.exit, second.error["code"]))
        self.assertIn(f"pid {process.pid}", second.error["message"])
        self.assertFalse([fd for fd in Path(f"/proc/{bot}/fd").iterdir()
                          if os.readlink(fd).startswith(str(state))])
        process.stdin.close()
        self.assertEqual(1, process.wait(30))
        self.assertEqual(0, run("run", "--state", state, "true").exit)

    def test_of_a_bot_file(self):
        state = self.here / "state"
        path = self.bot_file("trader.json", command=["sh", "-c", "echo $TROUPE_BOT_DIR"])
        self.assertEqual((0, f"{state}/bots/trader.0\n", ""),
                         self.troupe("--state", state, path))


if __name__ == "__main__":
    unittest.main()
