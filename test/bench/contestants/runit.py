"""runit: runsvdir over a directory of services, one runsv each."""

import signal

from contestants.base import Contestant


class Runit(Contestant):
    name = "runit"
    label = "runit"
    settled = frozenset({("runsv", "runsvdir")})

    def install(self):
        self.need("runsvdir", "sv")

    def configure(self, no_delay):
        self.services = self.directory / "sv"
        self.services.mkdir()
        for index in range(self.count):
            service = self.services / f"b{index:04}"
            service.mkdir()
            (service / "run").symlink_to(self.bench.bot)

    def launch(self):
        return self.spawn("runsvdir", self.services)

    def status(self):
        out = self.output_of("sh", "-c", f"exec sv status {self.services}/*")
        return sum(line.startswith("run: ") for line in out.splitlines())

    def ask_stop(self):
        # HUP: TERM to every runsv, each of which stops its service.
        self.process.send_signal(signal.SIGHUP)
