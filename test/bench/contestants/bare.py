"""The limit: posix_spawn in a loop. It has no status and keeps no settings."""

from contestants.base import Contestant, Unavailable


class Bare(Contestant):
    name = "bare"
    label = "bare loop"

    def install(self):
        if not self.bench.bare_spawn.exists():
            raise Unavailable(f"{self.bench.bare_spawn} is not built")

    def configure(self, no_delay):
        pass

    def launch(self):
        return self.spawn(self.bench.bare_spawn, self.count, self.bench.bot)

    def status_time(self):
        return None
