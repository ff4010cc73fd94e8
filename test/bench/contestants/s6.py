"""s6: s6-svscan over a directory of services, one s6-supervise each."""

from contestants.base import Contestant


class S6(Contestant):
    name = "s6"
    label = "s6"
    settled = frozenset({("s6-supervise", "s6-svscan")})

    def install(self):
        self.need("s6-svscan", "s6-svscanctl", "s6-svstat")

    def configure(self, no_delay):
        self.scan = self.directory / "scan"
        self.scan.mkdir()
        for index in range(self.count):
            service = self.scan / f"b{index:04}"
            service.mkdir()
            (service / "run").symlink_to(self.bench.bot)

    def launch(self):
        # By default it takes 500 services and leaves the others out.
        return self.spawn("s6-svscan", "-c", max(500, self.count), self.scan)

    def status(self):
        # s6-svstat looks at one service; this is the usual loop.
        out = self.output_of("sh", "-c", "for s in *; do s6-svstat $s; done", cwd=self.scan)
        return sum(line.startswith("up") for line in out.splitlines())

    def ask_stop(self):
        self.output_of("s6-svscanctl", "-t", self.scan)
