"""supervisord: one section a bot, its own client over a UNIX socket."""

from contestants.base import Contestant


class Supervisord(Contestant):
    name = "supervisord"
    label = "supervisord"

    def install(self):
        self.need("supervisord", "supervisorctl")

    def configure(self, no_delay):
        where = self.directory
        # Its paths; everything else is its default.
        text = f"""[supervisord]
nodaemon=true
user=root
logfile={where}/supervisord.log
pidfile={where}/supervisord.pid
childlogdir={where}
[unix_http_server]
file={where}/sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{where}/sock
"""
        for index in range(self.count):
            text += f"[program:b{index:04}]\ncommand={self.bench.bot}\n"
        (where / "conf").write_text(text)

    def launch(self):
        return self.spawn("supervisord", "-c", self.directory / "conf")

    def status(self):
        out = self.output_of("supervisorctl", "-c", self.directory / "conf", "status")
        return sum(line.startswith("b") for line in out.splitlines())

    def ask_stop(self):
        self.output_of("supervisorctl", "-c", self.directory / "conf", "shutdown")
