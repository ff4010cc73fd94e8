"""PM2: a daemon in Node that one command starts; installed with npm into the bench's cache."""

import json
import os
import shutil
import subprocess

import procfs
from contestants.base import Contestant, Unavailable

VERSION = "7.0.4"


class Pm2(Contestant):
    name = "pm2"
    label = "PM2"

    def install(self):
        if not shutil.which("npm") or not shutil.which("node"):
            raise Unavailable("npm and node are not installed")
        prefix = self.bench.cache / f"pm2-{VERSION}"
        self.program = prefix / "node_modules/.bin/pm2"
        if not self.program.exists():
            prefix.mkdir(parents=True, exist_ok=True)
            done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", prefix,
                                   f"pm2@{VERSION}"], capture_output=True, text=True, check=False)
            if done.returncode:
                raise Unavailable(f"npm install pm2 failed: {done.stderr.strip()[-200:]}")

    def configure(self, no_delay):
        self.home = self.directory / "home"
        self.home.mkdir()
        self.environment = {**os.environ, "PM2_HOME": str(self.home),
                            "PM2_DISABLE_VERSION_CHECK": "1"}
        apps = [{"name": f"b{index:04}", "script": str(self.bench.bot)}
                for index in range(self.count)]
        (self.directory / "fleet.config.json").write_text(json.dumps({"apps": apps}))

    def launch(self):
        command = ["start", self.directory / "fleet.config.json"] if self.count else ["ping"]
        return self.spawn(self.program, *command, env=self.environment)

    def roots(self):
        """The client that is still at it, and the daemon that it left behind."""
        found = super().roots() if self.process and self.process.poll() is None else []
        pid = procfs.read(self.home / "pm2.pid") if self.process else None
        if pid and b"PM2" in (procfs.read(f"/proc/{int(pid)}/cmdline") or b""):
            found.append(int(pid))
        return found

    def pids(self):
        # The client has ended by now or is about to; it is not what stays in memory.
        self.process.wait()
        return super().pids()

    def status(self):
        out = self.output_of(self.program, "ls", env=self.environment)
        return sum("online" in line for line in out.splitlines())

    def ask_stop(self):
        self.output_of(self.program, "kill", env=self.environment)
