"""Programs that nobody here wrote, as bots."""

import http.client
import os
import shutil
import signal
import socket
import unittest

import procfs
from troupe_case import Case, poll_until
from troupe_test import Failed

PROGRAMS = {name: shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
            for name in ("redis-server", "nginx", "python3")}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def redis(port, *words):
    """One command in redis' own protocol; its reply as it came."""
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        request = f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)
        link.sendall(request.encode())
        return link.makefile("rb").readline().decode().strip()


def page(port, path="/"):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        link.request("GET", path)
        answer = link.getresponse()
        return answer.status, answer.read().decode()
    finally:
        link.close()


def answers(what, *arguments):
    """`what` until nothing refuses the connection."""
    def attempt():
        try:
            return what(*arguments)
        except (ConnectionError, http.client.HTTPException):
            return None
    return poll_until(attempt)


class Foreign(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        missing = [name for name, path in PROGRAMS.items() if not path]
        if missing:
            raise Failed(f"not installed: {', '.join(missing)}; scripts/test installs them")

    def test_redis(self):
        port = free_port()
        fleet = self.fleet(lambda f: {"redis": {
            "command": ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                        "--appendonly", "yes", "--appendfsync", "always",
                        "--dir", str(f.directory)],
            "delay": {"initial": "50ms"}}}, innocents=False)
        fleet.wait_running("redis#0")
        self.assertEqual("+OK", answers(redis, port, "SET", "figure", "42"))
        os.kill(fleet.pid("redis#0"), signal.SIGKILL)
        fleet.wait_state("redis#0", "running", incarnation=2)
        self.assertEqual("$2", answers(redis, port, "GET", "figure"))
        # The runtime goes; a client that is connected notices nothing.
        with socket.create_connection(("127.0.0.1", port), 10) as link:
            link.sendall(b"PING\r\n")
            self.assertEqual(b"+PONG\r\n", link.recv(100))
            fleet.kill_runtime()
            fleet.wait_answer()
            link.sendall(b"PING\r\n")
            self.assertEqual(b"+PONG\r\n", link.recv(100))
        fleet.ask("stop", "redis", "--wait")
        # It heard TERM and ended by itself.
        self.assertEqual(0, fleet.wait_deaths("redis", 2)[-1]["code"])
        fleet.end()

    def test_nginx(self):
        """A master with workers, which daemonizes unless told not to."""
        port = free_port()
        fleet = self.fleet(lambda f: {
            "nginx.conf": f"""daemon off; worker_processes 2; pid {f.directory}/nginx.pid;
                error_log stderr; events {{ worker_connections 64; }}
                http {{ access_log off; client_body_temp_path {f.directory}/body;
                    proxy_temp_path {f.directory}/proxy; fastcgi_temp_path {f.directory}/fastcgi;
                    uwsgi_temp_path {f.directory}/uwsgi; scgi_temp_path {f.directory}/scgi;
                    server {{ listen 127.0.0.1:{port}; return 200 "hello\\n"; }} }}""",
            "nginx": {"command": [PROGRAMS["nginx"], "-e", "stderr", "-c",
                                  str(f.tree / "nginx.conf")],
                      "stop_signal": "QUIT", "delay": {"initial": "50ms"}}}, innocents=False)
        fleet.wait_running("nginx#0")
        self.assertEqual((200, "hello\n"), answers(page, port))
        master = fleet.pid("nginx#0")
        workers = poll_until(lambda: len(procfs.children(master)) == 2 and procfs.children(master))
        # HUP: new workers, the same master.
        fleet.ask("signal", "HUP", "nginx")
        poll_until(lambda: not set(workers) & set(procfs.children(master)))
        self.assertEqual((200, "hello\n"), answers(page, port))
        self.assertEqual(master, fleet.pid("nginx#0"))
        # The master dies: its workers must not keep the port from the next one.
        old = poll_until(lambda: len(procfs.children(master)) == 2 and procfs.children(master))
        os.kill(master, signal.SIGKILL)
        fleet.wait_state("nginx#0", "running", incarnation=2)
        self.assertEqual([], [pid for pid in old if procfs.alive(pid)])
        self.assertEqual((200, "hello\n"), answers(page, port))
        fleet.ask("stop", "nginx", "--wait")
        self.assertEqual(0, fleet.wait_deaths("nginx", 2)[-1]["code"])
        fleet.end()

    def test_http_server(self):
        port = free_port()
        fleet = self.fleet({"www/index.html": "<p>from a bot</p>", "server": {
            "command": ["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory",
                        "www", str(port)], "delay": {"initial": "50ms"}}}, innocents=False)
        fleet.wait_running("server#0")
        self.assertEqual((200, "<p>from a bot</p>"), answers(page, port))
        os.kill(fleet.pid("server#0"), signal.SIGKILL)
        fleet.wait_state("server#0", "running", incarnation=2)
        self.assertEqual(200, answers(page, port)[0])
        fleet.ask("stop", "server", "--wait")
        with self.assertRaises(ConnectionError):
            page(port)
        # What it printed is kept with its death: the request it served.
        self.assertIn("GET / HTTP/1.1", fleet.wait_deaths("server", 2)[-1]["output"])
        fleet.end()


if __name__ == "__main__":
    unittest.main()
